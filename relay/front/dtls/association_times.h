/*
 * association_times.h - the times of all associations of a worker (association.h): those in a
 * handshake are looked at often, to send flights again, the others in turns, to end the ones
 * whose deadlines are over and to have those that rest give their buffers back. One timer for all,
 * which rests while there are none.
 *
 * Owner    embedded in struct dtls, which frees the associations.
 * Threads  its worker's only.
 */
#ifndef RELAY_FRONT_ASSOCIATION_TIMES_H
#define RELAY_FRONT_ASSOCIATION_TIMES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "relay/core/counters.h"

struct association;
struct clients;
struct delivery;

TAILQ_HEAD(association_list, association);

struct association_times {
	struct delivery *delivery;
	struct clients *clients;
	struct association_list roster; /* the one that was looked at longest ago first */
	struct association_list opening; /* in a handshake, the oldest first */
	size_t count;
	struct event timer;
	bool timer_is_armed;
	/* End that one; it leaves. */
	void (*end)(void *self, struct association *as, enum connection_end why);
	void *self;
};

/* delivery and clients are borrowed. False: no event. */
bool association_times_init(struct association_times *times, struct delivery *delivery,
			    struct clients *clients,
			    void (*end)(void *self, struct association *as,
					enum connection_end why),
			    void *self);
/* All have left; a zeroed one is allowed. */
void association_times_release(struct association_times *times);

/* A new one, in its handshake. */
void association_times_enter(struct association_times *times, struct association *as);
/* Its handshake goes on: from now on it is looked at. */
void association_times_begun(struct association_times *times,
			     const struct association *as);
/* Its handshake is complete. */
void association_times_opened(struct association_times *times, struct association *as);
void association_times_leave(struct association_times *times, struct association *as);

/* What the timer does. */
void association_times_look(struct association_times *times);

#endif
