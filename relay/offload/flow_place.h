/*
 * flow_place.h - where a channel, or an active destination, is relayed at present: by the kernel, or by sockets and
 * why, for people who look at its allocation.
 *
 * Threads  the worker's of turn and flows.
 */
#ifndef RELAY_OFFLOAD_FLOW_PLACE_H
#define RELAY_OFFLOAD_FLOW_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/allocation_state.h"
#include "relay/offload/flows.h"

struct turn;

struct flow_place {
	bool to_peer, to_client; /* in the kernel */
	/* Why not both: a word, and what it means. "" and "": both are. Constant texts. */
	const char *why, *text;
};

/*
 * flows    of that worker; NULL: the kernel plane is off
 * channel  by its place in the table; SLOT_NONE: the active destination
 * by_balancer  as for flow_of()
 */
struct flow_place flow_place_of(const struct turn *turn, const struct flows *flows,
				const struct allocation *al, uint32_t channel,
				bool by_balancer, uint64_t now_ms);

#endif
