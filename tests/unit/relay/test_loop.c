/*
 * test_loop.c - UDP sockets, timers and events of one worker all get their turn, whoever waits for whom.
 */
#include "relay/loop.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "tests/unit/lib/unit.h"

enum { SOCKETS = 5, MANY = 200 };

struct watched {
	struct loop_watch watch;
	int fd, other;
	unsigned got;
};

static struct loop loop;
static struct watched watched[SOCKETS];
static unsigned ends;           /* of turns */
static unsigned sends;          /* each datagram sends another one, so many times */
static struct watched *unwatch; /* by whoever is ready first */
static struct event event;
static unsigned events;

static void take(struct loop_watch *watch)
{
	struct watched *w = (struct watched *)watch;
	char byte;

	if (recv(w->fd, &byte, 1, MSG_DONTWAIT) != 1)
		return;
	w->got++;
	if (sends > 0) {
		sends--;
		ck_assert_int_eq(send(w->other, &byte, 1, 0), 1);
	}
	for (size_t i = 0; unwatch == w && i < SOCKETS; i++) {
		if (&watched[i] != w)
			loop_unwatch(&loop, watched[i].fd, &watched[i].watch);
	}
}

static void end_turn(void *arg)
{
	ck_assert_ptr_eq(arg, &loop);
	ends++;
}

static void setup(void)
{
	ck_assert(loop_init(&loop));
	ck_assert_int_ge(loop.others, 0);
	loop.turn_end = end_turn;
	loop.turn_end_arg = &loop;
	ends = sends = events = 0;
	unwatch = NULL;
	for (size_t i = 0; i < SOCKETS; i++) {
		int fds[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
		watched[i] = (struct watched){{take}, fds[0], fds[1], 0};
		ck_assert_int_eq(loop_watch(&loop, fds[0], &watched[i].watch), 0);
	}
}

static void teardown(void)
{
	for (size_t i = 0; i < SOCKETS; i++) {
		loop_unwatch(&loop, watched[i].fd, &watched[i].watch);
		close(watched[i].fd);
		close(watched[i].other);
	}
	loop_release(&loop);
}

static void tell(size_t i)
{
	ck_assert_int_eq(send(watched[i].other, "x", 1, 0), 1);
}

static void end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	events++;
	loop_end(&loop);
}

static void end_after(long ms)
{
	const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	ck_assert_int_eq(event_assign(&event, loop.base, -1, 0, end, NULL), 0);
	ck_assert_int_eq(event_add(&event, &tv), 0);
}

START_TEST(all_that_is_ready_is_taken)
{
	for (size_t i = 0; i < SOCKETS; i++)
		tell(i);
	end_after(20);
	loop_run(&loop);
	for (size_t i = 0; i < SOCKETS; i++)
		ck_assert_uint_eq(watched[i].got, 1);
	ck_assert_uint_eq(ends, 1);
}
END_TEST

/* Turn after turn: the own instance waits, and the timer ends it all the same. */
START_TEST(a_busy_loop_sees_timers)
{
	sends = UINT32_MAX;
	tell(0);
	end_after(50);
	loop_run(&loop);
	ck_assert_uint_gt(watched[0].got, 100);
	ck_assert_uint_eq(events, 1);
	/* And again, as after a pause. */
	end_after(50);
	loop_run(&loop);
	ck_assert_uint_eq(events, 2);
}
END_TEST

static unsigned was_busy;

static void note(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	(void)arg;
	uint64_t value;

	ck_assert_int_eq(read(fd, &value, sizeof(value)), sizeof(value));
	was_busy = loop.is_busy;
	end(fd, what, NULL);
}

START_TEST(a_busy_loop_sees_what_libevent_watches)
{
	int other = eventfd(0, EFD_NONBLOCK);
	uint64_t one = 1;

	sends = UINT32_MAX;
	tell(0);
	end_after(30);
	loop_run(&loop);
	ck_assert_int_eq(event_assign(&event, loop.base, other, EV_READ, note, NULL), 0);
	ck_assert_int_eq(event_add(&event, NULL), 0);
	loop.close_turns = UINT32_MAX / 2; /* busy from the first turn on */
	ck_assert_int_eq(write(other, &one, sizeof(one)), sizeof(one));
	loop_run(&loop);
	ck_assert_uint_eq(events, 2);
	close(other);
}
END_TEST

static void activate(struct loop_watch *watch)
{
	take(watch);
	if (loop.is_busy)
		event_active(&event, EV_READ, 0);
}

/* Made active by the packet path, with no descriptor of its own ready. */
START_TEST(a_busy_loop_sees_what_is_made_active)
{
	watched[0].watch.ready = activate;
	ck_assert_int_eq(event_assign(&event, loop.base, -1, 0, end, NULL), 0);
	sends = MANY;
	tell(0);
	loop_run(&loop);
	ck_assert_uint_eq(events, 1);
	ck_assert_uint_lt(watched[0].got, MANY);
}
END_TEST

START_TEST(a_busy_loop_becomes_quiet)
{
	sends = MANY;
	tell(0);
	end_after(100);
	loop_run(&loop);
	ck_assert_uint_eq(watched[0].got, MANY + 1);
	ck_assert(!loop.is_busy);
	tell(1);
	end_after(20);
	loop_run(&loop);
	ck_assert_uint_eq(watched[1].got, 1);
}
END_TEST

/* Ready in the same turn, but closed by the one that came first. */
START_TEST(what_is_no_longer_watched_is_not_called)
{
	unsigned got = 0;

	for (size_t i = 0; i < SOCKETS; i++)
		tell(i);
	unwatch = &watched[0];
	end_after(20);
	loop_run(&loop);
	for (size_t i = 0; i < SOCKETS; i++)
		got += watched[i].got;
	ck_assert_uint_eq(watched[0].got, 1);
	ck_assert_uint_eq(got, 1);
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("loop");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, all_that_is_ready_is_taken);
	tcase_add_test(tc, a_busy_loop_sees_timers);
	tcase_add_test(tc, a_busy_loop_sees_what_libevent_watches);
	tcase_add_test(tc, a_busy_loop_sees_what_is_made_active);
	tcase_add_test(tc, a_busy_loop_becomes_quiet);
	tcase_add_test(tc, what_is_no_longer_watched_is_not_called);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("loop", add_cases)
