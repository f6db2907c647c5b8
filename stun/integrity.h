/*
 * integrity.h - keys and MACs of RFC 8489 sections 9.2.2, 14.4 to 14.7 and 18.5.
 *
 * Comparisons take constant time. Functions that compute with OpenSSL return false only if OpenSSL
 * is out of memory or lacks the algorithm; the caller then treats the message as not verified.
 * Any thread may call any function.
 */
#ifndef STUN_INTEGRITY_H
#define STUN_INTEGRITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/msg.h"

/*
 * Look up all algorithms, once per process. Call it at the start, where a failure can be
 * reported: false if OpenSSL lacks one, for example under a policy without MD5. Otherwise the
 * first function below does it.
 */
bool stun_integrity_ready(void);

/*
 * A long-term key: 16 bytes (MD5) or 32 bytes (SHA-256). Each allocation keeps one, so there is
 * no room for more; a short-term key would be the password itself.
 */
#define STUN_KEY_MAX 32
struct stun_key {
	uint8_t len;
	uint8_t bytes[STUN_KEY_MAX];
};

enum stun_integrity {
	STUN_INTEGRITY_NONE,
	STUN_INTEGRITY_SHA1,   /* MESSAGE-INTEGRITY */
	STUN_INTEGRITY_SHA256, /* MESSAGE-INTEGRITY-SHA256 */
};

/* key = algorithm(user ":" realm ":" password), prepared strings (RFC 8489 section 18.5.1). */
bool stun_key_long_term(struct stun_key *key, enum stun_password_algorithm algorithm,
			struct slice username, struct slice realm, struct slice password);

/* USERHASH = SHA-256(username ":" realm), 32 bytes out (RFC 8489 section 14.4). */
bool stun_userhash(uint8_t out[STUN_USERHASH_LEN], struct slice username,
		   struct slice realm);

/*
 * The HMAC of the concatenated parts, 20 or 32 bytes out, for a dialect that signs another text
 * than the functions below. kind is not NONE.
 */
bool stun_hmac(enum stun_integrity kind, const struct stun_key *key,
	       const struct slice *parts, size_t count, uint8_t *mac);

/*
 * Verify MI or MI256, by kind. False if it is absent, of a length that TURN does not allow, or
 * does not match.
 */
bool stun_verify(const struct stun_msg *msg, enum stun_integrity kind,
		 const struct stun_key *key);

/*
 * Append MI or MI256 over the message so far; NONE appends nothing. A MAC that cannot be computed
 * fails the builder.
 */
void stun_add_integrity(struct stun_builder *b, enum stun_integrity kind,
			const struct stun_key *key);
/* Append FINGERPRINT; must be the last add. */
void stun_add_fingerprint(struct stun_builder *b);

#endif
