/*
 * relays.h - the connections of relays (loader_message.h), and whose the tables are.
 *
 *	nobody's --open--> served --its connection ends--> kept --FLOW_LEASE_MS--> nobody's
 *	                   served <--open of the same user-- kept
 *	                   served --close--> nobody's
 *	                   served --open of a relay that takes over--> served
 *
 * Owner    the caller.
 * Threads  one.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_OFFLOAD_LOADER_RELAYS_H
#define RELAY_OFFLOAD_LOADER_RELAYS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct relays;

enum { RELAYS_WATCHED_MAX = 9 };

struct relays_options {
	int listener; /* borrowed; nonblocking */
	uid_t user; /* who may connect besides root and the user of this process; (uid_t)-1: nobody */
	bool without_tcx; /* clsact, even where the kernel has tcx */
};

/* NULL if out of memory. */
struct relays *relays_new(const struct relays_options *options);
/* Connections are closed, and all is detached. NULL is allowed. */
void relays_free(struct relays *relays);

/* What to wait for, with poll(2); how many. */
size_t relays_watch(const struct relays *relays,
		    struct pollfd polled[RELAYS_WATCHED_MAX]);
/* ... and until when; UINT64_MAX: no limit. */
uint64_t relays_deadline(const struct relays *relays);
/* Do what is due: polled is what relays_watch() said, as poll(2) has filled it. */
void relays_serve(struct relays *relays, const struct pollfd *polled, size_t count,
		  uint64_t now_ms);

/* Is nobody connected, and are there no tables? */
bool relays_is_idle(const struct relays *relays);

/* A line for systemctl status; counts flows, in time that grows with the tables. */
void relays_status(const struct relays *relays, char *line, size_t size);

#endif
