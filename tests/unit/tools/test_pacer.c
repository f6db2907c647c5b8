/*
 * test_pacer.c - the rate is kept, a pause is made up gradually, a slow generator skips
 * steps.
 */
#include "tools/load/pacer.h"

#include "tests/unit/lib/unit.h"

#define MS 1000000u
#define START (5000 * (uint64_t)MS)

static struct pacer pacer;

static uint64_t due_at(unsigned ms)
{
	uint64_t first;

	return pacer_due(&pacer, START + ms * (uint64_t)MS, &first);
}

START_TEST(every_tick_has_its_share)
{
	uint64_t steps = 0;

	pacer_start(&pacer, 10000, 1, START);
	ck_assert_uint_eq(pacer.total, 10000);
	for (unsigned ms = 0; !pacer_is_done(&pacer); ms++) {
		uint64_t now = due_at(ms);
		ck_assert_msg(now >= (ms == 0 ? 1 : 9) && now <= 11, "%u ms: %u", ms,
			      (unsigned)now);
		steps += now;
		ck_assert_uint_lt(ms, 1001);
	}
	ck_assert_uint_eq(steps, 10000);
	ck_assert_uint_eq(pacer.skipped, 0);
}
END_TEST

START_TEST(slow_rates_wait)
{
	pacer_start(&pacer, 2, 3, START);
	ck_assert_uint_eq(pacer.total, 6);
	ck_assert_uint_eq(due_at(0), 1);
	ck_assert_uint_eq(due_at(499), 0);
	ck_assert_uint_eq(due_at(501), 1);
	ck_assert_uint_eq(due_at(502), 0);
}
END_TEST

START_TEST(less_than_one_step_is_one)
{
	pacer_start(&pacer, 0.1, 1, START);
	ck_assert_uint_eq(due_at(0), 1);
	ck_assert(pacer_is_done(&pacer));
}
END_TEST

START_TEST(a_pause_is_caught_up_on)
{
	uint64_t steps;

	pacer_start(&pacer, 10000, 1, START);
	steps = due_at(0);
	for (unsigned ms = 50; ms < 80; ms++) {
		uint64_t now = due_at(ms);
		ck_assert_uint_le(now, 10 * PACER_AT_ONCE_MS + 1);
		steps += now;
	}
	ck_assert_msg(steps >= 789 && steps <= 792, "%u", (unsigned)steps);
	ck_assert_uint_eq(pacer.skipped, 0);
}
END_TEST

START_TEST(too_late_is_skipped_and_counted)
{
	uint64_t first, steps;

	pacer_start(&pacer, 10000, 1, START);
	due_at(0);
	steps = pacer_due(&pacer, START + 400 * (uint64_t)MS, &first);
	ck_assert_uint_eq(steps, 10 * PACER_AT_ONCE_MS + 1);
	ck_assert_uint_eq(pacer.skipped, 4001 - 1 - 10 * PACER_BEHIND_MS - 1);
	ck_assert_msg(first == 1 + pacer.skipped, "skipped steps keep their numbers");
}
END_TEST

START_TEST(taken_and_skipped_are_all)
{
	uint64_t steps = 0;

	pacer_start(&pacer, 100000, 1, START);
	for (unsigned ms = 0; !pacer_is_done(&pacer); ms += 7) {
		steps += due_at(ms);
		ck_assert_uint_lt(ms, 2000);
	}
	ck_assert_uint_gt(pacer.skipped, 0);
	ck_assert_uint_eq(steps + pacer.skipped, 100000);
}
END_TEST

static void pacer_suite(Suite *suite)
{
	TCase *tc = tcase_create("pacer");
	tcase_add_test(tc, every_tick_has_its_share);
	tcase_add_test(tc, slow_rates_wait);
	tcase_add_test(tc, less_than_one_step_is_one);
	tcase_add_test(tc, a_pause_is_caught_up_on);
	tcase_add_test(tc, too_late_is_skipped_and_counted);
	tcase_add_test(tc, taken_and_skipped_are_all);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("pacer", pacer_suite)
