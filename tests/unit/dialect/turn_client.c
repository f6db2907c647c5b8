/*
 * turn_client.c - see turn_client.h.
 */
#include "tests/unit/dialect/turn_client.h"

#include <assert.h>
#include <string.h>

#include "auth/credential/credential.h"

void client_credential(struct client *c, const char *user, int64_t expires_s)
{
	const struct key *key =
		keyring_signer(c->fixture->settings.keyring, c->fixture->unix_s);
	const struct slice identity = {(const uint8_t *)user, strlen(user)};
	struct credential_pair pair;

	assert(key != NULL);
	bool issued = credential_issue_rest(key, identity, expires_s, NULL, &pair);
	assert(issued);
	(void)issued;
	c->username_len = strlen(pair.username);
	memcpy(c->username, pair.username, c->username_len + 1);
	memcpy(c->password, pair.password, strlen(pair.password) + 1);
}

void client_init(struct client *c, struct fixture *fixture, const char *address,
		 uint16_t front, const char *user)
{
	memset(c, 0, sizeof(*c));
	c->poison = 0xA5;
	c->fixture = fixture;
	c->tuple = fixture_tuple(address, front);
	client_credential(c, user, fixture->unix_s + 86400);
}

void client_start_class(struct client *c, uint16_t method, enum stun_class class)
{
	uint8_t txid[STUN_TXID_LEN] = {0};

	c->transactions++;
	store_be64(txid, c->transactions);
	store_be16(txid + 8, c->tuple.client.port);
	store_be16(txid + 10, c->tuple.front);
	stun_builder_start(&c->b, c->message, sizeof(c->message), method, class, txid);
}

void client_start(struct client *c, uint16_t method)
{
	client_start_class(c, method, STUN_REQUEST);
}

void client_add_peer(struct client *c, const char *peer)
{
	struct endpoint to = ep(peer);

	stun_add_xor_address(&c->b, TURN_XOR_PEER_ADDRESS, &to);
}

void client_add_tail(struct client *c, uint16_t type, const void *value, size_t len)
{
	uint8_t *to = c->tail + c->tail_len;

	assert(sizeof(c->tail) - c->tail_len >= 4 + padded4(len));
	store_be16(to, type);
	store_be16(to + 2, (uint16_t)len);
	memset(to + 4, 0, padded4(len));
	if (len > 0)
		memcpy(to + 4, value, len);
	c->tail_len += 4 + padded4(len);
}

static bool uses_algorithms(enum client_auth auth)
{
	return auth != CLIENT_MD5 && auth != CLIENT_MD5_MI256;
}

static bool key_is_sha256(enum client_auth auth)
{
	return auth == CLIENT_SHA256 || auth == CLIENT_SHA256_MI || auth == CLIENT_BOTH;
}

static struct stun_key client_key(const struct client *c)
{
	struct slice username = {(const uint8_t *)c->username, c->username_len};
	struct slice realm = {(const uint8_t *)c->realm, strlen(c->realm)};
	struct slice password = {(const uint8_t *)c->password, strlen(c->password)};
	struct stun_key key = {0};

	if (c->session_key.len > 0)
		return c->session_key;
	stun_key_long_term(
		&key, key_is_sha256(c->auth) ? STUN_PASSWORD_SHA256 : STUN_PASSWORD_MD5,
		username, realm, password);
	return key;
}

static void add_algorithms(struct client *c)
{
	uint8_t chosen[4] = {
		0, key_is_sha256(c->auth) ? STUN_PASSWORD_SHA256 : STUN_PASSWORD_MD5, 0,
		0};

	if (!uses_algorithms(c->auth))
		return;
	if (!(c->wrong & WRONG_NO_ALGORITHMS))
		stun_builder_add(&c->b, STUN_PASSWORD_ALGORITHMS, c->algorithms,
				 c->algorithms_len);
	if (c->wrong & WRONG_NO_ALGORITHM)
		return;
	if (c->algorithm_len > 0)
		stun_builder_add(&c->b, STUN_PASSWORD_ALGORITHM, c->algorithm,
				 c->algorithm_len);
	else
		stun_builder_add(&c->b, STUN_PASSWORD_ALGORITHM, chosen, sizeof(chosen));
}

static void add_user(struct client *c)
{
	if (!(c->wrong & (WRONG_NO_USERNAME | WRONG_USERHASH_ONLY)))
		stun_builder_add(&c->b, STUN_USERNAME, c->username, c->username_len);
	if (c->wrong & (WRONG_USERHASH_TOO | WRONG_USERHASH_ONLY)) {
		uint8_t hash[STUN_USERHASH_LEN];

		stun_userhash(
			hash,
			(struct slice){(const uint8_t *)c->username, c->username_len},
			(struct slice){(const uint8_t *)c->realm, strlen(c->realm)});
		stun_builder_add(&c->b, STUN_USERHASH, hash, sizeof(hash));
	}
}

static void add_credentials(struct client *c)
{
	const char *realm = c->wrong & WRONG_REALM ? "elsewhere.example" : c->realm;
	size_t realm_len = strlen(realm);
	uint8_t padded[REALM_MAX + 3] = {0};
	bool mi = c->auth == CLIENT_MD5 || c->auth == CLIENT_SHA256_MI ||
		  c->auth == CLIENT_BOTH;
	bool mi256 = c->auth != CLIENT_MD5 && c->auth != CLIENT_SHA256_MI;

	if (c->session_key.len > 0) {
		mi = c->session_kind == STUN_INTEGRITY_SHA1;
		mi256 = !mi;
	}
	c->key = client_key(c);
	c->signed_as = c->auth;
	c->owner = owner_id_of(&c->fixture->shared.hash_key,
			       (struct slice){(const uint8_t *)c->username,
					      c->username_len});
	add_user(c);
	memcpy(padded, realm, realm_len);
	if (c->wrong & WRONG_PADDED_REALM)
		realm_len = (realm_len + 3) & ~(size_t)3;
	if (!(c->wrong & WRONG_NO_REALM))
		stun_builder_add(&c->b, STUN_REALM, padded, realm_len);
	if (!(c->wrong & WRONG_NO_NONCE))
		stun_builder_add(&c->b, STUN_NONCE, c->nonce, c->nonce_len);
	if (c->session_key.len == 0)
		add_algorithms(c);
	if (c->token_len > 0)
		stun_builder_add(&c->b, STUN_ACCESS_TOKEN, c->token, c->token_len);
	if (mi)
		stun_add_integrity(&c->b, STUN_INTEGRITY_SHA1, &c->key);
	if ((c->wrong & WRONG_FIRST_MAC) && !c->b.failed)
		c->message[c->b.len - 1] ^= 0x01;
	if (mi256)
		stun_add_integrity(&c->b, STUN_INTEGRITY_SHA256, &c->key);
	if ((c->wrong & WRONG_MAC) && !c->b.failed)
		c->message[c->b.len - 1] ^= 0x01;
}

void client_sign(struct client *c)
{
	bool request = (load_be16(c->message) & 0x0110) == 0;

	if (request && !c->bare)
		add_credentials(c);
	assert(c->tail_len <= sizeof(c->message) - c->b.len);
	memcpy(c->message + c->b.len, c->tail, c->tail_len);
	c->b.len += c->tail_len;
	store_be16(c->message + 2, (uint16_t)(c->b.len - STUN_HEADER_LEN));
	c->tail_len = 0;
	if (c->fingerprint)
		stun_add_fingerprint(&c->b);
	c->message_len = stun_builder_finish(&c->b);
	assert(c->message_len > 0);
}

static bool padding_is_zero(const struct stun_msg *msg)
{
	struct slice rest = slice_skip(msg->bytes, STUN_HEADER_LEN);
	struct stun_attr attr;

	while (stun_attr_next(&rest, &attr))
		for (size_t i = attr.value.len; i < padded4(attr.value.len); i++)
			if (attr.value.data[i] != 0)
				return false;
	return true;
}

/* Sets the code; returns the fault of an error response, or NULL (T-020). */
static const char *judge_class(struct client *c)
{
	struct stun_attr attr;
	struct slice reason;

	c->code = 0;
	if (c->answer.class == STUN_SUCCESS)
		return client_has(c, STUN_ERROR_CODE) ? "success with ERROR-CODE" : NULL;
	if (c->answer.class != STUN_ERROR)
		return "neither success nor error";
	if (!client_find(c, STUN_ERROR_CODE, &attr))
		return "error without ERROR-CODE";
	if (!stun_attr_error_code(&attr, &c->code, &reason))
		return "malformed ERROR-CODE";
	if (attr.value.data[0] != 0 || attr.value.data[1] != 0 ||
	    (attr.value.data[2] & 0xF8) != 0)
		return "ERROR-CODE with reserved bits set";
	if (reason.len >= 128)
		return "reason phrase too long";
	if ((c->code == STUN_UNKNOWN_ATTRIBUTE) != client_has(c, STUN_UNKNOWN_ATTRIBUTES))
		return "UNKNOWN-ATTRIBUTES without 420, or 420 without it";
	return NULL;
}

/*
 * An answer is signed if and only if the request was authenticated, with its key, by the
 * one attribute that the request implies (T-087, T-100).
 */
static const char *judge_integrity(const struct client *c)
{
	enum stun_integrity kind = client_answer_kind(c);

	if (!c->out.authenticated)
		return kind == STUN_INTEGRITY_NONE
			       ? NULL
			       : "signed, but the request was not authenticated";

	if (c->answer.mi_offset != 0 && c->answer.mi256_offset != 0)
		return "two kinds of integrity";
	if (kind != (c->session_key.len > 0          ? c->session_kind
		     : uses_algorithms(c->signed_as) ? STUN_INTEGRITY_SHA256
						     : STUN_INTEGRITY_SHA1))
		return "wrong kind of integrity, or none";
	if (!stun_verify(&c->answer, kind, &c->key))
		return "MAC does not match";
	if (client_has(c, STUN_REALM) || client_has(c, STUN_NONCE) ||
	    client_has(c, STUN_USERNAME) || client_has(c, STUN_USERHASH))
		return "authenticated answer repeats credentials (T-088)";
	return NULL;
}

/* REALM, NONCE and PASSWORD-ALGORITHMS come only with 401 and 438. */
static const char *judge_challenge(const struct client *c)
{
	bool challenge = c->code == STUN_UNAUTHENTICATED || c->code == STUN_STALE_NONCE;

	if (client_has(c, STUN_REALM) != challenge ||
	    client_has(c, STUN_NONCE) != challenge ||
	    client_has(c, STUN_PASSWORD_ALGORITHMS) != challenge)
		return "parts of a challenge missing or out of place";
	if (client_has(c, STUN_USERNAME) || client_has(c, STUN_USERHASH))
		return "a user's name in an answer";
	return NULL;
}

static const char *judge(struct client *c)
{
	struct stun_msg asked;
	const char *fault;

	if (c->out.action != DISPATCH_REPLY && c->out.action != DISPATCH_BIND)
		return NULL;
	if (c->out.reply_len > DISPATCH_REPLY_MAX)
		return "longer than the buffer";
	for (size_t i = c->out.reply_len; i < DISPATCH_REPLY_MAX; i++)
		if (c->reply[i] != c->poison)
			return "wrote past the end of the reply";
	if (stun_msg_parse((struct slice){c->reply, c->out.reply_len}, &c->answer) !=
	    STUN_PARSE_OK)
		return "answer does not parse";
	if (stun_msg_parse((struct slice){c->message, c->message_len}, &asked) !=
	    STUN_PARSE_OK)
		return "answered a datagram that is not STUN";
	if (asked.class != STUN_REQUEST)
		return "answered a message that is not a request";
	if (c->answer.method != asked.method)
		return "another method (T-006)";
	if (memcmp(c->reply + 4, c->message + 4, 16) != 0)
		return "another transaction (T-005)";
	if (c->answer.has_fingerprint != (asked.has_fingerprint && asked.has_cookie))
		return "FINGERPRINT is not mirrored (T-068)";
	if (!padding_is_zero(&c->answer))
		return "padding is not zero (T-011)";
	if ((fault = judge_class(c)) != NULL || (fault = judge_integrity(c)) != NULL)
		return fault;
	return judge_challenge(c);
}

int client_again(struct client *c)
{
	struct slice message = {c->message, c->message_len};

	memset(c->reply, c->poison, sizeof(c->reply));
	c->code = -1;
	(c->proxied ? dispatch_from_balancer : dispatch_from_client)(
		&c->fixture->turn, &c->tuple, message, c->fixture->now_ms,
		c->fixture->unix_s, c->reply, &c->out);
	c->fault = judge(c);
	return c->code;
}

int client_ask(struct client *c)
{
	client_sign(c);
	return client_again(c);
}

int client_raw(struct client *c, const void *bytes, size_t len)
{
	assert(len <= sizeof(c->message));
	if (len > 0)
		memmove(c->message, bytes, len);
	c->message_len = len;
	return client_again(c);
}

void client_keep_challenge(struct client *c)
{
	struct stun_attr attr;

	if (client_find(c, STUN_REALM, &attr) && attr.value.len <= REALM_MAX) {
		memcpy(c->realm, attr.value.data, attr.value.len);
		c->realm[attr.value.len] = '\0';
	}
	if (client_find(c, STUN_NONCE, &attr) && attr.value.len <= sizeof(c->nonce)) {
		memcpy(c->nonce, attr.value.data, attr.value.len);
		c->nonce_len = attr.value.len;
	}
	if (client_find(c, STUN_PASSWORD_ALGORITHMS, &attr) &&
	    attr.value.len <= sizeof(c->algorithms)) {
		memcpy(c->algorithms, attr.value.data, attr.value.len);
		c->algorithms_len = attr.value.len;
	}
}

static void add_transport(struct client *c, uint8_t protocol)
{
	const uint8_t value[4] = {protocol};

	stun_builder_add(&c->b, TURN_REQUESTED_TRANSPORT, value, sizeof(value));
}

int client_login(struct client *c)
{
	bool was_bare = c->bare;

	c->bare = true;
	client_start(c, TURN_ALLOCATE);
	add_transport(c, TURN_TRANSPORT_UDP);
	int code = client_ask(c);
	c->bare = was_bare;
	if (code == STUN_UNAUTHENTICATED)
		client_keep_challenge(c);
	return code;
}

int client_allocate(struct client *c)
{
	if (c->nonce_len == 0)
		client_login(c);
	client_start(c, TURN_ALLOCATE);
	add_transport(c, TURN_TRANSPORT_UDP);
	return client_ask(c);
}

int client_refresh(struct client *c, uint32_t lifetime_s)
{
	client_start(c, TURN_REFRESH);
	stun_add_u32(&c->b, TURN_LIFETIME, lifetime_s);
	return client_ask(c);
}

int client_permit(struct client *c, const char *peer)
{
	client_start(c, TURN_CREATE_PERMISSION);
	client_add_peer(c, peer);
	return client_ask(c);
}

int client_bind(struct client *c, uint16_t number, const char *peer)
{
	client_start(c, TURN_CHANNEL_BIND);
	stun_add_u32(&c->b, TURN_CHANNEL_NUMBER, (uint32_t)number << 16);
	client_add_peer(c, peer);
	return client_ask(c);
}

bool client_send(struct client *c, const char *peer, const void *data, size_t len)
{
	client_start_class(c, TURN_SEND, STUN_INDICATION);
	client_add_peer(c, peer);
	stun_builder_add(&c->b, TURN_DATA_ATTR, data, len);
	client_ask(c);
	return c->out.action == DISPATCH_FORWARD &&
	       c->out.forward.kind == FORWARD_TO_PEER;
}

bool client_channel_data(struct client *c, uint16_t number, const void *data, size_t len)
{
	uint8_t message[4 + 2048];

	assert(len <= 2044);
	store_be16(message, number);
	store_be16(message + 2, (uint16_t)len);
	memset(message + 4, 0, padded4(len));
	if (len > 0)
		memcpy(message + 4, data, len);
	/* A stream frames by padded length; over UDP padding is allowed too (T-371). */
	client_raw(c, message, 4 + padded4(len));
	return c->out.action == DISPATCH_FORWARD &&
	       c->out.forward.kind == FORWARD_TO_PEER;
}

bool client_find(const struct client *c, uint16_t type, struct stun_attr *attr)
{
	return c->code != -1 && stun_msg_find(&c->answer, type, attr);
}

bool client_has(const struct client *c, uint16_t type)
{
	struct stun_attr attr;

	return client_find(c, type, &attr);
}

uint32_t client_u32(const struct client *c, uint16_t type)
{
	struct stun_attr attr;
	uint32_t value = 0;

	if (client_find(c, type, &attr))
		stun_attr_u32(&attr, &value);
	return value;
}

struct endpoint client_address(const struct client *c, uint16_t type)
{
	struct endpoint found = {.ip.family = IP_NONE};
	struct stun_attr attr;

	if (!client_find(c, type, &attr))
		return found;
	if (type != STUN_XOR_MAPPED_ADDRESS && type != TURN_XOR_RELAYED_ADDRESS &&
	    type != TURN_XOR_PEER_ADDRESS)
		stun_attr_address(&attr, &found);
	else
		stun_attr_xor_address(&attr, c->answer.txid, &found);
	return found;
}

enum stun_integrity client_answer_kind(const struct client *c)
{
	if (c->code == -1)
		return STUN_INTEGRITY_NONE;
	if (c->answer.mi256_offset != 0)
		return STUN_INTEGRITY_SHA256;
	return c->answer.mi_offset != 0 ? STUN_INTEGRITY_SHA1 : STUN_INTEGRITY_NONE;
}

struct allocation *client_allocation(const struct client *c)
{
	return allocation_find_any(c->fixture->turn.table, &c->tuple);
}

bool client_from_peer(struct client *c, const char *peer, const void *data, size_t len,
		      struct forward *out)
{
	const struct allocation *al = client_allocation(c);
	struct endpoint source = ep(peer);

	assert(al != NULL);
	dispatch_from_peer(&c->fixture->turn, al->slot, &source,
			   (struct slice){data, len}, c->fixture->now_ms, out);
	return out->kind == FORWARD_TO_CLIENT;
}

uint64_t fixture_drops(const struct fixture *fixture, enum drop_reason reason)
{
	return counter_read(&fixture->turn.counters.drops[reason]);
}
