/*
 * routes.h - the hops in the memory shared with the kernel program (flow_layout.h): one for each pair of an address
 * of ours and a destination that flows use, kept as the kernel's routes are. Pure: it says what is to be asked,
 * and is told the answer.
 *
 *	routes_take() --> routes_question() --> the kernel --> routes_answer()
 *	                      ^---- routes_ask_again(): something has changed
 *
 * A pair that nobody uses any more stays known until its place is needed, and no longer than until
 * something changes. A place rests before it is another pair's: a program may still read it.
 *
 * Owner    struct offload.
 * Threads  one at a time; the caller has the lock.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_OFFLOAD_ROUTES_H
#define RELAY_OFFLOAD_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/offload/flow_layout.h"
#include "stun/endpoint.h"

struct routes;

/*
 * hops: FLOW_HOPS of them, borrowed. Those that a process before has written stay for FLOW_LEASE_MS, and are nobody's.
 * NULL if out of memory.
 */
struct routes *routes_new(struct flow_hop *hops, uint64_t now_ms);
void routes_free(struct routes *routes); /* NULL is allowed; hops stay as they are */

enum routes_taken {
	ROUTES_TAKEN, /* *hop is the caller's until routes_release() */
	ROUTES_NONE,  /* there is no way */
	ROUTES_ASKED, /* not known yet: it is in the questions */
	ROUTES_FULL,  /* no place is free */
};
enum routes_taken routes_take(struct routes *routes, const struct ip_addr *from,
			      const struct ip_addr *to, uint64_t now_ms, uint16_t *hop);
void routes_release(struct routes *routes, uint16_t hop, uint64_t now_ms);

/* A pair whose way is to be asked for. */
struct routes_question {
	uint16_t hop;
	uint32_t version; /* of the place: an answer for another is late, and ignored */
	struct ip_addr from, to;
};

/* New ones first. False: none. Another call gives another one. */
bool routes_question(struct routes *routes, struct routes_question *question);

/* way: ifindex 0: there is none. */
void routes_answer(struct routes *routes, const struct routes_question *question,
		   const struct flow_hop *way);

/* Something has changed: ask for all that are in use again, and forget the others. */
void routes_ask_again(struct routes *routes);
/* Nothing can leave there any more: all by that device pass up at once. */
void routes_lose_device(struct routes *routes, uint32_t ifindex);
/* The neighbour with that address on that device has changed: ask again for those it gets. */
void routes_ask_neighbour(struct routes *routes, uint32_t ifindex,
			  const struct ip_addr *ip);

/* How many pairs are in use. */
size_t routes_count(const struct routes *routes);

#endif
