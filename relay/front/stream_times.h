/*
 * stream_times.h - how long a stream client has for what it does: its first bytes, its first
 * authenticated request, the rest of a frame, silence without an allocation.
 *
 * The first two follow pressure, so that a client on a bad link has its time while there is
 * room: all of it up to a quarter of the room, the minimum from three quarters on, and in
 * proportion between them.
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

#include "relay/core/counters.h"

struct loop;
struct relay_settings;

enum stream_state {
	STREAM_GREETING,
	STREAM_HANDSHAKE,
	STREAM_OPEN,
	STREAM_BOUND, /* the client's half of a data connection */
	STREAM_DRAINING,
};

struct stream_times {
	struct event timer;
	uint64_t armed_ms; /* when the timer will fire */
	uint64_t accepted_ms;
	uint64_t last_use_ms;    /* an authenticated request, or data of an allocation */
	uint64_t frame_begun_ms; /* 0: no frame is incomplete */
	uint64_t draining_ms;
};

/* How full it is, in thousandths. */
enum {
	STREAM_PRESSURE_LOW = 250,
	STREAM_PRESSURE_HIGH = 750,
	STREAM_PRESSURE_FULL = 1000,
};

/* What decides which of them count. */
struct stream_waits {
	enum stream_state state;
	bool authenticated;
	bool paused; /* by us, so its frames may take as long as they like */
	bool has_allocation;
	unsigned pressure; /* 0..STREAM_PRESSURE_FULL; it counts until authenticated */
};

struct stream_deadline {
	uint64_t at_ms;          /* UINT64_MAX: none holds */
	enum connection_end why; /* the connection ends then */
};

/* Accepted now. due() is called by the timer. False if out of memory. */
bool stream_times_begin(struct stream_times *times, const struct loop *loop,
			event_callback_fn due, void *arg);
void stream_times_end(struct stream_times *times);

/* It has ended, and goes on in another loop: all times of the process are of one clock. */
void stream_times_move(struct stream_times *times, const struct loop *loop);

/* The earliest deadline that holds. */
struct stream_deadline stream_times_deadline(const struct stream_times *times,
					     const struct stream_waits *waits,
					     const struct relay_settings *settings);

/*
 * When to look again: at the deadline; while that follows pressure, which may rise, as soon as
 * it could be due and then every second.
 */
uint64_t stream_times_next(const struct stream_times *times,
			   const struct stream_waits *waits,
			   const struct relay_settings *settings, uint64_t now_ms);

/* Arm the timer if it would fire too late; firing too early is harmless and rare. */
void stream_times_arm(struct stream_times *times, const struct loop *loop,
		      uint64_t due_ms);
/* Other deadlines hold from now on: the timer is armed anew. */
void stream_times_rearm(struct stream_times *times, const struct loop *loop,
			uint64_t due_ms);

#endif
