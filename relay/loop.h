/*
 * loop.h - the event loop of a worker, and the time of its current turn.
 *
 * Owner    embedded in the worker; parts of it borrow a pointer for as long as they live.
 * Threads  the one that is in loop_run(); before and after that, the owner's.
 * Time     the coarse clocks, which cost a few nanoseconds and no system call. A callback reads
 *          them once, with loop_turn(); everything below it takes the time as an argument.
 */
#ifndef RELAY_LOOP_H
#define RELAY_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct event;
struct event_base;

enum {
	LOOP_STILL_MS = 4000
}; /* no turn for longer: timers of a worker come more often */

struct loop {
	struct event_base *base;
	uint64_t now_ms; /* monotonic, as of this turn */
	int64_t unix_s;
	uint64_t *alive; /* where now_ms is left for another process to see; NULL: nowhere */
	uint64_t *still;  /* and there, when it last stood still: from, to; with alive */
	pthread_t thread; /* that runs it */
	bool is_running;
};

/* Reads the clock. False if out of memory; loop_release() takes what there is. */
bool loop_init(struct loop *loop);
void loop_release(struct loop *loop); /* a zeroed one is allowed; all events are gone */

/* Until loop_end(), even when no event is left. */
void loop_run(struct loop *loop);
/* From within: return from loop_run() after this callback. */
void loop_end(struct loop *loop);

/* A callback begins: read the clocks. */
void loop_turn(struct loop *loop);

/* Arm a timer, or arm it anew: it fires at that time, at once if it is past. */
void loop_arm(const struct loop *loop, struct event *timer, uint64_t due_ms);

#endif
