/*
 * client_auth.c - see client_auth.h.
 */
#include "tools/client/client_auth.h"

#include <string.h>

#include "stun/attr.h"

void client_auth_add(const struct client_auth *auth, struct stun_builder *b)
{
	if (!auth->challenged)
		return;
	stun_builder_add(b, STUN_USERNAME, auth->username.data, auth->username.len);
	stun_builder_add(b, STUN_REALM, auth->realm, auth->realm_len);
	stun_builder_add(b, STUN_NONCE, auth->nonce, auth->nonce_len);
	if (auth->token.len > 0)
		stun_builder_add(b, STUN_ACCESS_TOKEN, auth->token.data, auth->token.len);
	if (auth->algorithms_len > 0) {
		static const uint8_t sha256[4] = {0, STUN_PASSWORD_SHA256, 0, 0};
		stun_builder_add(b, STUN_PASSWORD_ALGORITHMS, auth->algorithms,
				 auth->algorithms_len);
		stun_builder_add(b, STUN_PASSWORD_ALGORITHM, sha256, sizeof(sha256));
	}
	stun_add_integrity(b, auth->integrity, &auth->key);
}

static bool copy_text(const struct stun_msg *msg, uint16_t type, char *out, size_t *len)
{
	struct stun_attr attr;

	if (!stun_msg_find(msg, type, &attr) || attr.value.len > STUN_TEXT_MAX)
		return false;
	memcpy(out, attr.value.data, attr.value.len);
	*len = attr.value.len;
	return true;
}

static bool offers_sha256(struct slice algorithms)
{
	struct stun_password_entry entry;
	bool malformed = false;

	while (stun_password_next(&algorithms, &entry, &malformed)) {
		if (entry.algorithm == STUN_PASSWORD_SHA256)
			return true;
	}
	return false;
}

/* The key of MESSAGE-INTEGRITY is the session key itself (RFC 7635 section 7). */
static bool take_session_key(struct client_auth *auth)
{
	if (auth->password.len == 0 || auth->password.len > sizeof(auth->key.bytes))
		return false;
	memcpy(auth->key.bytes, auth->password.data, auth->password.len);
	auth->key.len = (uint8_t)auth->password.len;
	return true;
}

static bool derive_key(struct client_auth *auth, const struct stun_msg *msg)
{
	enum stun_password_algorithm algorithm = STUN_PASSWORD_MD5;
	struct stun_attr offer;

	if (stun_msg_find(msg, STUN_PASSWORD_ALGORITHMS, &offer) &&
	    offer.value.len <= sizeof(auth->algorithms) && offers_sha256(offer.value)) {
		memcpy(auth->algorithms, offer.value.data, offer.value.len);
		auth->algorithms_len = offer.value.len;
		auth->integrity = STUN_INTEGRITY_SHA256;
		algorithm = STUN_PASSWORD_SHA256;
	}
	return stun_key_long_term(&auth->key, algorithm, auth->username,
				  (struct slice){(const uint8_t *)auth->realm,
						 auth->realm_len},
				  auth->password);
}

bool client_auth_challenge(struct client_auth *auth, const struct stun_msg *msg)
{
	auth->challenged = false;
	if (!copy_text(msg, STUN_REALM, auth->realm, &auth->realm_len) ||
	    !copy_text(msg, STUN_NONCE, auth->nonce, &auth->nonce_len))
		return false;
	auth->algorithms_len = 0;
	auth->integrity = STUN_INTEGRITY_SHA1;
	auth->challenged = auth->token.len > 0 ? take_session_key(auth)
					       : derive_key(auth, msg);
	return auth->challenged;
}

bool client_auth_verify(const struct client_auth *auth, const struct stun_msg *msg)
{
	return stun_verify(msg, auth->integrity, &auth->key);
}
