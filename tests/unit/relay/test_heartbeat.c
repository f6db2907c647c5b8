/*
 * test_heartbeat.c - a running loop is recognised, and a single stalled worker is found.
 */
#include "relay/heartbeat.h"

#include <event2/event.h>

#include "tests/unit/lib/unit.h"

enum { WORKERS = 3 };

static struct heartbeat heartbeats[WORKERS];
static const struct heartbeat *const list[WORKERS] = {&heartbeats[0], &heartbeats[1],
						      &heartbeats[2]};
static uint64_t seen[WORKERS];
static size_t still;

static void beat_all(void)
{
	for (int i = 0; i < WORKERS; i++)
		heartbeats[i].beats++;
}

START_TEST(all_workers_must_beat_between_two_checks)
{
	ck_assert(!heartbeat_all_moved(list, WORKERS, seen, &still));
	beat_all();
	ck_assert(heartbeat_all_moved(list, WORKERS, seen, &still));
	ck_assert(!heartbeat_all_moved(list, WORKERS, seen, &still));
	beat_all();
	beat_all();
	ck_assert(heartbeat_all_moved(list, WORKERS, seen, &still));
}
END_TEST

START_TEST(a_stalled_worker_is_named)
{
	beat_all();
	ck_assert(heartbeat_all_moved(list, WORKERS, seen, &still));
	beat_all();
	heartbeats[1].beats = seen[1];
	ck_assert(!heartbeat_all_moved(list, WORKERS, seen, &still));
	ck_assert_uint_eq(still, 1);
}
END_TEST

/*
 * Beats since the last success are kept: not all workers need to beat between two checks.
 */
START_TEST(a_late_worker_is_waited_for)
{
	beat_all();
	ck_assert(heartbeat_all_moved(list, WORKERS, seen, &still));
	heartbeats[0].beats++;
	heartbeats[1].beats++;
	ck_assert(!heartbeat_all_moved(list, WORKERS, seen, &still));
	ck_assert_uint_eq(still, 2);
	heartbeats[2].beats++;
	ck_assert(heartbeat_all_moved(list, WORKERS, seen, &still));
}
END_TEST

START_TEST(a_running_loop_beats)
{
	struct event_base *base = event_base_new();
	struct heartbeat heartbeat = {0};

	ck_assert_ptr_nonnull(base);
	ck_assert(heartbeat_start(&heartbeat, base, 1));
	for (int i = 0; i < 3; i++)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(heartbeat_count(&heartbeat), 3);
	heartbeat_stop(&heartbeat);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 1); /* nothing is left */
	event_base_free(base);
}
END_TEST

START_TEST(without_a_watchdog_nothing_beats)
{
	struct event_base *base = event_base_new();
	struct heartbeat heartbeat = {0};

	ck_assert(heartbeat_start(&heartbeat, base, 0));
	ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 1);
	ck_assert_uint_eq(heartbeat_count(&heartbeat), 0);
	heartbeat_stop(&heartbeat);
	event_base_free(base);
}
END_TEST

static void heartbeat_suite(Suite *suite)
{
	TCase *tc = tcase_create("heartbeat");

	tcase_add_test(tc, all_workers_must_beat_between_two_checks);
	tcase_add_test(tc, a_stalled_worker_is_named);
	tcase_add_test(tc, a_late_worker_is_waited_for);
	tcase_add_test(tc, a_running_loop_beats);
	tcase_add_test(tc, without_a_watchdog_nothing_beats);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("heartbeat", heartbeat_suite)
