/*
 * ms_integrity.h - keys and MESSAGE-INTEGRITY of MS-TURN.
 *
 * The HMAC covers the message up to the attribute, the length in the header as it is on the
 * wire, and then zero bytes up to a multiple of 64 that are never sent. Comparisons take
 * constant time. A function that computes with OpenSSL returns false only if OpenSSL is out
 * of memory or lacks the algorithm. Any thread may call any function.
 *
 * MS_INTEGRITY_SHA256 is computed the same way with SHA-256 throughout. No client has
 * confirmed that; a server says so by not advertising MS_VERSION_SHA256 or later.
 */
#ifndef STUN_MS_INTEGRITY_H
#define STUN_MS_INTEGRITY_H

#include <stdbool.h>

#include "stun/integrity.h"
#include "stun/ms_msg.h"

/*
 * What of a username, realm or password enters the key: without the quotes in front, and the
 * quotes and NULs behind. The realm "rtcmedia" travels with its quotes and is hashed without.
 */
struct slice ms_key_part(struct slice part);

/*
 * key = MD5(username ":" realm ":" password), SHA-256 for the other kind, each part trimmed by
 * ms_key_part(). Username and password are the binary ones, not their base64 forms. kind is
 * not NONE.
 */
bool ms_key(struct stun_key *key, enum ms_integrity kind, struct slice username,
	    struct slice realm, struct slice password);

/*
 * Whether the message carries an integrity that the key confirms. The key must be of the
 * message's kind (msg->integrity).
 */
bool ms_verify(const struct ms_msg *msg, const struct stun_key *key);

/*
 * Append MESSAGE-INTEGRITY; must be the last add. NONE appends nothing. A MAC that cannot be
 * computed fails the builder.
 */
void ms_add_integrity(struct ms_builder *b, enum ms_integrity kind,
		      const struct stun_key *key);

#endif
