/*
 * flow_credit.h - how much a flow under a limit of bandwidth may carry ahead of the next look at it.
 *
 * Enough for twice what it has carried of late, for a second if its limits have plenty, else for a tenth.
 * Nothing, if they have not even room for that: then it is at its limit, packets come up, and the socket plane takes
 * what is left of the same buckets packet by packet, and drops the rest by name.
 *
 * Owner    embedded in what struct flows keeps of a flow.
 * Threads  the worker of turn.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_OFFLOAD_FLOW_CREDIT_H
#define RELAY_OFFLOAD_FLOW_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/allocation_state.h"

struct turn;

enum { FLOW_LOOK_MS = 1000, FLOW_LOOK_SOON_MS = 100 };

struct flow_credit {
	uint32_t had;  /* bytes, after the last look */
	uint32_t rate; /* bytes per second, of late */
};

/* The first one: bytes, 0 if there is no room. paid: see bandwidth_is_limited(). */
uint32_t flow_credit_begin(struct flow_credit *credit, struct turn *turn,
			   struct allocation *al, bool paid, uint64_t now_ms);

/*
 * has        what the flow has left; below 0 if two packets took it at once
 * elapsed_ms since the last look, not 0
 * more       bytes, to be given to the flow
 *
 * Returns after how long to look again.
 */
uint32_t flow_credit_renew(struct flow_credit *credit, struct turn *turn,
			   struct allocation *al, bool paid, int64_t has,
			   uint32_t elapsed_ms, uint64_t now_ms, uint32_t *more);

/* What the flow has left, of which all limits were paid, is its allocation's. */
void flow_credit_end(struct allocation *al, bool paid, int64_t has);

#endif
