/*
 * drain.h - taking a relay out of service without cutting a call: new allocations are refused
 * (shared->draining), those that are there go on until they end or the deadline comes.
 *
 * Owner    main.
 * Threads  main only, but for drain_state().
 */
#ifndef RELAY_RELOAD_DRAIN_H
#define RELAY_RELOAD_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

struct drain;
struct event_base;
struct relay;

enum { DRAIN_DEADLINE_MAX_S = 31 * 86400 };

struct drain_state {
	bool draining;
	int64_t since_s;     /* Unix seconds */
	int64_t deadline_s;  /* Unix seconds; 0: none */
	uint64_t began_with; /* allocations */
	uint64_t remaining;  /* allocations now, draining or not */
};

/* NULL if out of memory. */
struct drain *drain_new(struct event_base *base, struct relay *relay);
void drain_free(struct drain *drain); /* before base; NULL is allowed */

/*
 * Begin. deadline_s, at most DRAIN_DEADLINE_MAX_S, is from now; 0: none. While it goes on
 * another one only replaces the deadline.
 */
void drain_begin(struct drain *drain, uint32_t deadline_s);
/* Serve again. */
void drain_end(struct drain *drain);

/* Any thread. */
struct drain_state drain_state(struct drain *drain);

#endif
