/*
 * ms_state.h - what an allocation of the MS dialect has besides; all zero in the IETF dialect.
 *
 * The active destination is the one peer with which the client exchanges bare data. Packets
 * read it, so it lies among the allocation's hot fields and the rest does not. Permissions of
 * that dialect last as long as the allocation, so the destination needs no deadline and no
 * link to its permission.
 *
 * Owner    embedded in struct allocation; no pointers.
 */
#ifndef RELAY_CORE_MS_STATE_H
#define RELAY_CORE_MS_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/sequence.h"
#include "stun/endpoint.h"

struct destination {
	struct endpoint
		peer; /* relayed addresses of ours in public form; IP_NONE: none set */
	uint32_t generation; /* of the settings under which peer policy judged it ... */
	bool refused;        /* ... and what it said */
	bool own;            /* a relayed address of ours */
};

static inline bool destination_is_set(const struct destination *destination)
{
	return destination->peer.ip.family != IP_NONE;
}

struct ms_state {
	struct sequence sequence;
	uint16_t stream_type; /* MS-SERVICE-QUALITY; 0: the client did not say */
};

#endif
