/*
 * dtls_cookie.h - cookies of the exchange that proves a client's address before a DTLS server keeps
 * anything of it (RFC 6347 section 4.2.1): recognised by computation, like nonces.
 *
 *   8 bits of time, 64 bits of MAC
 *
 * The MAC covers the 5-tuple and what of its hello a client must not change.
 *
 * Owner    no state but the key, which a worker draws when it starts.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_FRONT_DTLS_COOKIE_H
#define RELAY_FRONT_DTLS_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/siphash.h"
#include "relay/core/five_tuple.h"
#include "stun/dtls_hello.h"

enum {
	DTLS_COOKIE_LEN = 9,
	DTLS_COOKIE_TICK_MS = 16000, /* it lasts for one to two of these */
};

static_assert((int)DTLS_VERIFY_OVERHEAD + (int)DTLS_COOKIE_LEN < (int)DTLS_HELLO_MIN,
	      "the answer to a stranger is shorter than the shortest hello");

void dtls_cookie_make(const struct siphash_key *key, const struct five_tuple *source,
		      const struct dtls_hello *hello, uint64_t now_ms,
		      uint8_t cookie[DTLS_COOKIE_LEN]);

/* Does the hello carry a cookie that we gave to this source for this hello, not long ago? */
bool dtls_cookie_is_valid(const struct siphash_key *key, const struct five_tuple *source,
			  const struct dtls_hello *hello, uint64_t now_ms);

#endif
