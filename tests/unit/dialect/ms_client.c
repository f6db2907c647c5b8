/*
 * ms_client.c - see ms_client.h.
 */
#include "tests/unit/dialect/ms_client.h"

#include <assert.h>
#include <string.h>

#include "auth/credential/credential.h"
#include "stun/framing.h"

void ms_fixture_enable(struct fixture *fixture)
{
	fixture->settings.ms = (struct turn_ms){
		.enabled = true,
		.realm = "\"rtcmedia\"",
		.version = MS_VERSION_ICE2,
		.reservation_lifetime_s = 1800,
		.bandwidth_unit_bps = 1000,
	};
}

static void keep(uint8_t *to, size_t *to_len, const void *from, size_t len)
{
	memcpy(to, from, len);
	*to_len = len;
}

void ms_client_credential(struct ms_client *c, const char *user, enum ms_form form,
			  int64_t expires_s)
{
	const struct key *key =
		keyring_signer(c->fixture->settings.keyring, c->fixture->unix_s);
	const struct slice identity = {(const uint8_t *)user, strlen(user)};
	struct credential_pair pair;
	uint64_t serial = 1;

	assert(key != NULL);
	bool issued =
		form == MS_FORM_REST
			? credential_issue_rest(key, identity, expires_s, NULL, &pair)
			: credential_issue_mras(key, 1, identity, expires_s, NULL,
						&serial, &pair);
	assert(issued);
	(void)issued;
	if (form == MS_FORM_BINARY) {
		keep(c->username, &c->username_len, pair.token, pair.token_len);
		keep(c->password, &c->password_len, pair.secret, pair.secret_len);
	} else {
		keep(c->username, &c->username_len, pair.username, strlen(pair.username));
		keep(c->password, &c->password_len, pair.password, strlen(pair.password));
	}
}

void ms_client_init(struct ms_client *c, struct fixture *fixture, const char *address,
		    uint16_t front, const char *user)
{
	memset(c, 0, sizeof(*c));
	c->poison = 0xA5;
	c->fixture = fixture;
	c->version = MS_VERSION_ICE;
	c->kind = MS_INTEGRITY_SHA1;
	c->tuple = fixture_tuple(address, front);
	ms_client_credential(c, user, MS_FORM_BINARY, fixture->unix_s + 86400);
}

static bool is_framed(const struct ms_client *c)
{
	return transport_is_stream(c->fixture->fronts[c->tuple.front].transport);
}

struct stun_key ms_client_key(const struct ms_client *c)
{
	const struct slice username = {c->username, c->username_len};
	const struct slice realm = {(const uint8_t *)c->realm, strlen(c->realm)};
	const struct slice password = {c->password, c->password_len};
	struct stun_key key = {0};

	ms_key(&key, c->kind, username, realm, password);
	return key;
}

void ms_client_start(struct ms_client *c, uint16_t type)
{
	uint8_t txid[MS_TXID_LEN] = {0};

	c->transactions++;
	store_be64(txid, c->transactions);
	store_be16(txid + 8, c->tuple.client.port);
	store_be16(txid + 10, c->tuple.front);
	ms_builder_start(&c->b, c->message, sizeof(c->message), type, txid);
	if (c->version != 0)
		ms_add_u32(&c->b, MS_VERSION, c->version);
}

void ms_client_add_peer(struct ms_client *c, const char *peer)
{
	struct endpoint to = ep(peer);

	ms_add_address(&c->b, MS_DESTINATION_ADDRESS, &to);
}

static void add_challenge(struct ms_client *c)
{
	static const uint8_t text[MS_TEXT_MAX + 1];
	const char *realm = c->wrong & MS_WRONG_REALM ? "elsewhere" : c->realm;
	bool bare = (c->wrong & MS_BARE_NONCE) != 0;

	if (c->wrong & MS_LONG_REALM)
		ms_builder_add(&c->b, MS_REALM, text, sizeof(text));
	else if (!(c->wrong & MS_NO_REALM))
		ms_builder_add(&c->b, MS_REALM, realm, strlen(realm));
	if (c->wrong & MS_LONG_NONCE)
		ms_builder_add(&c->b, MS_NONCE, text, sizeof(text));
	else if (!(c->wrong & MS_NO_NONCE))
		ms_builder_add(&c->b, MS_NONCE, c->nonce + bare,
			       c->nonce_len - 2 * (size_t)bare);
}

static void add_sequence(struct ms_client *c)
{
	struct ms_sequence sequence;

	if (c->wrong & MS_NO_SEQUENCE)
		return;
	if (!(c->wrong & MS_SAME_NUMBER))
		c->number++;
	sequence.number = c->number;
	memcpy(sequence.connection_id, c->connection_id, MS_CONNECTION_ID_LEN);
	if (c->wrong & MS_WRONG_CONNECTION)
		sequence.connection_id[0] ^= 1;
	ms_add_sequence(&c->b, &sequence);
}

void ms_client_sign(struct ms_client *c)
{
	uint16_t type = load_be16(c->message);

	c->key = ms_client_key(c);
	c->signed_kind = c->kind;
	if (!c->bare) {
		if (!(c->wrong & MS_NO_USERNAME))
			ms_builder_add(&c->b, MS_USERNAME, c->username, c->username_len);
		if (type == MS_ALLOCATE_REQUEST)
			add_challenge(c);
		else
			add_sequence(c);
		ms_add_integrity(&c->b, c->kind, &c->key);
		if ((c->wrong & MS_WRONG_MAC) && !c->b.failed)
			c->message[c->b.len - 1] ^= 0x01;
	}
	c->message_len = ms_builder_finish(&c->b);
	assert(c->message_len > 0);
}

bool ms_client_find(const struct ms_client *c, uint16_t type, struct stun_attr *attr)
{
	return c->code != -1 && ms_msg_find(&c->answer, type, attr);
}

bool ms_client_has(const struct ms_client *c, uint16_t type)
{
	struct stun_attr attr;

	return ms_client_find(c, type, &attr);
}

uint32_t ms_client_u32(const struct ms_client *c, uint16_t type)
{
	struct stun_attr attr;
	uint32_t value = 0;

	if (ms_client_find(c, type, &attr))
		stun_attr_u32(&attr, &value);
	return value;
}

struct endpoint ms_client_address(const struct ms_client *c, uint16_t type)
{
	struct endpoint found = {.ip.family = IP_NONE};
	struct stun_attr attr;

	if (!ms_client_find(c, type, &attr))
		return found;
	if (type == MS_XOR_MAPPED_ADDRESS)
		ms_attr_xor_address(&attr, c->answer.txid, &found);
	else
		stun_attr_address(&attr, &found);
	return found;
}

static bool is_challenge(int code)
{
	return code == MS_UNAUTHORIZED || code == MS_MISSING_USERNAME ||
	       code == MS_MISSING_REALM || code == MS_MISSING_NONCE ||
	       code == MS_UNKNOWN_USER || code == MS_STALE_NONCE;
}

/*
 * Codes of an answer without the key: the relay does not know it, or the client has not
 * proved it.
 */
static bool is_unsigned(const struct ms_client *c)
{
	if (is_challenge(c->code) || c->code == MS_INTEGRITY_CHECK_FAILURE)
		return true;
	/* 400 can be sent before or after the integrity is checked. */
	return c->code == MS_BAD_REQUEST && c->answer.integrity == MS_INTEGRITY_NONE;
}

static const char *judge_class(struct ms_client *c, uint16_t asked)
{
	struct stun_attr attr;
	struct slice reason;

	c->code = 0;
	if (c->answer.type == (asked | 0x0100))
		return ms_client_has(c, MS_ERROR_CODE) ? "a response with ERROR-CODE"
						       : NULL;
	if (c->answer.type != (asked | 0x0110))
		return "neither the response nor the error response to this";
	if (!ms_msg_find(&c->answer, MS_ERROR_CODE, &attr) ||
	    !stun_attr_error_code(&attr, &c->code, &reason))
		return "error without ERROR-CODE";
	if (is_unsigned(c) ? reason.len != 0 : reason.len == 0)
		return "a reason phrase where there must be none, or the reverse";
	return NULL;
}

static const char *judge_integrity(const struct ms_client *c)
{
	size_t len = c->signed_kind == MS_INTEGRITY_SHA256 ? 32 : 20;

	if (is_unsigned(c))
		return c->answer.integrity == MS_INTEGRITY_NONE
			       ? NULL
			       : "signed, but it must not be";
	if (c->answer.integrity != c->signed_kind)
		return "not signed as the request was";
	if (!ms_verify(&c->answer, &c->key))
		return "its integrity does not match";
	if (c->answer.mi_offset + MS_ATTR_HEADER_LEN + len != c->answer.bytes.len)
		return "something follows the integrity";
	return NULL;
}

static const char *judge_challenge(const struct ms_client *c)
{
	bool challenge = is_challenge(c->code);

	if (ms_client_has(c, MS_REALM) != challenge ||
	    ms_client_has(c, MS_NONCE) != challenge ||
	    ms_client_has(c, MS_ALTERNATE_SERVER) !=
		    (challenge || c->code == MS_TRY_ALTERNATE))
		return "parts of a challenge missing or out of place";
	if (ms_client_has(c, MS_USERNAME))
		return "a user's name in an answer";
	return NULL;
}

static const char *judge_version(const struct ms_client *c, const struct ms_msg *asked)
{
	uint32_t ours = c->fixture->settings.ms.version, theirs = 0;
	struct stun_attr attr;
	bool wanted = is_challenge(c->code) || c->code == MS_TRY_ALTERNATE ||
		      c->answer.type == MS_ALLOCATE_RESPONSE;

	if (ms_msg_find(asked, MS_VERSION, &attr) && !stun_attr_u32(&attr, &theirs))
		theirs = 0;
	if (!wanted || theirs == 0)
		return ms_client_has(c, MS_VERSION)
			       ? "MS-VERSION that the client did not ask for"
			       : NULL;
	if (ms_client_u32(c, MS_VERSION) != (theirs < ours ? theirs : ours))
		return "MS-VERSION is not the lower of both";
	return NULL;
}

static const char *judge_allocated(const struct ms_client *c)
{
	struct endpoint mapped = ms_client_address(c, MS_XOR_MAPPED_ADDRESS);
	struct ms_sequence sequence;
	struct stun_attr attr;

	if (c->answer.type != MS_ALLOCATE_RESPONSE)
		return NULL;
	if (ms_client_address(c, MS_MAPPED_ADDRESS).port == 0)
		return "no relayed address";
	if (!endpoint_equal(&mapped, &c->tuple.client))
		return "MS-XOR-MAPPED-ADDRESS is not the client's";
	if (!ms_client_has(c, MS_LIFETIME))
		return "no LIFETIME";
	if (!ms_client_find(c, MS_SEQUENCE_NUMBER, &attr) ||
	    !ms_attr_sequence(&attr, &sequence) || sequence.number != 0)
		return "MS-SEQUENCE-NUMBER does not begin at 0";
	return NULL;
}

static const char *judge(struct ms_client *c)
{
	size_t skip = is_framed(c) ? MS_FRAME_HEADER_LEN : 0, frame_len;
	struct ms_msg asked;
	const char *fault;

	if (c->out.action != DISPATCH_REPLY)
		return NULL;
	if (c->out.reply_len > DISPATCH_REPLY_MAX || c->out.reply_len < skip)
		return "longer than the buffer";
	for (size_t i = c->out.reply_len; i < DISPATCH_REPLY_MAX; i++)
		if (c->reply[i] != c->poison)
			return "wrote past the end of the reply";
	const struct slice whole = {c->reply, c->out.reply_len};
	if (skip > 0 && (ms_framing_next(whole, &frame_len) != MS_FRAMING_CONTROL ||
			 frame_len != whole.len))
		return "not one frame";
	if (ms_msg_parse(slice_skip(whole, skip), &c->answer) != MS_PARSE_OK)
		return "answer does not parse";
	if (ms_msg_parse((struct slice){c->message, c->message_len}, &asked) !=
	    MS_PARSE_OK)
		return "answered bytes that are not a message";
	if (asked.type != MS_ALLOCATE_REQUEST &&
	    asked.type != MS_SET_ACTIVE_DESTINATION_REQUEST)
		return "answered a message that is never answered";
	if (memcmp(c->answer.txid, asked.txid, MS_TXID_LEN) != 0)
		return "another transaction";
	if ((fault = judge_class(c, asked.type)) != NULL ||
	    (fault = judge_integrity(c)) != NULL ||
	    (fault = judge_challenge(c)) != NULL ||
	    (fault = judge_version(c, &asked)) != NULL)
		return fault;
	return judge_allocated(c);
}

static void submit(struct ms_client *c, enum ms_frame type, struct slice content)
{
	static uint8_t frame[MS_FRAMING_MAX];
	struct turn *turn = &c->fixture->turn;

	memset(c->reply, c->poison, sizeof(c->reply));
	c->code = -1;
	if (!is_framed(c)) {
		dispatch_from_client(turn, &c->tuple, content, c->fixture->now_ms,
				     c->fixture->unix_s, c->reply, &c->out);
		return;
	}
	assert(content.len <= MS_FRAME_PAYLOAD_MAX);
	ms_frame_write_header(frame, type, content.len);
	if (content.len > 0)
		memcpy(frame + MS_FRAME_HEADER_LEN, content.data, content.len);
	dispatch_ms_frame(turn, &c->tuple,
			  (struct slice){frame, MS_FRAME_HEADER_LEN + content.len},
			  c->fixture->now_ms, c->fixture->unix_s, c->reply, &c->out);
}

int ms_client_again(struct ms_client *c)
{
	struct ms_sequence sequence;
	struct stun_attr attr;

	submit(c, MS_FRAME_CONTROL, (struct slice){c->message, c->message_len});
	c->fault = judge(c);
	if (c->code == 0 && c->answer.type == MS_ALLOCATE_RESPONSE &&
	    ms_client_find(c, MS_SEQUENCE_NUMBER, &attr) &&
	    ms_attr_sequence(&attr, &sequence))
		memcpy(c->connection_id, sequence.connection_id, MS_CONNECTION_ID_LEN);
	return c->code;
}

int ms_client_ask(struct ms_client *c)
{
	ms_client_sign(c);
	return ms_client_again(c);
}

int ms_client_raw(struct ms_client *c, const void *bytes, size_t len)
{
	assert(len <= sizeof(c->message));
	if (len > 0)
		memmove(c->message, bytes, len);
	c->message_len = len;
	return ms_client_again(c);
}

void ms_client_keep_challenge(struct ms_client *c)
{
	struct stun_attr attr;

	if (ms_client_find(c, MS_REALM, &attr) && attr.value.len <= MS_TEXT_MAX) {
		memcpy(c->realm, attr.value.data, attr.value.len);
		c->realm[attr.value.len] = '\0';
	}
	if (ms_client_find(c, MS_NONCE, &attr) && attr.value.len <= MS_TEXT_MAX)
		keep(c->nonce, &c->nonce_len, attr.value.data, attr.value.len);
}

int ms_client_login(struct ms_client *c)
{
	bool was_bare = c->bare;

	c->bare = true;
	ms_client_start(c, MS_ALLOCATE_REQUEST);
	int code = ms_client_ask(c);
	c->bare = was_bare;
	if (code == MS_UNAUTHORIZED)
		ms_client_keep_challenge(c);
	return code;
}

int ms_client_allocate(struct ms_client *c)
{
	if (c->nonce_len == 0)
		ms_client_login(c);
	ms_client_start(c, MS_ALLOCATE_REQUEST);
	return ms_client_ask(c);
}

int ms_client_lifetime(struct ms_client *c, uint32_t lifetime_s)
{
	ms_client_start(c, MS_ALLOCATE_REQUEST);
	ms_add_u32(&c->b, MS_LIFETIME, lifetime_s);
	return ms_client_ask(c);
}

int ms_client_activate(struct ms_client *c, const char *peer)
{
	ms_client_start(c, MS_SET_ACTIVE_DESTINATION_REQUEST);
	ms_client_add_peer(c, peer);
	return ms_client_ask(c);
}

static bool goes_to_peer(const struct ms_client *c)
{
	return c->out.action == DISPATCH_FORWARD &&
	       c->out.forward.kind == FORWARD_TO_PEER;
}

bool ms_client_send(struct ms_client *c, const char *peer, const void *data, size_t len)
{
	ms_client_start(c, MS_SEND_REQUEST);
	ms_client_add_peer(c, peer);
	ms_builder_add(&c->b, MS_DATA, data, len);
	ms_client_ask(c);
	return goes_to_peer(c);
}

bool ms_client_data(struct ms_client *c, const void *data, size_t len)
{
	submit(c, MS_FRAME_DATA, (struct slice){data, len});
	c->fault = c->out.action == DISPATCH_REPLY ? "answered data" : NULL;
	return goes_to_peer(c);
}

struct allocation *ms_client_allocation(const struct ms_client *c)
{
	return allocation_find(c->fixture->turn.table, &c->tuple);
}

bool ms_client_from_peer(struct ms_client *c, const char *peer, const void *data,
			 size_t len, struct forward *out)
{
	const struct allocation *al = ms_client_allocation(c);
	struct endpoint source = ep(peer);

	assert(al != NULL);
	dispatch_from_peer(&c->fixture->turn, al->slot, &source,
			   (struct slice){data, len}, c->fixture->now_ms, out);
	return out->kind == FORWARD_TO_CLIENT;
}
