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

static struct flow *add_class(const char *user, uint64_t bps, size_t packet,
			      enum ms_stream_type type)
{
	struct flow *flow = add_flow(user, bps, packet);

	fixture_by_hand(&fixture);
	flow->al->ms.stream_type = type;
	return flow;
}

/* Limits that allocations of one user share. */
static const struct {
	const char *name;
	size_t offset;
	enum drop_reason reason;
} shared_by_a_user[] = {
	{"user", offsetof(struct turn_bandwidth, per_user[DIALECT_IETF]),
	 DROP_BANDWIDTH_USER},
	{"side", offsetof(struct turn_bandwidth, per_side[SIDE_OUTSIDE]),
	 DROP_BANDWIDTH_SIDE},
	{"total", offsetof(struct turn_bandwidth, total), DROP_BANDWIDTH_TOTAL},
};

START_TEST(audio_of_a_user_is_lost_last)
{
	const char *name = shared_by_a_user[_i].name;
	const uint64_t limit = MBIT;
	struct flow *audio = add_class("alice", 80 * KBIT, 172, MS_STREAM_AUDIO);
	struct flow *video = add_class("alice", 5 * MBIT, 1200, MS_STREAM_VIDEO);
	struct flow *data = add_class("alice", 5 * MBIT, 1200, MS_STREAM_DATA);

	memcpy((char *)limits() + shared_by_a_user[_i].offset, &limit, sizeof(limit));
	run(10000);
	lost_nothing(name, audio);
	forget();
	run(20000);
	lost_nothing(name, audio);
	/* Video loses a little of its own excess, and data nearly everything. */
	near(name, mbit_of(audio, 20000) + mbit_of(video, 20000) + mbit_of(data, 20000),
	     1, 0.06);
	ck_assert_msg(video->passed > 10 * data->passed, "%s: video %.3f, data %.3f",
		      name, mbit_of(video, 20000), mbit_of(data, 20000));
	/* Without video the data has what audio leaves. */
	video->bps = 0;
	run(5000);
	forget();
	run(20000);
	lost_nothing(name, audio);
	near(name, mbit_of(data, 20000), 0.92, 0.08);
}
END_TEST

START_TEST(a_prefix_loses_audio_last)
{
	limits()->per_prefix = MBIT;
	flows[0] = (struct flow){.al = fixture_allocate(&fixture, "alice", 7000, NULL),
				 .bps = 80 * KBIT,
				 .packet = 172};
	flows[1] = (struct flow){.al = fixture_allocate(&fixture, "bob", 7001, NULL),
				 .bps = 5 * MBIT,
				 .packet = 1200};
	flow_count = 2;
	fixture_by_hand(&fixture);
	flows[1].al->ms.stream_type = MS_STREAM_VIDEO;
	run(20000);
	lost_nothing("audio", &flows[0]);
	forget();
	run(20000);
	near("video", mbit_of(&flows[1], 20000), 0.92, 0.05);
}
END_TEST

/* Across users shares stay as they are: video of one does not pay for video of another. */
START_TEST(shares_of_users_do_not_depend_on_classes)
{
	limits()->total = 4 * MBIT;
	struct flow *audio = add_class("alice", 100 * KBIT, 172, MS_STREAM_AUDIO);
	struct flow *a = add_class("alice", 10 * MBIT, 1200, MS_STREAM_VIDEO);
	struct flow *b = add_class("bob", 10 * MBIT, 1200, MS_STREAM_VIDEO);
	struct flow *c = add_class("carol", 100 * KBIT, 172, MS_STREAM_AUDIO);

	run(20000);
	lost_nothing("alice's audio", audio);
	lost_nothing("carol's audio", c);
	forget();
	run(20000);
	lost_nothing("alice's audio later", audio);
	lost_nothing("carol's audio later", c);
	double of_alice = mbit_of(audio, 20000) + mbit_of(a, 20000);
	near("alice", of_alice, 1.95, 0.15);
	near("bob", mbit_of(b, 20000), 1.95, 0.15);
	near("all", of_alice + mbit_of(b, 20000), 3.9, 0.06);
}
END_TEST

/* An allocation has its own limit for itself, whatever it carries. */
START_TEST(a_class_costs_nothing_when_there_is_enough)
{
	limits()->per_allocation[DIALECT_IETF] = 3 * MBIT;
	limits()->per_user[DIALECT_IETF] = 10 * MBIT;
	struct flow *video = add_class("alice", 1200 * KBIT, 1200, MS_STREAM_VIDEO);

	for (int second = 0; second < 30; second += 2) {
		run(2000);
		/* A key frame of 100 KB. */
		for (int i = 0; i < 83; i++)
			offer(video);
	}
	lost_nothing("key frames", video);
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
	tcase_add_loop_test(tc, audio_of_a_user_is_lost_last, 0, ROWS(shared_by_a_user));
	tcase_add_test(tc, a_prefix_loses_audio_last);
	tcase_add_test(tc, shares_of_users_do_not_depend_on_classes);
	tcase_add_test(tc, a_class_costs_nothing_when_there_is_enough);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("share", share_suite)
