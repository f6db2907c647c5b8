/*
 * forward_ms.h - the packet path's decision in the MS dialect; see forward.h.
 *
 * Threads  the worker of turn.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_FORWARD_MS_H
#define RELAY_CORE_FORWARD_MS_H

#include <stdint.h>

#include "relay/core/forward_verdict.h"

struct allocation;
struct turn;

/*
 * Client data that is no control message. They go to the active destination; a frame of a
 * stream without its header.
 */
void forward_ms_raw(struct turn *turn, struct allocation *al, struct slice payload,
		    uint64_t now_ms, struct forward *out);

/*
 * A Send request with valid integrity and a new number. It is what makes the permission for its
 * peer.
 */
void forward_ms_send(struct turn *turn, struct allocation *al,
		     const struct endpoint *peer, struct slice payload, uint64_t now_ms,
		     struct forward *out);

/* What forward_from_peer() does for an allocation of the MS dialect. */
void forward_ms_from_peer(struct turn *turn, struct allocation *al,
			  const struct endpoint *named, struct slice payload,
			  uint64_t now_ms, struct forward *out);

#endif
