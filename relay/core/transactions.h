/*
 * transactions.h - the last requests of an allocation, for clients that repeat one because its
 * answer was lost (RFC 8489 section 6.2.1). Four are remembered, for 40 s each.
 *
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_TRANSACTIONS_H
#define RELAY_CORE_TRANSACTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct allocation;

/*
 * Remember a successful request, whose transaction id has 12 bytes; was it one of the last ones?
 * (T-029, T-116)
 */
void transactions_remember(struct allocation *al, const uint8_t *txid, uint64_t now_ms);
bool transactions_know(const struct allocation *al, const uint8_t *txid, uint64_t now_ms);

/*
 * The same for the MS dialect, whose transaction ids have 16 bytes: what the request came to,
 * 0 or an error code; -1 if it is not one of the last ones.
 */
void transactions_remember_answer(struct allocation *al, const uint8_t *txid, int code,
				  uint64_t now_ms);
int transactions_answer(const struct allocation *al, const uint8_t *txid,
			uint64_t now_ms);

#endif
