/*
 * test_ms_turn_vectors.c - the captured exchanges of ms-turn-vectors.json, replayed: the
 * clients' messages go in unchanged, and our answers are compared with the captured ones,
 * attribute by attribute and where possible byte by byte.
 *
 * Two things in a capture cannot be ours: the nonces, so a signed Allocate is refused
 * first and then signed again with our nonce and the captured key; and the connection
 * ids, which replace ours so that no other message needs a change.
 */
#include <string.h>

#include "stun/framing.h"
#include "stun/ms_attr.h"
#include "stun/ms_integrity.h"
#include "tests/unit/core/fake_edge.h"
#include "tests/unit/dialect/ms_client.h"
#include "tests/unit/dialect/turn_client.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/lib/vectors.h"

enum { SETS = 4, CLIENTS = 2, ANSWERS = 16, REQUEST_MAX = 1024 };

/* The number of answers in each set. */
static const unsigned expected[SETS] = {8, 14, 6, 8};

/* One agent of a set: its address and what it has learned. */
struct agent {
	struct five_tuple tuple;
	uint8_t nonce[MS_TEXT_MAX];
	size_t nonce_len;
	struct endpoint active;
	/* Its requests and our answers without frame headers; the newest at count - 1. */
	struct answer {
		uint8_t request[REQUEST_MAX];
		size_t request_len;
		uint8_t bytes[DISPATCH_REPLY_MAX];
		size_t len;
		bool compared;
	} answers[ANSWERS];
	size_t count;
};

static struct fixture fixture;
static json_t *root;
static const json_t *set;
static bool framed;
static struct agent agents[CLIENTS];
static size_t agent_count;
static char id[96];
static unsigned compared;
static uint8_t reply[DISPATCH_REPLY_MAX];
static struct dispatch out;

/* The keys of the capture; its tokens are valid until 2100. */
static void use_captured_keys(void)
{
	struct key *key = &fixture.settings.keyring->keys[0];
	struct vectors_bytes token = vectors_hex(root, "mras_key1_hex");
	struct vectors_bytes password = vectors_hex(root, "mras_key2_hex");

	ck_assert_uint_eq(token.len, KEY_DERIVED_LEN);
	ck_assert_uint_eq(password.len, KEY_DERIVED_LEN);
	memcpy(key->mras_token, token.data, token.len);
	memcpy(key->mras_password, password.data, password.len);
	free(token.data);
	free(password.data);
}

/* The capture is of one host, which may be its own peer. */
static void allow_loopback(void)
{
	struct ip_prefix loopback;

	ck_assert(ip_prefix_parse("127.0.0.0/8", &loopback));
	peer_policy_free(fixture.settings.policy);
	fixture.settings.policy = peer_policy_new(&(struct peer_policy_config){
		.allow = &loopback,
		.allow_count = 1,
		.relay = fixture.shared.relay,
		.relay_count = fixture.shared.relay_count,
	});
	ck_assert_ptr_nonnull(fixture.settings.policy);
	fixture.settings.generation++;
}

static void start(int number)
{
	root = vectors_load("ms-turn/ms-turn-vectors.json");
	const json_t *sets = json_object_get(root, "sets");
	ck_assert_uint_eq(json_array_size(sets), SETS);
	set = json_array_get(sets, (size_t)number);
	ck_assert(fixture_start(&fixture, NULL));
	ms_fixture_enable(&fixture);
	strcpy(fixture.settings.ms.realm, vectors_text(set, "realm"));
	framed = strcmp(vectors_text(set, "transport"), "udp") != 0;
	memset(agents, 0, sizeof(agents));
	agent_count = 0;
	compared = 0;
	use_captured_keys();
	allow_loopback();
}

static struct agent *agent_of(const json_t *vector)
{
	uint16_t front = framed ? FRONT_OUTSIDE_TCP : FRONT_OUTSIDE_UDP;
	struct five_tuple tuple = fixture_tuple(vectors_text(vector, "client"), front);

	for (size_t i = 0; i < agent_count; i++)
		if (five_tuple_equal(&agents[i].tuple, &tuple))
			return &agents[i];
	ck_assert_uint_lt(agent_count, CLIENTS);
	agents[agent_count].tuple = tuple;
	return &agents[agent_count++];
}

static void submit(struct agent *agent, enum ms_frame type, struct slice content)
{
	static uint8_t frame[MS_FRAMING_MAX];
	const struct slice request = content;

	if (framed) {
		ms_frame_write_header(frame, type, content.len);
		memcpy(frame + MS_FRAME_HEADER_LEN, content.data, content.len);
		content = (struct slice){frame, MS_FRAME_HEADER_LEN + content.len};
		dispatch_ms_frame(&fixture.turn, &agent->tuple, content, fixture.now_ms,
				  fixture.unix_s, reply, &out);
	} else {
		dispatch_from_client(&fixture.turn, &agent->tuple, content,
				     fixture.now_ms, fixture.unix_s, reply, &out);
	}
	if (out.action != DISPATCH_REPLY)
		return;
	size_t skip = framed ? MS_FRAME_HEADER_LEN : 0;
	ck_assert_uint_lt(agent->count, ANSWERS);
	struct answer *answer = &agent->answers[agent->count++];
	ck_assert_uint_le(request.len, sizeof(answer->request));
	memcpy(answer->request, request.data, request.len);
	answer->request_len = request.len;
	answer->compared = false;
	answer->len = out.reply_len - skip;
	memcpy(answer->bytes, reply + skip, answer->len);
}

static const struct answer *newest(const struct agent *agent)
{
	ck_assert_msg(out.action == DISPATCH_REPLY, "%s: no answer", id);
	return &agent->answers[agent->count - 1];
}

static struct ms_msg parse(const void *bytes, size_t len)
{
	struct ms_msg msg;

	ck_assert_msg(ms_msg_parse((struct slice){bytes, len}, &msg) == MS_PARSE_OK, "%s",
		      id);
	return msg;
}

static struct stun_key captured_key(const json_t *vector)
{
	const json_t *integrity = json_object_get(vector, "integrity");
	struct vectors_bytes bytes = vectors_hex(integrity, "key_hex");
	struct stun_key key = {.len = (uint8_t)bytes.len};

	ck_assert_uint_le(bytes.len, sizeof(key.bytes));
	memcpy(key.bytes, bytes.data, bytes.len);
	free(bytes.data);
	return key;
}

static void keep_nonce(struct agent *agent)
{
	struct ms_msg msg = parse(newest(agent)->bytes, newest(agent)->len);
	struct stun_attr attr;

	ck_assert(ms_msg_find(&msg, MS_NONCE, &attr));
	memcpy(agent->nonce, attr.value.data, attr.value.len);
	agent->nonce_len = attr.value.len;
}

static int error_code(const struct agent *agent)
{
	struct ms_msg msg = parse(newest(agent)->bytes, newest(agent)->len);
	struct stun_attr attr;
	struct slice reason;
	int code = 0;

	if (ms_msg_find(&msg, MS_ERROR_CODE, &attr))
		ck_assert(stun_attr_error_code(&attr, &code, &reason));
	return code;
}

/* The same request with our nonce. */
static void sign_again(struct agent *agent, const struct ms_msg *msg,
		       const struct stun_key *key)
{
	uint8_t message[1024];
	struct slice rest = msg->body;
	struct stun_attr attr;
	struct ms_builder b;

	ms_builder_start(&b, message, sizeof(message), msg->type, msg->txid);
	while (ms_attr_next(&rest, &attr)) {
		if (attr.type == MS_NONCE)
			ms_builder_add(&b, MS_NONCE, agent->nonce, agent->nonce_len);
		else
			ms_builder_add(&b, attr.type, attr.value.data, attr.value.len);
	}
	ms_add_integrity(&b, MS_INTEGRITY_SHA1, key);
	submit(agent, MS_FRAME_CONTROL, (struct slice){message, ms_builder_finish(&b)});
}

static void request_allocate(struct agent *agent, const json_t *vector,
			     const struct ms_msg *msg)
{
	submit(agent, MS_FRAME_CONTROL, msg->bytes);
	if (msg->integrity == MS_INTEGRITY_NONE) {
		ck_assert_int_eq(error_code(agent), MS_UNAUTHORIZED);
		keep_nonce(agent);
		return;
	}
	ck_assert_msg(error_code(agent) == MS_STALE_NONCE, "%s: a foreign nonce", id);
	keep_nonce(agent);
	agent->count--; /* not the one that was captured */
	struct stun_key key = captured_key(vector);
	sign_again(agent, msg, &key);
	ck_assert_msg(out.action == DISPATCH_REPLY, "%s: no answer", id);
}

static void request_send(struct agent *agent, const struct ms_msg *msg)
{
	struct stun_attr data, destination;
	struct endpoint peer;

	submit(agent, MS_FRAME_CONTROL, msg->bytes);
	ck_assert_msg(out.action == DISPATCH_FORWARD, "%s: not forwarded", id);
	ck_assert(ms_msg_find(msg, MS_DATA, &data));
	ck_assert(ms_msg_find(msg, MS_DESTINATION_ADDRESS, &destination));
	ck_assert(stun_attr_address(&destination, &peer));
	ck_assert(endpoint_equal(&out.forward.peer, &peer));
	ck_assert_uint_eq(out.forward.payload.len, data.value.len);
	ck_assert_mem_eq(out.forward.payload.data, data.value.data, data.value.len);
}

static void request_destination(struct agent *agent, const struct ms_msg *msg)
{
	struct stun_attr attr;

	submit(agent, MS_FRAME_CONTROL, msg->bytes);
	ck_assert_msg(out.action == DISPATCH_REPLY, "%s: no answer", id);
	ck_assert(ms_msg_find(msg, MS_DESTINATION_ADDRESS, &attr));
	ck_assert(stun_attr_address(&attr, &agent->active));
}

static void from_client(const json_t *vector, struct slice bytes)
{
	struct agent *agent = agent_of(vector);

	if (strcmp(vectors_text(vector, "kind"), "data") == 0) {
		submit(agent, MS_FRAME_DATA, bytes);
		ck_assert_msg(out.action == DISPATCH_FORWARD, "%s: not forwarded", id);
		ck_assert(endpoint_equal(&out.forward.peer, &agent->active));
		ck_assert_uint_eq(out.forward.payload.len, bytes.len);
		ck_assert_mem_eq(out.forward.payload.data, bytes.data, bytes.len);
		return;
	}

	struct ms_msg msg = parse(bytes.data, bytes.len);
	switch (msg.type) {
	case MS_ALLOCATE_REQUEST:
		request_allocate(agent, vector, &msg);
		break;
	case MS_SEND_REQUEST:
		request_send(agent, &msg);
		break;
	case MS_SET_ACTIVE_DESTINATION_REQUEST:
		request_destination(agent, &msg);
		break;
	default:
		ck_abort_msg("%s: type 0x%04x", id, msg.type);
	}
}

/*
 * True if this attribute must equal the captured one; otherwise it must only be present.
 */
static bool is_compared(uint16_t type, const struct ms_msg *captured)
{
	switch (type) {
	case MS_NONCE:
	case MS_ALTERNATE_SERVER: /* the address of that server */
		return false;
	case MS_MAPPED_ADDRESS: /* a port of that server */
		return false;
	case MS_SEQUENCE_NUMBER:
		/* Replaced after the first Allocate response. */
		return captured->type != MS_ALLOCATE_RESPONSE;
	case MS_ERROR_CODE:
		/* Unauthenticated clients get no reason phrase. */
		return captured->integrity != MS_INTEGRITY_NONE;
	case MS_VERSION:
		/* That server sent its own, we send the lower of both. */
		return false;
	default:
		return true;
	}
}

/* On streams we grant the maximum lifetime, for clients that never refresh there. */
static void compare_lifetime(const struct stun_attr *got, const struct stun_attr *want)
{
	uint32_t ours, theirs;

	ck_assert(stun_attr_u32(got, &ours) && stun_attr_u32(want, &theirs));
	if (framed && theirs != 0)
		ck_assert_uint_eq(ours, fixture.settings.limits.lifetime_max_s);
	else
		ck_assert_uint_eq(ours, theirs);
}

static void compare_attributes(const struct ms_msg *got, const struct ms_msg *want)
{
	struct slice a = got->body, b = want->body;
	struct stun_attr ours, theirs;

	while (ms_attr_next(&b, &theirs)) {
		ck_assert_msg(ms_attr_next(&a, &ours), "%s: 0x%04x is missing", id,
			      theirs.type);
		ck_assert_msg(ours.type == theirs.type, "%s: 0x%04x for 0x%04x", id,
			      ours.type, theirs.type);
		if (theirs.type == MS_LIFETIME)
			compare_lifetime(&ours, &theirs);
		else if (is_compared(theirs.type, want))
			ck_assert_msg(ours.value.len == theirs.value.len &&
					      memcmp(ours.value.data, theirs.value.data,
						     theirs.value.len) == 0,
				      "%s: 0x%04x differs", id, theirs.type);
	}
	ck_assert_msg(!ms_attr_next(&a, &ours), "%s: 0x%04x is extra", id, ours.type);
}

/* From now on use the captured connection id, so that its messages need no change. */
static void adopt_connection(const struct agent *agent, const struct ms_msg *captured)
{
	struct allocation *al = allocation_find(fixture.turn.table, &agent->tuple);
	struct ms_sequence sequence;
	struct stun_attr attr;

	if (al == NULL)
		return;
	ck_assert(ms_msg_find(captured, MS_SEQUENCE_NUMBER, &attr));
	ck_assert(ms_attr_sequence(&attr, &sequence));
	memcpy(al->ms.sequence.connection_id, sequence.connection_id,
	       MS_CONNECTION_ID_LEN);
}

/*
 * Our answer of that transaction. The capture omits retransmitted requests, but not the
 * answers to them: when an answer comes a second time, send the request a second time.
 */
static const struct answer *answer_to(struct agent *agent, const uint8_t *txid)
{
	size_t i = agent->count;

	while (i > 0 && memcmp(agent->answers[i - 1].bytes + 4, txid, MS_TXID_LEN) != 0)
		i--;
	ck_assert_msg(i > 0, "%s: there was no request", id);
	struct answer *answer = &agent->answers[i - 1];
	if (answer->compared) {
		submit(agent, MS_FRAME_CONTROL,
		       (struct slice){answer->request, answer->request_len});
		answer = &agent->answers[agent->count - 1];
	}
	answer->compared = true;
	return answer;
}

static void compare_answer(struct agent *agent, const json_t *vector,
			   const struct ms_msg *captured)
{
	const struct answer *answer = answer_to(agent, captured->txid);
	struct ms_msg got = parse(answer->bytes, answer->len);

	ck_assert_msg(got.type == captured->type, "%s: type 0x%04x", id, got.type);
	ck_assert_int_eq(got.integrity, captured->integrity);
	compare_attributes(&got, captured);
	if (captured->integrity != MS_INTEGRITY_NONE) {
		struct stun_key key = captured_key(vector);
		ck_assert_msg(ms_verify(&got, &key), "%s: integrity", id);
	}
	/* An answer without server-specific values is equal byte by byte. */
	if (captured->type == MS_SET_ACTIVE_DESTINATION_RESPONSE ||
	    (captured->type == MS_ALLOCATE_ERROR &&
	     captured->integrity != MS_INTEGRITY_NONE)) {
		ck_assert_uint_eq(got.bytes.len, captured->bytes.len);
		ck_assert_mem_eq(got.bytes.data, captured->bytes.data, got.bytes.len);
	}
	if (captured->type == MS_ALLOCATE_RESPONSE)
		adopt_connection(agent, captured);
	compared++;
}

/*
 * Data that reached the client came from a peer: feed it in, and expect the same output.
 */
static void compare_forwarded(const struct agent *agent, const struct endpoint *peer,
			      struct slice payload, struct slice captured, bool control)
{
	const struct allocation *al = allocation_find(fixture.turn.table, &agent->tuple);
	static uint8_t bytes[65536];
	struct forward forward;
	size_t skip = framed ? MS_FRAME_HEADER_LEN : 0;

	ck_assert_ptr_nonnull(al);
	dispatch_from_peer(&fixture.turn, al->slot, peer, payload, fixture.now_ms,
			   &forward);
	ck_assert_msg(forward.kind == FORWARD_TO_CLIENT, "%s: %s", id,
		      drop_reason_name(forward.reason));
	memcpy(bytes, forward.header, forward.header_len);
	memcpy(bytes + forward.header_len, forward.payload.data, forward.payload.len);
	size_t len = forward.header_len + forward.payload.len;
	ck_assert_uint_eq(len, skip + captured.len);
	if (framed)
		ck_assert_int_eq(bytes[0], control ? MS_FRAME_CONTROL : MS_FRAME_DATA);
	if (control) /* the transaction id means nothing */
		memcpy(bytes + skip + 4, captured.data + 4, MS_TXID_LEN);
	ck_assert_msg(memcmp(bytes + skip, captured.data, captured.len) == 0,
		      "%s: differs", id);
}

static void to_client(const json_t *vector, struct slice bytes)
{
	struct agent *agent = agent_of(vector);
	struct stun_attr attr;
	struct endpoint peer;

	if (strcmp(vectors_text(vector, "kind"), "data") == 0) {
		compare_forwarded(agent, &agent->active, bytes, bytes, false);
		return;
	}

	struct ms_msg msg = parse(bytes.data, bytes.len);
	if (msg.type != MS_DATA_INDICATION) {
		compare_answer(agent, vector, &msg);
		return;
	}
	ck_assert(ms_msg_find(&msg, MS_REMOTE_ADDRESS, &attr));
	ck_assert(stun_attr_address(&attr, &peer));
	ck_assert(ms_msg_find(&msg, MS_DATA, &attr));
	compare_forwarded(agent, &peer, attr.value, bytes, true);
}

START_TEST(captured_exchange_gives_the_same_answers)
{
	start(_i);
	const json_t *messages = json_object_get(set, "messages");

	for (size_t i = 0; i < json_array_size(messages); i++) {
		const json_t *vector = json_array_get(messages, i);
		struct vectors_bytes bytes = vectors_hex(vector, "hex");

		snprintf(id, sizeof(id), "set %d, message %zu, %s", _i, i,
			 vectors_text(vector, "note"));
		/* The pseudo-TLS handshake precedes all messages. */
		if (strcmp(vectors_text(vector, "kind"), "pseudo-tls") == 0)
			;
		else if (strcmp(vectors_text(vector, "dir"), "client-to-server") == 0)
			from_client(vector, (struct slice){bytes.data, bytes.len});
		else
			to_client(vector, (struct slice){bytes.data, bytes.len});
		free(bytes.data);
	}
	ck_assert_uint_eq(compared, expected[_i]);
	/* One capture ends with its connections. */
	for (size_t i = 0; i < agent_count; i++)
		if (framed)
			dispatch_client_gone(&fixture.turn, &agents[i].tuple,
					     END_CLIENT_GONE, fixture.now_ms);
	ck_assert(fixture_is_clean(&fixture));
	fixture_stop(&fixture);
	json_decref(root);
}
END_TEST

static void vectors_suite(Suite *suite)
{
	TCase *tc = tcase_create("ms_turn_vectors");

	tcase_add_loop_test(tc, captured_exchange_gives_the_same_answers, 0, SETS);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ms_turn_vectors", vectors_suite)
