/*
 * test_user_groups.c - which group of the configuration an allocation is in, and what its packets are
 * marked with for it.
 */
#include <stdio.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/forward.h"
#include "relay/core/user_groups.h"
#include "stun/chandata.h"

#define ONE_FIXTURE_ALLOCATION
#include "tests/unit/core/one_fixture.h"

static const struct {
	const char *pattern;
	bool valid;
} patterns[] = {
	{"alice", true}, {"gateway-*", true}, {"*", true},   {"a\\x20b", true},
	{"", false},     {"a*b", false},      {"*x", false}, {"a**", false},
	{"a b", false},  {"\t", false},
};

START_TEST(pattern_is_a_word_with_a_star_at_its_end)
{
	ck_assert_msg(user_groups_pattern_is_valid(patterns[_i].pattern) ==
			      patterns[_i].valid,
		      "%s", patterns[_i].pattern);
}
END_TEST

static struct ip_prefix prefix(const char *ip, uint8_t len)
{
	struct ip_prefix made = {.len = len};

	ck_assert(ip_addr_parse(ip, &made.ip));
	return made;
}

/* In the configuration a group lies within a larger element. */
struct element {
	struct user_group group;
	uint64_t more[3];
};

static struct user_groups *five_groups(void)
{
	const char *gateways[] = {"gateway-*", "sbc"}, *bob[] = {"bob"}, *keys[] = {"k2"},
		   *all[] = {"*"};
	struct ip_prefix lan[] = {prefix("10.0.0.0", 8), prefix("fd00::", 8)};
	const struct element elements[] = {
		{.group = {.name = "gateways", .users = gateways, .user_count = 2}},
		{.group = {.name = "lan-bob",
			   .users = bob,
			   .user_count = 1,
			   .networks = lan,
			   .network_count = 2}},
		{.group = {.name = "issuer", .keys = keys, .key_count = 1}},
		{.group = {.name = "lan", .networks = lan, .network_count = 2}},
		{.group = {.name = "rest", .users = all, .user_count = 1}},
	};
	struct user_groups *groups =
		user_groups_new(&elements[0].group, ROWS(elements), sizeof(elements[0]));

	ck_assert_ptr_nonnull(groups);
	return groups;
}

static const struct {
	const char *user, *key, *client, *want;
} matches[] = {
	{"gateway-7", "k1", "203.0.113.9", "gateways"},
	{"gateway-", "k1", "203.0.113.9", "gateways"},
	{"gateway", "k1", "203.0.113.9", "rest"},
	{"sbc", "k2", "10.1.1.1", "gateways"}, /* the first that has it */
	{"sbc2", "k1", "203.0.113.9", "rest"},
	{"Sbc", "k1", "203.0.113.9", "rest"}, /* case matters */
	{"bob", "k1", "10.1.1.1", "lan-bob"},
	{"bob", "k1", "fd00::7", "lan-bob"},
	{"bob", "k1", "203.0.113.9", "rest"}, /* all lists have to have it */
	{"0123abcd", "k2", "203.0.113.9", "issuer"},
	{"0123abcd", "k1", "10.1.1.1", "lan"},
};

START_TEST(first_group_with_all_of_it)
{
	struct user_groups *groups = five_groups();
	struct owner owner = {0};
	struct ip_addr client;

	snprintf(owner.user, sizeof(owner.user), "%s", matches[_i].user);
	snprintf(owner.key_id, sizeof(owner.key_id), "%s", matches[_i].key);
	ck_assert(ip_addr_parse(matches[_i].client, &client));
	uint8_t group = user_groups_match(groups, &owner, &client);
	ck_assert_str_eq(user_groups_name(groups, group), matches[_i].want);
	user_groups_free(groups);
}
END_TEST

START_TEST(without_groups_there_is_none)
{
	const struct owner owner = {.user = "alice"};
	const struct ip_addr client = {.family = IP_V4};

	ck_assert_uint_eq(user_groups_match(NULL, &owner, &client), USER_GROUP_NONE);
	ck_assert_str_eq(user_groups_name(NULL, USER_GROUP_NONE), "");
	user_groups_free(NULL);
}
END_TEST

/* T-399: the policy of its group, on each leg; ECN passes. */
START_TEST(marking_follows_the_group)
{
	const struct endpoint peer = ep("192.0.2.1:9");
	struct turn_settings *settings = &fixture.settings;
	uint8_t message[9];
	struct forward out;

	settings->groups = five_groups();
	for (int i = 0; i <= USER_GROUPS_MAX; i++) {
		for (int leg = 0; leg < MARKING_LEG_COUNT; leg++)
			settings->markings[i][leg][0] = (struct marking){
				MARKING_ECN, (uint8_t)((8 * leg + i) << 2)};
	}
	struct allocation *bob = fixture_allocate(&fixture, "bob", 2, NULL);
	ck_assert_ptr_nonnull(bob);
	ck_assert_uint_eq(bob->group, 5);
	ck_assert_int_eq(
		channel_bind(&fixture.turn, bob, 0x4000, &peer, fixture.now_ms, NULL), 0);
	chandata_write_header(message, 0x4000, 5);
	forward_channel_data(&fixture.turn, bob, (struct slice){message, 9},
			     fixture.now_ms, &out);
	ck_assert(forward_set_header(&fixture.turn, &out, 0xb9, 0));
	ck_assert_uint_eq(out.tos, (8 * MARKING_PEERS + 5) << 2 | 1);

	static const struct {
		enum side side;
		enum transport transport;
		enum marking_leg leg;
	} legs[] = {
		{SIDE_INSIDE, TRANSPORT_UDP, MARKING_INSIDE},
		{SIDE_OUTSIDE, TRANSPORT_UDP, MARKING_OUTSIDE},
		{SIDE_INSIDE, TRANSPORT_DTLS, MARKING_INSIDE_DTLS},
		{SIDE_OUTSIDE, TRANSPORT_DTLS, MARKING_OUTSIDE_DTLS},
	};
	enum side side = bob->side;
	enum transport transport = bob->transport;
	for (size_t i = 0; i < ROWS(legs); i++) {
		bob->side = legs[i].side;
		bob->transport = legs[i].transport;
		forward_from_peer(&fixture.turn, bob, &peer, (struct slice){message, 5},
				  fixture.now_ms, &out);
		ck_assert(forward_set_header(&fixture.turn, &out, 0x02, 0));
		ck_assert_uint_eq(out.tos, (8 * legs[i].leg + 5) << 2 | 2);
	}
	bob->side = side;
	bob->transport = transport;
	user_groups_free(settings->groups);
	settings->groups = NULL;
}
END_TEST

START_TEST(a_reload_tells_the_groups_again)
{
	const char *alice[] = {"alice"};
	const struct user_group one = {.name = "one", .users = alice, .user_count = 1};
	struct turn_settings before = fixture.settings;
	struct allocation *bob = fixture_allocate(&fixture, "bob", 2, NULL);

	ck_assert_uint_eq(al->group, USER_GROUP_NONE);
	fixture.settings.groups = user_groups_new(&one, 1, sizeof(one));
	allocation_regroup(&fixture.turn, &before);
	ck_assert_uint_eq(al->group, 1);
	ck_assert_uint_eq(bob->group, USER_GROUP_NONE);

	before = fixture.settings;
	fixture.settings.groups = NULL;
	allocation_regroup(&fixture.turn, &before);
	ck_assert_uint_eq(al->group, USER_GROUP_NONE);
	user_groups_free(before.groups);
}
END_TEST

static void user_groups_suite(Suite *suite)
{
	TCase *tc = tcase_create("user_groups");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, pattern_is_a_word_with_a_star_at_its_end, 0,
			    ROWS(patterns));
	tcase_add_loop_test(tc, first_group_with_all_of_it, 0, ROWS(matches));
	tcase_add_test(tc, without_groups_there_is_none);
	tcase_add_test(tc, marking_follows_the_group);
	tcase_add_test(tc, a_reload_tells_the_groups_again);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("user_groups", user_groups_suite)
