/*
 * test_stream_times.c - the deadlines of a stream client and when each applies.
 */
#include "relay/front/stream_times.h"

#include "relay/loop.h"
#include "relay/reload/relay_settings.h"
#include "tests/unit/lib/unit.h"

#define NEVER UINT64_MAX

/* Accepted at 1000, last frame at 20000. */
static const struct {
	const char *name;
	struct stream_waits waits;
	uint64_t frame_begun_ms;
	uint32_t idle_ms;
	uint64_t want;
} rows[] = {
	{"nothing received",
	 {STREAM_GREETING, false, false, false},
	 0,
	 300000,
	 1000 + 5000},
	{"the handshake counts as greeting",
	 {STREAM_HANDSHAKE, false, false, false},
	 0,
	 300000,
	 1000 + 5000},
	{"a stranger", {STREAM_OPEN, false, false, false}, 0, 300000, 1000 + 10000},
	{"an unauthenticated frame does not extend it",
	 {STREAM_OPEN, false, false, false},
	 20000,
	 300000,
	 1000 + 10000},
	{"authenticated and silent",
	 {STREAM_OPEN, true, false, false},
	 0,
	 300000,
	 20000 + 300000},
	{"silent indefinitely, if configured",
	 {STREAM_OPEN, true, false, false},
	 0,
	 0,
	 NEVER},
	{"an allocation keeps it", {STREAM_OPEN, true, false, true}, 0, 300000, NEVER},
	{"a frame has begun",
	 {STREAM_OPEN, true, false, true},
	 21000,
	 300000,
	 21000 + 7000},
	{"a frame has begun, but we do not read",
	 {STREAM_OPEN, true, true, true},
	 21000,
	 300000,
	 NEVER},
	{"silence may end before the frame",
	 {STREAM_OPEN, true, false, false},
	 26500,
	 10000,
	 20000 + 10000},
	{"closed by the client",
	 {STREAM_DRAINING, true, false, true},
	 0,
	 300000,
	 30000 + 5000},
};

START_TEST(stream_deadline_is_the_earliest_that_holds)
{
	struct relay_settings settings = {.stream = {.greeting_ms = 5000,
						     .authentication_ms = 10000,
						     .frame_ms = 7000,
						     .idle_ms = rows[_i].idle_ms}};
	struct stream_times times = {.accepted_ms = 1000,
				     .last_frame_ms = 20000,
				     .frame_begun_ms = rows[_i].frame_begun_ms,
				     .draining_ms = 30000};
	uint64_t got = stream_times_deadline(&times, &rows[_i].waits, &settings);

	ck_assert_msg(got == rows[_i].want, "%s: %llu", rows[_i].name,
		      (unsigned long long)got);
}
END_TEST

static void due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	++*(unsigned *)arg;
}

START_TEST(stream_timer_is_armed_for_what_is_earlier)
{
	struct loop loop;
	struct stream_times times = {0};
	unsigned fired = 0;

	ck_assert(loop_init(&loop));
	loop.now_ms = 1000;
	ck_assert(stream_times_begin(&times, &loop, due, &fired));
	ck_assert_uint_eq(times.accepted_ms, 1000);
	stream_times_arm(&times, &loop, NEVER);
	ck_assert(!event_pending(&times.timer, EV_TIMEOUT, NULL));
	stream_times_arm(&times, &loop, 900000);
	stream_times_arm(&times, &loop, 1000);
	stream_times_arm(&times, &loop, 800000);
	ck_assert_uint_eq(times.armed_ms, 1000);
	event_base_loop(loop.base, EVLOOP_ONCE);
	ck_assert_uint_eq(fired, 1);

	/* Due in the past, and armed anew. */
	stream_times_rearm(&times, &loop, 500);
	event_base_loop(loop.base, EVLOOP_ONCE);
	ck_assert_uint_eq(fired, 2);
	stream_times_rearm(&times, &loop, NEVER);
	ck_assert(!event_pending(&times.timer, EV_TIMEOUT, NULL));
	stream_times_end(&times);
	loop_release(&loop);
}
END_TEST

static void stream_times_suite(Suite *suite)
{
	TCase *tc = tcase_create("stream_times");

	tcase_add_loop_test(tc, stream_deadline_is_the_earliest_that_holds, 0,
			    ROWS(rows));
	tcase_add_test(tc, stream_timer_is_armed_for_what_is_earlier);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stream_times", stream_times_suite)
