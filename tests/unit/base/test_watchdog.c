/*
 * test_watchdog.c - messages to systemd's notification socket, and when none are sent.
 */
#include "base/watchdog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/notify.h"
#include "tests/unit/lib/notify_listener.h"
#include "tests/unit/lib/unit.h"

static int manager;
static struct event_base *base;
static bool alive;
static int asked;

static void setup(void)
{
	manager = notify_listener_open();
	setenv("WATCHDOG_USEC", "8000", 1);
	unsetenv("WATCHDOG_PID");
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	alive = true;
	asked = 0;
}

static void teardown(void)
{
	event_base_free(base);
	close(manager);
}

static bool is_alive(void *arg)
{
	ck_assert_ptr_eq(arg, &alive);
	asked++;
	return alive;
}

/* The next message to systemd; "" if there is none. */
static const char *heard(void)
{
	return notify_listener_heard(manager);
}

START_TEST(fed_while_the_worker_runs)
{
	struct watchdog *watchdog = watchdog_new(base, is_alive, &alive);

	ck_assert_ptr_nonnull(watchdog);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(asked, 1);
	ck_assert_str_eq(heard(), "WATCHDOG=1");
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_str_eq(heard(), "WATCHDOG=1");
	ck_assert_str_eq(heard(), "");
	watchdog_free(watchdog);
}
END_TEST

START_TEST(not_fed_while_the_worker_stalls)
{
	struct watchdog *watchdog = watchdog_new(base, is_alive, &alive);

	alive = false;
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(asked, 2);
	ck_assert_str_eq(heard(), "");
	alive = true;
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_str_eq(heard(), "WATCHDOG=1");
	watchdog_free(watchdog);
}
END_TEST

START_TEST(a_single_loop_needs_no_proof)
{
	struct watchdog *watchdog = watchdog_new(base, NULL, NULL);

	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_str_eq(heard(), "WATCHDOG=1");
	watchdog_free(watchdog);
}
END_TEST

START_TEST(without_a_watchdog_nothing_is_sent)
{
	unsetenv("WATCHDOG_USEC");
	struct watchdog *watchdog = watchdog_new(base, is_alive, &alive);

	ck_assert_ptr_nonnull(watchdog);
	ck_assert_uint_eq(watchdog_heartbeat_ms(), 0);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 1);
	ck_assert_str_eq(heard(), "");
	watchdog_free(watchdog);
}
END_TEST

/* The variables were meant for our parent, not for us. */
START_TEST(a_watchdog_of_another_process_is_ignored)
{
	setenv("WATCHDOG_PID", "1", 1);
	ck_assert_uint_eq(notify_watchdog_ms(), 0);
}
END_TEST

START_TEST(heartbeats_are_more_frequent_than_notifications)
{
	setenv("WATCHDOG_USEC", "30000000", 1);
	ck_assert_uint_eq(notify_watchdog_ms(), 30000);
	ck_assert_uint_gt(watchdog_heartbeat_ms(), 0);
	ck_assert_uint_lt(watchdog_heartbeat_ms(), 30000 / 4);
	setenv("WATCHDOG_USEC", "1000", 1);
	ck_assert_uint_gt(watchdog_heartbeat_ms(), 0);
}
END_TEST

START_TEST(status_is_sent_when_it_changed)
{
	struct notify_status last = {""};

	notify_status(&last, "3 allocations");
	ck_assert_str_eq(heard(), "STATUS=3 allocations");
	notify_status(&last, "3 allocations");
	ck_assert_str_eq(heard(), "");
	notify_status(&last, "4 allocations");
	ck_assert_str_eq(heard(), "STATUS=4 allocations");
	notify_ready();
	ck_assert_str_eq(heard(), "READY=1");
}
END_TEST

static void watchdog_suite(Suite *suite)
{
	TCase *tc = tcase_create("watchdog");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, fed_while_the_worker_runs);
	tcase_add_test(tc, not_fed_while_the_worker_stalls);
	tcase_add_test(tc, a_single_loop_needs_no_proof);
	tcase_add_test(tc, without_a_watchdog_nothing_is_sent);
	tcase_add_test(tc, a_watchdog_of_another_process_is_ignored);
	tcase_add_test(tc, heartbeats_are_more_frequent_than_notifications);
	tcase_add_test(tc, status_is_sent_when_it_changed);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("watchdog", watchdog_suite)
