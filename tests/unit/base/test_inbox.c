/*
 * test_inbox.c - messages and questions from one thread to another.
 */
#include "base/inbox.h"

#include <pthread.h>
#include <stdlib.h>

#include <event2/event.h>

#include "tests/unit/lib/unit.h"

static struct event_base *base;
static struct inbox *inbox;
static pthread_t owner;
static pthread_t ran_on;
static int order[4];
static size_t count;

static void *loop(void *arg)
{
	(void)arg;
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	inbox_close(inbox);
	return NULL;
}

static void note(void *arg)
{
	ran_on = pthread_self();
	order[count++] = *(int *)arg;
}

static void leave(void *arg)
{
	(void)arg;
	event_base_loopbreak(base);
}

static void begin(void)
{
	count = 0;
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	inbox = inbox_new(base);
	ck_assert_ptr_nonnull(inbox);
	ck_assert_int_eq(pthread_create(&owner, NULL, loop, NULL), 0);
}

static void end(void)
{
	inbox_free(inbox);
	event_base_free(base);
}

START_TEST(a_call_completes_on_the_owners_thread)
{
	int one = 1;

	ck_assert(inbox_call(inbox, note, &one));
	ck_assert_uint_eq(count, 1);
	ck_assert(pthread_equal(ran_on, owner));
	ck_assert(inbox_post(inbox, leave, NULL));
	pthread_join(owner, NULL);
}
END_TEST

START_TEST(posts_keep_their_order)
{
	int numbers[] = {1, 2, 3};

	ck_assert(inbox_post(inbox, note, &numbers[0]));
	ck_assert(inbox_post(inbox, note, &numbers[1]));
	ck_assert(inbox_call(inbox, note, &numbers[2]));
	ck_assert_int_eq(order[0], 1);
	ck_assert_int_eq(order[1], 2);
	ck_assert_int_eq(order[2], 3);
	inbox_post(inbox, leave, NULL);
	pthread_join(owner, NULL);
}
END_TEST

/*
 * A caller waiting for an owner that leaves is answered or refused, and never waits
 * indefinitely.
 */
START_TEST(no_caller_waits_for_a_closed_inbox)
{
	int one = 1;

	ck_assert(inbox_post(inbox, leave, NULL));
	if (inbox_call(inbox, note, &one))
		ck_assert_uint_eq(count, 1);
	else
		ck_assert_uint_eq(count, 0);
	pthread_join(owner, NULL);
	ck_assert(!inbox_call(inbox, note, &one));
	ck_assert(!inbox_post(inbox, note, &one));
	ck_assert_uint_le(count, 1);
}
END_TEST

static void inbox_suite(Suite *suite)
{
	TCase *tc = tcase_create("inbox");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, a_call_completes_on_the_owners_thread);
	tcase_add_test(tc, posts_keep_their_order);
	tcase_add_test(tc, no_caller_waits_for_a_closed_inbox);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("inbox", inbox_suite)
