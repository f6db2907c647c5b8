/*
 * destination.h - the active destination of an allocation in the MS dialect; see ms_state.h.
 *
 * Owner    embedded in the allocation.
 * Threads  the allocation's worker only.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_DESTINATION_H
#define RELAY_CORE_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/ms_state.h"
#include "stun/endpoint.h"

struct allocation;
struct turn;

/*
 * Make that peer the active destination. False, and the old one stays, if there is no
 * permission for its address or policy refuses it.
 */
bool destination_set(struct turn *turn, struct allocation *al,
		     const struct endpoint *peer, uint64_t now_ms);

/* Does the current policy still allow it? Judged again after the settings change. */
bool destination_is_allowed(const struct turn *turn, struct allocation *al);

#endif
