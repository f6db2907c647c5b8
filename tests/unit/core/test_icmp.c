/*
 * test_icmp.c - which ICMP errors a client is told, and in which bytes (RFC 8656 sections 11.5 and
 * 18.13).
 */
#include <string.h>

#include "relay/core/channel.h"
#include "relay/core/icmp.h"
#include "relay/core/permission.h"
#include "stun/attr.h"
#include "stun/msg.h"

#define ONE_FIXTURE_ALLOCATION
#define ONE_FIXTURE_BY_HAND
#include "tests/unit/core/one_fixture.h"

static struct forward out;

static void permit(const char *peer)
{
	struct endpoint one = ep(peer);

	ck_assert_int_eq(
		permission_install(&fixture.turn, al, &one, 1, fixture.now_ms, NULL), 0);
}

static void tell(const char *destination, uint8_t type, uint8_t code, uint32_t mtu)
{
	const struct icmp_error error = {
		.destination = ep(destination), .type = type, .code = code, .mtu = mtu};

	icmp_to_client(&fixture.turn, al, &error, fixture.now_ms, &out);
}

static void check_dropped(enum drop_reason want)
{
	ck_assert_int_eq(out.kind, FORWARD_DROP);
	ck_assert_str_eq(drop_reason_name(out.reason), drop_reason_name(want));
	ck_assert_uint_eq(fixture.turn.counters.drops[want], 1);
	ck_assert_uint_eq(fixture.turn.counters.icmp_told, 0);
	fixture.turn.counters.drops[want] = 0;
}

/* value: of the ICMP attribute. */
static void check_told(const char *destination, const uint8_t value[8])
{
	const struct endpoint want = ep(destination);
	struct stun_msg msg;
	struct stun_attr attr;
	struct endpoint peer;

	ck_assert_int_eq(out.kind, FORWARD_TO_CLIENT);
	ck_assert_uint_eq(out.slot, al->slot);
	ck_assert_uint_eq(out.payload.len + out.padding_len, 0);
	ck_assert_int_eq(stun_msg_parse((struct slice){out.header, out.header_len}, &msg),
			 STUN_PARSE_OK);
	ck_assert(msg.method == TURN_DATA && msg.class == STUN_INDICATION);
	ck_assert(stun_msg_find(&msg, TURN_XOR_PEER_ADDRESS, &attr));
	ck_assert(stun_attr_xor_address(&attr, msg.txid, &peer));
	ck_assert(endpoint_equal(&peer, &want));
	ck_assert(stun_msg_find(&msg, TURN_ICMP, &attr));
	ck_assert_uint_eq(attr.value.len, 8);
	ck_assert_mem_eq(attr.value.data, value, 8);
	ck_assert(!stun_msg_find(&msg, TURN_DATA_ATTR, &attr));
}

static const struct {
	const char *destination;
	uint8_t type, code;
	uint32_t mtu;
	uint8_t value[8];
} told[] = {
	/* T-340, T-341, T-342, T-344 */
	{"192.0.2.1:9", 3, 3, 0, {0, 0, 0x06, 0x03}},
	{"192.0.2.1:9", 3, 3, 1500, {0, 0, 0x06, 0x03}},
	{"192.0.2.1:9", 3, 13, 0, {0, 0, 0x06, 0x0d}},
	{"192.0.2.1:9", 3, 4, 1280, {0, 0, 0x06, 0x04, 0, 0, 0x05, 0x00}},
	{"192.0.2.1:65535", 11, 0, 7, {0, 0, 0x16, 0x00}},
	{"[2001:db8::9]:1", 1, 4, 0, {0, 0, 0x02, 0x04}},
	{"[2001:db8::9]:1", 2, 0, 1400, {0, 0, 0x04, 0x00, 0, 0, 0x05, 0x78}},
	{"[2001:db8::9]:1", 3, 1, 0, {0, 0, 0x06, 0x01}},
};

START_TEST(error_becomes_a_data_indication)
{
	permit("192.0.2.1:1"); /* T-343: the address counts, not the port */
	al->families = IP_V6;  /* for once, to install a permission */
	permit("[2001:db8::9]:2");
	al->families = IP_V4;
	tell(told[_i].destination, told[_i].type, told[_i].code, told[_i].mtu);
	check_told(told[_i].destination, told[_i].value);
	ck_assert_uint_eq(fixture.turn.counters.icmp_told, 1);
	ck_assert_uint_eq(al->to_client.packets, 0);
}
END_TEST

START_TEST(channel_does_not_matter) /* T-345 */
{
	struct endpoint peer = ep("192.0.2.1:9");

	ck_assert_int_eq(
		channel_bind(&fixture.turn, al, 0x4000, &peer, fixture.now_ms, NULL), 0);
	tell("192.0.2.1:9", 3, 3, 0);
	check_told("192.0.2.1:9", told[0].value);
}
END_TEST

START_TEST(other_errors_are_dropped)
{
	permit("192.0.2.1:9");
	tell("192.0.2.2:9", 3, 3, 0);
	check_dropped(DROP_NO_PERMISSION);
	tell("192.0.2.1:9", 12, 0, 0); /* parameter problem */
	check_dropped(DROP_ICMP_TYPE);
	tell("192.0.2.1:9", 1, 0, 0); /* of ICMPv6 only */
	check_dropped(DROP_ICMP_TYPE);
	fixture.now_ms += 300000;
	tell("192.0.2.1:9", 3, 3, 0);
	check_dropped(DROP_NO_PERMISSION);
	fixture.now_ms += 600000;
	tell("192.0.2.1:9", 3, 3, 0);
	check_dropped(DROP_NO_ALLOCATION);
	fixture.now_ms -= 900000;
	al->dialect = DIALECT_MS;
	tell("192.0.2.1:9", 3, 3, 0);
	check_dropped(DROP_ICMP_DIALECT);
	al->dialect = DIALECT_IETF;
}
END_TEST

START_TEST(errors_are_limited) /* T-348 */
{
	permit("192.0.2.1:9");
	for (unsigned i = 0; i < ICMP_PER_SECOND; i++) {
		tell("192.0.2.1:9", 3, 3, 0);
		ck_assert_int_eq(out.kind, FORWARD_TO_CLIENT);
	}
	for (unsigned i = 0; i < 100; i++) {
		tell("192.0.2.1:9", 3, 3, 0);
		ck_assert_int_eq(out.reason, DROP_ICMP_LIMIT);
	}
	ck_assert_uint_eq(fixture.turn.counters.drops[DROP_ICMP_LIMIT], 100);
	fixture.now_ms += 1000;
	tell("192.0.2.1:9", 3, 3, 0);
	check_told("192.0.2.1:9", told[0].value);
}
END_TEST

START_TEST(own_address_is_named_as_clients_know_it)
{
	begin_with(&(const struct fixture_options){.nat = true});
	permit("203.0.113.1:9");
	tell("198.18.0.1:9", 3, 3, 0);
	check_told("203.0.113.1:9", told[0].value);
}
END_TEST

static void icmp_suite(Suite *suite)
{
	TCase *tc = tcase_create("icmp");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, error_becomes_a_data_indication, 0, ROWS(told));
	tcase_add_test(tc, channel_does_not_matter);
	tcase_add_test(tc, other_errors_are_dropped);
	tcase_add_test(tc, errors_are_limited);
	tcase_add_test(tc, own_address_is_named_as_clients_know_it);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("icmp", icmp_suite)
