/*
 * test_flow_table.c - rows for the table of flows, on plain memory. What threads do to each other is in
 * test_flow_table_race.c.
 */
#include "relay/offload/flow_table.h"

#include "tests/unit/offload/plain_memory.h"

#define MS_NS UINT64_C(1000000)

static struct flow_memory memory;
static struct flow_table *table;

static void setup_of(size_t buckets)
{
	memory = plain_memory_new(buckets);
	table = flow_table_new(&memory);
	ck_assert_ptr_nonnull(table);
}

static void setup(void)
{
	setup_of(1);
}

static void teardown(void)
{
	flow_table_free(table);
	plain_memory_free(&memory);
}

/* The process ends, and the next one comes. */
static void restart(void)
{
	flow_table_free(table);
	table = flow_table_new(&memory);
	ck_assert_ptr_nonnull(table);
}

static struct flow flow_number(uint16_t number)
{
	return (struct flow){
		.key = {.source = {192, 0, 2, 1},
			.destination = {198, 51, 100, 1},
			.source_port = number,
			.destination_port = 3478,
			.channel = 0x4000,
			.family = 4},
		.deadline_ns = UINT64_MAX,
		.to = {203, 0, 113, 1},
		.from = {198, 51, 100, 1},
		.family = 4,
		.flags = FLOW_STRIPS,
	};
}

static uint32_t put(uint16_t number, uint64_t now_ms)
{
	const struct flow flow = flow_number(number);

	return flow_table_put(table, &flow, now_ms);
}

static enum flow_up send_to(uint16_t number, uint64_t now_ms, uint32_t len)
{
	const struct flow flow = flow_number(number);
	struct flow *found = plain_find(&memory, &flow.key);

	return found == NULL ? FLOW_UP_NO_FLOW : plain_count(found, now_ms * MS_NS, len);
}

START_TEST(a_flow_is_in_force_from_put_to_end)
{
	const struct flow flow = flow_number(1);

	ck_assert_int_eq(send_to(1, 100, 160), FLOW_UP_NO_FLOW);
	ck_assert_uint_eq(flow_table_find(table, &flow.key), FLOW_NONE);
	uint32_t place = flow_table_put(table, &flow, 100);
	ck_assert_uint_ne(place, FLOW_NONE);
	ck_assert_uint_eq(flow_table_find(table, &flow.key), place);
	ck_assert_mem_eq(flow_table_at(table, place)->to, flow.to, sizeof(flow.to));
	ck_assert_uint_eq(flow_table_count(table), 1);
	ck_assert_int_eq(send_to(1, 100, 160), FLOW_UP_COUNT);

	flow_table_end(table, place, 200);
	ck_assert_uint_eq(flow_table_find(table, &flow.key), FLOW_NONE);
	ck_assert_uint_eq(flow_table_count(table), 0);
	ck_assert_int_eq(send_to(1, 200, 160), FLOW_UP_NO_FLOW);
}
END_TEST

START_TEST(each_part_of_a_key_counts)
{
	struct flow flow = flow_number(1);

	flow_table_put(table, &flow, 0);
	for (size_t i = 0; i < sizeof(flow.key); i++) {
		struct flow_key other = flow.key;

		((uint8_t *)&other)[i] ^= 1;
		ck_assert_msg(flow_table_find(table, &other) == FLOW_NONE, "byte %zu", i);
		ck_assert_msg(plain_find(&memory, &other) == NULL, "byte %zu", i);
	}
}
END_TEST

START_TEST(a_key_is_in_force_once)
{
	ck_assert_uint_ne(put(1, 0), FLOW_NONE);
	ck_assert_uint_eq(put(1, 0), FLOW_NONE);
	ck_assert_uint_eq(flow_table_count(table), 1);
}
END_TEST

START_TEST(a_bucket_has_eight_places)
{
	for (uint16_t number = 1; number <= FLOW_WAYS; number++)
		ck_assert_uint_ne(put(number, 0), FLOW_NONE);
	ck_assert_uint_eq(put(FLOW_WAYS + 1, 0), FLOW_NONE);
	for (uint16_t number = 1; number <= FLOW_WAYS; number++)
		ck_assert_int_eq(send_to(number, 0, 1), FLOW_UP_COUNT);
	ck_assert_uint_eq(flow_table_count(table), FLOW_WAYS);
}
END_TEST

START_TEST(a_place_rests_before_it_is_used_again)
{
	uint32_t places[FLOW_WAYS];

	for (uint16_t i = 0; i < FLOW_WAYS; i++)
		places[i] = put((uint16_t)(i + 1), 0);
	flow_table_end(table, places[3], 5000);
	ck_assert_uint_eq(put(100, 5000), FLOW_NONE);
	ck_assert_uint_eq(put(100, 5000 + FLOW_REST_MS - 1), FLOW_NONE);
	ck_assert_uint_eq(put(100, 5000 + FLOW_REST_MS), places[3]);
	ck_assert_int_eq(send_to(100, 5000 + FLOW_REST_MS, 1), FLOW_UP_COUNT);
	ck_assert_int_eq(send_to(4, 5000 + FLOW_REST_MS, 1), FLOW_UP_NO_FLOW);
}
END_TEST

START_TEST(each_packet_is_read_once)
{
	uint32_t place = put(1, 0);

	for (uint32_t len = 100; len < 110; len++)
		ck_assert_int_eq(send_to(1, 0, len), FLOW_UP_COUNT);
	struct traffic traffic = flow_table_read(table, place);
	ck_assert_uint_eq(traffic.packets, 10);
	ck_assert_uint_eq(traffic.bytes, 1045);
	traffic = flow_table_read(table, place);
	ck_assert_uint_eq(traffic.packets, 0);
	ck_assert_uint_eq(traffic.bytes, 0);

	ck_assert_int_eq(send_to(1, 0, 7), FLOW_UP_COUNT);
	traffic = flow_table_end(table, place, 0);
	ck_assert_uint_eq(traffic.packets, 1);
	ck_assert_uint_eq(traffic.bytes, 7);
}
END_TEST

START_TEST(a_lease_of_traffic_fits_the_word)
{
	uint32_t place = put(1, 0);
	const uint64_t packets = 60u * 1000 * 1000;

	memory.flows[place].counted = packets * FLOW_PACKET + packets * 1400;
	struct traffic traffic = flow_table_end(table, place, 0);
	ck_assert_uint_eq(traffic.packets, packets);
	ck_assert_uint_eq(traffic.bytes, packets * 1400);
}
END_TEST

START_TEST(attack_56_a_late_program_forwards_and_counts_nothing)
{
	uint32_t place = put(1, 0);
	const struct flow flow = flow_number(1);
	struct flow *found = plain_find(&memory, &flow.key);

	/* It has read the deadline when the flow ends, and counts then. */
	uint64_t deadline_ns = found->deadline_ns;
	ck_assert_uint_gt(deadline_ns, 0);
	struct traffic traffic = flow_table_end(table, place, 0);
	ck_assert_uint_eq(traffic.packets, 0);
	found->deadline_ns = deadline_ns;
	ck_assert_int_eq(plain_count(found, 0, 100), FLOW_UP_EXPIRED);
	found->deadline_ns = 0;

	/* And what it has added is not of the next flow there. */
	ck_assert_uint_eq(put(2, FLOW_REST_MS), place);
	ck_assert_uint_eq(flow_table_read(table, place).packets, 0);
}
END_TEST

static const struct {
	const char *name;
	uint64_t ends_ns, now_ms, want_ns;
} renewals[] = {
	{"its end comes first", 3000 * MS_NS, 1000, 3000 * MS_NS},
	{"it lasts longer than a lease", 90000 * MS_NS, 1000,
	 (1000 + FLOW_LEASE_MS) * MS_NS},
	{"it has no end", UINT64_MAX, 1000, (1000 + FLOW_LEASE_MS) * MS_NS},
	{"it is over", 900 * MS_NS, 1000, 900 * MS_NS},
};

START_TEST(attack_56_a_deadline_is_no_later_than_the_lease)
{
	struct flow flow = flow_number(1);

	flow.deadline_ns = renewals[_i].ends_ns;
	uint32_t place = flow_table_put(table, &flow, renewals[_i].now_ms);
	ck_assert_msg(memory.flows[place].deadline_ns == renewals[_i].want_ns, "%s: put",
		      renewals[_i].name);
	flow_table_renew(table, place, 1, 1);
	flow_table_renew(table, place, renewals[_i].ends_ns, renewals[_i].now_ms);
	ck_assert_msg(memory.flows[place].deadline_ns == renewals[_i].want_ns,
		      "%s: renewed", renewals[_i].name);
}
END_TEST

START_TEST(attack_56_nothing_passes_when_nobody_renews)
{
	uint32_t place = put(1, 1000);

	ck_assert_int_eq(send_to(1, 1000 + FLOW_LEASE_MS - 1, 1), FLOW_UP_COUNT);
	ck_assert_int_eq(send_to(1, 1000 + FLOW_LEASE_MS, 1), FLOW_UP_EXPIRED);
	flow_table_renew(table, place, UINT64_MAX, 1000 + FLOW_LEASE_MS);
	ck_assert_int_eq(send_to(1, 1000 + FLOW_LEASE_MS, 1), FLOW_UP_COUNT);
	ck_assert_uint_eq(flow_table_read(table, place).packets, 2);
}
END_TEST

START_TEST(credit_is_spent_and_granted)
{
	struct flow flow = flow_number(1);

	flow.flags |= FLOW_LIMITED;
	flow.credit = 1000;
	uint32_t place = flow_table_put(table, &flow, 0);
	ck_assert_int_eq(send_to(1, 0, 900), FLOW_UP_COUNT);
	ck_assert_int_eq(send_to(1, 0, 900), FLOW_UP_NO_CREDIT);
	ck_assert_int_eq(flow_table_credit(table, place), 100);
	flow_table_grant(table, place, 800);
	ck_assert_int_eq(send_to(1, 0, 900), FLOW_UP_COUNT);
	ck_assert_int_eq(flow_table_credit(table, place), 0);
}
END_TEST

static bool keep_odd(void *arg, uint32_t flow)
{
	(void)arg;
	return flow_table_at(table, flow)->key.source_port & 1;
}

START_TEST(a_sweep_ends_what_is_not_kept)
{
	for (uint16_t number = 1; number <= FLOW_WAYS; number++)
		put(number, 0);
	ck_assert_uint_eq(flow_table_sweep(table, keep_odd, NULL, 10), FLOW_WAYS / 2);
	for (uint16_t number = 1; number <= FLOW_WAYS; number++)
		ck_assert_int_eq(send_to(number, 10, 1),
				 number & 1 ? FLOW_UP_COUNT : FLOW_UP_NO_FLOW);
	ck_assert_uint_eq(flow_table_sweep(table, NULL, NULL, 20), FLOW_WAYS / 2);
	ck_assert_uint_eq(flow_table_count(table), 0);
}
END_TEST

START_TEST(counts_are_of_all_cpus)
{
	struct flow_sums sum;

	memory.counts[0].packets = 3;
	memory.counts[FLOW_CPUS_MAX - 1].packets = 4;
	memory.counts[1].ups[FLOW_UP_FAILED] = 5;
	memory.counts[2].ups[FLOW_UP_FAILED] = 6;
	flow_table_counts(table, &sum);
	ck_assert_uint_eq(sum.packets, 7);
	ck_assert_uint_eq(sum.ups[FLOW_UP_FAILED], 11);
	ck_assert_uint_eq(sum.ups[FLOW_UP_NO_FLOW], 0);
}
END_TEST

START_TEST(flows_outlive_the_process)
{
	const struct flow flow = flow_number(2);

	put(1, 0);
	uint32_t place = put(2, 0);
	ck_assert_int_eq(send_to(2, 0, 50), FLOW_UP_COUNT);
	restart();
	ck_assert_uint_eq(flow_table_count(table), 2);
	ck_assert_int_eq(send_to(2, 0, 60), FLOW_UP_COUNT);
	ck_assert_uint_eq(flow_table_find(table, &flow.key), place);
	struct traffic traffic = flow_table_end(table, place, 0);
	ck_assert_uint_eq(traffic.packets, 2);
	ck_assert_uint_eq(traffic.bytes, 110);
}
END_TEST

/* Killed between two stores of flow_table_put() or flow_table_end(). */
static const struct {
	const char *name;
	bool has_deadline, is_closed, has_tag;
	bool in_force; /* and its packets are counted; else the place is free, after a rest */
} halves[] = {
	{"putting: all but the deadline", false, false, false, false},
	{"putting: all but the tag", true, false, false, false},
	{"in force", true, false, true, true},
	{"ending: the deadline is gone", false, false, true, true},
	{"ending: closed, too", false, true, true, false},
	{"ended", false, true, false, false},
};

START_TEST(a_process_may_be_killed_anywhere)
{
	uint32_t place = put(1, 0);
	struct flow *flow = &memory.flows[place];
	__u32 *tag = &memory.buckets[0].tags[place];
	struct flow_key key = flow->key;

	send_to(1, 0, 33);
	if (!halves[_i].has_deadline)
		flow->deadline_ns = 0;
	if (halves[_i].is_closed)
		flow->counted |= FLOW_CLOSED;
	if (!halves[_i].has_tag)
		*tag = 0;
	restart();

	ck_assert_msg((flow_table_find(table, &key) == place) == halves[_i].in_force,
		      "%s", halves[_i].name);
	ck_assert_uint_eq(flow_table_count(table), halves[_i].in_force);
	if (halves[_i].in_force) {
		flow_table_renew(table, place, UINT64_MAX, 0);
		ck_assert_int_eq(send_to(1, 0, 1), FLOW_UP_COUNT);
		ck_assert_uint_eq(flow_table_end(table, place, 0).bytes, 34);
		return;
	}
	ck_assert_uint_eq(*tag, 0);
	ck_assert_uint_eq(flow->deadline_ns, 0);

	/* When it ended is not known: it rests from now on, if a program may be at it. */
	uint32_t again = put(2, 7000);
	ck_assert_msg(again != place ||
			      (!halves[_i].has_deadline && !halves[_i].is_closed),
		      "%s: at once", halves[_i].name);
	for (uint16_t number = 3; number < 3 + FLOW_WAYS; number++)
		put(number, 7000 + FLOW_REST_MS);
	ck_assert_uint_eq(flow_table_count(table), FLOW_WAYS);
}
END_TEST

static void flow_table_suite(Suite *suite)
{
	TCase *tc = tcase_create("flow table");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_flow_is_in_force_from_put_to_end);
	tcase_add_test(tc, each_part_of_a_key_counts);
	tcase_add_test(tc, a_key_is_in_force_once);
	tcase_add_test(tc, a_bucket_has_eight_places);
	tcase_add_test(tc, a_place_rests_before_it_is_used_again);
	tcase_add_test(tc, each_packet_is_read_once);
	tcase_add_test(tc, a_lease_of_traffic_fits_the_word);
	tcase_add_test(tc, attack_56_a_late_program_forwards_and_counts_nothing);
	tcase_add_loop_test(tc, attack_56_a_deadline_is_no_later_than_the_lease, 0,
			    ROWS(renewals));
	tcase_add_test(tc, attack_56_nothing_passes_when_nobody_renews);
	tcase_add_test(tc, credit_is_spent_and_granted);
	tcase_add_test(tc, a_sweep_ends_what_is_not_kept);
	tcase_add_test(tc, counts_are_of_all_cpus);
	tcase_add_test(tc, flows_outlive_the_process);
	tcase_add_loop_test(tc, a_process_may_be_killed_anywhere, 0, ROWS(halves));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("flow_table", flow_table_suite)
