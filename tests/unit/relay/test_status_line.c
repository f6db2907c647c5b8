/*
 * test_status_line.c - the status of a relay in systemctl status.
 */
#include "relay/ops/status_line.h"

#include "relay/core/counters.h"
#include "relay/reload/drain.h"
#include "tests/unit/lib/unit.h"

static struct counters sum;
static struct status_line line;
static struct drain_state drain;

static const char *line_at(uint64_t now_ms)
{
	static char text[160];

	status_line_write(&line, &sum, &drain, now_ms, text, sizeof(text));
	return text;
}

START_TEST(an_idle_relay)
{
	ck_assert_str_eq(line_at(1000), "0 allocations, 0.0 Mbit/s");
}
END_TEST

START_TEST(reads_the_same_while_nothing_changes)
{
	ck_assert_str_eq(line_at(1000), "0 allocations, 0.0 Mbit/s");
	ck_assert_str_eq(line_at(3000), "0 allocations, 0.0 Mbit/s");
	sum.allocations_opened = 1;
	ck_assert_str_eq(line_at(5000), "1 allocation, 0.0 Mbit/s");
	sum.allocations_closed = 1;
	ck_assert_str_eq(line_at(7000), "0 allocations, 0.0 Mbit/s");
}
END_TEST

START_TEST(rates_count_from_the_last_line)
{
	sum.to_peer[SIDE_INSIDE][TRANSPORT_UDP].bytes =
		5000000; /* before the first measurement: no time has passed */
	ck_assert_str_eq(line_at(1000), "0 allocations, 0.0 Mbit/s");
	sum.allocations_opened = 12;
	sum.allocations_closed = 10;
	sum.to_peer[SIDE_INSIDE][TRANSPORT_UDP].bytes += 500000;
	sum.to_client[SIDE_INSIDE][TRANSPORT_TCP].bytes += 250000;
	sum.to_peer[SIDE_OUTSIDE][TRANSPORT_TLS].bytes += 125000;
	sum.to_client[SIDE_OUTSIDE][TRANSPORT_UDP].bytes += 125000;
	ck_assert_str_eq(line_at(3000), "2 allocations, 4.0 Mbit/s");
	ck_assert_str_eq(line_at(5000), "2 allocations, 0.0 Mbit/s");
}
END_TEST

START_TEST(a_stopped_clock_does_not_divide_by_zero)
{
	line_at(1000);
	sum.to_peer[SIDE_INSIDE][TRANSPORT_UDP].bytes = 1000000;
	ck_assert_str_eq(line_at(1000), "0 allocations, 0.0 Mbit/s");
}
END_TEST

START_TEST(a_drain_is_shown)
{
	sum.allocations_opened = 3;
	drain = (struct drain_state){.draining = true, .began_with = 5};
	ck_assert_str_eq(line_at(1000),
			 "3 allocations, 0.0 Mbit/s, draining (5 at first)");
	drain.deadline_s = 1767225600;
	ck_assert_str_eq(line_at(3000), "3 allocations, 0.0 Mbit/s, draining until "
					"2026-01-01T00:00:00Z (5 at first)");
	drain = (struct drain_state){0};
	ck_assert_str_eq(line_at(5000), "3 allocations, 0.0 Mbit/s");
}
END_TEST

static void status_line_suite(Suite *suite)
{
	TCase *tc = tcase_create("status_line");

	tcase_add_test(tc, an_idle_relay);
	tcase_add_test(tc, reads_the_same_while_nothing_changes);
	tcase_add_test(tc, rates_count_from_the_last_line);
	tcase_add_test(tc, a_stopped_clock_does_not_divide_by_zero);
	tcase_add_test(tc, a_drain_is_shown);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("status_line", status_line_suite)
