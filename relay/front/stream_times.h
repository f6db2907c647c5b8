/*
 * stream_times.h - how long a stream client has for what it does: its first bytes, its first
 * authenticated request, the rest of a frame, silence without an allocation.
 *
 * Owner    embedded in the stream, with its timer.
 * Time     monotonic milliseconds, of the loop.
 */
#ifndef RELAY_FRONT_STREAM_TIMES_H
#define RELAY_FRONT_STREAM_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

struct loop;
struct relay_settings;

enum stream_state {
	STREAM_GREETING,
	STREAM_HANDSHAKE,
	STREAM_OPEN,
	STREAM_DRAINING,
};

struct stream_times {
	struct event timer;
	uint64_t armed_ms; /* when the timer will fire */
	uint64_t accepted_ms;
	uint64_t last_frame_ms;
	uint64_t frame_begun_ms; /* 0: no frame is incomplete */
	uint64_t draining_ms;
};

/* What decides which of them count. */
struct stream_waits {
	enum stream_state state;
	bool authenticated;
	bool paused; /* by us, so its frames may take as long as they like */
	bool has_allocation;
};

/* Accepted now. due() is called by the timer. False if out of memory. */
bool stream_times_begin(struct stream_times *times, const struct loop *loop,
			event_callback_fn due, void *arg);
void stream_times_end(struct stream_times *times);

/* The earliest deadline that holds; UINT64_MAX if none does. */
uint64_t stream_times_deadline(const struct stream_times *times,
			       const struct stream_waits *waits,
			       const struct relay_settings *settings);

/* Arm the timer if it would fire too late; firing too early is harmless and rare. */
void stream_times_arm(struct stream_times *times, const struct loop *loop,
		      uint64_t deadline_ms);
/* Other deadlines hold from now on: the timer is armed anew. */
void stream_times_rearm(struct stream_times *times, const struct loop *loop,
			uint64_t deadline_ms);

#endif
