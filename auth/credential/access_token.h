/*
 * access_token.h - self-contained access tokens (RFC 7635 section 6.2): made by an authorization
 * server, carried by a client that cannot read them, opened by the relay.
 *
 *     nonce_length (2)  nonce  encrypted { key_length (2)  mac_key  timestamp (8)  lifetime (4) }
 *
 * A256GCM and A128GCM have a nonce of 12 bytes and end in a tag of 16. A256CBC-HS512 has no nonce,
 * an initialization vector of zeros and a tag of 32 bytes: HMAC-SHA512, cut, under the first half of
 * the key. In all of them the name of the STUN server is authenticated with the content.
 *
 * Pure: no clock, no state.
 */
#ifndef AUTH_CREDENTIAL_ACCESS_TOKEN_H
#define AUTH_CREDENTIAL_ACCESS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/credential/token_keyring.h"
#include "stun/wire.h"

enum {
	ACCESS_TOKEN_NONCE_LEN = 12,
	ACCESS_TOKEN_MAC_KEY_SHORT = 20, /* bytes of the session key for HMAC-SHA1 ... */
	ACCESS_TOKEN_MAC_KEY_LONG = 32,  /* ... and for HMAC-SHA256 */
	ACCESS_TOKEN_MAX = 82,           /* bytes of a token */
	ACCESS_TOKEN_DELTA_S = 5,        /* RFC 7635 section 7 */
	ACCESS_TOKEN_SERVER_NAME_MAX = 255,
};

/* What is inside. It holds a key: cleanse it before dropping it. */
struct access_token {
	uint8_t mac_key[ACCESS_TOKEN_MAC_KEY_LONG];
	size_t mac_key_len;   /* ACCESS_TOKEN_MAC_KEY_SHORT or _LONG */
	uint64_t issued_s;    /* Unix seconds, below 2^48 ... */
	uint16_t issued_frac; /* ... and 1/64000 of one */
	uint32_t lifetime_s;
};

/*
 * Open a token. False, with *token zero, if it is not one that the holder of this key made for a
 * server of this name, whatever is wrong with it: its length, nonce, tag or content.
 */
bool access_token_open(struct slice bytes, const struct token_key *key,
		       struct slice server_name, struct access_token *token);

/*
 * Make one. Returns its length, or 0 if OpenSSL refuses.
 *
 * nonce  ACCESS_TOKEN_NONCE_LEN bytes, never the same for one key; not used by A256CBC-HS512
 */
size_t access_token_make(const struct access_token *token, const struct token_key *key,
			 struct slice server_name, const uint8_t *nonce,
			 uint8_t out[ACCESS_TOKEN_MAX]);

/*
 * Seconds that it is still good for by this clock, Delta included (RFC 7635 section 9); 0 or less:
 * it is not fresh, and refused (section 7).
 */
int64_t access_token_left_s(const struct access_token *token, int64_t unix_s);

#endif
