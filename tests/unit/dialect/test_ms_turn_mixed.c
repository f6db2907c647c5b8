/*
 * test_ms_turn_mixed.c - two dialects on the same ports: which one a message belongs to.
 */
#include "stun/framing.h"
#include "tests/unit/dialect/ms_check.h"

static struct client ietf;

static void begin_mixed(void)
{
	begin();
	client_init(&ietf, &fixture, ALICE, FRONT_OUTSIDE_UDP, "alice");
}

/* Messages that begin like this belong to other protocols. */
static const struct {
	const char *name;
	const char *bytes;
	size_t len;
	enum drop_reason alone; /* without an allocation on the 5-tuple */
} foreign[] = {
	{"nothing", "", 0, DROP_NOT_STUN},
	{"a letter", "x", 1, DROP_NOT_STUN},
	{"ChannelData",
	 "\x40\x00\x00\x04"
	 "abcd",
	 8, DROP_NO_ALLOCATION},
	{"RTP",
	 "\x80\x60\0\1\0\0\0\1\0\0\0\1"
	 "payload",
	 19, DROP_NOT_STUN},
	{"DTLS",
	 "\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\4"
	 "abcd",
	 17, DROP_NOT_STUN},
	{"a Binding indication",
	 "\0\x11\0\0\x21\x12\xa4\x42"
	 "abcdefghijkl",
	 20, DROP_NONE},
	{"a Send indication",
	 "\0\x16\0\0\x21\x12\xa4\x42"
	 "abcdefghijkl",
	 20, DROP_NO_ALLOCATION},
	{"classic STUN of another method",
	 "\0\3\0\0"
	 "abcdefghijklmnop",
	 20, DROP_BAD_COOKIE},
	{"multiplexed TURN",
	 "\xff\x10\0\x0c"
	 "sessionid"
	 "data",
	 16, DROP_MULTIPLEXED},
	{"begins like multiplexed TURN", "\xff\x10\0", 3, DROP_NOT_STUN},
	{"the cookie one byte late",
	 "\0\3\0\x0c"
	 "abcdefghijklmnop"
	 "x\0\x0f\0\4\x72\xc6\x4b\xc6yzw",
	 32, DROP_MALFORMED},
	{"a cookie that is wrong by a bit",
	 "\0\3\0\x08"
	 "abcdefghijklmnop"
	 "\0\x0f\0\4\x72\xc6\x4b\xc7",
	 28, DROP_BAD_COOKIE},
	{"the cookie after the bits of ChannelData",
	 "\x40\3\0\x18"
	 "abcdefghijklmnop"
	 "\0\x0f\0\4\x72\xc6\x4b\xc6",
	 28, DROP_NO_ALLOCATION},
};

START_TEST(ms_allocation_gets_what_looks_like_another_protocol)
{
	const char *name = foreign[_i].name;

	ms_client_allocate(&alice);
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	uint64_t before = fixture_drops(&fixture, DROP_NO_DESTINATION);
	ck_assert(!ms_client_data(&alice, foreign[_i].bytes, foreign[_i].len));
	expect_drop(&alice, DROP_NO_DESTINATION, before, name);
	ms_client_activate(&alice, PEER);
	ck_assert_msg(ms_client_data(&alice, foreign[_i].bytes, foreign[_i].len), "%s",
		      name);
	struct slice passed = alice.out.forward.payload;
	ck_assert_uint_eq(passed.len, foreign[_i].len);
	ck_assert(passed.len == 0 ||
		  memcmp(passed.data, foreign[_i].bytes, passed.len) == 0);

	/* In the other direction the payload is not inspected. */
	struct forward out;
	ck_assert(ms_client_from_peer(&alice, PEER, foreign[_i].bytes, foreign[_i].len,
				      &out));
	ck_assert_uint_eq(out.header_len, 0);
}
END_TEST

START_TEST(without_allocation_another_protocol_is_recognised)
{
	uint64_t before = fixture_drops(&fixture, foreign[_i].alone);

	ck_assert(!ms_client_data(&alice, foreign[_i].bytes, foreign[_i].len));
	if (foreign[_i].alone == DROP_NONE)
		ck_assert_int_eq(alice.out.action, DISPATCH_NOTHING);
	else
		expect_drop(&alice, foreign[_i].alone, before, foreign[_i].name);
}
END_TEST

/* A Binding request that any other client would get an answer to. */
START_TEST(stun_check_is_data_on_an_ms_allocation)
{
	client_start(&ietf, STUN_BINDING);
	ietf.bare = true;
	client_sign(&ietf);
	ck_assert_int_eq(client_again(&ietf), 0);

	ms_client_allocate(&alice);
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	ck_assert(!ms_client_data(&alice, ietf.message, ietf.message_len));
	ck_assert_int_eq(alice.out.action, DISPATCH_NOTHING);
	ms_client_activate(&alice, PEER);
	ck_assert(ms_client_data(&alice, ietf.message, ietf.message_len));

	ms_client_lifetime(&alice, 0);
	ck_assert_int_eq(client_again(&ietf), 0);
}
END_TEST

/* An IETF client cannot take an MS allocation over, nor the reverse. */
START_TEST(dialect_of_a_tuple_does_not_change)
{
	client_login(&ietf);
	ms_client_allocate(&alice);
	client_allocate(&ietf);
	ck_assert_int_eq(ietf.code, -1);
	ck_assert_int_eq(ms_client_allocation(&alice)->dialect, DIALECT_MS);
	ms_client_lifetime(&alice, 0);
	expect(&alice, 0, "release");

	client_allocate(&ietf);
	ck_assert_int_eq(ietf.code, 0);
	uint64_t before = fixture_drops(&fixture, DROP_BAD_COOKIE);
	ms_client_login(&alice);
	expect_drop(&alice, DROP_BAD_COOKIE, before, "challenge");
	/* Attributes without padding do not parse as STUN. */
	before = fixture_drops(&fixture, DROP_MALFORMED);
	ms_client_allocate(&alice);
	expect_drop(&alice, DROP_MALFORMED, before, "allocate");
	ms_client_lifetime(&alice, 0);
	expect_drop(&alice, DROP_MALFORMED, before + 1, "release");
	ck_assert(!ms_client_send(&alice, PEER, "x", 1));
	ck_assert_int_eq(client_allocation(&ietf)->dialect, DIALECT_IETF);
	ck_assert_int_eq(client_refresh(&ietf, 0), 0);
	ms_client_allocate(&alice);
	expect(&alice, 0, "after the release");
}
END_TEST

/* Valid in both: STUN's cookie in the transaction id, MAGIC-COOKIE as its first attribute. */
static size_t write_both(uint8_t *message)
{
	struct ms_builder b;
	uint8_t txid[MS_TXID_LEN] = {0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4,
				     5,    6,    7,    8,    9, 8, 7, 6};

	ms_builder_start(&b, message, 256, MS_ALLOCATE_REQUEST, txid);
	ms_add_u32(&b, MS_VERSION, 1);
	return ms_builder_finish(&b);
}

START_TEST(message_of_both_belongs_to_the_tuple)
{
	uint8_t message[256];
	size_t len = write_both(message);
	struct stun_msg as_stun;

	ck_assert_int_eq(stun_msg_parse((struct slice){message, len}, &as_stun),
			 STUN_PARSE_OK);
	ck_assert(as_stun.has_cookie && as_stun.method == TURN_ALLOCATE);

	/*
	 * No allocation: MS, because an MS transaction id may look like that by chance.
	 */
	alice.bare = true;
	ms_client_raw(&alice, message, len);
	expect(&alice, MS_UNAUTHORIZED, "on a free 5-tuple");

	/* An IETF allocation: IETF, with its challenge. */
	client_allocate(&ietf);
	ietf.bare = true;
	client_raw(&ietf, message, len);
	ck_assert_msg(ietf.fault == NULL, "%s", ietf.fault);
	ck_assert_int_eq(ietf.code, STUN_UNAUTHENTICATED);
	ietf.bare = false;
	client_refresh(&ietf, 0);

	/* Turned off: IETF. */
	fixture.settings.ms.enabled = false;
	client_raw(&ietf, message, len);
	ck_assert_int_eq(ietf.code, STUN_UNAUTHENTICATED);
	ck_assert_msg(ietf.fault == NULL, "%s", ietf.fault);
}
END_TEST

START_TEST(message_of_both_is_ms_on_an_ms_allocation)
{
	uint8_t message[256];
	size_t len = write_both(message);

	ms_client_allocate(&alice);
	alice.bare = true;
	ms_client_raw(&alice, message, len);
	expect(&alice, MS_UNAUTHORIZED, "MS allocation");
}
END_TEST

START_TEST(switched_off_the_dialect_is_not_served)
{
	ms_client_allocate(&alice);
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	fixture.settings.ms.enabled = false;
	uint64_t before = fixture_drops(&fixture, DROP_BAD_COOKIE);
	ms_client_login(&bob);
	expect_drop(&bob, DROP_BAD_COOKIE, before, "a new client");

	/* A client with an allocation keeps it to its end. */
	ms_client_allocate(&alice);
	expect(&alice, 0, "refresh");
	ms_client_activate(&alice, PEER);
	expect(&alice, 0, "destination");
	ck_assert(ms_client_data(&alice, "x", 1));
	ms_client_lifetime(&alice, 0);
	expect(&alice, 0, "release");
	ms_client_login(&alice);
	expect_drop(&alice, DROP_BAD_COOKIE, before + 1, "after its end");
}
END_TEST

/* Control messages of the dialect that a client never sends. */
static const struct {
	const char *name;
	uint16_t type;
	enum drop_reason reason;
} types[] = {
	{"Allocate response", MS_ALLOCATE_RESPONSE, DROP_UNEXPECTED_RESPONSE},
	{"Allocate error response", MS_ALLOCATE_ERROR, DROP_UNEXPECTED_RESPONSE},
	{"Data Indication", MS_DATA_INDICATION, DROP_UNEXPECTED_RESPONSE},
	{"Set Active Destination response", MS_SET_ACTIVE_DESTINATION_RESPONSE,
	 DROP_UNEXPECTED_RESPONSE},
	{"Set Active Destination error response", MS_SET_ACTIVE_DESTINATION_ERROR,
	 DROP_UNEXPECTED_RESPONSE},
	{"Binding", 0x0001, DROP_UNKNOWN_METHOD},
	{"Shared Secret", 0x0002, DROP_UNKNOWN_METHOD},
	{"Refresh", 0x0004 | 0x0010, DROP_UNKNOWN_METHOD},
	{"Send response", 0x0104, DROP_UNKNOWN_METHOD},
	{"the highest", 0x3FFF, DROP_UNKNOWN_METHOD},
};

START_TEST(other_types_are_never_answered)
{
	for (int allocated = 0; allocated < 2; allocated++) {
		uint64_t before = fixture_drops(&fixture, types[_i].reason);

		ms_client_start(&alice, types[_i].type);
		ms_client_ask(&alice);
		expect_drop(&alice, types[_i].reason, before, types[_i].name);
		ms_client_allocate(&alice);
	}
}
END_TEST

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
} malformed[] = {
	{"a length that is too large",
	 "\0\3\0\x09"
	 "abcdefghijklmnop"
	 "\0\x0f\0\4\x72\xc6\x4b\xc6",
	 28},
	{"a length that is too small",
	 "\0\3\0\x08"
	 "abcdefghijklmnop"
	 "\0\x0f\0\4\x72\xc6\x4b\xc6x",
	 29},
	{"half an attribute",
	 "\0\3\0\x0a"
	 "abcdefghijklmnop"
	 "\0\x0f\0\4\x72\xc6\x4b\xc6\x80\x08",
	 30},
	{"an attribute past the end",
	 "\0\3\0\x0d"
	 "abcdefghijklmnop"
	 "\0\x0f\0\4\x72\xc6\x4b\xc6\x80\x08\0\2x",
	 33},
	{"integrity of 4 bytes",
	 "\0\3\0\x10"
	 "abcdefghijklmnop"
	 "\0\x0f\0\4\x72\xc6\x4b\xc6\0\x08\0\4abcd",
	 36},
};

START_TEST(malformed_message_is_ignored)
{
	uint64_t before = fixture_drops(&fixture, DROP_MALFORMED);

	ms_client_raw(&alice, malformed[_i].bytes, malformed[_i].len);
	expect_drop(&alice, DROP_MALFORMED, before, malformed[_i].name);

	/* On a stream nothing after it can be trusted. */
	ms_client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	ms_client_raw(&alice, malformed[_i].bytes, malformed[_i].len);
	ck_assert_int_eq(alice.out.action, DISPATCH_CLOSE);
	ck_assert_uint_eq(fixture_drops(&fixture, DROP_MALFORMED), before + 2);
}
END_TEST

START_TEST(source_port_zero_is_dropped)
{
	uint64_t before = fixture_drops(&fixture, DROP_SOURCE_PORT_ZERO);

	alice.tuple.client.port = 0;
	ms_client_login(&alice);
	expect_drop(&alice, DROP_SOURCE_PORT_ZERO, before, "UDP");
	ms_client_init(&alice, &fixture, "192.0.2.200:0", FRONT_OUTSIDE_TCP, "alice");
	ms_client_login(&alice);
	expect_drop(&alice, DROP_SOURCE_PORT_ZERO, before + 1, "TCP");
}
END_TEST

/* A message in a message is data. */
START_TEST(nested_messages_are_data)
{
	static uint8_t inner[512];
	struct forward out;

	ms_client_allocate(&alice);
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	size_t len = alice.message_len;
	memcpy(inner, alice.message, len);
	ck_assert(ms_client_send(&alice, PEER_B, inner, len));
	ck_assert_uint_eq(alice.out.forward.payload.len, len);
	ck_assert_mem_eq(alice.out.forward.payload.data, inner, len);

	/* From the peer it reaches the client unchanged. */
	ms_client_activate(&alice, PEER);
	ck_assert(ms_client_from_peer(&alice, PEER, inner, len, &out));
	ck_assert_uint_eq(out.header_len, 0);
	ck_assert_uint_eq(out.payload.len, len);
}
END_TEST

/* The first bytes of a stream decide; later bytes that look different do not matter. */
START_TEST(stream_keeps_its_dialect)
{
	ms_client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	client_init(&ietf, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");

	/* On an IETF stream an MS message is invalid, even if its framing fits. */
	uint8_t message[256];
	size_t len = write_both(message);
	ietf.bare = true;
	client_raw(&ietf, message, len);
	ck_assert_msg(ietf.fault == NULL, "%s", ietf.fault);
	ck_assert_int_eq(ietf.code, STUN_UNAUTHENTICATED);

	/* On an MS stream STUN is not a control message, and data is dropped. */
	client_start(&ietf, STUN_BINDING);
	client_sign(&ietf);
	ms_client_raw(&alice, ietf.message, ietf.message_len);
	ck_assert_int_eq(alice.out.action, DISPATCH_CLOSE);
	uint64_t before = fixture_drops(&fixture, DROP_NO_ALLOCATION);
	ck_assert(!ms_client_data(&alice, ietf.message, ietf.message_len));
	expect_drop(&alice, DROP_NO_ALLOCATION, before, "data before Allocate");
}
END_TEST

/* Fronts never pass this; if they did, nothing would be forwarded or answered. */
START_TEST(stream_of_the_other_dialect_is_closed)
{
	client_init(&ietf, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	ms_client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	client_allocate(&ietf);
	ms_client_login(&alice);
	ck_assert_int_eq(alice.out.action, DISPATCH_CLOSE);
}
END_TEST

/* MS and IETF relayed addresses can be each other's peers. */
START_TEST(dialects_meet_through_their_relayed_addresses)
{
	char at_alice[ENDPOINT_TEXT_LEN], at_bob[ENDPOINT_TEXT_LEN];
	struct forward out;

	client_init(&ietf, &fixture, BOB, FRONT_OUTSIDE_UDP, "bob");
	ms_client_allocate(&alice);
	client_allocate(&ietf);
	struct endpoint a = ms_client_address(&alice, MS_MAPPED_ADDRESS);
	struct endpoint b = client_address(&ietf, TURN_XOR_RELAYED_ADDRESS);
	endpoint_format(&a, at_alice, sizeof(at_alice));
	endpoint_format(&b, at_bob, sizeof(at_bob));

	ck_assert(ms_client_send(&alice, at_bob, "x", 1));
	ck_assert_int_eq(client_permit(&ietf, at_alice), 0);
	ms_client_activate(&alice, at_bob);
	ck_assert(ms_client_data(&alice, "to bob", 6));
	ck_assert(client_from_peer(&ietf, at_alice, "to bob", 6, &out));
	ck_assert(client_send(&ietf, at_alice, "to alice", 8));
	ck_assert(ms_client_from_peer(&alice, at_bob, "to alice", 8, &out));
	ck_assert_uint_eq(out.header_len, 0);
}
END_TEST

START_TEST(datagrams_are_counted_by_their_first_byte)
{
	const uint64_t *kinds = fixture.turn.counters.datagrams;

	ms_client_allocate(&alice); /* a login and an Allocate */
	ck_assert(!ms_client_data(&alice, "\x80", 1));
	ck_assert_uint_eq(kinds[DATAGRAM_STUN], 2);
	ck_assert_uint_eq(kinds[DATAGRAM_RTP], 1);
}
END_TEST

static void mixed_suite(Suite *suite)
{
	TCase *tc = tcase_create("ms_turn_mixed");

	tcase_add_checked_fixture(tc, begin_mixed, end);
	tcase_add_loop_test(tc, ms_allocation_gets_what_looks_like_another_protocol, 0,
			    ROWS(foreign));
	tcase_add_loop_test(tc, without_allocation_another_protocol_is_recognised, 0,
			    ROWS(foreign));
	tcase_add_test(tc, stun_check_is_data_on_an_ms_allocation);
	tcase_add_test(tc, dialect_of_a_tuple_does_not_change);
	tcase_add_test(tc, message_of_both_belongs_to_the_tuple);
	tcase_add_test(tc, message_of_both_is_ms_on_an_ms_allocation);
	tcase_add_test(tc, switched_off_the_dialect_is_not_served);
	tcase_add_loop_test(tc, other_types_are_never_answered, 0, ROWS(types));
	tcase_add_loop_test(tc, malformed_message_is_ignored, 0, ROWS(malformed));
	tcase_add_test(tc, source_port_zero_is_dropped);
	tcase_add_test(tc, nested_messages_are_data);
	tcase_add_test(tc, stream_keeps_its_dialect);
	tcase_add_test(tc, stream_of_the_other_dialect_is_closed);
	tcase_add_test(tc, dialects_meet_through_their_relayed_addresses);
	tcase_add_test(tc, datagrams_are_counted_by_their_first_byte);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ms_turn_mixed", mixed_suite)
