/*
 * flows.h - what the kernel forwards for the allocations of one worker: puts flows in force for what has become
 * hot (core/hot.h), renews them, ends them when they are idle or when what they stand on changes, and brings
 * what they have carried into allocations, counters and bandwidth, so that records and limits are exact.
 *
 * Truth. A flow ends before anybody learns of the change that ends it: flows_changed() is called where a
 * request's changes are saved, before its reply leaves, and flows_ended() before a record is written. Whatever the
 * program does not forward comes up to the sockets and is judged there.
 *
 * Bandwidth. A flow under a limit has a credit, which is a lease of all its buckets like that of the socket plane
 * (core/bandwidth/bandwidth.h), renewed ahead of its use. Without credit packets pass up, where the
 * socket plane finds the same buckets empty and counts the drop by its name.
 *
 * Owner    the worker.
 * Threads  its own.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_OFFLOAD_FLOWS_H
#define RELAY_OFFLOAD_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation_state.h"

struct flows;
struct offload;
struct turn;

enum { FLOWS_FIRST_LOOK_MS = 100 }; /* after something was put in force, at the latest */

/* Does the client of that allocation come through a balancer, or may it not be one? See flow_of.h. */
typedef bool flows_by_balancer_fn(void *arg, const struct allocation *al);

/*
 * turn has its tables; offload is borrowed. owner: not 0, of this process, so that flows of the one before are
 * told from its own. NULL if out of memory. Nothing is in force before flows_change_table().
 */
struct flows *flows_new(struct turn *turn, struct offload *offload, uint32_t owner,
			flows_by_balancer_fn *by_balancer, void *arg);
void flows_free(struct flows *flows); /* NULL is allowed; flows stay in force */

/*
 * offload_table() may be another than before. All flows in the one before end, and are counted. In the new one
 * there may be flows of a process before: those of our allocations that still say what flow_of() says are
 * taken up, and what they have carried is counted. If it is the same, devices have changed, and all flows are judged again.
 */
void flows_change_table(struct flows *flows, uint64_t now_ms);

/* What has become hot since: put it in force. Before the loop waits; nothing to do is cheap. */
void flows_take_hot(struct flows *flows, uint64_t now_ms);

/* The durable state of that slot has changed: judge its flows again. */
void flows_changed(struct flows *flows, uint32_t slot, uint64_t now_ms);
/* It is about to end, to go to another worker, or its client is about to change: end its flows, and count them. */
void flows_ended(struct flows *flows, const struct allocation *al, uint64_t now_ms);
/* New settings are in force: judge all again. */
void flows_use(struct flows *flows, uint64_t now_ms);

/*
 * Read back, renew, grant, end what is idle, of those that are due; how many milliseconds later to call it again,
 * UINT32_MAX: when the next one is in force.
 */
uint32_t flows_look(struct flows *flows, uint64_t now_ms);
/* The same for all of them, for a process that leaves: they go on without it as long as they can. */
void flows_look_all(struct flows *flows, uint64_t now_ms);

/* Read back those of that allocation, whose figures somebody is about to see. */
void flows_read(struct flows *flows, const struct allocation *al, uint64_t now_ms);

/*
 * Which directions of a channel, by its place, or with SLOT_NONE of the active destination, are in force. False: it
 * has not been hot.
 */
bool flows_directions(const struct flows *flows, const struct allocation *al,
		      uint32_t channel, bool *to_peer, bool *to_client);
/* Is there nothing to look at? */
bool flows_is_empty(const struct flows *flows);
/* In force; any thread. */
size_t flows_count(const struct flows *flows);

#endif
