/*
 * transactions.h - the last requests of an allocation, for clients that repeat one because its
 * answer was lost (RFC 8489 section 6.2.1). Four are remembered, for 40 s each.
 *
 * IETF: successful requests, whose repetitions are answered again even if the nonce expired
 * meanwhile. MS: numbered requests and their results.
 *
 * Owner    embedded in struct allocation; no pointers.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_TRANSACTIONS_H
#define RELAY_CORE_TRANSACTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "stun/ms_registry.h"

enum { TRANSACTIONS_KEPT = 4 };

/* All zero: none. */
struct transactions {
	struct {
		uint64_t until_ms;
		uint8_t txid[MS_TXID_LEN];
	} kept[TRANSACTIONS_KEPT];
	uint16_t codes[TRANSACTIONS_KEPT];
	uint8_t next; /* the place to write next */
};

/*
 * Remember a request and its result: 0 for success, or an error code. len: of its transaction
 * id, 12 bytes in the IETF dialect and 16 in the MS dialect.
 */
void transactions_remember(struct transactions *transactions, const uint8_t *txid,
			   size_t len, int code, uint64_t now_ms);

/* The result of a request; -1 if it is not one of the last ones. */
int transactions_recall(const struct transactions *transactions, const uint8_t *txid,
			size_t len, uint64_t now_ms);

#endif
