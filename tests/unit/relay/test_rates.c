/*
 * test_rates.c - rates of allocations, with a clock moved by hand.
 */
#include "relay/rates.h"

#include "relay/core/allocation_table.h"
#include "tests/unit/lib/unit.h"

enum { SLOTS = 3 * RATES_SLICE };

static struct allocation_table *table;
static struct rates *rates;
static uint64_t moved;

static void begin(void)
{
	moved = 0;
	table = allocation_table_new(SLOTS, 1, 1, &(struct siphash_key){1, 2});
	rates = rates_new(SLOTS);
	ck_assert(table && rates);
}

static void end(void)
{
	rates_free(rates);
	allocation_table_free(table);
}

/* Just a slot in use, not a real allocation. */
static struct allocation *take(uint64_t id, uint64_t now_ms)
{
	uint32_t slot = slab_take(&table->allocations);
	struct allocation *al = slab_at(&table->allocations, slot);

	*al = (struct allocation){
		.slot = slot, .generation = 1, .id = id, .created_ms = now_ms};
	return al;
}

static void send(struct allocation *al, uint64_t packets, uint64_t bytes)
{
	al->to_peer.packets += packets;
	al->to_peer.bytes += bytes;
	moved += packets;
}

START_TEST(a_rate_is_of_the_last_second)
{
	struct allocation *al = take(1, 0);

	rates_sample(rates, table, moved, 0);
	send(al, 50, 8000);
	rates_sample(rates, table, moved, 1000);
	ck_assert_uint_eq(rates_of(rates, al, 1500).to_peer_bps, 64000);
	ck_assert_uint_eq(rates_of(rates, al, 1500).to_peer_pps, 50);
	ck_assert_uint_eq(rates_of(rates, al, 1500).to_client_bps, 0);
	al->to_client.packets += 10;
	al->to_client.bytes += 1000;
	moved += 10;
	rates_sample(rates, table, moved, 2000);
	ck_assert_uint_eq(rates_of(rates, al, 2000).to_peer_bps, 0);
	ck_assert_uint_eq(rates_of(rates, al, 2000).to_client_bps, 8000);
	ck_assert_uint_eq(rates_of(rates, al, 2000).to_client_pps, 10);
}
END_TEST

static void bring_up_to_date(void *arg, const struct allocation *al)
{
	struct allocation *own = arg;

	ck_assert_ptr_eq(own, al);
	send(own, 50, 8000);
}

/* What the kernel has forwarded comes into the counters when they are about to be sampled. */
START_TEST(counters_are_brought_up_to_date_first)
{
	struct allocation *al = take(1, 0);

	rates_read_with(rates, bring_up_to_date, al);
	rates_sample(rates, table, 1, 1000);
	ck_assert_uint_eq(rates_of(rates, al, 1000).to_peer_bps, 64000);
	rates_sample(rates, table, 2, 2000);
	ck_assert_uint_eq(rates_of(rates, al, 2000).to_peer_bps, 64000);
	ck_assert_uint_eq(rates_of(rates, al, 2000).to_peer_pps, 50);
}
END_TEST

START_TEST(a_late_measurement_covers_a_longer_time)
{
	struct allocation *al = take(1, 0);

	rates_sample(rates, table, moved, 0);
	send(al, 200, 1000);
	rates_sample(rates, table, moved, 4000);
	ck_assert_uint_eq(rates_of(rates, al, 4000).to_peer_bps, 2000);
	ck_assert_uint_eq(rates_of(rates, al, 4000).to_peer_pps, 50);
}
END_TEST

START_TEST(a_new_allocation_has_a_rate_before_the_first_measurement)
{
	struct allocation *al = take(1, 5000);

	send(al, 10, 100);
	ck_assert_uint_eq(rates_of(rates, al, 5001).to_peer_bps, 800);
	ck_assert_uint_eq(rates_of(rates, al, 7000).to_peer_bps, 400);
	/* Time 0 does not divide by zero. */
	ck_assert_uint_eq(rates_of(rates, al, 5000).to_peer_bps, 800);
}
END_TEST

START_TEST(a_new_allocation_does_not_inherit_the_rate_of_its_slot)
{
	struct allocation *al = take(1, 0);

	send(al, 1000, 1000000);
	rates_sample(rates, table, moved, 1000);
	al->id = 2;
	al->created_ms = 1000;
	al->to_peer = (struct traffic){0};
	ck_assert_uint_eq(rates_of(rates, al, 1000).to_peer_bps, 0);
	rates_sample(rates, table, moved, 2000);
	ck_assert_uint_eq(rates_of(rates, al, 2000).to_peer_bps, 0);
}
END_TEST

/* All are measured within a second, in slices, however many there are. */
START_TEST(every_slot_is_measured_within_a_second)
{
	struct allocation *all[SLOTS];
	uint64_t now_ms = 0;

	for (int i = 0; i < SLOTS; i++)
		all[i] = take((uint64_t)i + 1, 0);
	for (uint32_t wait = 0; now_ms <= 1000; now_ms += wait)
		wait = rates_sample(rates, table, moved, now_ms);
	for (int i = 0; i < SLOTS; i++)
		send(all[i], 1, 125);
	for (uint64_t until_ms = now_ms + 999, wait = 0; now_ms < until_ms;
	     now_ms += wait)
		wait = rates_sample(rates, table, moved, now_ms);
	for (int i = 0; i < SLOTS; i++) {
		uint64_t bps = rates_of(rates, all[i], now_ms).to_peer_bps;

		ck_assert_msg(bps >= 900 && bps <= 1100, "slot %d: %d bit/s", i,
			      (int)bps);
	}
}
END_TEST

START_TEST(an_idle_relay_is_measured_once_a_second)
{
	ck_assert_uint_eq(rates_sample(rates, table, moved, 0), 1000);
	take(1, 0);
	ck_assert_uint_eq(rates_sample(rates, table, moved, 0), 1000);
}
END_TEST

/* Idle allocations are skipped; one that starts again has the rate of one second. */
START_TEST(a_pause_is_not_part_of_a_rate)
{
	struct allocation *al = take(1, 0), *other = take(2, 0);
	uint64_t now_ms = 0;

	rates_sample(rates, table, moved, now_ms);
	send(al, 50, 8000);
	rates_sample(rates, table, moved, now_ms += 1000);
	ck_assert_uint_eq(rates_of(rates, al, now_ms).to_peer_bps, 64000);
	for (int i = 0; i < 60; i++)
		rates_sample(rates, table, moved, now_ms += 1000);
	ck_assert_uint_eq(rates_sample(rates, table, moved, now_ms), RATES_STILL);
	ck_assert_uint_eq(rates_of(rates, al, now_ms).to_peer_bps, 0);
	struct allocation *late = take(3, now_ms - 30000);
	ck_assert_uint_eq(rates_of(rates, late, now_ms).to_peer_bps, 0);

	send(al, 25, 4000);
	send(other, 50, 8000);
	send(late, 100, 16000);
	ck_assert_uint_eq(rates_sample(rates, table, moved, now_ms += 1000), 1000);
	ck_assert_uint_eq(rates_of(rates, al, now_ms).to_peer_bps, 32000);
	ck_assert_uint_eq(rates_of(rates, other, now_ms).to_peer_bps, 64000);
	ck_assert_uint_eq(rates_of(rates, late, now_ms).to_peer_bps, 128000);
	rates_sample(rates, table, moved, now_ms += 1000);
	ck_assert_uint_eq(rates_of(rates, late, now_ms).to_peer_bps, 0);
}
END_TEST

static void rates_suite(Suite *suite)
{
	TCase *tc = tcase_create("rates");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, a_rate_is_of_the_last_second);
	tcase_add_test(tc, counters_are_brought_up_to_date_first);
	tcase_add_test(tc, a_late_measurement_covers_a_longer_time);
	tcase_add_test(tc, a_new_allocation_has_a_rate_before_the_first_measurement);
	tcase_add_test(tc, a_new_allocation_does_not_inherit_the_rate_of_its_slot);
	tcase_add_test(tc, every_slot_is_measured_within_a_second);
	tcase_add_test(tc, an_idle_relay_is_measured_once_a_second);
	tcase_add_test(tc, a_pause_is_not_part_of_a_rate);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("rates", rates_suite)
