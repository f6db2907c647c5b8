/*
 * auth.c - the checks of RFC 8489 section 9.2.4, in its order; each step is a function.
 *
 * What this costs a stranger's message: a nonce that is not ours does not end the checks,
 * because the order of the RFC tells 401 (bad MAC) from 438 (good MAC) and a client with wrong
 * credentials must learn that first. The price is a key and a MAC per key of the ring, about 2
 * us each, less than sending the answer, and the limiter bounds the answers. No state is kept.
 */
#include "relay/core/auth.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

#include "relay/core/allocation_table.h"
#include "relay/core/revoked_users.h"
#include "relay/core/token_auth.h"
#include "relay/core/transactions.h"
#include "relay/core/turn.h"
#include "stun/attr.h"

const uint8_t auth_password_algorithms[AUTH_PASSWORD_ALGORITHMS_LEN] = {
	0, STUN_PASSWORD_SHA256, 0, 0, 0, STUN_PASSWORD_MD5, 0, 0,
};

static_assert(AUTH_FAILURE_COUNT <=
		      sizeof(((struct counters *)0)->auth_failures) / sizeof(uint64_t),
	      "each reason has a counter");

const char *auth_failure_name(enum auth_failure failure)
{
	switch (failure) {
	case AUTH_FAILURE_NONE:
		return "none";
	case AUTH_FAILURE_NO_INTEGRITY:
		return "no-integrity";
	case AUTH_FAILURE_MISSING:
		return "missing-attribute";
	case AUTH_FAILURE_BID_DOWN:
		return "bid-down";
	case AUTH_FAILURE_UNKNOWN_USER:
		return "unknown-user";
	case AUTH_FAILURE_EXPIRED:
		return "expired";
	case AUTH_FAILURE_BAD_MAC:
		return "bad-mac";
	case AUTH_FAILURE_STALE_NONCE:
		return "stale-nonce";
	case AUTH_FAILURE_UNKNOWN_KEY:
		return "unknown-key";
	case AUTH_FAILURE_TOO_FAR:
		return "too-far";
	case AUTH_FAILURE_REVOKED:
		return "revoked";
	case AUTH_FAILURE_COUNT:
		break;
	}
	return "unknown";
}

enum auth_failure auth_check_time(struct turn *turn, const struct credential *cred,
				  int64_t unix_s)
{
	const struct turn_limits *limits = &turn->settings->limits;
	const struct credential_clock clock = {unix_s, limits->clock_skew_s};
	struct turn_refusal *refusal = &turn->refusal;
	int64_t off_s;
	enum credential_status status =
		credential_check_time(cred, &clock, limits->credential_ttl_max_s, &off_s);

	if (status == CREDENTIAL_OK)
		return AUTH_FAILURE_NONE;
	assert(status == CREDENTIAL_EXPIRED || status == CREDENTIAL_TOO_FAR);
	counter_set(&refusal->off_s, (uint64_t)off_s);
	counter_set(&refusal->too_far, status == CREDENTIAL_TOO_FAR);
	counter_set(&refusal->at_s, (uint64_t)unix_s);
	return status == CREDENTIAL_EXPIRED ? AUTH_FAILURE_EXPIRED : AUTH_FAILURE_TOO_FAR;
}

/* The attributes of the mechanism; data is NULL for one that is absent. */
struct claims {
	struct slice username, userhash, realm, nonce, algorithm, algorithms, token;
	enum stun_integrity kind; /* what the request is signed with */
	enum stun_password_algorithm key_algorithm;
};

/* The first of each counts (RFC 8489 section 14). */
static void note(struct slice *claim, struct slice value)
{
	if (!claim->data)
		*claim = value;
}

static void read_claims(const struct stun_msg *msg, struct claims *claims)
{
	struct slice rest = msg->body;
	struct stun_attr attr;

	*claims = (struct claims){.key_algorithm = STUN_PASSWORD_MD5};
	while (stun_attr_next(&rest, &attr)) {
		switch (attr.type) {
		case STUN_USERNAME:
			note(&claims->username, attr.value);
			break;
		case STUN_USERHASH:
			note(&claims->userhash, attr.value);
			break;
		case STUN_REALM:
			note(&claims->realm, attr.value);
			break;
		case STUN_NONCE:
			note(&claims->nonce, attr.value);
			break;
		case STUN_PASSWORD_ALGORITHM:
			note(&claims->algorithm, attr.value);
			break;
		case STUN_PASSWORD_ALGORITHMS:
			note(&claims->algorithms, attr.value);
			break;
		case STUN_ACCESS_TOKEN:
			note(&claims->token, attr.value);
			break;
		default:
			break;
		}
	}
	if (msg->mi256_offset != 0)
		claims->kind = STUN_INTEGRITY_SHA256;
	else if (msg->mi_offset != 0)
		claims->kind = STUN_INTEGRITY_SHA1;
}

static bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(struct slice text)
{
	while (text.len > 0) {
		uint8_t first = text.data[0];
		size_t more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
		uint32_t code = more == 0 ? first : first & (0x3Fu >> more);
		static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

		if ((first >= 0x80 && first < 0xC0) || first > 0xF4 || text.len <= more)
			return false;
		for (size_t i = 1; i <= more; i++) {
			if ((text.data[i] & 0xC0) != 0x80)
				return false;
			code = code << 6 | (text.data[i] & 0x3F);
		}
		if (code < least[more] || code > 0x10FFFF ||
		    (code >= 0xD800 && code < 0xE000))
			return false;
		text = slice_skip(text, more + 1);
	}
	return true;
}

/* Step 2, and what is malformed (RFC 8489 sections 14.3, 14.4, 14.6, 14.9 and 14.10): 400. */
static bool is_complete(const struct stun_msg *msg, const struct claims *claims)
{
	bool named = (claims->username.data != NULL) != (claims->userhash.data != NULL);

	return !msg->bad_mi_len && named && claims->realm.data && claims->nonce.data &&
	       claims->username.len <= STUN_TEXT_MAX && is_utf8(claims->username) &&
	       (!claims->userhash.data || claims->userhash.len == STUN_USERHASH_LEN) &&
	       claims->realm.len <= STUN_TEXT_MAX && claims->nonce.len <= STUN_TEXT_MAX;
}

/* PASSWORD-ALGORITHM names one entry, without parameters as both of ours are. */
static bool chosen_algorithm(struct slice value, enum stun_password_algorithm *algorithm)
{
	struct stun_password_entry entry;
	bool malformed = false;

	if (!stun_password_next(&value, &entry, &malformed) ||
	    entry.parameters.len != 0 || value.len != 0)
		return false;
	if (entry.algorithm != STUN_PASSWORD_MD5 &&
	    entry.algorithm != STUN_PASSWORD_SHA256)
		return false;
	*algorithm = (enum stun_password_algorithm)entry.algorithm;
	return true;
}

/*
 * Step 3, against bid-down. Only a nonce that says we offer algorithms can be ours, so
 * algorithms beside any other nonce are not judged: that request ends in 401 or 438. The key is
 * made as the client says, so that a client whose nonce was altered gets a fresh one (438).
 */
static bool agree_on_algorithm(struct claims *claims)
{
	if (!claims->algorithm.data && !claims->algorithms.data)
		return true;
	if (!nonce_offers_password_algorithms(claims->nonce)) {
		chosen_algorithm(claims->algorithm, &claims->key_algorithm);
		return true;
	}
	return claims->algorithm.data && claims->algorithms.data &&
	       slice_equal(claims->algorithms,
			   (struct slice){auth_password_algorithms,
					  AUTH_PASSWORD_ALGORITHMS_LEN}) &&
	       chosen_algorithm(claims->algorithm, &claims->key_algorithm);
}

/* One request on its way through steps 4 and 5. */
struct attempt {
	struct turn *turn;
	const struct stun_msg *msg;
	const struct claims *claims;
	int64_t unix_s;
	struct auth *out;
};

static struct slice our_realm(const struct turn *turn)
{
	return (struct slice){(const uint8_t *)turn->settings->realm,
			      strlen(turn->settings->realm)};
}

/* Derive the key of this password and compare; always does both. */
static bool password_matches(const struct attempt *at, struct slice username,
			     const struct credential_password *password,
			     struct stun_key *key)
{
	const struct slice secret = {password->bytes, password->len};

	return stun_key_long_term(key, at->claims->key_algorithm, username,
				  our_realm(at->turn), secret) &&
	       stun_verify(at->msg, at->claims->kind, key);
}

/*
 * Try what the ring makes of this credential, up to most passwords; *tried says how many.
 * True and out->key filled on a match.
 */
static bool any_password_matches(const struct attempt *at, const struct credential *cred,
				 unsigned most, unsigned *tried)
{
	const struct turn_settings *settings = at->turn->settings;
	const struct credential_clock clock = {at->unix_s, settings->limits.clock_skew_s};
	struct credential_password password;
	struct stun_key key = {0};
	size_t position = 0;
	bool matched = false;

	*tried = 0;
	while (!matched && *tried < most &&
	       credential_next_password(cred, settings->keyring, &clock, &position,
					&password)) {
		(*tried)++;
		matched = password_matches(at, cred->username, &password, &key);
	}
	assert(!matched || (password.key != NULL && *tried > 0));
	if (matched)
		owner_prove(&at->out->owner, cred, password.key, &key);
	OPENSSL_cleanse(&password, sizeof(password));
	OPENSSL_cleanse(&key, sizeof(key));
	return matched;
}

/*
 * The work of a wrong password, for a user that we do not know: as many keys and MACs, and the
 * outcome thrown away, so that neither the answer nor its delay tells the two apart.
 */
static void pretend(const struct attempt *at, struct slice username, unsigned most)
{
	const struct credential anybody = {.form = CREDENTIAL_REST, .username = username};
	struct auth ignored;
	const struct attempt blind = {at->turn, at->msg, at->claims, at->unix_s,
				      &ignored};
	unsigned tried;

	any_password_matches(&blind, &anybody, most, &tried);
	if (tried == 0) {
		const struct credential_password none = {0};
		struct stun_key key;
		password_matches(at, username, &none, &key);
	}
	OPENSSL_cleanse(&ignored, sizeof(ignored));
}

/* RFC 7635 section 9: a token counts in these two, whatever else carries one. */
static bool takes_token(const struct attempt *at)
{
	return at->claims->token.data != NULL && at->turn->settings->token_keys != NULL &&
	       (at->msg->method == TURN_ALLOCATE || at->msg->method == TURN_REFRESH);
}

/* Steps 4 and 5 with an access token (RFC 7635 section 7). */
static enum auth_failure prove_by_token(const struct attempt *at)
{
	const struct claims *claims = at->claims;
	const struct token_claim claim = {
		.kid = slice_equal(claims->realm, our_realm(at->turn))
			       ? claims->username
			       : (struct slice){NULL, 0},
		.bytes = claims->token,
		.kind = claims->kind,
	};

	switch (token_auth_prove(at->turn, at->msg, &claim, at->unix_s,
				 &at->out->owner)) {
	case TOKEN_PROVED:
		return AUTH_FAILURE_NONE;
	case TOKEN_NO_KEY:
	case TOKEN_NOT_OPENED:
		return AUTH_FAILURE_UNKNOWN_KEY;
	case TOKEN_NOT_FRESH:
		return AUTH_FAILURE_EXPIRED;
	case TOKEN_TOO_FAR:
		return AUTH_FAILURE_TOO_FAR;
	case TOKEN_BAD_MAC:
		break;
	}
	return AUTH_FAILURE_BAD_MAC;
}

/* Steps 4 and 5: identify the user and verify the MAC. */
static enum auth_failure prove(const struct attempt *at, const struct allocation *own)
{
	const struct claims *claims = at->claims;
	struct credential cred;
	unsigned tried;

	if (takes_token(at))
		return prove_by_token(at);
	/* We never offer USERHASH, so it names no user. */
	if (!claims->username.data) {
		pretend(at, claims->userhash, UINT32_MAX);
		return AUTH_FAILURE_UNKNOWN_USER;
	}
	if (!slice_equal(claims->realm, our_realm(at->turn))) {
		pretend(at, claims->username, UINT32_MAX);
		return AUTH_FAILURE_UNKNOWN_USER;
	}
	if (own &&
	    (own->owner.is_token ||
	     own->owner.key.len ==
		     (claims->key_algorithm == STUN_PASSWORD_MD5 ? 16 : 32)) &&
	    stun_verify(at->msg, claims->kind, &own->owner.key)) {
		allocation_owner(at->turn->table, own, &at->out->owner);
		return AUTH_FAILURE_NONE;
	}
	if (credential_parse(claims->username, false, &cred) != CREDENTIAL_OK) {
		pretend(at, claims->username, UINT32_MAX);
		return AUTH_FAILURE_UNKNOWN_USER;
	}
	if (!any_password_matches(at, &cred, UINT32_MAX, &tried)) {
		/* A token that no key of ours made; one of ours would have had one password. */
		if (tried == 0)
			pretend(at, claims->username, 1);
		return tried == 0 ? AUTH_FAILURE_UNKNOWN_KEY : AUTH_FAILURE_BAD_MAC;
	}

	/*
	 * The credential's expiry matters only for a new allocation. It is checked last,
	 * because only now do we know that we issued it; the answer is 401 all the same.
	 */
	if (at->msg->method == TURN_ALLOCATE && !own)
		return auth_check_time(at->turn, &cred, at->unix_s);
	return AUTH_FAILURE_NONE;
}

static enum nonce_state check_nonce(const struct attempt *at,
				    const struct five_tuple *tuple, uint64_t now_ms)
{
	return nonce_check(&at->turn->settings->nonce_key, tuple, our_realm(at->turn),
			   at->claims->nonce, now_ms);
}

/*
 * A data connection is authenticated as its control connection is (RFC 6062 section 4.3), so the
 * nonce that the same host was given there is good here. A challenge would replace it, and clients
 * that keep one nonce for both would then be challenged on the control connection, too.
 */
static bool continues(const struct attempt *at, const struct five_tuple *tuple,
		      const struct allocation *own)
{
	return at->msg->method == TURN_CONNECTION_BIND && own != NULL &&
	       own->tuple.front == tuple->front &&
	       ip_addr_equal(&own->tuple.client.ip, &tuple->client.ip);
}

/*
 * Step 6. A repeated request that succeeded before is answered again, even if its nonce became
 * stale in between.
 */
static bool nonce_holds(const struct attempt *at, const struct five_tuple *tuple,
			const struct allocation *own, uint64_t now_ms)
{
	enum nonce_state state = check_nonce(at, tuple, now_ms);

	if (state == NONCE_FOREIGN && continues(at, tuple, own))
		state = check_nonce(at, &own->tuple, now_ms);
	switch (state) {
	case NONCE_VALID:
		return true;
	case NONCE_STALE:
		return own && transactions_recall(&own->transactions, at->msg->txid,
						  STUN_TXID_LEN, now_ms) >= 0;
	case NONCE_FOREIGN:
		break;
	}
	return false;
}

static void fail(struct auth *out, int code, enum auth_failure failure)
{
	assert(failure > AUTH_FAILURE_NONE && failure < AUTH_FAILURE_COUNT);
	out->code = code;
	out->failure = failure;
}

/*
 * RFC 8489 section 9.2.4: MI256, unless the request named no algorithm and so meant MD5. Read
 * literally, this includes a request signed with MI256.
 */
static enum stun_integrity reply_kind(const struct claims *claims,
				      const struct owner *owner)
{
	/* RFC 7635 knows no algorithms: in kind. */
	if (owner->is_token)
		return claims->kind;
	return claims->algorithm.data || claims->algorithms.data ? STUN_INTEGRITY_SHA256
								 : STUN_INTEGRITY_SHA1;
}

/* Is that the kid of the token that the owner's key came from? */
static bool is_kid_of(const struct turn *turn, const struct allocation *al,
		      struct slice username)
{
	const char *kid = allocation_key_id(turn->table, al);

	return slice_equal(username, (struct slice){(const uint8_t *)kid, strlen(kid)});
}

void auth_check(struct turn *turn, const struct stun_msg *msg,
		const struct five_tuple *tuple, const struct allocation *al,
		uint64_t now_ms, int64_t unix_s, struct auth *out)
{
	const struct allocation *own = NULL;
	enum auth_failure failure;
	struct claims claims;

	*out = (struct auth){.reply_kind = STUN_INTEGRITY_NONE};
	read_claims(msg, &claims);
	turn_note_refused(turn, claims.username); /* should it come to that */
	if (claims.kind == STUN_INTEGRITY_NONE) {
		fail(out, STUN_UNAUTHENTICATED, AUTH_FAILURE_NO_INTEGRITY);
		return;
	}
	if (!is_complete(msg, &claims)) {
		fail(out, STUN_BAD_REQUEST, AUTH_FAILURE_MISSING);
		return;
	}
	if (!agree_on_algorithm(&claims)) {
		fail(out, STUN_BAD_REQUEST, AUTH_FAILURE_BID_DOWN);
		return;
	}

	const struct attempt at = {turn, msg, &claims, unix_s, out};

	if (claims.username.data) {
		out->owner.id = owner_id_of(&turn->shared->hash_key, claims.username);
		if (al &&
		    (al->owner.is_token
			     ? takes_token(&at) || is_kid_of(turn, al, claims.username)
			     : owner_id_equal(&al->owner.id, &out->owner.id)))
			own = al;
	}
	failure = prove(&at, own);
	if (failure == AUTH_FAILURE_NONE &&
	    revoked_users_has(turn->settings->revoked, out->owner.user))
		failure = AUTH_FAILURE_REVOKED;
	if (failure != AUTH_FAILURE_NONE) {
		*out = (struct auth){.code = STUN_UNAUTHENTICATED, .failure = failure};
		return;
	}
	assert(out->owner.key.len == 16 || out->owner.key.len == 32 ||
	       (out->owner.is_token && out->owner.key.len == 20));
	out->reply_kind = reply_kind(&claims, &out->owner);
	if (!nonce_holds(&at, tuple, own, now_ms))
		fail(out, STUN_STALE_NONCE, AUTH_FAILURE_STALE_NONCE);
}

void auth_show_refused(const struct turn *turn, char user[CREDENTIAL_USER_MAX + 1])
{
	const struct slice name = {turn->refused_name, turn->refused_name_len};

	credential_show_user(name, user);
}

struct owner_proof auth_proof(const struct turn *turn, const struct stun_msg *msg,
			      const struct owner *owner)
{
	const char *server_name = turn->settings->server_name;
	struct claims claims;

	read_claims(msg, &claims);
	if (owner->is_token)
		return (struct owner_proof){
			.kind = claims.token.data ? OWNER_PROOF_TOKEN : OWNER_PROOF_NONE,
			.bytes = claims.token,
			.realm = {(const uint8_t *)server_name, strlen(server_name)},
			.key_len = owner->key.len,
		};
	return (struct owner_proof){
		.kind = claims.username.data ? OWNER_PROOF_USERNAME : OWNER_PROOF_NONE,
		.bytes = claims.username,
		.realm = our_realm(turn),
		.key_len = owner->key.len,
	};
}
