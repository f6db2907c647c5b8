/*
 * flow_of.h - what the kernel program may do for an allocation: the two flows of one of its channels, or
 * of its active destination, exactly as core/forward and core/forward_ms decide for each of their packets; or why
 * they stay on sockets. Pure.
 *
 * A flow says what a verdict says that depends on nothing in the packet but its addresses, ports, length and
 * IP header. All that may change it is a change of the allocation that changes_note() notes, of the settings,
 * or the time, which its deadline has.
 *
 * Threads  the worker of turn.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_OFFLOAD_FLOW_OF_H
#define RELAY_OFFLOAD_FLOW_OF_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/allocation_state.h"
#include "relay/offload/flow_layout.h"

struct channel;
struct turn;

/* Why something stays on sockets. */
#define FLOW_STAYS(X)                                                            \
	X(TRANSPORT, "transport", "its client or its peer is not on UDP")        \
	X(BALANCER, "balancer", "its client comes through a balancer")           \
	X(FAMILY, "family", "client and peer are of different IP families")      \
	X(FORBIDDEN, "forbidden", "policy refuses its peer")                     \
	X(OVER, "over", "the allocation, the channel or its permission is over") \
	X(MOVING, "moving", "its client is about to be another 5-tuple, or gone")

enum flow_stays {
	FLOW_GOES,
#define X(id, name, text) FLOW_STAYS_##id,
	FLOW_STAYS(X)
#undef X
		FLOW_STAYS_COUNT
};

const char *flow_stays_name(enum flow_stays reason);

/* Both directions; deadline_ns is when the first of what they stand on ends, without the lease. */
struct flow_pair {
	struct flow to_peer, to_client; /* hop, owner, credit and counted are 0 */
	/* Its peer is a relayed address of ours, whose allocation has paid all that is shared (core/bandwidth). */
	bool to_client_is_paid;
};

/*
 * channel  one of al; NULL: its active destination (MS dialect)
 * by_balancer  the client comes through a balancer (relay/front/next_hops.h); or its address may not be a client
 *              of its front any more, which the front says of every datagram (relay/reload/relay_settings.h)
 *
 * FLOW_GOES with *pair, or why not. In the MS dialect what the client sends keeps the allocation alive,
 * so the caller has to touch it by what a flow to the peer has carried, and ask again.
 */
enum flow_stays flow_of(const struct turn *turn, const struct allocation *al,
			const struct channel *channel, bool by_balancer, uint64_t now_ms,
			struct flow_pair *pair);

/* Does a flow in force say what is wanted, but for what the relay changes meanwhile? */
bool flow_says(const struct flow *flow, const struct flow *wanted);

#endif
