/*
 * test_ip_header.c - what the core says of the IP header of relayed datagrams (RFC 8656 sections 13
 * to 16): DSCP and ECN, hop limit, and whether DONT-FRAGMENT counts.
 */
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/forward.h"
#include "relay/core/permission.h"
#include "stun/attr.h"
#include "stun/chandata.h"
#include "stun/ms_attr.h"

#define ONE_FIXTURE_ALLOCATION
#define ONE_FIXTURE_BY_HAND
#include "tests/unit/core/one_fixture.h"

static struct forward out;
static uint8_t big[1000];

static void bind_to(uint16_t number, const char *peer)
{
	struct endpoint one = ep(peer);

	ck_assert_int_eq(
		channel_bind(&fixture.turn, al, number, &one, fixture.now_ms, NULL), 0);
}

static void send_channel_data(void)
{
	chandata_write_header(big, 0x4000, 5);
	forward_channel_data(&fixture.turn, al, (struct slice){big, 4 + 5},
			     fixture.now_ms, &out);
	ck_assert_int_eq(out.kind, FORWARD_TO_PEER);
}

/* RFC 8656 section 14, and the policy of the operator. */
START_TEST(marking_follows_leg_and_stream)
{
	const struct endpoint peer = ep("192.0.2.1:9");
	const struct marking copy = {0xFF, 0}, ef = {MARKING_ECN, 46 << 2};
	struct marking(*markings)[MARKING_STREAM_COUNT] = fixture.settings.markings[0];

	for (int leg = 0; leg < MARKING_LEG_COUNT; leg++)
		markings[leg][0] = copy;
	markings[MARKING_OUTSIDE][0] = (struct marking){MARKING_ECN, 0};
	markings[MARKING_PEERS][MS_STREAM_AUDIO] = ef;
	bind_to(0x4000, "192.0.2.1:9");
	send_channel_data();
	ck_assert_uint_eq(marking_apply(out.marking, 0xb9), 0xb9);
	forward_from_peer(&fixture.turn, al, &peer, (struct slice){big, 5},
			  fixture.now_ms, &out);
	ck_assert_int_eq(al->side, SIDE_OUTSIDE);
	ck_assert_uint_eq(marking_apply(out.marking, 0xb9), 0x01);

	/* Only the stream type of an MS client counts, and only if it is known. */
	al->ms.stream_type = MS_STREAM_AUDIO;
	send_channel_data();
	ck_assert_uint_eq(marking_apply(out.marking, 0x03), 0x03);
	al->dialect = DIALECT_MS;
	send_channel_data();
	ck_assert_uint_eq(marking_apply(out.marking, 0x23), 46 << 2 | 3);
	al->ms.stream_type = UINT8_MAX;
	send_channel_data();
	ck_assert_uint_eq(marking_apply(out.marking, 0x23), 0x23);
	al->dialect = DIALECT_IETF;
}
END_TEST

/* T-390, T-394, T-397 and attack 8: as a router; 0 is one that was not told. */
START_TEST(hop_limit_goes_down)
{
	static const uint8_t rows[][2] = {{0, 0}, {2, 1}, {64, 63}, {255, 254}};

	bind_to(0x4000, "192.0.2.1:9");
	for (size_t i = 0; i < ROWS(rows); i++) {
		send_channel_data();
		ck_assert(forward_set_header(&fixture.turn, &out, 0, rows[i][0]));
		ck_assert_uint_eq(out.hop_limit, rows[i][1]);
	}
	send_channel_data();
	ck_assert(!forward_set_header(&fixture.turn, &out, 0, 1));
	ck_assert_int_eq(out.kind, FORWARD_DROP);
	ck_assert_int_eq(out.reason, DROP_HOP_LIMIT);
	ck_assert_uint_eq(fixture.turn.counters.drops[DROP_HOP_LIMIT], 1);
}
END_TEST

static void send_with_dont_fragment(const struct endpoint *peer)
{
	static const uint8_t txid[STUN_TXID_LEN] = "send";
	struct stun_builder b;
	struct stun_msg msg;

	ck_assert_int_eq(
		permission_install(&fixture.turn, al, peer, 1, fixture.now_ms, NULL), 0);
	stun_builder_start(&b, big, sizeof(big), TURN_SEND, STUN_INDICATION, txid);
	stun_add_xor_address(&b, TURN_XOR_PEER_ADDRESS, peer);
	stun_builder_add(&b, TURN_DONT_FRAGMENT, NULL, 0);
	stun_builder_add(&b, TURN_DATA_ATTR, "hello", 5);
	size_t size = stun_builder_finish(&b);
	ck_assert_int_eq(stun_msg_parse((struct slice){big, size}, &msg), STUN_PARSE_OK);
	forward_send(&fixture.turn, al, &msg, fixture.now_ms, &out);
	ck_assert_int_eq(out.kind, FORWARD_TO_PEER);
}

/* T-393, T-395, T-398, T-405, T-E08 (RFC 8656 sections 13 to 15) */
static const struct {
	const char *name;
	const char *client;
	const char *peer;
	enum transport transport;
	bool df;
} dont_fragments[] = {
	{"T-401 IPv4 to IPv4", "203.0.113.1:1", "192.0.2.1:9", TRANSPORT_UDP, true},
	{"over DTLS", "203.0.113.1:1", "192.0.2.1:9", TRANSPORT_DTLS, true},
	{"T-393 IPv4 to IPv6", "203.0.113.1:1", "[2001:db8::9]:9", TRANSPORT_UDP, false},
	{"T-395 IPv6 to IPv6", "[2001:db8::1]:1", "[2001:db8::9]:9", TRANSPORT_UDP,
	 false},
	{"T-398 IPv6 to IPv4", "[2001:db8::1]:1", "192.0.2.1:9", TRANSPORT_UDP, false},
	{"T-405 TCP to IPv4", "[2001:db8::1]:1", "192.0.2.1:9", TRANSPORT_TCP, true},
	{"T-405 TCP to IPv6", "[2001:db8::1]:1", "[2001:db8::9]:9", TRANSPORT_TCP, true},
	{"T-405 TLS to IPv6", "203.0.113.1:1", "[2001:db8::9]:9", TRANSPORT_TLS, true},
};

START_TEST(dont_fragment_is_ignored_in_translations)
{
	const struct endpoint peer = ep(dont_fragments[_i].peer);
	const struct allocation before = *al;

	al->families = peer.ip.family; /* of its relayed address */
	al->tuple.client = ep(dont_fragments[_i].client);
	al->transport = dont_fragments[_i].transport;
	send_with_dont_fragment(&peer);
	ck_assert_msg(out.dont_fragment == dont_fragments[_i].df, "%s",
		      dont_fragments[_i].name);
	al->families = before.families;
	al->transport = before.transport;
	al->tuple = before.tuple;
}
END_TEST

static void ip_header_suite(Suite *suite)
{
	TCase *tc = tcase_create("ip_header");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, marking_follows_leg_and_stream);
	tcase_add_test(tc, hop_limit_goes_down);
	tcase_add_loop_test(tc, dont_fragment_is_ignored_in_translations, 0,
			    ROWS(dont_fragments));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ip_header", ip_header_suite)
