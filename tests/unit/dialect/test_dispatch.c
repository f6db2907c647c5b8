/*
 * test_dispatch.c - dispatch of any bytes: headers, classes, methods.
 */
#include "tests/unit/dialect/dialect_check.h"

#define COOKIE 0x21, 0x12, 0xA4, 0x42
#define TXID 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12

static const struct {
	const char *name;
	size_t len;
	uint8_t bytes[36];
	enum drop_reason reason;
} packets[] = {
	{"T-001 top bit of the type set",
	 20,
	 {0x80, 1, 0, 0, COOKIE, TXID},
	 DROP_NOT_STUN},
	{"T-001 first bits 01: ChannelData without allocation",
	 20,
	 {0x40, 1, 0, 0, COOKIE, TXID},
	 DROP_NO_ALLOCATION},
	{"T-001 shorter than a header", 19, {0, 1, 0, 0, COOKIE, TXID}, DROP_MALFORMED},
	{"T-002 length of 1", 21, {0, 1, 0, 1, COOKIE, TXID}, DROP_MALFORMED},
	{"T-002 length of 2", 22, {0, 1, 0, 2, COOKIE, TXID}, DROP_MALFORMED},
	{"T-002 length of 3", 23, {0, 1, 0, 3, COOKIE, TXID}, DROP_MALFORMED},
	{"T-003 less than claimed", 20, {0, 1, 0, 4, COOKIE, TXID}, DROP_MALFORMED},
	{"T-003 more than claimed", 24, {0, 1, 0, 0, COOKIE, TXID}, DROP_MALFORMED},
	{"T-004 wrong cookie on Allocate",
	 20,
	 {0, 3, 0, 0, 0x21, 0x12, 0xA4, 0x43, TXID},
	 DROP_BAD_COOKIE},
	{"T-007 method 0x07F", 20, {0, 0xEF, 0, 0, COOKIE, TXID}, DROP_UNKNOWN_METHOD},
	{"T-007 method 0x002, retired",
	 20,
	 {0, 2, 0, 0, COOKIE, TXID},
	 DROP_UNKNOWN_METHOD},
	{"T-007 the request of an indication's method",
	 20,
	 {0, 0x0C, 0, 0, COOKIE, TXID},
	 DROP_UNKNOWN_METHOD},
	{"T-007 GOOG-PING", 20, {2, 0, 0, 0, COOKIE, TXID}, DROP_UNKNOWN_METHOD},
	{"T-008 Send as a request", 20, {0, 6, 0, 0, COOKIE, TXID}, DROP_UNKNOWN_METHOD},
	{"T-008 Data as a request", 20, {0, 7, 0, 0, COOKIE, TXID}, DROP_UNKNOWN_METHOD},
	{"T-008 Allocate as an indication",
	 20,
	 {0, 0x13, 0, 0, COOKIE, TXID},
	 DROP_UNKNOWN_METHOD},
	{"T-008 Data indication from a client",
	 20,
	 {0, 0x17, 0, 0, COOKIE, TXID},
	 DROP_UNKNOWN_METHOD},
	{"T-008 Allocate success from a client",
	 20,
	 {1, 3, 0, 0, COOKIE, TXID},
	 DROP_UNEXPECTED_RESPONSE},
	{"T-009 unexpected Binding success",
	 20,
	 {1, 1, 0, 0, COOKIE, TXID},
	 DROP_UNEXPECTED_RESPONSE},
	{"T-009 unexpected Binding error",
	 20,
	 {1, 0x11, 0, 0, COOKIE, TXID},
	 DROP_UNEXPECTED_RESPONSE},
	{"T-010 attribute passes the end",
	 24,
	 {0, 1, 0, 4, COOKIE, TXID, 0x80, 0x22, 0, 1},
	 DROP_MALFORMED},
	{"T-010 padding passes the end",
	 28,
	 {0, 1, 0, 8, COOKIE, TXID, 0x80, 0x22, 0, 5, 'a', 'b', 'c', 'd'},
	 DROP_MALFORMED},
	{"T-010 half an attribute header",
	 24,
	 {0, 1, 0, 4, COOKIE, TXID, 0x80, 0x22, 0, 4},
	 DROP_MALFORMED},
	{"T-044 wrong FINGERPRINT",
	 28,
	 {0, 1, 0, 8, COOKIE, TXID, 0x80, 0x28, 0, 4, 1, 2, 3, 4},
	 DROP_BAD_FINGERPRINT},
	{"T-044 FINGERPRINT of no bytes",
	 24,
	 {0, 1, 0, 4, COOKIE, TXID, 0x80, 0x28, 0, 0},
	 DROP_BAD_FINGERPRINT},
	{"T-510 empty datagram", 0, {0}, DROP_NOT_STUN},
	{"T-510 DTLS on the plain front", 13, {22, 0xFE, 0xFD}, DROP_NOT_STUN},
	{"T-510 ZRTP", 12, {16}, DROP_NOT_STUN},
	{"T-510 RTP", 12, {0x80, 0}, DROP_NOT_STUN},
	{"T-511 method above 0x0FF", 20, {4, 0, 0, 0, COOKIE, TXID}, DROP_NOT_STUN},
	{"T-512 QUIC", 20, {0xC0, 0, 0, 1}, DROP_NOT_STUN},
};

START_TEST(most_bytes_get_no_answer)
{
	begin();
	alice.bare = true;
	client_raw(&alice, packets[_i].bytes, packets[_i].len);
	expect_silence(&alice, packets[_i].reason, 0, packets[_i].name);
	client_start(&alice, STUN_BINDING);
	client_ask(&alice);
	expect(&alice, 0, "the server still answers");
	end();
}
END_TEST

START_TEST(fingerprint_must_be_last) /* T-045 */
{
	begin();
	alice.bare = alice.fingerprint = true;
	client_start(&alice, STUN_BINDING);
	client_sign(&alice);
	memcpy(alice.message + alice.message_len, "\x80\x22\x00\x00", 4);
	alice.message_len += 4;
	alice.message[3] = (uint8_t)(alice.message[3] + 4);
	client_again(&alice);
	expect_silence(&alice, DROP_BAD_FINGERPRINT, 0,
		       "T-045 SOFTWARE after FINGERPRINT");
	end();
}
END_TEST

START_TEST(padding_of_others_is_ignored) /* T-011 T-012 */
{
	begin();
	client_login(&alice);
	alice.bare = true;
	client_start(&alice, STUN_BINDING);
	stun_builder_add(&alice.b, STUN_SOFTWARE, "software 11", 11);
	client_sign(&alice);
	ck_assert_msg(load_be16(alice.message + 22) == 11,
		      "T-012 length without padding");
	alice.message[alice.message_len - 1] = 0xFF;
	client_again(&alice);
	expect(&alice, 0, "T-011 padding of 0xFF: success");
	end();
}
END_TEST

static const struct {
	const char *name;
	size_t len;
	uint8_t bytes[24];
	enum dispatch_action action;
} frames[] = {
	{"T-027 garbage on a stream: close", 8, {0xFF, 1, 2, 3}, DISPATCH_CLOSE},
	{"T-027 shorter than a header on a stream: close", 3, {0, 1, 0}, DISPATCH_CLOSE},
	{"T-027 wrong length on a stream: close",
	 20,
	 {0, 1, 0, 4, COOKIE, TXID},
	 DISPATCH_CLOSE},
	{"T-010 bad attribute on a stream: only dropped",
	 24,
	 {0, 1, 0, 4, COOKIE, TXID, 0x80, 0x22, 0, 9},
	 DISPATCH_NOTHING},
	{"T-007 unknown method on a stream: only dropped",
	 20,
	 {0, 0xEF, 0, 0, COOKIE, TXID},
	 DISPATCH_NOTHING},
};

START_TEST(frames_of_a_stream)
{
	begin();
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	client_raw(&alice, frames[_i].bytes, frames[_i].len);
	ck_assert_msg(alice.out.action == frames[_i].action, "%s: action %d",
		      frames[_i].name, alice.out.action);
	end();
}
END_TEST

START_TEST(datagrams_are_counted_by_kind)
{
	const uint64_t *datagrams = fixture.turn.counters.datagrams;

	begin();
	client_login(&alice);
	client_raw(&alice, "\x80\x00", 2);
	client_raw(&alice, "\x40\x00\x00\x00", 4);
	ck_assert_uint_eq(datagrams[DATAGRAM_STUN], 1);
	ck_assert_uint_eq(datagrams[DATAGRAM_RTP], 1);
	ck_assert_uint_eq(datagrams[DATAGRAM_CHANNEL_DATA], 1);
	client_init(&bob, &fixture, BOB, FRONT_OUTSIDE_TCP, "bob");
	client_login(&bob);
	ck_assert_msg(datagrams[DATAGRAM_STUN] == 1, "a frame of a stream is none");
	end();
}
END_TEST

START_TEST(port_zero) /* attack 54 */
{
	struct endpoint source = ep(PEER);
	struct forward out;

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	source.port = 0;
	dispatch_from_peer(&fixture.turn, client_allocation(&alice)->slot, &source,
			   (struct slice){(const uint8_t *)"x", 1}, fixture.now_ms, &out);
	ck_assert_msg(out.kind == FORWARD_DROP, "attack 54: peer with source port 0");
	bob.bare = true;
	bob.tuple.client.port = 0;
	client_start(&bob, STUN_BINDING);
	client_ask(&bob);
	expect_silence(&bob, DROP_SOURCE_PORT_ZERO, 1,
		       "attack 54: client with source port 0");
	end();
}
END_TEST

START_TEST(stream_client_disconnects) /* T-213 */
{
	begin();
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	ck_assert_int_eq(client_allocate(&alice), 0);
	dispatch_client_gone(&fixture.turn, &bob.tuple, END_CLIENT_GONE, fixture.now_ms);
	ck_assert_ptr_nonnull(client_allocation(&alice));
	dispatch_client_gone(&fixture.turn, &alice.tuple, END_CLIENT_GONE,
			     fixture.now_ms);
	ck_assert_msg(fixture_is_clean(&fixture),
		      "T-213 the allocation ends with its connection");
	ck_assert_uint_eq(fixture.edge.last.end_reason, END_CLIENT_GONE);
	end();
}
END_TEST

START_TEST(expiry_reports_the_next_deadline) /* T-211 T-239 */
{
	begin();
	ck_assert(dispatch_expire(&fixture.turn, fixture.now_ms) == UINT64_MAX);
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	ADD_ROWS(&alice, ((struct attr_row[]){UDP, EVEN_PORT(0x80)}));
	ck_assert_int_eq(client_ask(&alice), 0);
	ck_assert_uint_eq(dispatch_expire(&fixture.turn, fixture.now_ms),
			  fixture.now_ms + 30000);
	advance(30000);
	ck_assert_uint_eq(dispatch_expire(&fixture.turn, fixture.now_ms),
			  fixture.now_ms + 570000);
	fixture.now_ms += 570000;
	/* Not swept yet, but expired all the same. */
	client_refresh(&alice, 600);
	expect(&alice, 437, "T-211 overdue: 437");
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

static void dispatch_suite(Suite *suite)
{
	TCase *tc = tcase_create("dispatch");
	tcase_add_loop_test(tc, most_bytes_get_no_answer, 0, ROWS(packets));
	tcase_add_test(tc, fingerprint_must_be_last);
	tcase_add_test(tc, padding_of_others_is_ignored);
	tcase_add_loop_test(tc, frames_of_a_stream, 0, ROWS(frames));
	tcase_add_test(tc, datagrams_are_counted_by_kind);
	tcase_add_test(tc, port_zero);
	tcase_add_test(tc, stream_client_disconnects);
	tcase_add_test(tc, expiry_reports_the_next_deadline);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("dispatch", dispatch_suite)
