/*
 * test_permission.c - the peers that an allocation may exchange data with, and for how
 * long (RFC 8656 sections 9 and 10, the part that the core decides).
 */
#include <stdio.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/permission.h"
#include "tests/unit/core/random.h"

#define ONE_FIXTURE_ALLOCATION
#include "tests/unit/core/one_fixture.h"

static int install(const char *peer)
{
	struct endpoint one = ep(peer);

	return permission_install(&fixture.turn, al, &one, 1, fixture.now_ms, NULL);
}

static bool allows(const char *peer)
{
	struct endpoint one = ep(peer);

	return permission_allows(&fixture.turn, al, &one.ip, fixture.now_ms);
}

/* 192.0.2.LAST */
static struct endpoint peer_number(uint8_t last)
{
	struct endpoint peer = ep("192.0.2.0:1000");

	peer.ip.bytes[3] = last;
	return peer;
}

START_TEST(permission_lasts_five_minutes) /* T-281 */
{
	uint64_t start = fixture.now_ms;

	ck_assert_int_eq(install("192.0.2.1:5000"), 0);
	ck_assert(allows("192.0.2.1:5000"));
	fixture.now_ms = start + 299999;
	ck_assert(allows("192.0.2.1:5000"));
	fixture.now_ms = start + 300000;
	ck_assert(!allows("192.0.2.1:5000"));

	/* A second request refreshes it from that time. */
	ck_assert_int_eq(install("192.0.2.1:5000"), 0);
	fixture.now_ms += 299999;
	ck_assert(allows("192.0.2.1:5000"));
	fixture.now_ms += 1;
	ck_assert(!allows("192.0.2.1:5000"));
}
END_TEST

START_TEST(permission_is_an_address_without_port) /* T-280, T-291 */
{
	ck_assert_int_eq(install("192.0.2.1:0"), 0);
	ck_assert(allows("192.0.2.1:5000"));
	ck_assert(allows("192.0.2.1:6000"));
	ck_assert(!allows("192.0.2.2:5000"));
}
END_TEST

START_TEST(permissions_of_allocations_are_independent) /* T-284 */
{
	const struct allocation *other = fixture_allocate(&fixture, "alice", 2, NULL);
	const struct endpoint peer = ep("192.0.2.1:5000");

	ck_assert_int_eq(install("192.0.2.1:5000"), 0);
	ck_assert(!permission_allows(&fixture.turn, other, &peer.ip, fixture.now_ms));
}
END_TEST

static const struct {
	const char *name;
	const char *peer;
	int want;
} peers[] = {
	{"public", "198.51.100.7:1", 0},
	{"other family (T-287)", "[2001:db8::9]:1", 443},
	{"inside network", "10.1.2.3:1", 403},
	{"loopback", "127.0.0.1:1", 403},
	{"link local", "169.254.169.254:1", 403},
	{"multicast", "224.0.0.1:1", 403},
	{"unspecified", "0.0.0.0:1", 403},
	{"own relayed address", "198.18.0.1:1", 0},
};

START_TEST(bad_peer_is_refused) /* T-287, T-288, T-581 */
{
	int got = install(peers[_i].peer);
	ck_assert_msg(got == peers[_i].want, "%s: got %d", peers[_i].name, got);
	ck_assert(allows(peers[_i].peer) == (got == 0));
}
END_TEST

static const struct {
	const char *name;
	const char *peer;
} peers6[] = {
	{"IPv4-mapped (T-292)", "[::ffff:192.0.2.1]:1"},
	{"Teredo (T-580)", "[2001:0:1::1]:1"},
	{"6to4 (T-580)", "[2002:c000:201::1]:1"},
	{"NAT64 of loopback", "[64:ff9b::7f00:1]:1"},
	{"loopback", "[::1]:1"},
	{"link local", "[fe80::1]:1"},
};

START_TEST(bad_ipv6_peer_is_refused) /* T-292, T-580 */
{
	struct endpoint peer = ep(peers6[_i].peer);
	const char *refused = NULL;

	fixture_by_hand(&fixture);
	al->families = IP_V6;
	int got =
		permission_install(&fixture.turn, al, &peer, 1, fixture.now_ms, &refused);
	ck_assert_msg(got == 403, "%s: got %d", peers6[_i].name, got);
	ck_assert_ptr_nonnull(refused);
}
END_TEST

static const struct {
	const char *name;
	const char *bad;
	int want;
} mixed[] = {
	{"one forbidden", "10.0.0.1:1", 403},
	{"one of the other family", "[2001:db8::9]:1", 443},
	{"forbidden and other family: family first", "[::1]:1", 443},
};

START_TEST(all_or_nothing) /* T-286 */
{
	for (size_t at = 0; at < 3; at++) {
		struct endpoint all[] = {peer_number(1), peer_number(2), peer_number(3)};

		all[at] = ep(mixed[_i].bad);
		int got = permission_install(&fixture.turn, al, all, 3, fixture.now_ms,
					     NULL);
		ck_assert_msg(got == mixed[_i].want, "%s at %zu: got %d", mixed[_i].name,
			      at, got);
		ck_assert_uint_eq(al->permission_count, 0);
		ck_assert(!allows("192.0.2.1:1") && !allows("192.0.2.2:1"));
	}
}
END_TEST

START_TEST(cap_is_508_and_installs_nothing) /* T-286, T-289 */
{
	struct endpoint all[12];

	for (uint8_t i = 0; i < 12; i++)
		all[i] = peer_number(1 + i);
	ck_assert_int_eq(
		permission_install(&fixture.turn, al, all, 9, fixture.now_ms, NULL), 508);
	ck_assert_uint_eq(al->permission_count, 0);
	ck_assert_int_eq(
		permission_install(&fixture.turn, al, all, 8, fixture.now_ms, NULL), 0);
	ck_assert_int_eq(permission_install(&fixture.turn, al, all + 8, 1, fixture.now_ms,
					    NULL),
			 508);

	/* Refreshing is always possible, and an address given twice counts once. */
	fixture.now_ms += 1000;
	ck_assert_int_eq(
		permission_install(&fixture.turn, al, all, 8, fixture.now_ms, NULL), 0);
	all[8] = all[0];
	ck_assert_int_eq(
		permission_install(&fixture.turn, al, all, 9, fixture.now_ms, NULL), 0);
	fixture.now_ms += 299999;
	ck_assert(allows("192.0.2.1:1"));
}
END_TEST

START_TEST(same_address_many_times_is_one)
{
	static struct endpoint all[5000];

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		all[i] = peer_number((uint8_t)(1 + i % 8));
	ck_assert_int_eq(permission_install(&fixture.turn, al, all, ARRAY_LEN(all),
					    fixture.now_ms, NULL),
			 0);
	ck_assert_uint_eq(al->permission_count, 8);
}
END_TEST

START_TEST(expired_places_are_used_again)
{
	struct endpoint all[8];

	for (int round = 0; round < 5; round++) {
		for (uint8_t i = 0; i < 8; i++)
			all[i] = peer_number((uint8_t)(1 + 8 * round + i));
		ck_assert_int_eq(permission_install(&fixture.turn, al, all, 8,
						    fixture.now_ms, NULL),
				 0);
		fixture.now_ms += 300000;
	}
	ck_assert_uint_eq(al->permission_count, 8);
	ck_assert_uint_eq(fixture.turn.table->permissions.used, 2);
}
END_TEST

START_TEST(policy_reload_takes_effect) /* T-584 */
{
	ck_assert_int_eq(install("192.0.2.1:1"), 0);
	ck_assert_int_eq(install("198.51.100.1:1"), 0);
	ck_assert(fixture_deny(&fixture, "192.0.2.1/32"));
	ck_assert(!allows("192.0.2.1:1"));
	ck_assert(allows("198.51.100.1:1"));
	ck_assert_int_eq(install("192.0.2.1:1"), 403);

	/* After the opposite change the permission is still there. */
	ck_assert(fixture_deny(&fixture, NULL));
	ck_assert(allows("192.0.2.1:1"));
}
END_TEST

START_TEST(own_address_is_one_in_both_forms)
{
	begin_with(&(struct fixture_options){.nat = true});
	ck_assert_int_eq(install("198.18.0.1:1"), 0);
	ck_assert(allows("203.0.113.1:1"));
	ck_assert(allows("198.18.0.1:1"));
	ck_assert_int_eq(install("203.0.113.1:1"), 0);
	ck_assert_uint_eq(al->permission_count, 1);
}
END_TEST

START_TEST(walk_meets_each_once)
{
	struct ip_addr peer;
	uint64_t expires_ms, seen = 0;
	uint32_t cursor;

	for (uint8_t i = 0; i < 7; i++) {
		struct endpoint one = peer_number(i);
		ck_assert_int_eq(permission_install(&fixture.turn, al, &one, 1,
						    fixture.now_ms, NULL),
				 0);
	}
	cursor = al->permissions;
	while (permission_next(&fixture.turn, &cursor, &peer, &expires_ms)) {
		ck_assert_uint_eq(expires_ms, fixture.now_ms + 300000);
		ck_assert_uint_eq(seen & 1u << peer.bytes[3], 0);
		seen |= 1u << peer.bytes[3];
	}
	ck_assert_uint_eq(seen, 0x7F);
}
END_TEST

START_TEST(permissions_agree_with_a_naive_list)
{
	uint64_t state = 3, expires[16] = {0};

	allocation_refresh(&fixture.turn, al, UINT32_MAX, fixture.now_ms);
	for (int step = 0; step < 20000; step++) {
		struct endpoint all[4];
		size_t count = 1 + random_below(&state, 4), live = 0;
		uint16_t asked = 0;

		fixture.now_ms += random_below(&state, 60000);
		for (size_t i = 0; i < count; i++) {
			uint8_t n = (uint8_t)random_below(&state, 16);
			all[i] = peer_number(n);
			asked |= (uint16_t)(1u << n);
		}
		for (size_t i = 0; i < 16; i++)
			live += expires[i] > fixture.now_ms || asked & 1u << i;

		int got = permission_install(&fixture.turn, al, all, count,
					     fixture.now_ms, NULL);
		if (got != (live > 8 ? 508 : 0))
			ck_abort_msg("step %d: got %d with %zu", step, got, live);
		for (uint8_t i = 0; i < 16; i++) {
			if (got == 0 && asked & 1u << i)
				expires[i] = fixture.now_ms + 300000;
			struct endpoint peer = peer_number(i);
			if (permission_allows(&fixture.turn, al, &peer.ip,
					      fixture.now_ms) !=
			    (expires[i] > fixture.now_ms))
				ck_abort_msg("step %d: peer %d is wrong", step, i);
		}
	}
}
END_TEST

static void permission_suite(Suite *suite)
{
	TCase *tc = tcase_create("permission");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, permission_lasts_five_minutes);
	tcase_add_test(tc, permission_is_an_address_without_port);
	tcase_add_test(tc, permissions_of_allocations_are_independent);
	tcase_add_loop_test(tc, bad_peer_is_refused, 0, ROWS(peers));
	tcase_add_loop_test(tc, bad_ipv6_peer_is_refused, 0, ROWS(peers6));
	tcase_add_loop_test(tc, all_or_nothing, 0, ROWS(mixed));
	tcase_add_test(tc, cap_is_508_and_installs_nothing);
	tcase_add_test(tc, same_address_many_times_is_one);
	tcase_add_test(tc, expired_places_are_used_again);
	tcase_add_test(tc, policy_reload_takes_effect);
	tcase_add_test(tc, own_address_is_one_in_both_forms);
	tcase_add_test(tc, walk_meets_each_once);
	tcase_add_test(tc, permissions_agree_with_a_naive_list);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("permission", permission_suite)
