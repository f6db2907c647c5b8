/*
 * destination.h - the active destination of an allocation in the MS dialect: the one peer with
 * whom its client exchanges bare data. Part of struct allocation, and on the packet path.
 *
 * Permissions of that dialect last as long as the allocation, so the destination needs no
 * deadline and no link to its permission.
 */
#ifndef RELAY_CORE_DESTINATION_H
#define RELAY_CORE_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct allocation;
struct turn;

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
 * Make that peer the active destination. False, and the old one stays, if there is no
 * permission for its address or policy refuses it.
 */
bool destination_set(struct turn *turn, struct allocation *al,
		     const struct endpoint *peer, uint64_t now_ms);

/* Does the policy of the day still allow it? Judged again when the settings are new. */
bool destination_is_allowed(const struct turn *turn, struct allocation *al);

#endif
