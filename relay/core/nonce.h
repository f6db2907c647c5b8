/*
 * nonce.h - stateless nonces (RFC 8489 sections 9.2, 9.2.1 and 16.1.3): recognised by
 * computation, bound to source transport address, front and realm, short (24 characters).
 *
 *   "obMatJos2" + base64 of the feature bits ("gAAA": password algorithms) = 13 characters
 *   base64url( 16 bits of time, 48 bits of MAC )                           = 11 characters
 *
 * The MAC covers the cookie and its feature bits, so that removing a bit invalidates the nonce.
 *
 * Owner    no state but the key, which is immutable.
 * Threads  any.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_NONCE_H
#define RELAY_CORE_NONCE_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/five_tuple.h"
#include "stun/wire.h"

enum {
	NONCE_LEN = 24,
	NONCE_TICK_S = 16, /* granularity of its time */
};

struct nonce_key {
	/* From the CSPRNG; outlives the process (relay/state/). The same for all workers. */
	uint8_t bytes[32];
	/*
	 * 2 * NONCE_TICK_S..86400; an hour by default. No nonce is accepted longer than this;
	 * one made late in its tick may end up to NONCE_TICK_S earlier.
	 */
	uint32_t lifetime_s;
};

/* Write NONCE_LEN characters, no NUL. Realm enters the MAC. */
void nonce_make(const struct nonce_key *key, const struct five_tuple *source,
		struct slice realm, uint64_t now_ms, char out[NONCE_LEN]);

enum nonce_state {
	NONCE_VALID,
	NONCE_STALE,   /* ours, for this source, but too old */
	NONCE_FOREIGN, /* not made by us for this source and realm */
};
/* Constant time in the secret parts. */
enum nonce_state nonce_check(const struct nonce_key *key, const struct five_tuple *source,
			     struct slice realm, struct slice nonce, uint64_t now_ms);

/* Does it begin with the nonce cookie with the password-algorithms bit set? */
bool nonce_offers_password_algorithms(struct slice nonce);

#endif
