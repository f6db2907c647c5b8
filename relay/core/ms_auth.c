/*
 * ms_auth.c - see ms_auth.h. The order is that of RFC 3489 section 9.2: what is missing, then
 * the user, then the integrity, then the nonce; an invalid nonce comes last because a client
 * with the wrong password must learn that first.
 *
 * Unlike core/auth, this tells an unknown user from a wrong password: the dialect has a code
 * for each. That reveals whether a token is one of ours, which an attacker cannot forge.
 */
#include "relay/core/ms_auth.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

#include "relay/core/allocation_table.h"
#include "relay/core/revoked_users.h"
#include "relay/core/turn.h"
#include "stun/ms_attr.h"

/* The attributes of the mechanism; data is NULL for one that is absent. */
struct claims {
	struct slice username, realm, nonce;
};

static struct slice find(const struct ms_msg *msg, uint16_t type)
{
	struct stun_attr attr;

	return ms_msg_find(msg, type, &attr) ? attr.value : (struct slice){NULL, 0};
}

static struct claims read_claims(const struct ms_msg *msg)
{
	return (struct claims){
		.username = find(msg, MS_USERNAME),
		.realm = find(msg, MS_REALM),
		.nonce = find(msg, MS_NONCE),
	};
}

static struct slice our_realm(const struct turn *turn)
{
	const char *realm = turn->settings->ms.realm;

	return (struct slice){(const uint8_t *)realm, strlen(realm)};
}

static bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool ms_auth_is_our_realm(const struct turn *turn, struct slice realm)
{
	return slice_equal(ms_key_part(realm), ms_key_part(our_realm(turn)));
}

void ms_auth_nonce(const struct turn *turn, const struct five_tuple *tuple,
		   uint64_t now_ms, char out[MS_NONCE_LEN])
{
	out[0] = out[MS_NONCE_LEN - 1] = '"';
	nonce_make(&turn->settings->nonce_key, tuple, our_realm(turn), now_ms, out + 1);
}

/* The stored key, if the message is signed with the kind that it was made for. */
static bool stored_key_matches(const struct ms_msg *msg, const struct allocation *al)
{
	size_t len = msg->integrity == MS_INTEGRITY_SHA256 ? 32 : 16;

	return msg->integrity != MS_INTEGRITY_NONE && al->owner.key.len == len &&
	       ms_verify(msg, &al->owner.key);
}

bool ms_auth_send(const struct turn *turn, const struct ms_msg *msg,
		  const struct allocation *al)
{
	const struct claims claims = read_claims(msg);

	if (claims.realm.data && !ms_auth_is_our_realm(turn, claims.realm))
		return false;
	if (claims.username.data) {
		struct owner_id id =
			owner_id_of(&turn->shared->hash_key, claims.username);
		if (!owner_id_equal(&id, &al->owner.id))
			return false;
	}
	return stored_key_matches(msg, al);
}

/* What is missing or does not fit: the code, or 0. */
static int check_claims(const struct turn *turn, const struct ms_msg *msg,
			const struct claims *claims, enum auth_failure *failure)
{
	bool allocate = msg->type == MS_ALLOCATE_REQUEST;

	*failure = AUTH_FAILURE_MISSING;
	if (!claims->username.data)
		return MS_MISSING_USERNAME;
	if (allocate && !claims->realm.data)
		return MS_MISSING_REALM;
	if (allocate && !claims->nonce.data)
		return MS_MISSING_NONCE;
	if (claims->realm.len > MS_TEXT_MAX || claims->nonce.len > MS_TEXT_MAX)
		return MS_BAD_REQUEST;
	if (claims->realm.data && !ms_auth_is_our_realm(turn, claims->realm)) {
		*failure = AUTH_FAILURE_UNKNOWN_USER;
		return MS_UNAUTHORIZED;
	}
	/* A client that was offered no version with SHA-256 does not sign with it. */
	if (msg->integrity == MS_INTEGRITY_SHA256 &&
	    turn->settings->ms.version < MS_VERSION_SHA256) {
		*failure = AUTH_FAILURE_BAD_MAC;
		return MS_INTEGRITY_CHECK_FAILURE;
	}
	*failure = AUTH_FAILURE_NONE;
	return 0;
}

/* Try what the ring makes of this credential; *known says whether that was anything. */
static bool any_password_matches(const struct turn *turn, const struct ms_msg *msg,
				 const struct credential *cred, int64_t unix_s,
				 bool *known, struct auth *out)
{
	const struct turn_settings *settings = turn->settings;
	const struct credential_clock clock = {unix_s, settings->limits.clock_skew_s};
	struct credential_password password = {0};
	struct stun_key key = {0};
	size_t position = 0;
	bool matched = false;

	*known = false;
	while (!matched && credential_next_password(cred, settings->keyring, &clock,
						    &position, &password)) {
		const struct slice secret = {password.bytes, password.len};

		*known = true;
		matched = ms_key(&key, msg->integrity, cred->username, our_realm(turn),
				 secret) &&
			  ms_verify(msg, &key);
	}
	assert(!matched || (*known && password.key != NULL));
	if (matched)
		owner_prove(&out->owner, cred, password.key, &key);
	OPENSSL_cleanse(&password, sizeof(password));
	OPENSSL_cleanse(&key, sizeof(key));
	return matched;
}

/* Identify the user and verify the integrity. Expired: only the time is wrong. */
static int prove(struct turn *turn, const struct ms_msg *msg, const struct claims *claims,
		 const struct allocation *own, int64_t unix_s, struct auth *out)
{
	struct credential cred;
	bool known;

	if (own && stored_key_matches(msg, own)) {
		allocation_owner(turn->table, own, &out->owner);
		return 0;
	}
	if (credential_parse(claims->username, true, &cred) != CREDENTIAL_OK &&
	    credential_parse(claims->username, false, &cred) != CREDENTIAL_OK) {
		out->failure = AUTH_FAILURE_UNKNOWN_USER;
		return MS_UNKNOWN_USER;
	}
	if (!any_password_matches(turn, msg, &cred, unix_s, &known, out)) {
		out->failure = known ? AUTH_FAILURE_BAD_MAC : AUTH_FAILURE_UNKNOWN_KEY;
		return known ? MS_INTEGRITY_CHECK_FAILURE : MS_UNKNOWN_USER;
	}
	if (msg->type == MS_ALLOCATE_REQUEST && !own)
		out->failure = auth_check_time(turn, &cred, unix_s);
	if (out->failure != AUTH_FAILURE_NONE)
		return MS_STALE_CREDENTIALS;
	return 0;
}

/* One pair of quotes around it is ours, or was lost on the way. */
static bool nonce_holds(const struct turn *turn, const struct five_tuple *tuple,
			struct slice nonce, const struct allocation *own, uint64_t now_ms)
{
	if (nonce.len == MS_NONCE_LEN && nonce.data[0] == '"' &&
	    nonce.data[nonce.len - 1] == '"')
		nonce = (struct slice){nonce.data + 1, NONCE_LEN};

	switch (nonce_check(&turn->settings->nonce_key, tuple, our_realm(turn), nonce,
			    now_ms)) {
	case NONCE_VALID:
		return true;
	case NONCE_STALE:
		return own != NULL;
	case NONCE_FOREIGN:
		break;
	}
	return false;
}

static void refuse(struct auth *out, int code, enum auth_failure failure)
{
	assert(code != 0 && failure > AUTH_FAILURE_NONE && failure < AUTH_FAILURE_COUNT);
	OPENSSL_cleanse(out, sizeof(*out));
	*out = (struct auth){.code = code, .failure = failure};
}

void ms_auth_check(struct turn *turn, const struct ms_msg *msg,
		   const struct five_tuple *tuple, const struct allocation *al,
		   uint64_t now_ms, int64_t unix_s, struct auth *out)
{
	const struct claims claims = read_claims(msg);
	const struct allocation *own = NULL;
	enum auth_failure failure;

	*out = (struct auth){.reply_kind = STUN_INTEGRITY_NONE};
	turn_note_refused(turn, claims.username); /* should it come to that */
	if (msg->integrity == MS_INTEGRITY_NONE) {
		refuse(out, MS_UNAUTHORIZED, AUTH_FAILURE_NO_INTEGRITY);
		return;
	}
	int code = check_claims(turn, msg, &claims, &failure);
	if (code != 0) {
		refuse(out, code, failure);
		return;
	}
	out->owner.id = owner_id_of(&turn->shared->hash_key, claims.username);
	if (al && owner_id_equal(&al->owner.id, &out->owner.id))
		own = al;
	code = prove(turn, msg, &claims, own, unix_s, out);
	/* The code for a client that needs another credential; clients try once more. */
	if ((code == 0 || code == MS_STALE_CREDENTIALS) &&
	    revoked_users_has(turn->settings->revoked, out->owner.user)) {
		refuse(out, MS_UNAUTHORIZED, AUTH_FAILURE_REVOKED);
		return;
	}
	if (code != 0 && code != MS_STALE_CREDENTIALS) {
		refuse(out, code, out->failure);
		return;
	}
	/* A signed refusal, like success, goes only to a client whose return path is proved. */
	if (msg->type == MS_ALLOCATE_REQUEST &&
	    !nonce_holds(turn, tuple, claims.nonce, own, now_ms)) {
		refuse(out, MS_STALE_NONCE, AUTH_FAILURE_STALE_NONCE);
		return;
	}
	assert(out->owner.key.len == 16 || out->owner.key.len == 32);
	out->code = code;
	out->reply_kind = msg->integrity == MS_INTEGRITY_SHA256 ? STUN_INTEGRITY_SHA256
								: STUN_INTEGRITY_SHA1;
}

struct owner_proof ms_auth_proof(const struct turn *turn, const struct ms_msg *msg,
				 const struct owner *owner)
{
	const struct claims claims = read_claims(msg);

	return (struct owner_proof){
		.kind = claims.username.data ? OWNER_PROOF_MS_USERNAME : OWNER_PROOF_NONE,
		.bytes = claims.username,
		.realm = our_realm(turn),
		.key_len = owner->key.len,
	};
}
