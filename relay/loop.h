/*
 * loop.h - the event loop of a worker, and the time of its current turn.
 *
 * UDP sockets are watched by an epoll instance of the loop's own: a turn takes what is ready there, one after
 * the other, and what that leaves for later goes out at its end. Timers, streams and messages of other threads
 * are libevent's. Who waits for whom depends on what comes:
 *
 *   quiet   libevent waits, and the own instance is one of its descriptors
 *   busy    turns follow each other closely: the own instance waits, and libevent's is one of its
 *           descriptors. Timers then may be late by LOOP_LOOK_MS.
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
#include <sys/epoll.h>

struct event;
struct event_base;

enum {
	LOOP_STILL_MS = 4000, /* no turn for longer: timers of a worker come more often */
	LOOP_LOOK_MS = 4,     /* when busy: between two looks at libevent's timers */
	LOOP_READY_MAX = 64,  /* descriptors of one turn */
};

/* A descriptor of the own instance; embedded by its owner. */
struct loop_watch {
	/* It can be read, or has an error. The clock has been read. */
	void (*ready)(struct loop_watch *watch);
};

struct loop {
	struct event_base *base;
	uint64_t now_ms; /* monotonic, as of this turn */
	int64_t unix_s;
	uint64_t *alive; /* where now_ms is left for another process to see; NULL: nowhere */
	uint64_t *still;  /* and there, when it last stood still: from, to; with alive */
	pthread_t thread; /* that runs it */
	bool is_running, has_ended;
	void (*turn_end)(
		void *arg); /* what was ready has been taken; NULL: nothing to do */
	void *turn_end_arg;

	int packets;                 /* the own instance */
	struct event *packets_ready; /* it, in libevent's; not added while busy */
	int others; /* libevent's instance, -1: not found, and the loop is never busy */
	struct loop_watch others_ready; /* it, in the own one */
	bool is_busy;
	unsigned close_turns; /* that followed each other closely */
	uint64_t turn_ms;     /* when the last one was */
	uint64_t look_ms;     /* when busy: when to look at timers */
	unsigned ready_count, ready_next;
	struct epoll_event
		ready[LOOP_READY_MAX]; /* of this turn; ptr is NULL: no longer watched */
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

/* Watch a descriptor until loop_unwatch(), in place of an event of libevent. 0 or a negative errno. */
int loop_watch(struct loop *loop, int fd, struct loop_watch *watch);
/* Before fd is closed. Allowed from within any watch's ready(). */
void loop_unwatch(struct loop *loop, int fd, const struct loop_watch *watch);

/* Arm a timer, or arm it anew: it fires at that time, at once if it is past. */
void loop_arm(const struct loop *loop, struct event *timer, uint64_t due_ms);

#endif
