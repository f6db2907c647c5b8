/*
 * handoff.h - a worker's inbox: what arrives on one thread and belongs to another, and what
 * main and the control interface ask of a worker. Runs on the worker's thread, between packets.
 *
 * Threads  handoff_post() from any thread; everything else on the owner's.
 */
#ifndef RELAY_HANDOFF_H
#define RELAY_HANDOFF_H

#include <stdbool.h>

struct event_base;
struct handoff;
struct worker;

typedef void handoff_fn(struct worker *worker, void *arg);

/* NULL and errno. */
struct handoff *handoff_new(struct event_base *base, struct worker *worker);
void handoff_free(
	struct handoff *handoff); /* NULL is allowed; pending posts are run first */

/* Run fn(worker, arg) on the worker's thread soon. False if out of memory. */
bool handoff_post(struct handoff *handoff, handoff_fn *fn, void *arg);

/* The same, and wait until it has run. Never from a worker's thread. */
bool handoff_call(struct handoff *handoff, handoff_fn *fn, void *arg);

#endif
