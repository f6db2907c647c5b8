/*
 * token_auth.c - see token_auth.h.
 */
#include "relay/core/token_auth.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "auth/credential/access_token.h"
#include "relay/core/turn.h"

enum { MAC_KEY_CUT = 16 };

static_assert((int)ACCESS_TOKEN_MAC_KEY_LONG <= STUN_KEY_MAX, "a session key is a key");
static_assert((int)ACCESS_TOKEN_MAC_KEY_SHORT == SHA_DIGEST_LENGTH,
	      "a long session key is cut to a short one by SHA-1");

static struct slice server_name_of(const struct turn *turn)
{
	const char *name = turn->settings->server_name;

	return (struct slice){(const uint8_t *)name, strlen(name)};
}

static const struct token_key *find_key(const struct turn *turn,
					const struct token_claim *claim, int64_t unix_s)
{
	const struct turn_settings *settings = turn->settings;
	const struct token_key *key;

	if (claim->kid.data == NULL)
		return NULL;
	key = token_keyring_find(settings->token_keys, claim->kid);
	return key != NULL && token_key_is_valid(key, unix_s,
						 settings->limits.clock_skew_s)
		       ? key
		       : NULL;
}

/* The form of that length of its session key; false if there is none. */
static bool form_of(const struct access_token *token, size_t len, struct stun_key *key)
{
	*key = (struct stun_key){.len = (uint8_t)len};
	if (len == SHA_DIGEST_LENGTH && token->mac_key_len == ACCESS_TOKEN_MAC_KEY_LONG) {
		SHA1(token->mac_key, token->mac_key_len, key->bytes);
		return true;
	}
	if (len != MAC_KEY_CUT && len != token->mac_key_len)
		return false;
	memcpy(key->bytes, token->mac_key, len);
	return true;
}

/*
 * The session key signs directly (RFC 7635 section 5). For HMAC-SHA1 there are two more forms of it:
 * the SHA-1 hash of a long one, as Appendix B there derives it, and its first 16 bytes, to which
 * coturn and its clients cut it.
 */
static bool is_signed(const struct stun_msg *msg, const struct token_claim *claim,
		      const struct access_token *token, struct stun_key *key)
{
	form_of(token, token->mac_key_len, key);
	if (stun_verify(msg, claim->kind, key))
		return true;
	if (claim->kind != STUN_INTEGRITY_SHA1)
		return false;
	form_of(token, MAC_KEY_CUT, key);
	if (stun_verify(msg, claim->kind, key))
		return true;
	if (token->mac_key_len != ACCESS_TOKEN_MAC_KEY_LONG)
		return false;
	form_of(token, SHA_DIGEST_LENGTH, key);
	return stun_verify(msg, claim->kind, key);
}

/* Its time, which counts only now that we know who wrote it. */
static enum token_proof check_time(struct turn *turn, int64_t left_s, int64_t unix_s)
{
	const struct turn_limits *limits = &turn->settings->limits;
	struct turn_refusal *refusal = &turn->refusal;
	int64_t most_s = limits->credential_ttl_max_s + limits->clock_skew_s;
	bool too_far = limits->credential_ttl_max_s > 0 && left_s > most_s;

	if (left_s > 0 && !too_far)
		return TOKEN_PROVED;
	counter_set(&refusal->off_s, (uint64_t)(too_far ? left_s - most_s : -left_s));
	counter_set(&refusal->too_far, too_far);
	counter_set(&refusal->at_s, (uint64_t)unix_s);
	return too_far ? TOKEN_TOO_FAR : TOKEN_NOT_FRESH;
}

/*
 * One for all: a token names no user, and a new one, perhaps of another key, takes over what an
 * earlier one began (RFC 7635 section 9). No user name of the other mechanism has it: none begins
 * with a NUL.
 */
static struct owner_id id_of_all(const struct turn *turn)
{
	static const uint8_t name[] = "\0access token";

	return owner_id_of(&turn->shared->hash_key, (struct slice){name, sizeof(name)});
}

static void fill_owner(const struct turn *turn, const struct token_key *key,
		       const struct stun_key *session_key, int64_t expires_s,
		       struct owner *owner)
{
	const struct slice kid = {(const uint8_t *)key->kid, strlen(key->kid)};

	*owner = (struct owner){
		.id = id_of_all(turn),
		.credential_expires_s = expires_s,
		.key = *session_key,
		.nameless = true,
		.is_token = true,
	};
	credential_show_user(kid, owner->user);
	static_assert(sizeof(owner->key_id) == sizeof(key->kid), "kids are ids of keys");
	memcpy(owner->key_id, key->kid, sizeof(owner->key_id));
}

enum token_proof token_auth_prove(struct turn *turn, const struct stun_msg *msg,
				  const struct token_claim *claim, int64_t unix_s,
				  struct owner *owner)
{
	static const struct token_key nobody = {.cipher = TOKEN_A256GCM};
	const struct token_key *key = find_key(turn, claim, unix_s);
	struct access_token token;
	struct stun_key session_key = {0};
	enum token_proof proof = TOKEN_BAD_MAC;

	assert(turn->settings->token_keys != NULL && claim->kind != STUN_INTEGRITY_NONE);
	bool opened = access_token_open(claim->bytes, key != NULL ? key : &nobody,
					server_name_of(turn), &token);
	if (!opened || key == NULL) {
		/* The work of a wrong signature, so that its absence tells nothing. */
		const struct access_token none = {.mac_key_len =
							  ACCESS_TOKEN_MAC_KEY_SHORT};

		is_signed(msg, claim, &none, &session_key);
		proof = key == NULL ? TOKEN_NO_KEY : TOKEN_NOT_OPENED;
	} else if (is_signed(msg, claim, &token, &session_key)) {
		int64_t left_s = access_token_left_s(&token, unix_s);

		/* RFC 7635 section 9: no allocation has more than the lifetime of its token. */
		int64_t most_s = left_s < token.lifetime_s ? left_s : token.lifetime_s;

		proof = check_time(turn, most_s > 0 ? left_s : most_s, unix_s);
		if (proof == TOKEN_PROVED)
			fill_owner(turn, key, &session_key, unix_s + most_s, owner);
	}
	OPENSSL_cleanse(&token, sizeof(token));
	OPENSSL_cleanse(&session_key, sizeof(session_key));
	return proof;
}

bool token_auth_again(const struct turn *turn, const struct token_key *key,
		      struct slice bytes, struct slice server_name, size_t key_len,
		      int64_t expires_s, struct owner *owner)
{
	struct stun_key session_key = {0};
	struct access_token token;
	bool ok = access_token_open(bytes, key, server_name, &token) &&
		  form_of(&token, key_len, &session_key);

	if (ok)
		fill_owner(turn, key, &session_key, expires_s, owner);
	OPENSSL_cleanse(&token, sizeof(token));
	OPENSSL_cleanse(&session_key, sizeof(session_key));
	return ok;
}
