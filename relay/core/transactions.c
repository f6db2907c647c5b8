/*
 * transactions.c - see transactions.h.
 */
#include "relay/core/transactions.h"

#include <assert.h>
#include <string.h>

/* How long a client repeats a request (RFC 8489 section 6.2.1): 39.5 s, rounded up. */
enum { TRANSACTION_MS = 40000 };

void transactions_remember(struct transactions *transactions, const uint8_t *txid,
			   size_t len, int code, uint64_t now_ms)
{
	size_t i = transactions->next;

	assert(i < TRANSACTIONS_KEPT && len <= sizeof(transactions->kept[i].txid));
	assert(code >= 0 && code <= UINT16_MAX);
	memcpy(transactions->kept[i].txid, txid, len);
	transactions->kept[i].until_ms = now_ms + TRANSACTION_MS;
	transactions->codes[i] = (uint16_t)code;
	transactions->next = (uint8_t)((i + 1) % TRANSACTIONS_KEPT);
}

int transactions_recall(const struct transactions *transactions, const uint8_t *txid,
			size_t len, uint64_t now_ms)
{
	for (size_t i = 0; i < TRANSACTIONS_KEPT; i++) {
		if (now_ms < transactions->kept[i].until_ms &&
		    memcmp(transactions->kept[i].txid, txid, len) == 0)
			return transactions->codes[i];
	}
	return -1;
}
