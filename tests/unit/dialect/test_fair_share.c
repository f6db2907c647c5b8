/*
 * test_fair_share.c - one bandwidth for many users: which of them lose packets when it is
 * not enough.
 */
#include "relay/core/bandwidth/fair_share.h"

#include "tests/unit/dialect/flow_check.h"

/*
 * Ten small calls and a huge one: the small ones lose nothing, not even in the first
 * second.
 */
START_TEST(small_calls_lose_nothing_beside_a_huge_one)
{
	char user[24];

	seed = (uint64_t)_i;
	limits()->total = 5 * MBIT;
	for (int i = 0; i < 10; i++) {
		snprintf(user, sizeof(user), "small-%d", i);
		add_flow(user, 140 * KBIT, 172);
	}
	run(3000);
	struct flow *huge = add_flow("huge", 100 * MBIT, 1200);
	run(10000);
	for (int i = 0; i < 10; i++)
		lost_nothing("small call", &flows[i]);
	forget();
	run(20000);
	for (int i = 0; i < 10; i++)
		lost_nothing("small call later", &flows[i]);
	near("what is left", mbit_of(huge, 20000), 5 - 1.4, 0.06);
	ck_assert_uint_gt(huge->refused[DROP_BANDWIDTH_TOTAL], 0);
}
END_TEST

/* Max-min: all users that lose packets get the same rate. */
START_TEST(the_heaviest_get_equal_shares)
{
	char user[24];

	seed = (uint64_t)_i;
	limits()->per_side[SIDE_OUTSIDE] = 20 * MBIT;
	for (int i = 0; i < 10; i++) {
		snprintf(user, sizeof(user), "small-%d", i);
		add_flow(user, 140 * KBIT, 172);
	}
	struct flow *huge = add_flow("huge", 200 * MBIT, 1200);
	struct flow *large = add_flow("large", 30 * MBIT, 1200);
	struct flow *medium = add_flow("medium", 3 * MBIT, 1200);
	run(20000);
	forget();
	run(30000);
	for (int i = 0; i < 10; i++)
		lost_nothing("small call", &flows[i]);
	double level = (20 - 1.4 - 3) / 2;
	near("medium", mbit_of(medium, 30000), 3, 0.02);
	near("large", mbit_of(large, 30000), level, 0.15);
	near("huge", mbit_of(huge, 30000), level, 0.15);
	near("both", mbit_of(huge, 30000) + mbit_of(large, 30000), 2 * level, 0.06);
}
END_TEST

START_TEST(attack_28_many_allocations_are_one_share)
{
	char user[24];

	seed = (uint64_t)_i;
	limits()->total = 10 * MBIT;
	for (int i = 0; i < 9; i++) {
		snprintf(user, sizeof(user), "user-%d", i);
		add_flow(user, 950 * KBIT, 1000);
	}
	for (int i = 0; i < 30; i++)
		add_flow("greedy", 10 * MBIT, 1200);
	run(5000);
	forget();
	run(20000);
	double greedy = 0;
	for (int i = 0; i < 9; i++)
		near("one of ten users", mbit_of(&flows[i], 20000), 0.95, 0.01);
	for (size_t i = 9; i < flow_count; i++)
		greedy += mbit_of(&flows[i], 20000);
	near("the greedy one", greedy, 10 - 9 * 0.95, 0.1);
}
END_TEST

/*
 * A stream that is told to wait, next to small calls: neither it nor they lose anything.
 */
START_TEST(small_calls_lose_nothing_beside_a_stream)
{
	uint64_t ready_ms = 0, bytes = 0;
	char user[24];

	seed = (uint64_t)_i;
	limits()->total = 5 * MBIT;
	for (int i = 0; i < 10; i++) {
		snprintf(user, sizeof(user), "small-%d", i);
		add_flow(user, 140 * KBIT, 172);
	}
	struct allocation *stream = add_flow("stream", 0, 172)->al;
	uint64_t start = fixture.now_ms;
	while (fixture.now_ms - start < 30000) {
		while (ready_ms <= fixture.now_ms) {
			size_t frame = 1000 + random_below(&seed, 8000);

			bytes += frame;
			ready_ms = fixture.now_ms + bandwidth_owes(&fixture.turn, stream,
								   frame, fixture.now_ms);
			if (ready_ms == fixture.now_ms && bytes > 1 << 28)
				ck_abort_msg("a stream that never waits");
		}
		run(STEP_MS);
	}
	for (int i = 0; i < 10; i++)
		lost_nothing("small call", &flows[i]);
	near("the stream", (double)bytes * 8 / 1e3 / 30000, 5 - 1.4, 0.1);
}
END_TEST

START_TEST(what_a_heavy_user_leaves_goes_to_others)
{
	seed = (uint64_t)_i;
	limits()->total = 10 * MBIT;
	struct flow *a = add_flow("alice", 50 * MBIT, 1200);
	struct flow *b = add_flow("bob", 50 * MBIT, 1200);
	run(10000);
	forget();
	run(10000);
	near("half", mbit_of(a, 10000), 5, 0.1);
	near("half", mbit_of(b, 10000), 5, 0.1);
	b->bps = 0;
	run(3000);
	forget();
	run(10000);
	near("all", mbit_of(a, 10000), 10, 0.06);
}
END_TEST

static void share_suite(Suite *suite)
{
	TCase *tc = tcase_create("share");
	tcase_add_checked_fixture(tc, begin_flows, end);
	tcase_add_loop_test(tc, small_calls_lose_nothing_beside_a_huge_one, 1, 4);
	tcase_add_loop_test(tc, the_heaviest_get_equal_shares, 1, 4);
	tcase_add_loop_test(tc, attack_28_many_allocations_are_one_share, 1, 4);
	tcase_add_loop_test(tc, small_calls_lose_nothing_beside_a_stream, 1, 4);
	tcase_add_loop_test(tc, what_a_heavy_user_leaves_goes_to_others, 1, 4);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("share", share_suite)
