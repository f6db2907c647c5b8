/*
 * stream_times.c - see stream_times.h.
 */
#include "relay/front/stream_times.h"

enum { DRAIN_MS = 5000 }; /* for the last replies to a client that has closed */

bool stream_times_begin(struct stream_times *times, struct event_base *base,
			event_callback_fn due, void *arg, uint64_t now_ms)
{
	times->armed_ms = UINT64_MAX;
	times->accepted_ms = now_ms;
	return event_assign(&times->timer, base, -1, 0, due, arg) == 0;
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
			       const struct settings *settings)
{
	uint64_t earliest = UINT64_MAX;

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

void stream_times_arm(struct stream_times *times, uint64_t deadline_ms, uint64_t now_ms)
{
	if (deadline_ms >= times->armed_ms)
		return;

	uint64_t wait_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
	struct timeval tv = {
		.tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000),
	};
	times->armed_ms = deadline_ms;
	event_add(&times->timer, &tv);
}

void stream_times_rearm(struct stream_times *times, uint64_t deadline_ms, uint64_t now_ms)
{
	times->armed_ms = UINT64_MAX;
	stream_times_arm(times, deadline_ms, now_ms);
}
