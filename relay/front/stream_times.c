/*
 * stream_times.c - see stream_times.h.
 */
#include "relay/front/stream_times.h"

#include <assert.h>

#include "relay/loop.h"
#include "relay/reload/relay_settings.h"

enum { DRAIN_MS = 5000 }; /* for the last replies to a client that has closed */

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

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t stream_times_deadline(const struct stream_times *times,
			       const struct stream_waits *waits,
			       const struct relay_settings *settings)
{
	uint64_t earliest = UINT64_MAX;

	assert(waits->state != STREAM_DRAINING ||
	       times->draining_ms >= times->accepted_ms);
	switch (waits->state) {
	case STREAM_GREETING:
	case STREAM_HANDSHAKE:
		return times->accepted_ms + settings->stream.greeting_ms;
	case STREAM_DRAINING:
		return times->draining_ms + DRAIN_MS;
	case STREAM_OPEN:
		break;
	}
	if (!waits->authenticated)
		earliest = times->accepted_ms + settings->stream.authentication_ms;
	if (times->frame_begun_ms != 0 && !waits->paused)
		earliest = earlier(earliest,
				   times->frame_begun_ms + settings->stream.frame_ms);
	if (settings->stream.idle_ms != 0 && !waits->has_allocation)
		earliest = earlier(earliest,
				   times->last_frame_ms + settings->stream.idle_ms);
	return earliest;
}

void stream_times_arm(struct stream_times *times, const struct loop *loop,
		      uint64_t deadline_ms)
{
	if (deadline_ms >= times->armed_ms)
		return;
	times->armed_ms = deadline_ms;
	loop_arm(loop, &times->timer, deadline_ms);
}

void stream_times_rearm(struct stream_times *times, const struct loop *loop,
			uint64_t deadline_ms)
{
	times->armed_ms = UINT64_MAX;
	stream_times_arm(times, loop, deadline_ms);
}
