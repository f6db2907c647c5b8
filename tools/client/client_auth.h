/*
 * client_auth.h - the credentials of a client and what its server asks of them: long-term
 * credentials (RFC 8489 section 9.2), or an access token of a third party (RFC 7635).
 *
 * Owner    the client embeds it; the texts of the credential outlive it.
 */
#ifndef TOOLS_CLIENT_CLIENT_AUTH_H
#define TOOLS_CLIENT_CLIENT_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/integrity.h"
#include "stun/msg.h"
#include "stun/registry.h"

struct client_auth {
	/* With a token: the key id, and the session key that the token encloses. */
	struct slice username, password;
	struct slice token; /* ACCESS-TOKEN; empty: long-term credentials */

	bool challenged; /* the rest is valid */
	char realm[STUN_TEXT_MAX], nonce[STUN_TEXT_MAX];
	size_t realm_len, nonce_len;
	struct stun_key key;
	enum stun_integrity integrity;
	uint8_t algorithms[64]; /* PASSWORD-ALGORITHMS as offered, to be echoed */
	size_t algorithms_len;
};

/* The attributes of a request's credential and its integrity; nothing before the challenge. */
void client_auth_add(const struct client_auth *auth, struct stun_builder *b);

/* Take realm, nonce and algorithms of a 401 or 438. False if it is no challenge. */
bool client_auth_challenge(struct client_auth *auth, const struct stun_msg *msg);

/* A forged success is ignored (RFC 8489 section 9.2.5). */
bool client_auth_verify(const struct client_auth *auth, const struct stun_msg *msg);

#endif
