/*
 * transactions.c - see transactions.h.
 */
#include "relay/core/transactions.h"

#include <string.h>

#include "relay/core/allocation.h"

enum {
	/* How long a client repeats a request (RFC 8489 section 6.2.1): 39.5 s, rounded up. */
	TRANSACTION_MS = 40000,
	RECENT = sizeof(((struct allocation *)0)->recent) /
		 sizeof(((struct allocation *)0)->recent[0])
};

static void remember(struct allocation *al, const uint8_t *txid, size_t len, int code,
		     uint64_t now_ms)
{
	size_t i = al->recent_next++ % RECENT;

	memcpy(al->recent[i].txid, txid, len);
	al->recent[i].until_ms = now_ms + TRANSACTION_MS;
	al->recent_codes[i] = (uint16_t)code;
}

/* Its place, or RECENT. */
static size_t recall(const struct allocation *al, const uint8_t *txid, size_t len,
		     uint64_t now_ms)
{
	size_t i = 0;

	while (i < RECENT && (al->recent[i].until_ms <= now_ms ||
			      memcmp(al->recent[i].txid, txid, len) != 0))
		i++;
	return i;
}

void transactions_remember(struct allocation *al, const uint8_t *txid, uint64_t now_ms)
{
	remember(al, txid, STUN_TXID_LEN, 0, now_ms);
}

bool transactions_know(const struct allocation *al, const uint8_t *txid, uint64_t now_ms)
{
	return recall(al, txid, STUN_TXID_LEN, now_ms) < RECENT;
}

void transactions_remember_answer(struct allocation *al, const uint8_t *txid, int code,
				  uint64_t now_ms)
{
	remember(al, txid, MS_TXID_LEN, code, now_ms);
}

int transactions_answer(const struct allocation *al, const uint8_t *txid, uint64_t now_ms)
{
	size_t i = recall(al, txid, MS_TXID_LEN, now_ms);

	return i < RECENT ? al->recent_codes[i] : -1;
}
