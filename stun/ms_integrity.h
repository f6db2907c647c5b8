/*
 * ms_integrity.h - keys and MESSAGE-INTEGRITY of MS-TURN.
 *
 * The HMAC covers the message up to the attribute, with the header's length as on the wire, and
 * then zero bytes up to a multiple of 64, which are never sent. Comparisons take constant time. A
 * function that computes with OpenSSL returns false only if OpenSSL is out of memory or lacks the
 * algorithm. Any thread may call any function.
 *
 * MS_INTEGRITY_SHA256 is computed the same way with SHA-256. No client has confirmed that, so a
 * server does not advertise MS_VERSION_SHA256 or later.
 */
#ifndef STUN_MS_INTEGRITY_H
#define STUN_MS_INTEGRITY_H

#include <stdbool.h>

#include "stun/integrity.h"
#include "stun/ms_msg.h"

/*
 * The part of a username, realm or password that enters the key: without leading quotes and
 * without trailing quotes and NULs. The realm "rtcmedia" is sent with quotes and hashed without.
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
 * Whether the message has a MESSAGE-INTEGRITY that matches the key, which must be of the message's
 * kind (msg->integrity).
 */
bool ms_verify(const struct ms_msg *msg, const struct stun_key *key);

/*
 * Append MESSAGE-INTEGRITY; must be the last add. NONE appends nothing. A MAC that cannot be
 * computed fails the builder.
 */
void ms_add_integrity(struct ms_builder *b, enum ms_integrity kind,
		      const struct stun_key *key);

#endif
