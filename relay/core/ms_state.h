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
#include "stun/ms_bandwidth.h"

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

/*
 * Bandwidth that the client has reserved; see ms_reservation.h. Few allocations have any, so it
 * lies in a table of its own, under the same slot.
 */
enum ms_reservation_state {
	MS_RESERVATION_NONE,
	MS_RESERVATION_MADE,
	MS_RESERVATION_ENDED, /* given back or expired: the identifier is still known */
};

struct ms_reservation {
	enum ms_reservation_state state;
	uint8_t id[MS_RESERVATION_ID_LEN];
	struct ms_reservation_amount
		amount; /* in the client's units; all zero unless made */
	uint64_t bps;   /* both maxima; 0 unless made */
	uint64_t expires_ms;
	uint64_t packets; /* relayed, both ways, when the client reported last */
};

enum { MS_UNKNOWN = 0xFF };

struct ms_state {
	struct sequence sequence;
	/* MS-SERVICE-QUALITY: enum ms_stream_type, enum ms_quality; MS_UNKNOWN for others. */
	uint8_t stream_type, quality;
};

#endif
