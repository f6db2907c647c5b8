/*
 * test_admission.c - limits on allocations of users, source prefixes, sides and the
 * relay, and the counters of refusals (RFC 8656 section 7.2 step 10).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/charge.h"
#include "tests/unit/core/create_check.h"

static uint64_t refused(enum refusal why)
{
	return fixture.turn.counters.refusals[why];
}

START_TEST(user_quota_is_486_for_that_user_only) /* T-207, T-236, attack 23 */
{
	struct allocation *al;
	int code;

	begin_with(&(struct fixture_options){.allocations_per_user = 2});
	al = fixture_allocate(&fixture, "alice", 1, NULL);
	ck_assert_ptr_nonnull(al);
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "alice", 2, NULL));
	ck_assert_ptr_null(fixture_allocate(&fixture, "alice", 3, &code));
	ck_assert_int_eq(code, 486);
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "bob", 4, NULL));

	/* The charge is released with the resource. */
	allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "alice", 5, NULL));
	ck_assert_ptr_null(fixture_allocate(&fixture, "alice", 6, &code));
}
END_TEST

START_TEST(two_credentials_of_one_user_share_the_quota) /* T-568 */
{
	struct owner one = {.id = {{1}}}, two = {.id = {{2}}};
	struct allocation_request request = {
		.tuple = fixture_tuple("192.0.2.9:1", 3),
		.owner = &one,
	};
	struct allocation *al;

	begin_with(&(struct fixture_options){.allocations_per_user = 1});
	ck_assert_int_eq(fixture_create(&fixture, "alice", request, &al), 0);
	request.tuple.client.port = 2;
	request.owner = &two;
	ck_assert_int_eq(fixture_create(&fixture, "alice", request, &al), 486);
}
END_TEST

START_TEST(each_dialect_has_a_quota_of_its_own)
{
	struct allocation_request request = {.tuple = fixture_tuple("192.0.2.9:1", 3)};
	struct allocation *al;

	fixture.settings.limits.allocations_per_user[DIALECT_MS] = 1;
	for (; request.tuple.client.port < 10; request.tuple.client.port++)
		ck_assert_int_eq(fixture_create(&fixture, "alice", request, &al), 0);
	request.dialect = DIALECT_MS;
	ck_assert_int_eq(fixture_create(&fixture, "alice", request, &al), 0);
	request.tuple.client.port++;
	ck_assert_int_eq(fixture_create(&fixture, "alice", request, &al), 486);
	ck_assert_uint_eq(quota_owners(fixture.shared.users[DIALECT_IETF]), 1);
	ck_assert_uint_eq(quota_held(fixture.shared.users[DIALECT_MS], al->user_quota),
			  1);
	ck_assert_uint_eq(quota_peak(fixture.shared.users[DIALECT_IETF]), 9);
}
END_TEST

/* A site that gives everybody the same username, an expiry and nothing else. */
/* The quota that a credential carries takes the place of the limit, in both dialects. */
START_TEST(a_quota_of_the_credential_comes_before_the_limit)
{
	struct owner owner = {.id = {{1}}, .quota = {.allocations = 3}};
	struct allocation_request request = {
		.tuple = fixture_tuple("192.0.2.9:1", 3),
		.owner = &owner,
	};
	struct allocation *al;

	for (int dialect = 0; dialect < DIALECT_COUNT; dialect++) {
		fixture.settings.limits.allocations_per_user[dialect] = 1;
		request.dialect = (enum dialect)dialect;
		for (int i = 0; i < 3; i++) {
			request.tuple.client.port++;
			ck_assert_int_eq(
				fixture_create(&fixture, "gateway", request, &al), 0);
			ck_assert_uint_eq(charge_user_limit(&fixture.turn, al), 3);
		}
		request.tuple.client.port++;
		ck_assert_int_eq(fixture_create(&fixture, "gateway", request, &al), 486);
		ck_assert_int_eq(fixture_create(&fixture, "alice", request, &al), 0);
		request.tuple.client.port++;
	}
	/* A credential without one goes by the limit, though the user holds more. */
	owner.quota.allocations = 0;
	ck_assert_int_eq(fixture_create(&fixture, "gateway", request, &al), 486);
}
END_TEST

START_TEST(a_credential_that_names_nobody_counts_by_address)
{
	struct owner anybody = {.nameless = true};
	struct allocation_request request = {
		.tuple = fixture_tuple("192.0.2.9:1", 3),
		.owner = &anybody,
	};
	struct allocation *al;

	begin_with(&(struct fixture_options){.allocations_per_user = 2});
	ck_assert_int_eq(fixture_create(&fixture, "1700003600", request, &al), 0);
	request.tuple.client.port = 2;
	/* The same client with the next credential is the same user ... */
	ck_assert_int_eq(fixture_create(&fixture, "1700007200", request, &al), 0);
	request.tuple.client.port = 3;
	ck_assert_int_eq(fixture_create(&fixture, "1700007200", request, &al), 486);
	/* ... and another client is another one. */
	request.tuple = fixture_tuple("192.0.2.10:1", 3);
	ck_assert_int_eq(fixture_create(&fixture, "1700003600", request, &al), 0);
	request.tuple = fixture_tuple("[2001:db8:1:2::1]:1", 4);
	ck_assert_int_eq(fixture_create(&fixture, "1700003600", request, &al), 0);
	request.tuple = fixture_tuple("[2001:db8:1:2::2]:1", 4);
	ck_assert_int_eq(fixture_create(&fixture, "1700003600", request, &al), 0);
	request.tuple = fixture_tuple("[2001:db8:1:2::3]:1", 4);
	ck_assert_int_eq(fixture_create(&fixture, "1700003600", request, &al), 486);
	/* Named users from there are others still. */
	request.owner = NULL;
	ck_assert_int_eq(fixture_create(&fixture, "alice", request, &al), 0);
}
END_TEST

/* How many of them the user gets, each released at once. */
static unsigned churn(const char *user, unsigned times)
{
	unsigned made = 0;

	for (unsigned i = 0; i < times; i++) {
		struct allocation *al = fixture_allocate(&fixture, user, 1, NULL);

		if (al == NULL)
			continue;
		made++;
		allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	}
	return made;
}

static void limit_rate(uint32_t rate, uint32_t burst)
{
	fixture.settings.limits.allocation_rate_per_user = rate;
	fixture.settings.limits.allocation_burst_per_user = burst;
}

START_TEST(attack_23_a_user_makes_so_many_allocations_per_second)
{
	limit_rate(100, 50);
	ck_assert_uint_eq(churn("alice", 1000), 50);
	ck_assert_uint_eq(refused(REFUSAL_RATE), 950);
	ck_assert_uint_eq(churn("bob", 10), 10);
	/* Nothing of alice's is left, and still she has to wait. */
	ck_assert_uint_eq(quota_owners(fixture.shared.users[DIALECT_IETF]), 0);
	ck_assert(fixture_is_clean(&fixture));

	fixture.now_ms += 9;
	ck_assert_uint_eq(churn("alice", 10), 0);
	fixture.now_ms += 1;
	ck_assert_uint_eq(churn("alice", 10), 1);
	/* In a minute as many as the rate says, however often she asks. */
	unsigned made = 0;
	for (int i = 0; i < 6000; i++) {
		fixture.now_ms += 10;
		made += churn("alice", 3);
	}
	ck_assert_uint_eq(made, 6000);
	fixture.now_ms += 60000;
	ck_assert_uint_eq(churn("alice", 1000), 50);
}
END_TEST

/* As many other names as there is memory for do not win her a new burst. */
START_TEST(other_names_do_not_restore_a_burst)
{
	struct allocation_request request = {.tuple = fixture_tuple("192.0.2.9:1", 3)};
	enum refusal why = REFUSAL_COUNT;
	struct allocation *al;
	char name[16];

	limit_rate(1, 5);
	for (unsigned i = 0; i < 5; i++, request.tuple.client.port++) {
		ck_assert_int_eq(fixture_create(&fixture, "alice", request, &al), 0);
		allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	}
	fixture.now_ms += 1100; /* enough for the others, not for her */
	for (unsigned i = 0; i < 500; i++, request.tuple.client.port++) {
		snprintf(name, sizeof(name), "bob%u", i);
		fixture.now_ms += 2;
		ck_assert_int_eq(fixture_create(&fixture, name, request, &al), 0);
		allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	}
	/* Two have come back to her in that time, and no third. */
	request.why = &why;
	for (unsigned i = 0; i < 3; i++, request.tuple.client.port++)
		ck_assert_int_eq(fixture_create(&fixture, "alice", request, &al),
				 i < 2 ? 0 : 486);
	ck_assert_int_eq(why, REFUSAL_RATE);
}
END_TEST

START_TEST(the_rate_is_of_each_dialect_and_of_a_nameless_client)
{
	struct owner anybody = {.nameless = true};
	struct allocation_request request = {.tuple = fixture_tuple("192.0.2.9:1", 3)};
	enum refusal why = REFUSAL_COUNT;
	struct allocation *al;

	limit_rate(1, 1);
	request.why = &why;
	ck_assert_int_eq(fixture_create(&fixture, "alice", request, &al), 0);
	request.tuple.client.port++;
	ck_assert_int_eq(fixture_create(&fixture, "alice", request, &al), 486);
	ck_assert_int_eq(why, REFUSAL_RATE);
	ck_assert_str_eq(refusal_text(why), "too many new allocations of the user");
	request.dialect = DIALECT_MS;
	ck_assert_int_eq(fixture_create(&fixture, "alice", request, &al), 0);

	request = (struct allocation_request){.tuple = fixture_tuple("192.0.2.9:3", 3),
					      .owner = &anybody};
	ck_assert_int_eq(fixture_create(&fixture, "1700003600", request, &al), 0);
	request.tuple.client.port++;
	ck_assert_int_eq(fixture_create(&fixture, "1700007200", request, &al), 486);
	request.tuple = fixture_tuple("192.0.2.10:3", 3);
	ck_assert_int_eq(fixture_create(&fixture, "1700007200", request, &al), 0);
}
END_TEST

START_TEST(a_refusal_does_not_count_as_a_new_allocation)
{
	int code;

	limit_rate(1, 3);
	fixture.settings.limits.allocations_per_user[DIALECT_IETF] = 2;
	struct allocation *al = fixture_allocate(&fixture, "alice", 1, NULL);
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "alice", 2, NULL));
	for (int i = 0; i < 10; i++)
		ck_assert_ptr_null(fixture_allocate(&fixture, "alice", 3, &code));
	ck_assert_uint_eq(refused(REFUSAL_USER), 10);
	allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "alice", 3, NULL));
}
END_TEST

START_TEST(prefix_quota_is_486) /* attack 23 */
{
	struct allocation *al;

	begin_with(&(struct fixture_options){.allocations_per_prefix = 1});
	ck_assert_int_eq(create("a", "[2001:db8:1:2::1]:1", 4, IP_V4, &al), 0);
	ck_assert_int_eq(create("b", "[2001:db8:1:2::2]:1", 4, IP_V4, &al), 486);
	ck_assert_int_eq(create("c", "[2001:db8:1:3::1]:1", 4, IP_V4, &al), 0);
	ck_assert_int_eq(create("d", "192.0.2.9:1", 3, IP_V4, &al), 0);
	ck_assert_int_eq(create("e", "192.0.2.9:2", 3, IP_V4, &al), 486);
	/* A refusal charges nothing, and the end of an allocation returns its charge. */
	ck_assert_int_eq(create("b", "192.0.2.10:1", 3, IP_V4, &al), 0);
	allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	ck_assert_int_eq(create("f", "192.0.2.10:2", 3, IP_V4, &al), 0);
}
END_TEST

/* Those who get nothing must not cost another user the memory of what it has used. */
START_TEST(refusals_by_prefix_take_no_row_of_a_user) /* attack 23 */
{
	struct turn_limits *limits = &fixture.settings.limits;
	struct allocation *al;
	char name[16];
	int code;

	begin_with(&(const struct fixture_options){.allocations_per_prefix = 1});
	limits->allocation_rate_per_user = limits->allocation_burst_per_user = 1;
	al = fixture_allocate(&fixture, "alice", 1, NULL);
	ck_assert_ptr_nonnull(al);
	allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);

	al = fixture_allocate(&fixture, "bob", 2, NULL);
	ck_assert_ptr_nonnull(al);
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		ck_assert_ptr_null(fixture_allocate(&fixture, name, 3, &code));
	}
	ck_assert_uint_eq(refused(REFUSAL_PREFIX), 2000);
	allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);

	ck_assert_ptr_null(fixture_allocate(&fixture, "alice", 4, &code));
	ck_assert_uint_eq(refused(REFUSAL_RATE), 1);
}
END_TEST

START_TEST(quota_of_a_side_is_486)
{
	struct allocation *inside, *al;

	fixture.settings.limits.allocations_per_side[SIDE_INSIDE] = 1;
	ck_assert_int_eq(create("a", "10.0.0.7:1", 0, IP_V4, &inside), 0);
	ck_assert_int_eq(create("b", "10.0.0.8:1", 1, IP_V4, &al), 486);
	ck_assert_int_eq(create("b", "192.0.2.9:1", 3, IP_V4, &al), 0);
	ck_assert_uint_eq(refused(REFUSAL_SIDE), 1);
	allocation_delete(&fixture.turn, inside, END_RELEASED, fixture.now_ms);
	ck_assert_int_eq(create("b", "10.0.0.8:1", 1, IP_V4, &al), 0);
	ck_assert_uint_eq(quota_peak(fixture.shared.sides[SIDE_INSIDE]), 1);
}
END_TEST

START_TEST(the_reserve_is_for_users_who_have_one) /* attack 23 */
{
	int code;

	begin_with(&(struct fixture_options){.allocations_total = 4});
	fixture.settings.limits.allocations_reserved = 2;
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "alice", 1, NULL));
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "bob", 2, NULL));
	ck_assert_ptr_null(fixture_allocate(&fixture, "carol", 3, &code));
	ck_assert_int_eq(code, 508);
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "alice", 4, NULL));
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "bob", 5, NULL));
	ck_assert_ptr_null(fixture_allocate(&fixture, "alice", 6, &code));
	ck_assert_int_eq(code, 508);
	ck_assert_uint_eq(refused(REFUSAL_TOTAL), 2);
	/* A reserve that a reload made as large as the total has no effect. */
	fixture.settings.limits.allocations_reserved = 4;
	allocation_delete(&fixture.turn, allocation_at(fixture.turn.table, 0),
			  END_RELEASED, fixture.now_ms);
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "carol", 7, NULL));
}
END_TEST

/* Each refusal has its own counter, and leaves nothing allocated. */
START_TEST(refusals_are_counted_by_reason)
{
	struct allocation *al;

	begin_with(&(struct fixture_options){.allocations_total = 3,
					     .allocations_per_user = 1,
					     .allocations_per_prefix = 1});
	ck_assert_int_eq(create("a", "192.0.2.9:1", 3, IP_V4, &al), 0);
	ck_assert_int_eq(create("a", "192.0.2.10:1", 3, IP_V4, &al), 486);
	ck_assert_int_eq(create("b", "192.0.2.9:2", 3, IP_V4, &al), 486);
	fixture.edge.refuse = -EMFILE;
	fixture.edge.refuse_times = 1000;
	ck_assert_int_eq(create("c", "192.0.2.11:1", 3, IP_V4, &al), 508);
	fixture.edge.refuse_times = 0;
	ck_assert_int_eq(create("c", "192.0.2.11:1", 3, IP_V4, &al), 0);
	ck_assert_int_eq(create("d", "192.0.2.12:1", 3, IP_V4, &al), 0);
	ck_assert_int_eq(create("e", "192.0.2.13:1", 3, IP_V4, &al), 508);
	ck_assert_uint_eq(refused(REFUSAL_USER), 1);
	ck_assert_uint_eq(refused(REFUSAL_PREFIX), 1);
	ck_assert_uint_eq(refused(REFUSAL_CAPACITY), 1);
	ck_assert_uint_eq(refused(REFUSAL_TOTAL), 1);
	for (int i = 0; i < REFUSAL_COUNT; i++)
		ck_assert_uint_gt(strlen(refusal_name((enum refusal)i)), 0);
	ck_assert_str_eq(refusal_name(REFUSAL_COUNT), "?");
	while ((al = allocation_next(fixture.turn.table, 0)) != NULL)
		allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(total_limit_and_full_table_are_508)
{
	int code;

	begin_with(&(struct fixture_options){.allocations_total = 2});
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "a", 1, NULL));
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "b", 2, NULL));
	ck_assert_ptr_null(fixture_allocate(&fixture, "c", 3, &code));
	ck_assert_int_eq(code, 508);

	begin_with(&(struct fixture_options){.slots = 2});
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "a", 1, NULL));
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "b", 2, NULL));
	ck_assert_ptr_null(fixture_allocate(&fixture, "c", 3, &code));
	ck_assert_int_eq(code, 508);
	allocation_delete(&fixture.turn, allocation_at(fixture.turn.table, 0),
			  END_RELEASED, fixture.now_ms);
	ck_assert_ptr_nonnull(fixture_allocate(&fixture, "c", 3, &code));
}
END_TEST

static void admission_suite(Suite *suite)
{
	TCase *tc = tcase_create("admission");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, user_quota_is_486_for_that_user_only);
	tcase_add_test(tc, two_credentials_of_one_user_share_the_quota);
	tcase_add_test(tc, each_dialect_has_a_quota_of_its_own);
	tcase_add_test(tc, a_quota_of_the_credential_comes_before_the_limit);
	tcase_add_test(tc, a_credential_that_names_nobody_counts_by_address);
	tcase_add_test(tc, attack_23_a_user_makes_so_many_allocations_per_second);
	tcase_add_test(tc, other_names_do_not_restore_a_burst);
	tcase_add_test(tc, the_rate_is_of_each_dialect_and_of_a_nameless_client);
	tcase_add_test(tc, a_refusal_does_not_count_as_a_new_allocation);
	tcase_add_test(tc, prefix_quota_is_486);
	tcase_add_test(tc, refusals_by_prefix_take_no_row_of_a_user);
	tcase_add_test(tc, quota_of_a_side_is_486);
	tcase_add_test(tc, the_reserve_is_for_users_who_have_one);
	tcase_add_test(tc, refusals_are_counted_by_reason);
	tcase_add_test(tc, total_limit_and_full_table_are_508);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("admission", admission_suite)
