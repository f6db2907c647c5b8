/*
 * test_bandwidth.c - limits of bandwidth in the fixture of fake_edge.h: flows of packets
 * at given rates, with time moved by hand, and what passes.
 */
#include "relay/core/bandwidth/bandwidth.h"

#include "tests/unit/dialect/flow_check.h"

START_TEST(without_limits_all_passes)
{
	struct flow *flow = add_flow("alice", 500 * MBIT, 1200);

	run(2000);
	lost_nothing("500 Mbit/s", flow);
}
END_TEST

/* Each limit alone, at 1 Mbit/s, and two flows that do or do not share it. */
static const struct {
	const char *name;
	size_t offset;
	const char *second; /* user of the second flow */
	bool together;
	enum drop_reason reason;
	double tolerance;
} kinds[] = {
	{"allocation", offsetof(struct turn_bandwidth, per_allocation[DIALECT_IETF]),
	 "alice", false, DROP_BANDWIDTH_ALLOCATION, 0.02},
	{"user, two allocations", offsetof(struct turn_bandwidth, per_user[DIALECT_IETF]),
	 "alice", true, DROP_BANDWIDTH_USER, 0.02},
	{"user, another user", offsetof(struct turn_bandwidth, per_user[DIALECT_IETF]),
	 "bob", false, DROP_BANDWIDTH_USER, 0.02},
	{"outside", offsetof(struct turn_bandwidth, per_side[SIDE_OUTSIDE]), "bob", true,
	 DROP_BANDWIDTH_SIDE, 0.05},
	{"total", offsetof(struct turn_bandwidth, total), "bob", true,
	 DROP_BANDWIDTH_TOTAL, 0.05},
};

START_TEST(a_limit_holds_and_is_used_up)
{
	uint64_t limit = MBIT;
	struct flow *a = add_flow("alice", 5 * MBIT, 600);
	struct flow *b = add_flow(kinds[_i].second, 5 * MBIT, 600);

	memcpy((char *)limits() + kinds[_i].offset, &limit, sizeof(limit));
	run(10000);
	ck_assert_msg(a->refused[kinds[_i].reason] > 0, "%s: another reason",
		      kinds[_i].name);
	forget();
	run(20000);
	double got = mbit_of(a, 20000) + mbit_of(b, 20000);
	near(kinds[_i].name, got, kinds[_i].together ? 1 : 2, kinds[_i].tolerance);
	for (int reason = 0; reason < DROP_REASON_COUNT; reason++)
		ck_assert_msg(a->refused[reason] == 0 || reason == (int)kinds[_i].reason,
			      "%s: counted as %s", kinds[_i].name,
			      drop_reason_name((enum drop_reason)reason));
}
END_TEST

START_TEST(a_prefix_is_limited_as_a_whole)
{
	limits()->per_prefix = MBIT;
	flows[0] = (struct flow){.al = fixture_allocate(&fixture, "alice", 7000, NULL),
				 .bps = 5 * MBIT,
				 .packet = 600};
	flows[1] = (struct flow){.al = fixture_allocate(&fixture, "bob", 7001, NULL),
				 .bps = 5 * MBIT,
				 .packet = 600};
	flow_count = 2;
	struct flow *carol = add_flow("carol", 900 * KBIT, 600);
	run(10000);
	forget();
	run(20000);
	near("prefix", mbit_of(&flows[0], 20000) + mbit_of(&flows[1], 20000), 1, 0.02);
	ck_assert_uint_gt(flows[0].refused[DROP_BANDWIDTH_PREFIX], 0);
	lost_nothing("another prefix", carol);
}
END_TEST

START_TEST(one_side_is_not_the_other)
{
	limits()->per_side[SIDE_INSIDE] = 64 * KBIT;
	struct flow *outside = add_flow("alice", 5 * MBIT, 1200);

	run(5000);
	lost_nothing("outside", outside);
}
END_TEST

START_TEST(a_flow_below_the_limit_loses_nothing)
{
	limits()->per_allocation[DIALECT_IETF] = 3 * MBIT;
	limits()->per_user[DIALECT_IETF] = 3 * MBIT;
	struct flow *video = add_flow("alice", 2900 * KBIT, 1200);

	run(30000);
	lost_nothing("2.9 of 3 Mbit/s", video);
	/* A key frame: 100 KB at once, every two seconds, in 1.6 Mbit/s. */
	video->bps = 1200 * KBIT;
	forget();
	for (int second = 0; second < 30; second += 2) {
		run(2000);
		for (int i = 0; i < 83; i++)
			offer(video);
	}
	lost_nothing("key frames", video);
	ck_assert_uint_eq(fixture.turn.counters.exceeded_average, 0);
	ck_assert_uint_eq(fixture.turn.counters.exceeded_peak, 0);
}
END_TEST

START_TEST(average_and_peak)
{
	limits()->per_allocation[DIALECT_IETF] = MBIT;
	struct flow *flow = add_flow("alice", 20 * MBIT, 1000);

	/* At first twice the average, until the burst is used up ... */
	run(4000);
	near("first seconds", mbit_of(flow, 4000), 2, 0.1);
	ck_assert_uint_gt(flow->refused[DROP_BANDWIDTH_ALLOCATION_PEAK], 0);
	ck_assert_uint_eq(flow->refused[DROP_BANDWIDTH_ALLOCATION], 0);
	run(4000);
	forget();
	/* ... then the average. */
	run(10000);
	near("later", mbit_of(flow, 10000), 1, 0.02);
	ck_assert_uint_gt(flow->refused[DROP_BANDWIDTH_ALLOCATION], 0);
	/*
	 * Silence refills the burst, and with a peak of 100 percent it gives no more than
	 * the average.
	 */
	limits()->peak_percent = 100;
	fixture.now_ms += 10000;
	forget();
	run(4000);
	near("no peak", mbit_of(flow, 4000), 1, 0.1);
}
END_TEST

START_TEST(the_peak_limits_a_quarter_of_a_second)
{
	limits()->per_allocation[DIALECT_IETF] = 3 * MBIT;
	struct flow *flow = add_flow("alice", 0, 1200);

	for (int i = 0; i < 1000; i++)
		offer(flow);
	/* 6 Mbit/s for 250 ms: 187500 bytes. */
	ck_assert_uint_le(flow->passed, 187500);
	ck_assert_uint_ge(flow->passed, 187500 - 2 * 1200);
}
END_TEST

START_TEST(exceeding_is_counted_once_until_it_is_over)
{
	limits()->per_allocation[DIALECT_IETF] = MBIT;
	struct flow *flow = add_flow("alice", 20 * MBIT, 1000);

	run(20000);
	ck_assert_uint_eq(fixture.turn.counters.exceeded_peak, 1);
	ck_assert_uint_eq(fixture.turn.counters.exceeded_average, 1);
	struct bandwidth_exceeding now =
		bandwidth_exceeding(&fixture.turn, fixture.now_ms);
	ck_assert_uint_eq(now.average, 1);
	flow->bps = 100 * KBIT;
	run(15000);
	now = bandwidth_exceeding(&fixture.turn, fixture.now_ms);
	ck_assert_uint_eq(now.average, 0);
	ck_assert_uint_eq(now.peak, 0);
	flow->bps = 20 * MBIT;
	run(5000);
	ck_assert_uint_eq(fixture.turn.counters.exceeded_peak, 2);
}
END_TEST

START_TEST(a_reload_limits_existing_allocations)
{
	struct flow *flow = add_flow("alice", 5 * MBIT, 1000);

	run(3000);
	lost_nothing("no limit", flow);
	limits()->per_user[DIALECT_IETF] = MBIT;
	run(10000);
	forget();
	run(10000);
	near("limit", mbit_of(flow, 10000), 1, 0.02);
	limits()->per_user[DIALECT_IETF] = 0;
	forget();
	run(3000);
	lost_nothing("no limit any more", flow);
}
END_TEST

START_TEST(a_new_user_of_a_slot_starts_afresh)
{
	limits()->per_user[DIALECT_IETF] = 64 * KBIT;
	struct flow *alice_flow = add_flow("alice", MBIT, 1000);
	run(5000);
	ck_assert_uint_lt(alice_flow->passed, alice_flow->sent);
	for (uint64_t passed = UINT64_MAX; passed != alice_flow->passed;) {
		passed = alice_flow->passed;
		offer(alice_flow);
	}
	allocation_delete(&fixture.turn, alice_flow->al, END_RELEASED, fixture.now_ms);
	flow_count = 0;
	struct flow *next = add_flow("bob", 0, 1000);
	offer(next);
	lost_nothing("first packet", next);

	/* The same user does not: what was used up stays used up. */
	next = add_flow("alice", 0, 1000);
	offer(next);
	ck_assert_uint_eq(next->passed, 0);
	fixture.now_ms += 60000;
	offer(next);
	ck_assert_uint_gt(next->passed, 0);
}
END_TEST

START_TEST(each_dialect_has_limits_of_its_own)
{
	limits()->per_user[DIALECT_MS] = MBIT;
	limits()->per_allocation[DIALECT_MS] = MBIT;
	struct flow *alice_flow = add_flow("alice", 20 * MBIT, 1000);
	run(5000);
	lost_nothing("IETF", alice_flow);

	limits()->per_user[DIALECT_IETF] = MBIT;
	run(5000);
	ck_assert_uint_gt(alice_flow->refused[DROP_BANDWIDTH_USER_PEAK], 0);
}
END_TEST

/*
 * In every window of time at most rate * time + depth passes, plus what leases can hold
 * and one packet that found the bucket full; and all of it is used if there is demand.
 */
/* The quota that a credential carries takes the place of the user's limit. */
START_TEST(a_quota_of_the_credential_comes_before_the_limit)
{
	limits()->per_user[DIALECT_IETF] = MBIT;
	struct flow *gateway = add_flow("gateway", 5 * MBIT, 600);
	struct flow *user = add_flow("alice", 5 * MBIT, 600);

	fixture_by_hand(&fixture);
	gateway->al->owner.quota.bandwidth_bps = 3 * MBIT;
	run(10000);
	forget();
	run(20000);
	near("a gateway", mbit_of(gateway, 20000), 3, 0.02);
	near("a user", mbit_of(user, 20000), 1, 0.02);
	ck_assert_uint_gt(gateway->refused[DROP_BANDWIDTH_USER], 0);
}
END_TEST

START_TEST(limits_hold_in_every_window)
{
	enum { STEPS = 600, USERS = 3 };
	static uint64_t total[STEPS + 1];
	static const char *const users[USERS] = {"alice", "bob", "carol"};
	uint64_t rate = (1 + random_below(&seed, 40)) * 250 * KBIT;

	seed = (uint64_t)_i;
	rate = (1 + random_below(&seed, 40)) * 250 * KBIT;
	limits()->per_user[DIALECT_IETF] = rate;
	limits()->burst_ms = 1000 + random_below(&seed, 5000);
	limits()->peak_percent = 100 + random_below(&seed, 300);
	for (int i = 0; i < 6; i++)
		add_flow(users[i % USERS], 0, 100 + random_below(&seed, 1100));
	total[0] = 0;
	for (int step = 0; step < STEPS; step++) {
		for (size_t i = 0; i < flow_count; i++)
			flows[i].bps = random_below(&seed, 4) == 0
					       ? rate * random_below(&seed, 5)
					       : flows[i].bps;
		run(50);
		total[step + 1] = flows[0].passed + flows[3].passed; /* alice's */
	}
	double slack = 2 * 65536 + 1200;
	double depth = (double)rate / 8000 * limits()->burst_ms;
	double peak = (double)rate * limits()->peak_percent / 100;
	for (int from = 0; from < STEPS; from++) {
		for (int to = from + 1; to <= STEPS; to++) {
			double bytes = (double)(total[to] - total[from]);
			double s = (to - from) * 0.05;

			/* Not as assertions: these are millions, and each notes where it is. */
			if (bytes > (double)rate / 8 * s + depth + slack)
				ck_abort_msg("average, %d to %d", from, to);
			if (bytes > peak / 8 * (s + 0.25) + slack)
				ck_abort_msg("peak, %d to %d", from, to);
		}
	}
}
END_TEST

/* Streams lose nothing, and a stream that waits as long as told keeps to the limit. */
START_TEST(a_stream_waits_instead_of_losing_bytes)
{
	const uint64_t rates[] = {64 * KBIT, MBIT, 10 * MBIT};
	uint64_t rate = rates[_i % 3], bytes = 0, start;
	struct flow *flow = add_flow("alice", 0, 0);

	if (_i < 3)
		limits()->per_allocation[DIALECT_IETF] = rate;
	else
		limits()->total = rate;
	/* Use up the initial burst. */
	for (int i = 0; i < 2000; i++)
		fixture.now_ms +=
			bandwidth_owes(&fixture.turn, flow->al, 1000, fixture.now_ms);
	start = fixture.now_ms;
	while (fixture.now_ms - start < 60000) {
		size_t frame = 1 + random_below(&seed, 65535);

		bytes += frame;
		fixture.now_ms +=
			bandwidth_owes(&fixture.turn, flow->al, frame, fixture.now_ms);
	}
	near("stream", (double)bytes * 8 / 1000 / (double)(fixture.now_ms - start),
	     (double)rate / 1e6, 0.08);
	ck_assert_uint_gt(fixture.turn.counters.stream_waits[_i < 3 ? BANDWIDTH_ALLOCATION
								    : BANDWIDTH_TOTAL],
			  0);
}
END_TEST

/* Nor does one that asks first, and what it may read at once is bounded by the room there is. */
START_TEST(a_stream_that_asks_first_keeps_to_the_limit)
{
	const uint64_t rates[] = {64 * KBIT, MBIT, 100 * MBIT};
	uint64_t rate = rates[_i % 3], start, sum = 0;
	struct flow *flow = add_flow("alice", 0, 0);

	if (_i < 3)
		limits()->per_user[DIALECT_IETF] = rate;
	else
		limits()->total = rate;
	for (start = fixture.now_ms; fixture.now_ms - start < 60000;) {
		size_t bytes = 512 << 10;
		uint32_t wait_ms =
			bandwidth_allows(&fixture.turn, flow->al, &bytes, fixture.now_ms);

		ck_assert_int_eq(wait_ms == 0, bytes > 0);
		fixture.now_ms += wait_ms;
		if (bytes == 0)
			continue;
		/* A quarter of a second at twice the rate, and a piece. */
		ck_assert_uint_le(bytes, rate / 16 + 65536 + BANDWIDTH_PIECE);
		sum += bytes;
		fixture.now_ms +=
			bandwidth_owes(&fixture.turn, flow->al, bytes, fixture.now_ms);
	}
	double most = (double)rate / 8 * (60 + 5) + 2 * BANDWIDTH_PIECE;
	ck_assert_msg((double)sum <= most, "%.0f of %.0f", (double)sum, most);
	ck_assert_msg((double)sum >= (double)rate / 8 * 60 * 0.9, "only %.0f",
		      (double)sum);
	ck_assert_uint_gt(fixture.turn.counters.stream_waits[_i < 3 ? BANDWIDTH_USER
								    : BANDWIDTH_TOTAL],
			  0);
}
END_TEST

/* Asking charges nothing, and without limits everything is allowed. */
START_TEST(to_ask_costs_nothing)
{
	struct flow *flow = add_flow("alice", 0, 0);
	size_t bytes = 1 << 20;

	ck_assert_uint_eq(
		bandwidth_allows(&fixture.turn, flow->al, &bytes, fixture.now_ms), 0);
	ck_assert_uint_eq(bytes, 1 << 20);
	limits()->per_user[DIALECT_IETF] = MBIT;
	for (int i = 0; i < 1000; i++) {
		bytes = 1 << 20;
		ck_assert_uint_eq(bandwidth_allows(&fixture.turn, flow->al, &bytes,
						   fixture.now_ms),
				  0);
		ck_assert_uint_eq(bytes, MBIT / 16);
	}
}
END_TEST

/* Neither a stream nor datagrams of a new allocation get what the user has used up. */
START_TEST(a_debt_of_the_user_holds_for_new_allocations)
{
	struct flow *flow = add_flow("alice", 0, 0);
	enum drop_reason reason;
	size_t bytes = 512 << 10;

	limits()->per_user[DIALECT_IETF] = 256 * KBIT;
	/* A full bucket lets that pass, and owes 12.5 s less the burst then. */
	bandwidth_owes(&fixture.turn, flow->al, 400000, fixture.now_ms);
	for (int i = 0; i < 10; i++) {
		flow = add_flow("alice", 0, 0);
		fixture.now_ms += 100;
		bytes = 512 << 10;
		ck_assert_uint_gt(bandwidth_allows(&fixture.turn, flow->al, &bytes,
						   fixture.now_ms),
				  0);
		ck_assert_uint_eq(bytes, 0);
		ck_assert(!bandwidth_pays(&fixture.turn, flow->al, 100, fixture.now_ms,
					  &reason));
	}
	flow = add_flow("bob", 0, 0);
	bytes = 512 << 10;
	ck_assert_uint_eq(
		bandwidth_allows(&fixture.turn, flow->al, &bytes, fixture.now_ms), 0);
	ck_assert_uint_gt(bytes, 0);
}
END_TEST

/* Through the whole core: a verdict, its counter, the direction. */
START_TEST(both_directions_are_counted_and_drops_have_names)
{
	uint8_t data[1000] = {0};
	struct forward out;
	unsigned to_peer = 0, to_client = 0;

	limits()->per_allocation[DIALECT_IETF] = 64 * KBIT;
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	for (int i = 0; i < 5; i++) {
		to_peer += client_channel_data(&alice, 0x4000, data, sizeof(data));
		to_client += client_from_peer(&alice, PEER, data, sizeof(data), &out);
	}
	/* 128 kbit/s for a quarter of a second are 4000 bytes. */
	ck_assert_uint_eq(to_peer, 2);
	ck_assert_uint_eq(to_client, 2);
	ck_assert_uint_eq(fixture_drops(&fixture, DROP_BANDWIDTH_ALLOCATION_PEAK), 6);
	ck_assert_int_eq(out.kind, FORWARD_DROP);
	ck_assert_int_eq(out.reason, DROP_BANDWIDTH_ALLOCATION_PEAK);
	ck_assert_uint_eq(client_allocation(&alice)->to_peer.packets, 2);
	/* Messages other than data are never refused. */
	ck_assert_int_eq(client_refresh(&alice, 600), 0);
	ck_assert_int_eq(client_permit(&alice, PEER_B), 0);
}
END_TEST

START_TEST(a_client_on_a_stream_is_told_to_wait)
{
	uint8_t data[2000] = {0};
	struct forward out;

	limits()->per_allocation[DIALECT_IETF] = 64 * KBIT;
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert(client_channel_data(&alice, 0x4000, data, sizeof(data)));
		ck_assert_uint_eq(alice.out.forward.wait_ms, 0);
	}
	ck_assert(client_channel_data(&alice, 0x4000, data, sizeof(data)));
	/* 6000 bytes at 128 kbit/s are 375 ms, less the quarter that the bucket holds. */
	ck_assert_uint_ge(alice.out.forward.wait_ms, 125);
	ck_assert_uint_le(alice.out.forward.wait_ms, 126);
	ck_assert_uint_eq(fixture.turn.counters.stream_waits[BANDWIDTH_ALLOCATION_PEAK],
			  1);
	/* Datagrams of peers can be lost. */
	ck_assert(!client_from_peer(&alice, PEER, data, 1000, &out));
	ck_assert_uint_eq(fixture_drops(&fixture, DROP_BANDWIDTH_ALLOCATION_PEAK), 1);
}
END_TEST

START_TEST(meters_tell_users_sides_and_peaks)
{
	struct bandwidth *bandwidth = fixture.shared.bandwidth;
	add_flow("alice", MBIT, 1000);
	add_flow("alice", 2 * MBIT, 1000);
	run(5000);
	near("side",
	     (double)bandwidth_of_side(bandwidth, SIDE_OUTSIDE, fixture.now_ms) / 1e6, 3,
	     0.1);
	near("all", (double)bandwidth_of_all(bandwidth, fixture.now_ms) / 1e6, 3, 0.1);
	ck_assert_uint_eq(bandwidth_of_side(bandwidth, SIDE_INSIDE, fixture.now_ms), 0);
	near("peak user", (double)bandwidth_peak_of_users(bandwidth, DIALECT_IETF) / 1e6,
	     3, 0.1);
	near("peak prefix", (double)bandwidth_peak_of_prefixes(bandwidth) / 1e6, 2, 0.1);
	near("peak allocation",
	     (double)bandwidth_peak_of_allocations(bandwidth, DIALECT_IETF) / 1e6, 2,
	     0.1);
	ck_assert_uint_eq(bandwidth_peak_of_users(bandwidth, DIALECT_MS), 0);
	ck_assert_uint_eq(bandwidth_peak_of_allocations(bandwidth, DIALECT_MS), 0);
	fixture.now_ms += 10000;
	ck_assert_uint_eq(bandwidth_of_all(bandwidth, fixture.now_ms), 0);
}
END_TEST

START_TEST(limits_have_names)
{
	for (int i = 0; i < BANDWIDTH_LIMIT_COUNT; i++) {
		const char *drop =
			drop_reason_name(bandwidth_drop((enum bandwidth_limit)i));

		ck_assert_int_eq(strncmp(drop, "bandwidth-", 10), 0);
		ck_assert_str_eq(bandwidth_limit_name((enum bandwidth_limit)i),
				 drop + 10);
	}
	ck_assert_str_eq(bandwidth_limit_name(BANDWIDTH_TOTAL), "total");
}
END_TEST

static void bandwidth_suite(Suite *suite)
{
	TCase *tc = tcase_create("bandwidth");
	tcase_add_checked_fixture(tc, begin_flows, end);
	tcase_add_test(tc, without_limits_all_passes);
	tcase_add_loop_test(tc, a_limit_holds_and_is_used_up, 0, ROWS(kinds));
	tcase_add_test(tc, a_prefix_is_limited_as_a_whole);
	tcase_add_test(tc, one_side_is_not_the_other);
	tcase_add_test(tc, a_flow_below_the_limit_loses_nothing);
	tcase_add_test(tc, average_and_peak);
	tcase_add_test(tc, the_peak_limits_a_quarter_of_a_second);
	tcase_add_test(tc, exceeding_is_counted_once_until_it_is_over);
	tcase_add_test(tc, a_reload_limits_existing_allocations);
	tcase_add_test(tc, a_new_user_of_a_slot_starts_afresh);
	tcase_add_test(tc, each_dialect_has_limits_of_its_own);
	tcase_add_test(tc, a_quota_of_the_credential_comes_before_the_limit);
	tcase_add_loop_test(tc, limits_hold_in_every_window, 1, 9);
	tcase_add_loop_test(tc, a_stream_waits_instead_of_losing_bytes, 0, 6);
	tcase_add_loop_test(tc, a_stream_that_asks_first_keeps_to_the_limit, 0, 6);
	tcase_add_test(tc, to_ask_costs_nothing);
	tcase_add_test(tc, a_debt_of_the_user_holds_for_new_allocations);
	tcase_add_test(tc, both_directions_are_counted_and_drops_have_names);
	tcase_add_test(tc, a_client_on_a_stream_is_told_to_wait);
	tcase_add_test(tc, meters_tell_users_sides_and_peaks);
	tcase_add_test(tc, limits_have_names);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("bandwidth", bandwidth_suite)
