/*
 * test_ms_turn_data.c - the MS dialect: Send, permissions, Data Indications, bare data.
 */
#include <stdio.h>

#include "stun/framing.h"
#include "tests/unit/dialect/ms_check.h"

static struct forward out;

START_TEST(send_passes_its_data_on)
{
	ms_client_allocate(&alice);
	ck_assert(ms_client_send(&alice, PEER, "hello", 5));
	ck_assert(slice_is(alice.out.forward.payload, "hello"));
	ck_assert(is_peer(sent_to(&alice), PEER));
	ck_assert(ms_client_send(&alice, PEER_B, "", 0));
	ck_assert(is_peer(sent_to(&alice), PEER_B));
	ck_assert_uint_eq(ms_client_allocation(&alice)->to_peer.packets, 2);
	ck_assert_uint_eq(ms_client_allocation(&alice)->to_peer.bytes, 5);
}
END_TEST

/* A faulty Send is dropped and counted, and never answered. */
static const struct {
	const char *name;
	unsigned wrong;
	bool bare;
	const char *peer; /* NULL: no DESTINATION-ADDRESS */
	bool no_data;
	uint16_t extra; /* another attribute, 0 for none */
	enum drop_reason reason;
} bad_sends[] = {
	{"no integrity", 0, true, PEER, false, 0, DROP_BAD_INTEGRITY},
	{"wrong integrity", MS_WRONG_MAC, false, PEER, false, 0, DROP_BAD_INTEGRITY},
	{"another connection", MS_WRONG_CONNECTION, false, PEER, false, 0,
	 DROP_OTHER_CONNECTION},
	{"the same number again", MS_SAME_NUMBER, false, PEER, false, 0, DROP_REPLAYED},
	{"no destination", 0, false, NULL, false, 0, DROP_BAD_INDICATION},
	{"no data", 0, false, PEER, true, 0, DROP_BAD_INDICATION},
	{"unknown attribute", 0, false, PEER, false, 0x7FFF, DROP_UNKNOWN_ATTRIBUTE},
	{"port 0", 0, false, "192.0.2.1:0", false, 0, DROP_POLICY},
	{"refused by policy", 0, false, PEER_REFUSED, false, 0, DROP_POLICY},
	{"inside", 0, false, "10.0.0.7:80", false, 0, DROP_POLICY},
	{"our own front", 0, false, "198.18.0.1:3478", false, 0, DROP_POLICY},
	{"an unused relay port of ours", 0, false, "198.18.0.1:50099", false, 0,
	 DROP_POLICY},
	{"the other family", 0, false, PEER_V6, false, 0, DROP_WRONG_FAMILY},
};

START_TEST(faulty_send_is_dropped_silently)
{
	ms_client_allocate(&alice);
	ck_assert(ms_client_send(&alice, PEER_B, "x", 1));
	uint64_t before = fixture_drops(&fixture, bad_sends[_i].reason);
	alice.wrong = bad_sends[_i].wrong;
	alice.bare = bad_sends[_i].bare;
	ms_client_start(&alice, MS_SEND_REQUEST);
	if (bad_sends[_i].peer != NULL)
		ms_client_add_peer(&alice, bad_sends[_i].peer);
	if (bad_sends[_i].extra != 0)
		ms_builder_add(&alice.b, bad_sends[_i].extra, "", 0);
	if (!bad_sends[_i].no_data)
		ms_builder_add(&alice.b, MS_DATA, "x", 1);
	ms_client_ask(&alice);
	expect_drop(&alice, bad_sends[_i].reason, before, bad_sends[_i].name);
	ck_assert_msg(ms_client_allocation(&alice)->permission_count == 1,
		      "%s: made a permission", bad_sends[_i].name);
}
END_TEST

/* The owner's signature is enough, even with another USERNAME in second place. */
START_TEST(send_may_omit_known_attributes)
{
	ms_client_allocate(&alice);
	alice.wrong = MS_NO_USERNAME;
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	alice.wrong = MS_NO_SEQUENCE; /* clients of the first release */
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	alice.version = 0;
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
}
END_TEST

static bool send_with(uint16_t type, const char *text)
{
	ms_client_start(&alice, MS_SEND_REQUEST);
	ms_client_add_peer(&alice, PEER);
	ms_builder_add(&alice.b, type, text, strlen(text));
	ms_builder_add(&alice.b, MS_DATA, "x", 1);
	ms_client_ask(&alice);
	return alice.out.action == DISPATCH_FORWARD;
}

START_TEST(send_may_carry_realm_and_nonce)
{
	ms_client_allocate(&alice);
	ck_assert(send_with(MS_REALM, "\"rtcmedia\"")); /* as libnice does */
	ck_assert(send_with(MS_REALM, "rtcmedia"));
	ck_assert(send_with(MS_NONCE, "whatever"));
	ck_assert(!send_with(MS_REALM, "another"));
	/* The first USERNAME counts, and it is not the owner's. */
	ck_assert(!send_with(MS_USERNAME, "another user"));
}
END_TEST

START_TEST(send_without_allocation_is_dropped)
{
	ms_client_login(&alice);
	uint64_t before = fixture_drops(&fixture, DROP_NO_ALLOCATION);
	ck_assert(!ms_client_send(&alice, PEER, "x", 1));
	expect_drop(&alice, DROP_NO_ALLOCATION, before, "no allocation");
}
END_TEST

START_TEST(permission_is_for_the_address)
{
	uint64_t before = fixture_drops(&fixture, DROP_NO_PERMISSION);

	ms_client_allocate(&alice);
	ck_assert(!ms_client_from_peer(&alice, PEER, "x", 1, &out));
	ck_assert_uint_eq(fixture_drops(&fixture, DROP_NO_PERMISSION), before + 1);
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	ck_assert(ms_client_from_peer(&alice, PEER, "x", 1, &out));
	ck_assert(ms_client_from_peer(&alice, PEER_OTHER_PORT, "x", 1, &out));
	ck_assert(!ms_client_from_peer(&alice, PEER_B, "x", 1, &out));
}
END_TEST

START_TEST(permission_lasts_as_long_as_the_allocation)
{
	permit();
	for (int i = 0; i < 10; i++) {
		advance(590000);
		ms_client_allocate(&alice);
		ck_assert(ms_client_from_peer(&alice, PEER, "x", 1, &out));
	}
	ms_client_lifetime(&alice, 0);
	ms_client_login(&alice);
	ms_client_allocate(&alice);
	ck_assert(!ms_client_from_peer(&alice, PEER, "x", 1, &out));
}
END_TEST

START_TEST(permissions_are_bounded)
{
	char peer[32];

	ms_client_allocate(&alice);
	for (int i = 1; i <= 8; i++) {
		snprintf(peer, sizeof(peer), "192.0.2.%d:7", i);
		ck_assert(ms_client_send(&alice, peer, "x", 1));
	}
	uint64_t before = fixture_drops(&fixture, DROP_PERMISSIONS_FULL);
	ck_assert(!ms_client_send(&alice, "192.0.2.9:7", "x", 1));
	expect_drop(&alice, DROP_PERMISSIONS_FULL, before, "one more");
	ck_assert(ms_client_send(&alice, "192.0.2.8:8", "x", 1));
}
END_TEST

START_TEST(policy_may_change)
{
	permit();
	activate(PEER);
	ck_assert(ms_client_data(&alice, "x", 1));
	ck_assert(fixture_deny(&fixture, "192.0.2.1/32"));
	uint64_t before = fixture_drops(&fixture, DROP_POLICY);
	ck_assert(!ms_client_data(&alice, "x", 1));
	expect_drop(&alice, DROP_POLICY, before, "data");
	ck_assert(!ms_client_send(&alice, PEER, "x", 1));
	ck_assert(!ms_client_from_peer(&alice, PEER, "x", 1, &out));
	ck_assert(!ms_client_from_peer(&alice, PEER_OTHER_PORT, "x", 1, &out));
	ck_assert_uint_eq(fixture_drops(&fixture, DROP_POLICY), before + 4);
	ms_client_activate(&alice, PEER_OTHER_PORT);
	expect(&alice, MS_NO_DESTINATION, "destination refused by policy");
	ck_assert(fixture_deny(&fixture, NULL));
	ck_assert(ms_client_data(&alice, "x", 1));
	ck_assert(ms_client_from_peer(&alice, PEER, "x", 1, &out));
}
END_TEST

/* Header and payload, as parsed by the client. */
static size_t assemble(uint8_t *to, size_t size)
{
	size_t len = out.header_len + out.payload.len;

	ck_assert_uint_le(len, size);
	ck_assert_uint_eq(out.padding_len, 0);
	memcpy(to, out.header, out.header_len);
	if (out.payload.len > 0)
		memcpy(to + out.header_len, out.payload.data, out.payload.len);
	return len;
}

static void check_indication(struct slice message, const char *peer, const char *data)
{
	struct endpoint from;
	struct stun_attr attr;
	struct slice rest;
	struct ms_msg msg;

	ck_assert_int_eq(ms_msg_parse(message, &msg), MS_PARSE_OK);
	ck_assert_uint_eq(msg.type, MS_DATA_INDICATION);
	ck_assert_int_eq(msg.integrity, MS_INTEGRITY_NONE);
	rest = msg.body;
	ck_assert(ms_attr_next(&rest, &attr));
	ck_assert_uint_eq(attr.type, MS_REMOTE_ADDRESS);
	ck_assert(stun_attr_address(&attr, &from));
	ck_assert(is_peer(&from, peer));
	ck_assert(ms_attr_next(&rest, &attr));
	ck_assert_uint_eq(attr.type, MS_DATA);
	ck_assert(slice_is(attr.value, data));
	ck_assert(!ms_attr_next(&rest, &attr));
}

START_TEST(data_of_a_permitted_peer_is_indicated)
{
	static const char *const data[] = {"", "a", "odd", "four", "hello world"};
	uint8_t bytes[256], first[MS_TXID_LEN];

	permit();
	for (size_t i = 0; i < ARRAY_LEN(data); i++) {
		ck_assert(ms_client_from_peer(&alice, PEER_OTHER_PORT, data[i],
					      strlen(data[i]), &out));
		ck_assert_uint_eq(out.header_len, FORWARD_MS_DATA_HEADER_V4);
		size_t len = assemble(bytes, sizeof(bytes));
		check_indication((struct slice){bytes, len}, PEER_OTHER_PORT, data[i]);
		/* Its transaction id belongs to no request, and differs each time. */
		ck_assert(i == 0 || memcmp(first, bytes + 4, MS_TXID_LEN) != 0);
		memcpy(first, bytes + 4, MS_TXID_LEN);
	}
}
END_TEST

START_TEST(data_of_a_v6_peer_is_indicated)
{
	uint8_t bytes[256];

	fixture.settings.ms.ipv6 = true;
	fixture.settings.ms.version = alice.version = MS_VERSION_IPV6;
	ms_client_login(&alice);
	ms_client_start(&alice, MS_ALLOCATE_REQUEST);
	ms_add_family(&alice.b, IP_V6);
	ms_client_ask(&alice);
	ck_assert(ms_client_send(&alice, PEER_V6, "x", 1));
	ck_assert(ms_client_from_peer(&alice, PEER_V6, "hello", 5, &out));
	ck_assert_uint_eq(out.header_len, FORWARD_MS_DATA_HEADER_V6);
	size_t len = assemble(bytes, sizeof(bytes));
	check_indication((struct slice){bytes, len}, PEER_V6, "hello");

	static uint8_t data[65536];
	ck_assert(ms_client_from_peer(&alice, PEER_V6, data, 65507 - 56, &out));
	ck_assert(!ms_client_from_peer(&alice, PEER_V6, data, 65507 - 55, &out));
	ck_assert_int_eq(out.reason, DROP_TOO_LARGE);
}
END_TEST

START_TEST(bare_data_needs_a_destination)
{
	permit();
	uint64_t before = fixture_drops(&fixture, DROP_NO_DESTINATION);
	ck_assert(!ms_client_data(&alice, "x", 1));
	expect_drop(&alice, DROP_NO_DESTINATION, before, "none set");
	activate(PEER);
	ck_assert(ms_client_data(&alice, "media", 5));
	ck_assert(is_peer(sent_to(&alice), PEER));
	ck_assert(slice_is(alice.out.forward.payload, "media"));
	ck_assert(ms_client_data(&alice, "", 0));
}
END_TEST

START_TEST(destination_is_one_address_and_port)
{
	uint8_t bytes[256];

	permit();
	ck_assert(ms_client_send(&alice, PEER_B, "x", 1));
	activate(PEER);
	ck_assert(ms_client_from_peer(&alice, PEER, "media", 5, &out));
	ck_assert_uint_eq(out.header_len, 0);
	ck_assert(slice_is(out.payload, "media"));
	ck_assert(ms_client_from_peer(&alice, PEER_OTHER_PORT, "x", 1, &out));
	ck_assert_uint_eq(out.header_len, FORWARD_MS_DATA_HEADER_V4);
	ck_assert(ms_client_from_peer(&alice, PEER_B, "x", 1, &out));
	size_t len = assemble(bytes, sizeof(bytes));
	check_indication((struct slice){bytes, len}, PEER_B, "x");
}
END_TEST

START_TEST(destination_moves_at_once)
{
	permit();
	ck_assert(ms_client_send(&alice, PEER_B, "x", 1));
	activate(PEER);
	activate(PEER_B);
	ck_assert(ms_client_data(&alice, "x", 1));
	ck_assert(is_peer(sent_to(&alice), PEER_B));
	ck_assert(ms_client_from_peer(&alice, PEER, "x", 1, &out));
	ck_assert_uint_eq(out.header_len, FORWARD_MS_DATA_HEADER_V4);
	ck_assert(ms_client_from_peer(&alice, PEER_B, "x", 1, &out));
	ck_assert_uint_eq(out.header_len, 0);
}
END_TEST

START_TEST(send_goes_on_beside_a_destination)
{
	permit();
	activate(PEER);
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	ck_assert(ms_client_send(&alice, PEER_B, "x", 1));
	ck_assert(is_peer(sent_to(&alice), PEER_B));
	ck_assert(ms_client_data(&alice, "x", 1));
	ck_assert(is_peer(sent_to(&alice), PEER));
}
END_TEST

/* Two relayed addresses of ours exchange data, behind NAT by their public addresses. */
START_TEST(our_own_relayed_addresses_may_talk)
{
	char at_alice[ENDPOINT_TEXT_LEN], at_bob[ENDPOINT_TEXT_LEN];

	fixture_stop(&fixture);
	begin_with(&(struct fixture_options){.nat = _i == 1});
	ms_client_allocate(&alice);
	ms_client_allocate(&bob);
	struct endpoint a = ms_client_address(&alice, MS_MAPPED_ADDRESS);
	struct endpoint b = ms_client_address(&bob, MS_MAPPED_ADDRESS);
	endpoint_format(&a, at_alice, sizeof(at_alice));
	endpoint_format(&b, at_bob, sizeof(at_bob));
	struct endpoint local =
		allocation_relayed_local(&fixture.turn, ms_client_allocation(&bob));

	ck_assert(ms_client_send(&alice, at_bob, "x", 1));
	ck_assert(endpoint_equal(sent_to(&alice), &local));
	ck_assert(ms_client_send(&bob, at_alice, "x", 1));
	activate(at_bob);
	ck_assert(ms_client_data(&alice, "x", 1));
	ck_assert(endpoint_equal(sent_to(&alice), &local));

	/*
	 * It arrives from the local address, and is reported and compared as the public
	 * one.
	 */
	endpoint_format(&local, at_bob, sizeof(at_bob));
	ck_assert(ms_client_from_peer(&alice, at_bob, "x", 1, &out));
	ck_assert_uint_eq(out.header_len, 0);
	ck_assert(endpoint_equal(&out.peer, &b));

	/* Bob no longer owns the port. */
	ms_client_lifetime(&bob, 0);
	uint64_t before = fixture_drops(&fixture, DROP_POLICY);
	ck_assert(!ms_client_data(&alice, "x", 1));
	expect_drop(&alice, DROP_POLICY, before, "an unused port");
}
END_TEST

START_TEST(what_does_not_fit_the_peers_datagram_is_dropped)
{
	static uint8_t data[65508];

	permit();
	activate(PEER);
	uint64_t expires_ms = ms_client_allocation(&alice)->expires_ms;
	advance(1000);
	uint64_t before = fixture_drops(&fixture, DROP_TOO_LARGE);
	ck_assert(!ms_client_data(&alice, data, sizeof(data)));
	expect_drop(&alice, DROP_TOO_LARGE, before, "one byte too many");
	ck_assert_uint_eq(ms_client_allocation(&alice)->expires_ms, expires_ms);
	ck_assert(ms_client_data(&alice, data, sizeof(data) - 1));
}
END_TEST

static const struct {
	const char *name;
	bool active;
	size_t len;
	bool fits;
} sizes[] = {
	{"bare, the largest datagram", true, 65507, true},
	{"indicated, the largest datagram", false, 65507 - 44, true},
	{"indicated, one byte more", false, 65507 - 43, false},
	{"indicated, larger", false, 65507, false},
};

START_TEST(what_does_not_fit_a_datagram_is_dropped)
{
	static uint8_t data[65536];

	permit();
	if (sizes[_i].active)
		activate(PEER);
	ck_assert_msg(ms_client_from_peer(&alice, PEER, data, sizes[_i].len, &out) ==
			      sizes[_i].fits,
		      "%s", sizes[_i].name);
	if (!sizes[_i].fits)
		ck_assert_int_eq(out.reason, DROP_TOO_LARGE);
}
END_TEST

START_TEST(stream_frames_both_ways)
{
	uint8_t bytes[256];
	size_t frame_len;

	permit();
	ck_assert(slice_is(alice.out.forward.payload, "hello"));
	ck_assert(ms_client_from_peer(&alice, PEER, "odd", 3, &out));
	size_t len = assemble(bytes, sizeof(bytes));
	ck_assert_int_eq(ms_framing_next((struct slice){bytes, len}, &frame_len),
			 MS_FRAMING_CONTROL);
	ck_assert_uint_eq(frame_len, len);
	check_indication((struct slice){bytes + 4, len - 4}, PEER, "odd");

	activate(PEER);
	ck_assert(ms_client_data(&alice, "media", 5));
	ck_assert(slice_is(alice.out.forward.payload, "media"));
	ck_assert(ms_client_from_peer(&alice, PEER, "media", 5, &out));
	len = assemble(bytes, sizeof(bytes));
	ck_assert_uint_eq(len, 9);
	ck_assert_mem_eq(bytes, "\x03\0\0\x05media", 9);
}
END_TEST

START_TEST(stream_frame_has_a_maximum_length)
{
	static uint8_t data[65536];

	permit();
	ck_assert(ms_client_from_peer(&alice, PEER, data, 65535 - 44, &out));
	ck_assert(!ms_client_from_peer(&alice, PEER, data, 65535 - 43, &out));
	ck_assert_int_eq(out.reason, DROP_TOO_LARGE);
	activate(PEER);
	ck_assert(ms_client_from_peer(&alice, PEER, data, 65535, &out));
	ck_assert(!ms_client_from_peer(&alice, PEER, data, 65536, &out));
	ck_assert_int_eq(out.reason, DROP_TOO_LARGE);
}
END_TEST
static void data_suite(Suite *suite)
{
	TCase *tc = tcase_create("ms_turn_data");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, send_passes_its_data_on);
	tcase_add_loop_test(tc, faulty_send_is_dropped_silently, 0, ROWS(bad_sends));
	tcase_add_test(tc, send_may_omit_known_attributes);
	tcase_add_test(tc, send_may_carry_realm_and_nonce);
	tcase_add_test(tc, send_without_allocation_is_dropped);
	tcase_add_test(tc, permission_is_for_the_address);
	tcase_add_test(tc, permission_lasts_as_long_as_the_allocation);
	tcase_add_test(tc, permissions_are_bounded);
	tcase_add_test(tc, policy_may_change);
	tcase_add_test(tc, data_of_a_permitted_peer_is_indicated);
	tcase_add_test(tc, data_of_a_v6_peer_is_indicated);
	tcase_add_test(tc, bare_data_needs_a_destination);
	tcase_add_test(tc, destination_is_one_address_and_port);
	tcase_add_test(tc, destination_moves_at_once);
	tcase_add_test(tc, send_goes_on_beside_a_destination);
	tcase_add_loop_test(tc, our_own_relayed_addresses_may_talk, 0, 2);
	tcase_add_test(tc, what_does_not_fit_the_peers_datagram_is_dropped);
	tcase_add_loop_test(tc, what_does_not_fit_a_datagram_is_dropped, 0, ROWS(sizes));
	suite_add_tcase(suite, tc);

	tc = tcase_create("ms_turn_data_stream");
	tcase_add_checked_fixture(tc, begin_on_stream, end);
	tcase_add_test(tc, stream_frames_both_ways);
	tcase_add_test(tc, stream_frame_has_a_maximum_length);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ms_turn_data", data_suite)
