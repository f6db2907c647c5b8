/*
 * test_turn_channel.c - ChannelBind and ChannelData (RFC 8656 section 12).
 */
#include <stdio.h>

#include "tests/unit/dialect/dialect_check.h"

/* 0x4000 is bound to PEER before each row. */
static const struct {
	const char *name;
	int want;
	int number; /* -1: no CHANNEL-NUMBER */
	const char *peer;
	struct attr_row attrs[2];
} checks[] = {
	{"T-360 no CHANNEL-NUMBER: 400", 400, -1, PEER_B, {{0}}},
	{"T-360 no XOR-PEER-ADDRESS: 400", 400, 0x4001, NULL, {{0}}},
	{"T-360 neither: 400", 400, -1, NULL, {{0}}},
	{"T-360 CHANNEL-NUMBER of 2 bytes: 400",
	 400,
	 -1,
	 PEER_B,
	 {{0x000C, 2, {0x40, 1}}}},
	{"T-360 XOR-PEER-ADDRESS of 4 bytes: 400",
	 400,
	 0x4001,
	 NULL,
	 {{0x0012, 4, {0, 1}}}},
	{"T-361 0x0000: 400", 400, 0x0000, PEER_B, {{0}}},
	{"T-361 0x3FFF: 400", 400, 0x3FFF, PEER_B, {{0}}},
	{"T-361 0x4FFF, the highest: success", 0, 0x4FFF, PEER_B, {{0}}},
	{"T-361 0x5000: 400", 400, 0x5000, PEER_B, {{0}}},
	{"T-361 0x7FFF, legal in RFC 5766: 400", 400, 0x7FFF, PEER_B, {{0}}},
	{"T-361 0xFFFF: 400", 400, 0xFFFF, PEER_B, {{0}}},
	{"T-362 number bound to another address: 400", 400, 0x4000, PEER_B, {{0}}},
	{"T-362 number bound to another port: 400", 400, 0x4000, PEER_OTHER_PORT, {{0}}},
	{"T-363 address bound to another number: 400", 400, 0x4001, PEER, {{0}}},
	{"T-363 another port of that address: success", 0, 0x4001, PEER_OTHER_PORT, {{0}}},
	{"T-364 IPv6 peer of an IPv4 relay: 443", 443, 0x4001, PEER_V6, {{0}}},
	{"T-365 inside peer: 403", 403, 0x4001, "10.0.0.7:1", {{0}}},
	{"T-582 our own front: 403", 403, 0x4001, "front", {{0}}},
	{"T-367 the same again: success", 0, 0x4000, PEER, {{0}}},
	{"T-380 RFFU set: ignored", 0, -1, PEER_B, {{0x000C, 4, {0x40, 1, 0xFF, 0xFF}}}},
	{"T-381 peer port 0: 400", 400, 0x4001, "192.0.2.9:0", {{0}}},
	{"T-016 unknown attribute: 420", 420, 0x4001, PEER_B, {UNKNOWN}},
};

START_TEST(channel_bind_checks_the_request)
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);

	client_start(&alice, TURN_CHANNEL_BIND);
	if (checks[_i].number >= 0)
		stun_add_u32(&alice.b, TURN_CHANNEL_NUMBER,
			     (uint32_t)checks[_i].number << 16);
	if (checks[_i].peer) {
		struct endpoint peer = {.port = 0};

		if (strcmp(checks[_i].peer, "front") == 0)
			peer = fixture.fronts[FRONT_OUTSIDE_UDP].local;
		else if (strcmp(checks[_i].peer, "192.0.2.9:0") == 0)
			ck_assert(ip_addr_parse("192.0.2.9", &peer.ip));
		else
			peer = ep(checks[_i].peer);
		stun_add_xor_address(&alice.b, TURN_XOR_PEER_ADDRESS, &peer);
	}
	ADD_ROWS(&alice, checks[_i].attrs);
	client_ask(&alice);
	expect(&alice, checks[_i].want, checks[_i].name);

	ck_assert_msg(client_channel_data(&alice, 0x4000, "x", 1),
		      "%s: old binding holds", checks[_i].name);
	bool bound = client_channel_data(&alice, 0x4001, "x", 1);
	bool want = checks[_i].want == 0 && checks[_i].number != 0x4000 &&
		    checks[_i].number != 0x4FFF;
	ck_assert_msg(bound == want, "%s: binding", checks[_i].name);
	end();
}
END_TEST

START_TEST(channels_are_capped) /* T-366 */
{
	char peer[ENDPOINT_TEXT_LEN];

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	for (unsigned i = 0; i < 8; i++) {
		snprintf(peer, sizeof(peer), "192.0.2.1:%u", 7000 + i);
		client_bind(&alice, (uint16_t)(0x4000 + i), peer);
		expect(&alice, 0, "as many as the cap: success");
	}
	client_bind(&alice, 0x4100, "192.0.2.1:8000");
	expect(&alice, 508, "T-366 one more: 508");
	client_bind(&alice, 0x4000, "192.0.2.1:7000");
	expect(&alice, 0, "T-366 refreshing existing channels: success");
	end();
}
END_TEST

START_TEST(binding_lasts_ten_minutes) /* T-367 T-368 T-369 T-377 */
{
	struct forward out;

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	for (unsigned second = 0; second < 299; second++) {
		advance(1000);
		ck_assert(client_channel_data(&alice, 0x4000, "x", 1));
		ck_assert(client_from_peer(&alice, PEER, "x", 1, &out));
	}
	advance(1000);
	ck_assert_msg(
		!client_channel_data(&alice, 0x4000, "x", 1),
		"T-368 T-369 300 s: channel lives, permission is gone, traffic or not");
	ck_assert_uint_eq(fixture_drops(&fixture, DROP_NO_PERMISSION), 1);
	ck_assert_msg(!client_from_peer(&alice, PEER, "x", 1, &out), "T-367 both ways");

	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert_msg(client_channel_data(&alice, 0x4000, "x", 1),
		      "T-367 binding still there");
	advance(299999);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	client_bind(&alice, 0x4000, PEER_B);
	expect(&alice, 400, "T-362 599.999 s: number still bound");
	advance(1);
	ck_assert_msg(!client_channel_data(&alice, 0x4000, "x", 1),
		      "T-367 600 s: unbound");
	ck_assert_uint_eq(fixture_drops(&fixture, DROP_NO_CHANNEL), 1);
	client_bind(&alice, 0x4000, PEER_B);
	expect(&alice, 0, "T-377 number is free for another peer at once");
	client_bind(&alice, 0x4001, PEER);
	expect(&alice, 0, "T-377 and the peer for another number");
	end();
}
END_TEST

START_TEST(bind_refreshes_the_binding) /* T-367 */
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	advance(400000);
	client_bind(&alice, 0x4000, PEER);
	expect(&alice, 0,
	       "T-367 again: binding for 600 s and permission for 300 s from now");
	advance(299999);
	ck_assert(client_channel_data(&alice, 0x4000, "x", 1));
	advance(200000);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert_msg(client_channel_data(&alice, 0x4000, "x", 1), "999 s: still bound");
	end();
}
END_TEST

START_TEST(peer_data_uses_the_channel) /* T-317 T-318 T-370 T-373 T-374 */
{
	struct forward out;

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	ck_assert(client_from_peer(&alice, PEER, "hello", 5, &out));
	ck_assert_msg(out.header_len == FORWARD_CHANNEL_HEADER,
		      "T-370 ChannelData, not Data");
	ck_assert_mem_eq(out.header, "\x40\x00\x00\x05", 4);
	ck_assert_msg(out.padding_len == 0, "T-373 no padding over UDP");
	ck_assert(client_from_peer(&alice, PEER, "", 0, &out));
	ck_assert_mem_eq(out.header, "\x40\x00\x00\x00", 4);
	ck_assert_msg(out.payload.len == 0, "T-318 empty datagram: length 0");
	ck_assert(client_from_peer(&alice, PEER_OTHER_PORT, "hello", 5, &out));
	ck_assert_msg(out.header_len == FORWARD_DATA_HEADER_V4,
		      "T-317 permitted, but not bound: Data indication");

	ck_assert_msg(client_channel_data(&alice, 0x4000, "", 0),
		      "T-374 empty ChannelData");
	ck_assert_uint_eq(alice.out.forward.payload.len, 0);
	struct endpoint to = ep(PEER);
	ck_assert(endpoint_equal(&alice.out.forward.peer, &to));
	end();
}
END_TEST

START_TEST(stream_pads) /* T-372 */
{
	static const uint16_t padding[] = {0, 3, 2, 1, 0, 3};
	struct forward out;

	begin();
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	for (size_t len = 0; len < ARRAY_LEN(padding); len++) {
		ck_assert(client_from_peer(&alice, PEER, "hello", len, &out));
		ck_assert_msg(out.padding_len == padding[len],
			      "T-372 %zu bytes to the client: %u of padding", len,
			      out.padding_len);
		ck_assert_uint_eq(out.header[3], len);
		ck_assert(client_channel_data(&alice, 0x4000, "hello", len));
		ck_assert_msg(alice.out.forward.payload.len == len,
			      "T-372 %zu bytes to the peer: padding does not count", len);
	}
	end();
}
END_TEST

static const struct {
	const char *name;
	size_t len;
	uint8_t bytes[12];
	enum drop_reason drop; /* DROP_NONE: relayed */
	size_t payload;
} frames[] = {
	{"T-371 shorter than it claims: dropped",
	 9,
	 {0x40, 0, 0, 6, 1, 2, 3, 4, 5},
	 DROP_BAD_CHANNEL_DATA,
	 0},
	{"T-371 exactly as long: relayed",
	 9,
	 {0x40, 0, 0, 5, 1, 2, 3, 4, 5},
	 DROP_NONE,
	 5},
	{"T-371 padded: relayed without padding",
	 12,
	 {0x40, 0, 0, 5, 1, 2, 3, 4, 5},
	 DROP_NONE,
	 5},
	{"T-371 header cut: dropped", 3, {0x40, 0, 0}, DROP_BAD_CHANNEL_DATA, 0},
	{"T-375 number not bound: dropped",
	 8,
	 {0x40, 1, 0, 4, 1, 2, 3, 4},
	 DROP_NO_CHANNEL,
	 0},
	{"T-375 0x4FFF not bound: dropped",
	 8,
	 {0x4F, 0xFF, 0, 4, 1, 2, 3, 4},
	 DROP_NO_CHANNEL,
	 0},
	{"T-375 0x5000: dropped", 8, {0x50, 0, 0, 4, 1, 2, 3, 4}, DROP_NOT_STUN, 0},
	{"T-375 0xFFFF: dropped", 8, {0xFF, 0xFF, 0, 4, 1, 2, 3, 4}, DROP_NOT_STUN, 0},
	{"attack 54 STUN inside ChannelData is payload",
	 12,
	 {0x40, 0, 0, 8, 0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42},
	 DROP_NONE,
	 8},
};

START_TEST(channel_data_over_udp)
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	client_raw(&alice, frames[_i].bytes, frames[_i].len);
	if (frames[_i].drop == DROP_NONE) {
		ck_assert_msg(alice.out.action == DISPATCH_FORWARD, "%s",
			      frames[_i].name);
		ck_assert_msg(alice.out.forward.payload.len == frames[_i].payload, "%s",
			      frames[_i].name);
	} else {
		expect_silence(&alice, frames[_i].drop, 0, frames[_i].name);
	}
	end();
}
END_TEST

START_TEST(reserved_number_ends_a_stream) /* T-375 */
{
	static const uint8_t frame[] = {0x50, 0, 0, 4, 1, 2, 3, 4};

	begin();
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	ck_assert_int_eq(client_allocate(&alice), 0);
	client_raw(&alice, frame, sizeof(frame));
	ck_assert_msg(alice.out.action == DISPATCH_CLOSE, "T-375 on a stream: close");
	end();
}
END_TEST

START_TEST(early_channel_data) /* T-378 T-203 */
{
	static const uint8_t frame[] = {0x40, 0, 0, 4, 1, 2, 3, 4};

	begin();
	client_raw(&alice, frame, sizeof(frame));
	expect_silence(&alice, DROP_NO_ALLOCATION, 0,
		       "T-203 ChannelData without allocation");
	ck_assert_int_eq(client_allocate(&alice), 0);
	client_raw(&alice, frame, sizeof(frame));
	expect_silence(&alice, DROP_NO_CHANNEL, 0,
		       "T-378 ChannelData before ChannelBind");
	end();
}
END_TEST

START_TEST(channels_are_the_allocations_own) /* T-376 */
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_allocate(&bob), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	client_bind(&bob, 0x4000, PEER_B);
	expect(&bob, 0, "T-376 same number on another allocation");
	client_bind(&bob, 0x4001, PEER);
	expect(&bob, 0, "T-376 same peer on another allocation");
	end();
}
END_TEST

START_TEST(tunnelled_peers_are_refused) /* T-382 */
{
	static const char *const peers[] = {"[2001:0:1::1]:9", "[2002:c000:0201::1]:9"};

	begin();
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	ADD_ROWS(&alice, ((struct attr_row[]){UDP, FAMILY(2)}));
	ck_assert_int_eq(client_ask(&alice), 0);
	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		client_bind(&alice, 0x4000, peers[i]);
		expect(&alice, 403, "T-382 Teredo or 6to4 peer: 403");
	}
	end();
}
END_TEST

static void expect_reason(const struct client *c, const char *want)
{
	struct stun_attr attr;

	ck_assert(stun_msg_find(&c->answer, STUN_ERROR_CODE, &attr));
	ck_assert_uint_eq(attr.value.len, 4 + strlen(want));
	ck_assert(memcmp(attr.value.data + 4, want, strlen(want)) == 0);
}

static const char above_0x4fff[] = "Bad Request: channel number above 0x4FFF (RFC 8656)";

static const struct {
	const char *name;
	bool allowed;
	enum client_auth auth;
	uint16_t number;
	int want;
	const char *reason;
} old_clients[] = {
	{"T-361 0x7FFF, nothing of RFC 8656 shown: success", true, CLIENT_MD5, 0x7FFF, 0,
	 NULL},
	{"T-361 0x5000, nothing of RFC 8656 shown: success", true, CLIENT_MD5, 0x5000, 0,
	 NULL},
	{"T-361 not for a client with SHA-256: 400", true, CLIENT_SHA256, 0x7FFF, 400,
	 above_0x4fff},
	{"T-361 nor with MESSAGE-INTEGRITY-SHA256: 400", true, CLIENT_MD5_MI256, 0x5000,
	 400, above_0x4fff},
	{"T-361 nor with PASSWORD-ALGORITHM: 400", true, CLIENT_SHA256_MI, 0x5000, 400,
	 above_0x4fff},
	{"T-361 0x4FFF is for all: success", true, CLIENT_SHA256, 0x4FFF, 0, NULL},
	{"T-361 and no number above 0x7FFF: 400", true, CLIENT_MD5, 0x8000, 400,
	 "Bad Request: no channel number"},
	{"T-361 nor below 0x4000: 400", true, CLIENT_MD5, 0x3FFF, 400,
	 "Bad Request: no channel number"},
	{"T-361 old client, not supported: 400", false, CLIENT_MD5, 0x5000, 400,
	 above_0x4fff},
};

START_TEST(channels_of_old_clients) /* T-361, RFC 5766 section 11 */
{
	struct forward out;

	begin();
	fixture.settings.rfc5766_channels = old_clients[_i].allowed;
	alice.auth = old_clients[_i].auth;
	ck_assert_int_eq(client_allocate(&alice), 0);
	client_bind(&alice, old_clients[_i].number, PEER);
	expect(&alice, old_clients[_i].want, old_clients[_i].name);
	if (old_clients[_i].reason != NULL)
		expect_reason(&alice, old_clients[_i].reason);
	ck_assert_msg(client_channel_data(&alice, old_clients[_i].number, "x", 1) ==
			      (old_clients[_i].want == 0),
		      "%s: data", old_clients[_i].name);
	if (old_clients[_i].want == 0) {
		ck_assert(client_from_peer(&alice, PEER, "x", 1, &out));
		ck_assert_uint_eq(load_be16(out.header), old_clients[_i].number);
	}
	end();
}
END_TEST

START_TEST(a_refused_channel_says_why) /* T-362, T-363, T-381 */
{
	struct endpoint peer = {.port = 0};

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	client_bind(&alice, 0x4000, PEER_B);
	expect(&alice, 400, "number bound to another peer");
	expect_reason(&alice, "Bad Request: channel or peer bound otherwise");
	client_start(&alice, TURN_CHANNEL_BIND);
	stun_add_u32(&alice.b, TURN_CHANNEL_NUMBER, 0x4001u << 16);
	ck_assert(ip_addr_parse("192.0.2.9", &peer.ip));
	stun_add_xor_address(&alice.b, TURN_XOR_PEER_ADDRESS, &peer);
	client_ask(&alice);
	expect(&alice, 400, "port 0");
	expect_reason(&alice, "Bad Request: peer port 0");
	end();
}
END_TEST

/* An Allocate for both families is of RFC 8656, however old the credentials are. */
START_TEST(both_families_show_rfc_8656) /* T-361 */
{
	begin();
	alice.auth = CLIENT_MD5;
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	ADD_ROWS(&alice, ((struct attr_row[]){UDP, {0x8000, 4, {2}}}));
	ck_assert_int_eq(client_ask(&alice), 0);
	client_bind(&alice, 0x5000, PEER);
	expect(&alice, 400, "T-361 ADDITIONAL-ADDRESS-FAMILY");
	expect_reason(&alice, above_0x4fff);
	end();
}
END_TEST

/* What a client shows later counts from then on, and ends no channel. */
START_TEST(rfc_8656_shown_later) /* T-361 */
{
	begin();
	alice.auth = CLIENT_MD5;
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_bind(&alice, 0x6000, PEER), 0);
	alice.auth = CLIENT_MD5_MI256;
	client_bind(&alice, 0x6001, PEER_B);
	expect(&alice, 400, "T-361 with MESSAGE-INTEGRITY-SHA256");
	alice.auth = CLIENT_MD5;
	client_bind(&alice, 0x6001, PEER_B);
	expect(&alice, 400, "T-361 and after it");
	ck_assert(client_channel_data(&alice, 0x6000, "x", 1));
	end();
}
END_TEST

/*
 * RFC 7983 section 7: 80 to 127 are another protocol's, so they are ChannelData only where such
 * a channel was bound.
 */
START_TEST(first_bytes_of_old_channels) /* T-375, T-512 */
{
	static const uint8_t frame[] = {0x60, 0, 0, 4, 1, 2, 3, 4};
	const uint64_t *kinds = fixture.turn.counters.datagrams;

	begin();
	alice.auth = bob.auth = CLIENT_MD5;
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_allocate(&bob), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4FFF, PEER_B), 0);
	client_raw(&alice, frame, sizeof(frame));
	expect_silence(&alice, DROP_NOT_STUN, 0, "nothing bound there");
	ck_assert_uint_eq(kinds[DATAGRAM_QUIC], 1);
	ck_assert_int_eq(client_bind(&alice, 0x7000, PEER), 0);
	client_raw(&alice, frame, sizeof(frame));
	expect_silence(&alice, DROP_NO_CHANNEL, 0, "another number bound");
	ck_assert_uint_eq(kinds[DATAGRAM_QUIC], 1);
	client_raw(&bob, frame, sizeof(frame));
	expect_silence(&bob, DROP_NOT_STUN, 1, "another allocation");
	ck_assert_uint_eq(kinds[DATAGRAM_QUIC], 2);

	/* The slot's next allocation starts without it. */
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert_int_eq(client_allocate(&alice), 0);
	client_raw(&alice, frame, sizeof(frame));
	expect_silence(&alice, DROP_NOT_STUN, 2, "a new allocation");
	end();
}
END_TEST

static void channel_suite(Suite *suite)
{
	TCase *tc = tcase_create("channel");
	tcase_add_loop_test(tc, channel_bind_checks_the_request, 0, ROWS(checks));
	tcase_add_test(tc, channels_are_capped);
	tcase_add_test(tc, binding_lasts_ten_minutes);
	tcase_add_test(tc, bind_refreshes_the_binding);
	tcase_add_test(tc, peer_data_uses_the_channel);
	tcase_add_test(tc, stream_pads);
	tcase_add_loop_test(tc, channel_data_over_udp, 0, ROWS(frames));
	tcase_add_test(tc, reserved_number_ends_a_stream);
	tcase_add_test(tc, early_channel_data);
	tcase_add_test(tc, channels_are_the_allocations_own);
	tcase_add_test(tc, tunnelled_peers_are_refused);
	tcase_add_loop_test(tc, channels_of_old_clients, 0, ROWS(old_clients));
	tcase_add_test(tc, a_refused_channel_says_why);
	tcase_add_test(tc, both_families_show_rfc_8656);
	tcase_add_test(tc, rfc_8656_shown_later);
	tcase_add_test(tc, first_bytes_of_old_channels);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("turn_channel", channel_suite)
