/*
 * stream_times.c - see stream_times.h.
 */
#include "relay/front/stream_times.h"

#include <assert.h>

#include "relay/loop.h"
#include "relay/reload/relay_settings.h"

enum {
	DRAIN_MS = 5000, /* for the last replies to a client that has closed */
	LOOK_MS = 1000,  /* how often a client that waits learns of a higher pressure */
};

bool stream_times_begin(struct stream_times *times, const struct loop *loop,
			event_callback_fn due, void *arg)
{
	times->armed_ms = UINT64_MAX;
	times->accepted_ms = loop->now_ms;
	return event_assign(&times->timer, loop->base, -1, 0, due, arg) == 0;
}

void stream_times_end(struct stream_times *times)
{
	event_del(&times->timer);
}

void stream_times_move(struct stream_times *times, const struct loop *loop)
{
	times->armed_ms = UINT64_MAX;
	event_base_set(loop->base, &times->timer);
}

/* A minimum above the time itself counts as that. */
static uint64_t under_pressure(uint32_t time_ms, uint32_t min_ms, unsigned pressure)
{
	static const unsigned span = STREAM_PRESSURE_HIGH - STREAM_PRESSURE_LOW;

	assert(pressure <= STREAM_PRESSURE_FULL);
	if (pressure <= STREAM_PRESSURE_LOW || min_ms >= time_ms)
		return time_ms;
	if (pressure >= STREAM_PRESSURE_HIGH)
		return min_ms;
	return time_ms -
	       (uint64_t)(time_ms - min_ms) * (pressure - STREAM_PRESSURE_LOW) / span;
}

static void keep_earlier(struct stream_deadline *earliest, uint64_t at_ms,
			 enum connection_end why)
{
	if (at_ms < earliest->at_ms)
		*earliest = (struct stream_deadline){at_ms, why};
}

struct stream_deadline stream_times_deadline(const struct stream_times *times,
					     const struct stream_waits *waits,
					     const struct relay_settings *settings)
{
	const struct relay_stream_limits *limits = &settings->stream;
	struct stream_deadline earliest = {UINT64_MAX, CONNECTION_END_IDLE};
	uint64_t wait_ms;

	assert(waits->state != STREAM_DRAINING ||
	       times->draining_ms >= times->accepted_ms);
	switch (waits->state) {
	case STREAM_GREETING:
	case STREAM_HANDSHAKE:
		wait_ms = under_pressure(limits->greeting_ms, limits->greeting_min_ms,
					 waits->pressure);
		keep_earlier(&earliest, times->accepted_ms + wait_ms,
			     CONNECTION_END_GREETING);
		return earliest;
	case STREAM_DRAINING:
		keep_earlier(&earliest, times->draining_ms + DRAIN_MS,
			     CONNECTION_END_CLIENT);
		return earliest;
	case STREAM_BOUND:
		return earliest; /* it has those of the allocation */
	case STREAM_OPEN:
		break;
	}
	if (!waits->authenticated) {
		wait_ms = under_pressure(limits->authentication_ms,
					 limits->authentication_min_ms, waits->pressure);
		keep_earlier(&earliest, times->accepted_ms + wait_ms,
			     CONNECTION_END_AUTHENTICATION);
	}
	if (times->frame_begun_ms != 0 && !waits->paused)
		keep_earlier(&earliest, times->frame_begun_ms + limits->frame_ms,
			     CONNECTION_END_FRAME);
	if (limits->idle_ms != 0 && !waits->has_allocation)
		keep_earlier(&earliest, times->last_use_ms + limits->idle_ms,
			     CONNECTION_END_IDLE);
	return earliest;
}

uint64_t stream_times_next(const struct stream_times *times,
			   const struct stream_waits *waits,
			   const struct relay_settings *settings, uint64_t now_ms)
{
	struct stream_waits shortest = *waits;
	uint64_t at_ms;

	shortest.pressure = STREAM_PRESSURE_FULL;
	at_ms = stream_times_deadline(times, &shortest, settings).at_ms;
	if (at_ms > now_ms)
		return at_ms;
	at_ms = stream_times_deadline(times, waits, settings).at_ms;
	return at_ms < now_ms + LOOK_MS ? at_ms : now_ms + LOOK_MS;
}

void stream_times_arm(struct stream_times *times, const struct loop *loop,
		      uint64_t due_ms)
{
	if (due_ms >= times->armed_ms)
		return;
	times->armed_ms = due_ms;
	loop_arm(loop, &times->timer, due_ms);
}

void stream_times_rearm(struct stream_times *times, const struct loop *loop,
			uint64_t due_ms)
{
	times->armed_ms = UINT64_MAX;
	stream_times_arm(times, loop, due_ms);
}
