/*
 * test_relay_port.c - obtaining a relayed transport address: EVEN-PORT, reservations,
 * several outside addresses, and refusals by the system (RFC 8656 section 7.2).
 */
#include <errno.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "tests/unit/core/one_fixture.h"

struct ask {
	const char *user;
	const char *client;
	uint16_t front;
	uint8_t family;
	bool even, reserve;
	const uint8_t *token;
};

static int ask(struct ask a, struct allocation **al)
{
	const struct allocation_request request = {
		.tuple = fixture_tuple(a.client, a.front),
		.family = a.family,
		.even_port = a.even,
		.reserve_next = a.reserve,
		.reservation_token = a.token,
	};

	return fixture_create(&fixture, a.user ? a.user : "alice", request, al);
}

static size_t ports_used(size_t address)
{
	return port_pool_figures(fixture.shared.ports, address, fixture.now_ms).used;
}

START_TEST(even_port_is_even) /* T-238 */
{
	struct allocation *al;

	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(
			ask((struct ask){.client = "192.0.2.9:1", .even = true}, &al), 0);
		ck_assert_uint_eq(al->relay_port % 2, 0);
		ck_assert(!al->reservation.held);
		allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	}
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(reserved_port_is_the_next_one) /* T-238, T-241, T-240 */
{
	struct allocation *rtp, *rtcp;

	ck_assert_int_eq(ask((struct ask){.client = "192.0.2.9:1",
					  .front = 3,
					  .even = true,
					  .reserve = true},
			     &rtp),
			 0);
	ck_assert(rtp->reservation.held);
	ck_assert_uint_eq(rtp->relay_port % 2, 0);
	ck_assert_uint_eq(ports_used(0), 2);

	/* From any 5-tuple: another transport, another side. */
	ck_assert_int_eq(ask((struct ask){.client = "10.0.0.9:1",
					  .front = 1,
					  .token = rtp->reservation.token},
			     &rtcp),
			 0);
	ck_assert_uint_eq(rtcp->relay_port, rtp->relay_port + 1);
	ck_assert_uint_eq(rtcp->relay_address, rtp->relay_address);
	ck_assert_uint_eq(ports_used(0), 2);
	allocation_delete(&fixture.turn, rtp, END_RELEASED, fixture.now_ms);
	allocation_delete(&fixture.turn, rtcp, END_RELEASED, fixture.now_ms);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(reservation_has_the_family_of_its_address)
{
	struct allocation *rtp, *rtcp;

	ck_assert_int_eq(ask((struct ask){.client = "192.0.2.9:1",
					  .family = IP_V6,
					  .even = true,
					  .reserve = true},
			     &rtp),
			 0);
	ck_assert_int_eq(ask((struct ask){.client = "192.0.2.9:2",
					  .family = IP_V4,
					  .token = rtp->reservation.token},
			     &rtcp),
			 0);
	ck_assert_uint_eq(rtcp->families, IP_V6);
	ck_assert_uint_eq(rtcp->relay_port, rtp->relay_port + 1);
}
END_TEST

static const struct {
	const char *name;
	uint64_t later_ms;
	const char *user;
	bool used, unknown, owner_gone;
	int want;
} tokens[] = {
	{"right away", 0, NULL, false, false, false, 0},
	{"after 29 s", 29000, NULL, false, false, false, 0},
	{"after 30 s", 30000, NULL, false, false, false, 508},
	{"used before", 0, NULL, true, false, false, 508},
	{"never issued", 0, NULL, false, true, false, 508},
	{"another user", 0, "bob", false, false, false, 508},
	{"its allocation ended", 1000, NULL, false, false, true, 0},
};

START_TEST(token_is_valid_once_for_thirty_seconds) /* T-227, T-239, T-240 */
{
	struct allocation *rtp, *al;
	uint8_t token[8];

	ck_assert_int_eq(
		ask((struct ask){.client = "192.0.2.9:1", .even = true, .reserve = true},
		    &rtp),
		0);
	memcpy(token, rtp->reservation.token, sizeof(token));
	if (tokens[_i].used)
		ck_assert_int_eq(
			ask((struct ask){.client = "192.0.2.9:7", .token = token}, &al),
			0);
	if (tokens[_i].unknown)
		token[7] ^= 1;
	if (tokens[_i].owner_gone)
		allocation_delete(&fixture.turn, rtp, END_RELEASED, fixture.now_ms);

	fixture.now_ms += tokens[_i].later_ms;
	int got = ask((struct ask){.user = tokens[_i].user,
				   .client = "192.0.2.9:2",
				   .token = token},
		      &al);
	ck_assert_msg(got == tokens[_i].want, "%s: got %d", tokens[_i].name, got);
}
END_TEST

START_TEST(unused_reservation_is_released) /* T-239, attack 24 */
{
	struct allocation *rtp;

	ck_assert_int_eq(
		ask((struct ask){.client = "192.0.2.9:1", .even = true, .reserve = true},
		    &rtp),
		0);
	allocation_delete(&fixture.turn, rtp, END_RELEASED, fixture.now_ms);
	ck_assert_uint_eq(ports_used(0), 1);
	fixture.now_ms += 30000;
	ck_assert_uint_eq(reservation_table_expire(fixture.shared.reservations,
						   fixture.now_ms),
			  UINT64_MAX);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(user_holds_no_more_reservations_than_allocations) /* attack 24 */
{
	struct allocation *al;

	begin_with(&(struct fixture_options){.allocations_per_user = 3});
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(ask((struct ask){.client = "192.0.2.9:1",
						  .even = true,
						  .reserve = true},
				     &al),
				 0);
		allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	}
	const struct ask again = {.client = "192.0.2.9:1", .even = true, .reserve = true};
	ck_assert_int_eq(ask(again, &al), 486);
	ck_assert_uint_eq(ports_used(0), 3);

	/*
	 * Other users, requests without a reservation, and the next half minute are not
	 * affected.
	 */
	ck_assert_int_eq(ask((struct ask){.user = "bob",
					  .client = "192.0.2.9:2",
					  .even = true,
					  .reserve = true},
			     &al),
			 0);
	ck_assert_int_eq(ask((struct ask){.client = "192.0.2.9:3", .even = true}, &al),
			 0);
	fixture.now_ms += 30000;
	ck_assert_int_eq(ask(again, &al), 0);
}
END_TEST

START_TEST(full_reservation_table_is_508_and_holds_nothing) /* T-253 */
{
	struct allocation *al;

	begin_with(&(struct fixture_options){.reservations = 1});
	ck_assert_int_eq(
		ask((struct ask){.client = "192.0.2.9:1", .even = true, .reserve = true},
		    &al),
		0);
	ck_assert_int_eq(
		ask((struct ask){.client = "192.0.2.9:2", .even = true, .reserve = true},
		    &al),
		508);
	ck_assert_uint_eq(ports_used(0), 2);
	ck_assert_uint_eq(fixture.edge.closed, 1);
	ck_assert_uint_eq(allocation_count(fixture.turn.table), 1);
}
END_TEST

static const struct {
	const char *name;
	uint16_t first, last;
	bool even, reserve;
	int want;
} ranges[] = {
	{"any port where one is", 50001, 50001, false, false, 0},
	{"even port where none is", 50001, 50001, true, false, 508},
	{"pair where one port is", 50000, 50000, true, true, 508},
	{"pair across the wrong boundary", 50001, 50002, true, true, 508},
	{"pair where one is", 50000, 50001, true, true, 0},
};

START_TEST(port_that_is_not_there_is_508) /* T-231 */
{
	struct allocation *al;

	begin_with(&(struct fixture_options){.first_port = ranges[_i].first,
					     .last_port = ranges[_i].last});
	int got = ask((struct ask){.client = "192.0.2.9:1",
				   .even = ranges[_i].even,
				   .reserve = ranges[_i].reserve},
		      &al);
	ck_assert_msg(got == ranges[_i].want, "%s: got %d", ranges[_i].name, got);
	if (got)
		ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(addresses_of_a_family_are_used_up_in_turn)
{
	struct allocation *al;
	size_t on[3] = {0};
	int code = 0;

	begin_with(&(struct fixture_options){
		.second_v4 = true, .last_port = 50009, .first_port = 50000});
	for (uint16_t i = 1; i <= 20; i++) {
		al = fixture_allocate(&fixture, "alice", i, &code);
		ck_assert_int_eq(code, 0);
		on[al->relay_address]++;
	}
	ck_assert_uint_eq(on[0], 10);
	ck_assert_uint_eq(on[1], 10);
	ck_assert_uint_eq(on[2], 0);
	ck_assert_ptr_null(fixture_allocate(&fixture, "alice", 21, &code));
	ck_assert_int_eq(code, 508);
}
END_TEST

START_TEST(search_begins_at_a_random_address)
{
	size_t on[3] = {0};

	begin_with(&(struct fixture_options){.second_v4 = true});
	for (uint16_t i = 1; i <= 40; i++)
		on[fixture_allocate(&fixture, "alice", i, NULL)->relay_address]++;
	ck_assert_uint_ge(on[0], 8);
	ck_assert_uint_ge(on[1], 8);
}
END_TEST

static const struct {
	const char *name;
	int refuse;
	unsigned times;
	int want;
	unsigned failures; /* counted as ports held by another program */
} refusals[] = {
	{"first port held by another program", -EADDRINUSE, 1, 0, 1},
	{"fifteen ports held", -EADDRINUSE, 15, 0, 15},
	{"every port held", -EADDRINUSE, 1000, 508, 16},
	{"no descriptor left", -EMFILE, 1, 508, 0},
	{"no descriptor left in the system", -ENFILE, 1, 508, 0},
	{"no memory", -ENOMEM, 1, 508, 0},
	{"no buffers", -ENOBUFS, 1, 508, 0},
	{"not permitted", -EACCES, 1, 508, 0},
	{"one address gone", -EADDRNOTAVAIL, 1, 0, 0},
	{"both addresses gone", -EADDRNOTAVAIL, 2, 508, 0},
};

static void check_refusal(int row, struct ask a, const char *what)
{
	struct allocation *al;

	begin_with(&(struct fixture_options){.second_v4 = true});
	fixture.edge.refuse = refusals[row].refuse;
	fixture.edge.refuse_times = refusals[row].times;
	int got = ask(a, &al);
	ck_assert_msg(got == refusals[row].want, "%s, %s: got %d", refusals[row].name,
		      what, got);
	ck_assert_uint_eq(fixture.turn.counters.bind_failures, refusals[row].failures);
	/* The last one is noted, for the log. */
	ck_assert_int_eq(turn_read_conflict(&fixture.turn).port != 0,
			 refusals[row].failures > 0);
	ck_assert(!turn_read_conflict(&fixture.turn).tcp);
	if (got == 0) {
		ck_assert_uint_eq(ports_used(0) + ports_used(1), a.reserve ? 2 : 1);
		allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
		fixture.now_ms += 30000;
		reservation_table_expire(fixture.shared.reservations, fixture.now_ms);
	}
	ck_assert_msg(fixture_is_clean(&fixture), "%s, %s: resources leaked",
		      refusals[row].name, what);
}

START_TEST(refused_socket_costs_nothing) /* T-253 */
{
	check_refusal(_i, (struct ask){.client = "192.0.2.9:1"}, "any port");
	check_refusal(_i, (struct ask){.client = "192.0.2.9:1", .even = true},
		      "even port");
	check_refusal(
		_i, (struct ask){.client = "192.0.2.9:1", .even = true, .reserve = true},
		"pair");
}
END_TEST

START_TEST(refused_socket_on_a_reserved_port_is_508) /* T-241, T-253 */
{
	static const int errors[] = {-EADDRINUSE, -EMFILE};
	struct allocation *rtp, *al;

	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		begin();
		ck_assert_int_eq(ask((struct ask){.client = "192.0.2.9:1",
						  .even = true,
						  .reserve = true},
				     &rtp),
				 0);
		fixture.edge.refuse = errors[i];
		fixture.edge.refuse_times = 1;
		ck_assert_int_eq(ask((struct ask){.client = "192.0.2.9:2",
						  .token = rtp->reservation.token},
				     &al),
				 508);
		ck_assert_uint_eq(ports_used(0), 1);
		allocation_delete(&fixture.turn, rtp, END_RELEASED, fixture.now_ms);
		ck_assert(fixture_is_clean(&fixture));
	}
}
END_TEST

/* Also where the configuration limits no user. */
START_TEST(a_user_holds_64_reservations_at_most)
{
	const struct ask once = {.client = "192.0.2.9:1", .even = true, .reserve = true};
	struct allocation *al;

	begin_with(&(struct fixture_options){.reservations = 100, .last_port = 50999});
	for (int i = 0; i < 64; i++) {
		ck_assert_int_eq(ask(once, &al), 0);
		allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	}
	ck_assert_int_eq(ask(once, &al), 486);
	ck_assert_uint_eq(fixture.turn.counters.refusals[REFUSAL_USER], 1);
	ck_assert_uint_eq(ports_used(0), 64);
}
END_TEST

START_TEST(token_survives_a_refused_quota)
{
	struct allocation *rtp, *other, *al;

	begin_with(&(struct fixture_options){.allocations_per_user = 2});
	ck_assert_int_eq(
		ask((struct ask){.client = "192.0.2.9:1", .even = true, .reserve = true},
		    &rtp),
		0);
	ck_assert_int_eq(ask((struct ask){.client = "192.0.2.9:2"}, &other), 0);
	const struct ask redeem = {.client = "192.0.2.9:3",
				   .token = rtp->reservation.token};
	ck_assert_int_eq(ask(redeem, &al), 486);
	allocation_delete(&fixture.turn, other, END_RELEASED, fixture.now_ms);
	ck_assert_int_eq(ask(redeem, &al), 0);
}
END_TEST

static void relay_port_suite(Suite *suite)
{
	TCase *tc = tcase_create("relay port");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, even_port_is_even);
	tcase_add_test(tc, reserved_port_is_the_next_one);
	tcase_add_test(tc, reservation_has_the_family_of_its_address);
	tcase_add_loop_test(tc, token_is_valid_once_for_thirty_seconds, 0, ROWS(tokens));
	tcase_add_test(tc, unused_reservation_is_released);
	tcase_add_test(tc, user_holds_no_more_reservations_than_allocations);
	tcase_add_test(tc, a_user_holds_64_reservations_at_most);
	tcase_add_test(tc, full_reservation_table_is_508_and_holds_nothing);
	tcase_add_loop_test(tc, port_that_is_not_there_is_508, 0, ROWS(ranges));
	tcase_add_test(tc, addresses_of_a_family_are_used_up_in_turn);
	tcase_add_test(tc, search_begins_at_a_random_address);
	tcase_add_loop_test(tc, refused_socket_costs_nothing, 0, ROWS(refusals));
	tcase_add_test(tc, refused_socket_on_a_reserved_port_is_508);
	tcase_add_test(tc, token_survives_a_refused_quota);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("relay_port", relay_port_suite)
