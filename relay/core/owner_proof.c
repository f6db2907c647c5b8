/*
 * owner_proof.c - see owner_proof.h. The same steps as in auth.c, ms_auth.c and token_auth.c, without a
 * message to verify: the process before has done that.
 */
#include "relay/core/owner_proof.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

#include "relay/core/revoked_users.h"
#include "relay/core/token_auth.h"
#include "relay/core/turn.h"
#include "stun/ms_integrity.h"

enum { MD5_LEN = 16, SHA256_LEN = 32 };

static struct slice text_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* It may come from memory that anybody has written. */
static bool is_id(const char id[KEY_ID_MAX + 1])
{
	return memchr(id, '\0', KEY_ID_MAX + 1) != NULL;
}

uint64_t owner_proof_mark(const struct turn *turn, const struct owner *owner)
{
	const struct turn_settings *settings = turn->settings;

	if (owner->is_token) {
		const struct token_key *key =
			settings->token_keys != NULL
				? token_keyring_find(settings->token_keys,
						     text_of(owner->key_id))
				: NULL;

		return key != NULL ? token_key_mark(key) : 0;
	}
	const struct key *key = keyring_find(settings->keyring, owner->key_id);

	return key != NULL ? key_mark(key) : 0;
}

/* The key that made the credential, and is still the same one. */
static enum owner_proof_result find_key(const struct turn *turn, const char *id,
					uint64_t mark, int64_t unix_s,
					const struct key **key)
{
	const struct turn_settings *settings = turn->settings;

	*key = keyring_find(settings->keyring, id);
	if (*key == NULL || (mark != 0 && mark != key_mark(*key)))
		return OWNER_REVOKED;
	if (!key_verifies(*key, unix_s, settings->limits.clock_skew_s))
		return OWNER_EXPIRED;
	return OWNER_PROVED;
}

static struct slice realm_of(const struct owner_proof *proof, const char *now)
{
	return proof->realm.len > 0 ? proof->realm : text_of(now);
}

static bool parse(const struct owner_proof *proof, struct credential *cred)
{
	bool ms = proof->kind == OWNER_PROOF_MS_USERNAME;

	return (ms && credential_parse(proof->bytes, true, cred) == CREDENTIAL_OK) ||
	       credential_parse(proof->bytes, false, cred) == CREDENTIAL_OK;
}

static bool derive(const struct turn *turn, const struct owner_proof *proof,
		   const struct credential_password *password, struct stun_key *key)
{
	const struct turn_settings *settings = turn->settings;
	const struct slice secret = {password->bytes, password->len};
	bool md5 = proof->key_len == MD5_LEN;

	if (proof->kind == OWNER_PROOF_MS_USERNAME)
		return ms_key(key, md5 ? MS_INTEGRITY_SHA1 : MS_INTEGRITY_SHA256,
			      proof->bytes, realm_of(proof, settings->ms.realm), secret);
	return stun_key_long_term(key, md5 ? STUN_PASSWORD_MD5 : STUN_PASSWORD_SHA256,
				  proof->bytes, realm_of(proof, settings->realm), secret);
}

static enum owner_proof_result by_username(const struct turn *turn,
					   const struct owner_proof *proof,
					   const struct owner *was, uint64_t mark,
					   int64_t unix_s, struct owner *owner)
{
	struct credential_password password = {0};
	struct credential cred;
	struct stun_key key = {0};
	const struct key *made_by;
	enum owner_proof_result result;
	bool ok;

	if ((proof->key_len != MD5_LEN && proof->key_len != SHA256_LEN) ||
	    !parse(proof, &cred))
		return OWNER_DAMAGED;
	result = find_key(turn, was->key_id, mark, unix_s, &made_by);
	if (result != OWNER_PROVED)
		return result;
	ok = credential_password_by(&cred, made_by, &password);
	if (ok && derive(turn, proof, &password, &key)) {
		*owner = (struct owner){
			.id = owner_id_of(&turn->shared->hash_key, proof->bytes),
		};
		owner_prove(owner, &cred, made_by, &key);
	} else {
		/* rest=none by now, or the token is of no key of this id. */
		result = OWNER_REVOKED;
	}
	OPENSSL_cleanse(&password, sizeof(password));
	OPENSSL_cleanse(&key, sizeof(key));
	return result;
}

static enum owner_proof_result by_token(const struct turn *turn,
					const struct owner_proof *proof,
					const struct owner *was, uint64_t mark,
					int64_t unix_s, struct owner *owner)
{
	const struct turn_settings *settings = turn->settings;
	const struct token_key *key =
		settings->token_keys != NULL
			? token_keyring_find(settings->token_keys, text_of(was->key_id))
			: NULL;

	if (key == NULL || (mark != 0 && mark != token_key_mark(key)))
		return OWNER_REVOKED;
	if (!token_key_is_valid(key, unix_s, settings->limits.clock_skew_s))
		return OWNER_EXPIRED;
	return token_auth_again(turn, key, proof->bytes,
				realm_of(proof, settings->server_name), proof->key_len,
				was->credential_expires_s, owner)
		       ? OWNER_PROVED
		       : OWNER_REVOKED;
}

enum owner_proof_result owner_proof_again(const struct turn *turn,
					  const struct owner_proof *proof,
					  const struct owner *was, uint64_t mark,
					  int64_t unix_s, struct owner *owner)
{
	enum owner_proof_result result = OWNER_DAMAGED;

	if (!is_id(was->key_id))
		return OWNER_DAMAGED;
	switch (proof->kind) {
	case OWNER_PROOF_NONE:
	case OWNER_PROOF_KIND_COUNT:
		break;
	case OWNER_PROOF_USERNAME:
	case OWNER_PROOF_MS_USERNAME:
		result = by_username(turn, proof, was, mark, unix_s, owner);
		break;
	case OWNER_PROOF_TOKEN:
		result = by_token(turn, proof, was, mark, unix_s, owner);
		break;
	}
	if (result == OWNER_PROVED &&
	    revoked_users_has(turn->settings->revoked, owner->user)) {
		OPENSSL_cleanse(owner, sizeof(*owner));
		return OWNER_REVOKED;
	}
	assert(result != OWNER_PROVED || owner->key.len == proof->key_len);
	return result;
}
