/*
 * test_ms_turn_dual.c - clients of version 4 that do not request a family get an IPv6
 * address in addition to the IPv4 one, in MS-ALTERNATE-MAPPED-ADDRESS.
 */
#include <errno.h>

#include "relay/core/dual.h"
#include "tests/unit/dialect/ms_check.h"

static void begin_v4(const struct fixture_options *options)
{
	begin_with(options);
	fixture.settings.ms.ipv6 = true;
	fixture.settings.ms.version = alice.version = MS_VERSION_IPV6;
}

static const struct {
	const char *name;
	bool enabled;
	uint32_t ours, theirs;
	uint8_t asked; /* family; 0: not in the request */
	uint16_t front;
	bool no_v6;
	bool both;
} asks[] = {
	{"version 4, no family: both", true, 4, 4, 0, FRONT_OUTSIDE_UDP, false, true},
	{"a newer client: both", true, 4, 6, 0, FRONT_OUTSIDE_UDP, false, true},
	{"IPv4 requested: only that", true, 4, 4, 1, FRONT_OUTSIDE_UDP, false, false},
	{"IPv6 requested: only that", true, 4, 4, 2, FRONT_OUTSIDE_UDP, false, false},
	{"client of version 3", true, 4, 3, 0, FRONT_OUTSIDE_UDP, false, false},
	{"client without version", true, 4, 0, 0, FRONT_OUTSIDE_UDP, false, false},
	{"relay of version 3", true, 3, 4, 0, FRONT_OUTSIDE_UDP, false, false},
	{"turned off", false, 4, 4, 0, FRONT_OUTSIDE_UDP, false, false},
	{"no IPv6 on this relay", true, 4, 4, 0, FRONT_OUTSIDE_UDP, true, false},
	{"on a stream: IPv4", true, 4, 4, 0, FRONT_OUTSIDE_TCP, false, false},
};

START_TEST(which_clients_get_both)
{
	begin_v4(&(struct fixture_options){.no_v6 = asks[_i].no_v6});
	ms_client_init(&alice, &fixture, ALICE, asks[_i].front, "alice");
	fixture.settings.ms.ipv6 = asks[_i].enabled;
	fixture.settings.ms.version = asks[_i].ours;
	alice.version = asks[_i].theirs;
	ms_client_login(&alice);
	ms_client_start(&alice, MS_ALLOCATE_REQUEST);
	if (asks[_i].asked != 0)
		ms_add_family(&alice.b, asks[_i].asked);
	ms_client_ask(&alice);
	expect(&alice, 0, asks[_i].name);
	const struct allocation *al = ms_client_allocation(&alice);
	ck_assert_msg(dual_has_both(al) == asks[_i].both, "%s", asks[_i].name);
	ck_assert_msg(ms_client_has(&alice, MS_ALTERNATE_MAPPED_ADDRESS) == asks[_i].both,
		      "%s: attribute", asks[_i].name);
	ck_assert_uint_eq(ms_client_address(&alice, MS_MAPPED_ADDRESS).ip.family,
			  asks[_i].asked == IP_V6 ? IP_V6 : IP_V4);
	end();
}
END_TEST

static void expect_both_told(const char *name)
{
	const struct allocation *al = ms_client_allocation(&alice);
	struct endpoint first = allocation_relayed_public(&fixture.turn, al);
	struct endpoint second = allocation_second_public(&fixture.turn, al);
	struct endpoint told = ms_client_address(&alice, MS_MAPPED_ADDRESS);
	struct endpoint alternate =
		ms_client_address(&alice, MS_ALTERNATE_MAPPED_ADDRESS);

	expect(&alice, 0, name);
	ck_assert_msg(endpoint_equal(&told, &first), "%s: IPv4", name);
	ck_assert_msg(endpoint_equal(&alternate, &second), "%s: IPv6", name);
	ck_assert_uint_eq(told.ip.family, IP_V4);
	ck_assert_uint_eq(alternate.ip.family, IP_V6);
}

START_TEST(every_answer_has_both)
{
	begin_v4(&(struct fixture_options){.nat = true});
	ms_client_allocate(&alice);
	expect_both_told("made");
	ms_client_again(&alice);
	expect_both_told("repeated");
	advance(300000);
	ms_client_lifetime(&alice, 900);
	expect_both_told("refreshed");
	ck_assert_uint_eq(fixture.edge.opened, 2);
	advance(899999);
	ck_assert(dual_has_both(ms_client_allocation(&alice)));
	advance(1);
	ck_assert_ptr_null(ms_client_allocation(&alice));
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

START_TEST(release_ends_both)
{
	begin_v4(NULL);
	ms_client_allocate(&alice);
	ms_client_lifetime(&alice, 0);
	expect(&alice, 0, "released");
	ck_assert_uint_eq(fixture.edge.closed, 2);
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

START_TEST(without_a_socket_for_ipv6_ipv4_is_granted)
{
	begin_v4(NULL);
	fixture.edge.refuse = -EMFILE;
	fixture.edge.refuse_times = 1;
	fixture.edge.refuse_family = IP_V6;
	ms_client_allocate(&alice);
	expect(&alice, 0, "IPv4 alone");
	ck_assert(!ms_client_has(&alice, MS_ALTERNATE_MAPPED_ADDRESS));
	ck_assert_uint_eq(ms_client_allocation(&alice)->families, IP_V4);
	ck_assert(!ms_client_send(&alice, PEER_V6, "x", 1));
	ms_client_lifetime(&alice, 0);
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

START_TEST(without_ipv4_nothing_is_granted)
{
	begin_v4(&(struct fixture_options){.no_v4 = true});
	ms_client_allocate(&alice);
	expect(&alice, MS_SERVER_ERROR, "no IPv4");
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

static const char *const peers[] = {PEER, PEER_V6};

/*
 * The destination may be of either family; data of other peers comes in Data Indications.
 */
START_TEST(each_family_reaches_its_peers)
{
	const char *active = peers[_i], *other = peers[1 - _i];
	struct forward out;

	begin_v4(NULL);
	ms_client_allocate(&alice);
	for (size_t i = 0; i < 2; i++) {
		ck_assert(ms_client_send(&alice, peers[i], "x", 1));
		ck_assert_uint_eq(alice.out.forward.peer.ip.family,
				  i == 0 ? IP_V4 : IP_V6);
		ck_assert(ms_client_from_peer(&alice, peers[i], "y", 1, &out));
		ck_assert_uint_eq(out.header_len, i == 0 ? FORWARD_MS_DATA_HEADER_V4
							 : FORWARD_MS_DATA_HEADER_V6);
	}
	ms_client_activate(&alice, active);
	expect(&alice, 0, active);
	ck_assert(ms_client_data(&alice, "x", 1));
	ck_assert_uint_eq(alice.out.forward.peer.ip.family, _i == 0 ? IP_V4 : IP_V6);
	ck_assert(ms_client_from_peer(&alice, active, "y", 1, &out));
	ck_assert_uint_eq(out.header_len, 0);
	ck_assert(ms_client_from_peer(&alice, other, "y", 1, &out));
	ck_assert_uint_ne(out.header_len, 0);
	end();
}
END_TEST

static void dual_suite(Suite *suite)
{
	TCase *tc = tcase_create("dual");
	tcase_add_loop_test(tc, which_clients_get_both, 0, ROWS(asks));
	tcase_add_test(tc, every_answer_has_both);
	tcase_add_test(tc, release_ends_both);
	tcase_add_test(tc, without_a_socket_for_ipv6_ipv4_is_granted);
	tcase_add_test(tc, without_ipv4_nothing_is_granted);
	tcase_add_loop_test(tc, each_family_reaches_its_peers, 0, ROWS(peers));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ms_turn_dual", dual_suite)
