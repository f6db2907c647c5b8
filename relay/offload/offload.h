/*
 * offload.h - the kernel plane of this process: the loader's programs on its devices, the table that it shares
 * with them, routes. It is on, or one sentence says why it is not, and everything works on sockets all the
 * same.
 *
 *	main: offload_start() -> a table, which workers fill (flows.h)
 *	      offload_use() with each new settings; offload_stop() at the end, or offload_leave() if a next
 *	      process goes on
 *	main's loop: the loader is gone or back, devices, addresses, routes or neighbours change
 *
 * Owner    struct relay, for main.
 * Threads  main's, but for what says otherwise.
 */
#ifndef RELAY_OFFLOAD_OFFLOAD_H
#define RELAY_OFFLOAD_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/offload/flow_table.h"
#include "relay/offload/offload_view.h"
#include "relay/offload/offload_wanted.h"
#include "stun/endpoint.h"

struct event_base;
struct offload;

/*
 * Connect to the loader and have the programs attached. Without a loader, or if it cannot: as well, see
 * offload_view(), and later attempts follow. NULL if out of memory.
 *
 * base  main's loop, where its events are
 */
struct offload *offload_start(const struct offload_wanted *wanted,
			      struct event_base *base);
/* All flows end, and the programs are detached. The workers have ended. */
void offload_stop(struct offload *offload);
/* They stay in force for the next process, which comes within FLOW_LEASE_MS. */
void offload_leave(struct offload *offload);

/*
 * The workers are paused while another process takes over: nothing changes here. If that fails, before the workers
 * go on: offload_table() becomes NULL and then another one.
 */
void offload_pause(struct offload *offload);
void offload_resume(struct offload *offload);

/* New settings: devices come and go. */
void offload_use(struct offload *offload, const struct offload_wanted *wanted);

/* By the administrator: until the next start, or until it is turned on again. */
void offload_turn(struct offload *offload, bool on);

/*
 * The table in use; NULL: none, or turned off. Any thread. It changes at most from NULL to one and back.
 * Main's loop calls fn after each change, and with the same table when devices have changed. When it has become NULL, the table before is there until fn has
 * returned, by when no worker uses it any more; what its flows carried can be counted until then.
 */
struct flow_table *offload_table(const struct offload *offload);
typedef void offload_changed_fn(void *arg);
void offload_on_change(struct offload *offload, offload_changed_fn *fn, void *arg);

/*
 * The hop by which packets from that relayed or front address reach that destination: an index for struct flow.
 * Any thread. What it says is kept up to date; while there is no way, its packets pass up. Give back what is not
 * used any more.
 *
 * False: no way, a local destination, a side that is off; or not known yet. A worker does not ask the kernel, where it
 * could wait for a lock: main does so within milliseconds, and asking again a moment later is cheap. On
 * main's own thread, as at the start, the answer is there at once.
 *
 * Hops of flows of the process before stay as they are for FLOW_LEASE_MS, with other indices: a flow that is taken up
 * gets one from here.
 */
bool offload_hop(struct offload *offload, const struct ip_addr *from,
		 const struct ip_addr *to, uint16_t *hop);
void offload_hop_release(struct offload *offload, uint16_t hop);
/* May packets that arrive for that address of ours be forwarded: is there a program on its device? */
bool offload_covers(struct offload *offload, const struct ip_addr *local);

/* For display; any thread. */
void offload_view(struct offload *offload, struct offload_view *view);

#endif
