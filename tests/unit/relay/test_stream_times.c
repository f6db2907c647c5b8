/*
 * test_stream_times.c - the deadlines of a stream client and when each applies.
 */
#include "relay/front/stream_times.h"

#include "relay/loop.h"
#include "relay/reload/relay_settings.h"
#include "tests/unit/lib/unit.h"

#define NEVER UINT64_MAX

/* Accepted at 1000, last frame at 20000; enough pressure for the minimum. */
static const struct {
	const char *name;
	struct stream_waits waits;
	uint64_t frame_begun_ms;
	uint32_t idle_ms;
	uint64_t want;
	enum connection_end why;
} rows[] = {
	{"nothing received",
	 {STREAM_GREETING, false, false, false, STREAM_PRESSURE_FULL},
	 0,
	 300000,
	 1000 + 5000,
	 CONNECTION_END_GREETING},
	{"the handshake counts as greeting",
	 {STREAM_HANDSHAKE, false, false, false, STREAM_PRESSURE_FULL},
	 0,
	 300000,
	 1000 + 5000,
	 CONNECTION_END_GREETING},
	{"a stranger",
	 {STREAM_OPEN, false, false, false, STREAM_PRESSURE_FULL},
	 0,
	 300000,
	 1000 + 10000,
	 CONNECTION_END_AUTHENTICATION},
	{"an unauthenticated frame does not extend it",
	 {STREAM_OPEN, false, false, false, STREAM_PRESSURE_FULL},
	 20000,
	 300000,
	 1000 + 10000,
	 CONNECTION_END_AUTHENTICATION},
	{"authenticated and silent",
	 {STREAM_OPEN, true, false, false, 0},
	 0,
	 300000,
	 20000 + 300000,
	 CONNECTION_END_IDLE},
	{"silent indefinitely, if configured",
	 {STREAM_OPEN, true, false, false, 0},
	 0,
	 0,
	 NEVER,
	 CONNECTION_END_IDLE},
	{"an allocation keeps it",
	 {STREAM_OPEN, true, false, true, 0},
	 0,
	 300000,
	 NEVER,
	 CONNECTION_END_IDLE},
	{"a frame has begun",
	 {STREAM_OPEN, true, false, true, 0},
	 21000,
	 300000,
	 21000 + 7000,
	 CONNECTION_END_FRAME},
	{"a frame has begun, but we do not read",
	 {STREAM_OPEN, true, true, true, 0},
	 21000,
	 300000,
	 NEVER,
	 CONNECTION_END_IDLE},
	{"silence may end before the frame",
	 {STREAM_OPEN, true, false, false, 0},
	 26500,
	 10000,
	 20000 + 10000,
	 CONNECTION_END_IDLE},
	{"pressure does not concern an authenticated one",
	 {STREAM_OPEN, true, false, true, STREAM_PRESSURE_FULL},
	 0,
	 300000,
	 NEVER,
	 CONNECTION_END_IDLE},
	{"closed by the client",
	 {STREAM_DRAINING, true, false, true, 0},
	 0,
	 300000,
	 30000 + 5000,
	 CONNECTION_END_CLIENT},
};

static const struct relay_settings patient = {.stream = {.greeting_ms = 30000,
							 .greeting_min_ms = 5000,
							 .authentication_ms = 60000,
							 .authentication_min_ms = 10000,
							 .frame_ms = 7000}};

START_TEST(stream_deadline_is_the_earliest_that_holds)
{
	struct relay_settings settings = patient;
	struct stream_times times = {.accepted_ms = 1000,
				     .last_use_ms = 20000,
				     .frame_begun_ms = rows[_i].frame_begun_ms,
				     .draining_ms = 30000};

	settings.stream.idle_ms = rows[_i].idle_ms;
	struct stream_deadline got =
		stream_times_deadline(&times, &rows[_i].waits, &settings);

	ck_assert_msg(got.at_ms == rows[_i].want, "%s: %llu", rows[_i].name,
		      (unsigned long long)got.at_ms);
	ck_assert_msg(got.why == rows[_i].why, "%s: %s", rows[_i].name,
		      connection_end_name(got.why));
}
END_TEST

static const struct {
	unsigned pressure;
	uint64_t greeting_ms, authentication_ms;
} pressures[] = {
	{0, 30000, 60000},   {STREAM_PRESSURE_LOW, 30000, 60000},
	{251, 29950, 59900}, {375, 23750, 47500},
	{500, 17500, 35000}, {749, 5050, 10100},
	{750, 5000, 10000},  {STREAM_PRESSURE_FULL, 5000, 10000},
};

START_TEST(stream_times_follow_pressure)
{
	const struct stream_times times = {.accepted_ms = 1000};
	struct stream_waits waits = {.state = STREAM_GREETING,
				     .pressure = pressures[_i].pressure};

	ck_assert_uint_eq(stream_times_deadline(&times, &waits, &patient).at_ms,
			  1000 + pressures[_i].greeting_ms);
	waits.state = STREAM_HANDSHAKE;
	ck_assert_uint_eq(stream_times_deadline(&times, &waits, &patient).at_ms,
			  1000 + pressures[_i].greeting_ms);
	waits.state = STREAM_OPEN;
	ck_assert_uint_eq(stream_times_deadline(&times, &waits, &patient).at_ms,
			  1000 + pressures[_i].authentication_ms);
}
END_TEST

/* RFC 8489 section 6.2.2: Ti. */
START_TEST(a_client_that_waits_39_5_s_is_still_there)
{
	const struct stream_times times = {.accepted_ms = 1000};
	const struct stream_waits waits = {.state = STREAM_OPEN};

	ck_assert_uint_gt(stream_times_deadline(&times, &waits, &patient).at_ms,
			  1000 + 39500);
}
END_TEST

START_TEST(a_minimum_above_the_time_counts_as_the_time)
{
	struct relay_settings settings = patient;
	const struct stream_times times = {.accepted_ms = 1000};
	struct stream_waits waits = {.state = STREAM_GREETING};

	settings.stream.greeting_ms = 2000;
	for (unsigned i = 0; i <= STREAM_PRESSURE_FULL; i += 250) {
		waits.pressure = i;
		ck_assert_uint_eq(stream_times_deadline(&times, &waits, &settings).at_ms,
				  3000);
	}
}
END_TEST

/* The clock is moved by hand from one look to the next, as the timer does. */
START_TEST(pressure_that_rises_ends_a_client_within_a_second)
{
	const struct stream_times times = {.accepted_ms = 1000};
	struct stream_waits waits = {.state = STREAM_GREETING};
	uint64_t now_ms = 1000, look_ms;
	unsigned looks = 0;

	/* First when it could be due at all. */
	ck_assert_uint_eq(stream_times_next(&times, &waits, &patient, now_ms), 6000);
	for (now_ms = 6000; now_ms < 14000; now_ms = look_ms) {
		look_ms = stream_times_next(&times, &waits, &patient, now_ms);
		ck_assert_uint_eq(look_ms, now_ms + 1000);
		looks++;
	}
	ck_assert_uint_eq(looks, 8);
	/* Half full: until 1000 + 17500; then full, and it is due at the next look. */
	waits.pressure = 500;
	ck_assert_uint_eq(stream_times_next(&times, &waits, &patient, 18000), 18500);
	waits.pressure = STREAM_PRESSURE_FULL;
	ck_assert_uint_le(stream_times_deadline(&times, &waits, &patient).at_ms, 14000);
	ck_assert_uint_le(stream_times_next(&times, &waits, &patient, 14000), 14000);
	/* Without pressure it stays for all of its time. */
	waits.pressure = 0;
	ck_assert_uint_eq(stream_times_next(&times, &waits, &patient, 30500), 31000);
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
	tcase_add_loop_test(tc, stream_times_follow_pressure, 0, ROWS(pressures));
	tcase_add_test(tc, a_client_that_waits_39_5_s_is_still_there);
	tcase_add_test(tc, a_minimum_above_the_time_counts_as_the_time);
	tcase_add_test(tc, pressure_that_rises_ends_a_client_within_a_second);
	tcase_add_test(tc, stream_timer_is_armed_for_what_is_earlier);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stream_times", stream_times_suite)
