/*
 * relocation.h - a mobile client of datagrams (RFC 8016) whose new 5-tuple the kernel gives to
 * another worker than the one that has its allocation.
 *
 *	receiving worker                              worker of the allocation
 *	Refresh with a ticket  ------ request ----->  answers it, notes the new 5-tuple
 *	sends the answer       <----- answer -------
 *	other requests         ------ the same ---->
 *	first data: held       ---- bring it here ->  packs it: state, relay sockets
 *	takes it, then what    <---- allocation ----
 *	was held
 *
 * The sockets of the relayed address move with it, so that what peers send meanwhile waits in
 * them. What the client sends meanwhile is held here, HELD_MAX datagrams, and no more. A request of a
 * stranger with a ticket seen elsewhere costs one message to the other worker; IN_FLIGHT_MAX of
 * them are on their way at a time, others are dropped and counted.
 *
 * A client on a stream moves to the worker of its allocation instead (front/stream_handover.h).
 *
 * Owner    the worker; struct delivery borrows it.
 * Threads  the worker's own; what it sends to others runs there with theirs.
 */
#ifndef RELAY_RELOCATION_H
#define RELAY_RELOCATION_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/five_tuple.h"
#include "relay/core/front.h"

struct client_datagram;
struct delivery;
struct dispatch;
struct relocation;
struct udp_fronts;

/* NULL if out of memory. */
struct relocation *relocation_new(struct delivery *delivery, struct udp_fronts *fronts);
void relocation_free(struct relocation *relocation); /* NULL is allowed */

/* A datagram with HAND_OVER as its verdict. */
void relocation_datagram(struct relocation *relocation,
			 const struct client_datagram *datagram,
			 const struct dispatch *dispatch);

/* The functions of the same names in core/edge.h. */
void relocation_arrival_ended(struct relocation *relocation, unsigned worker,
			      const struct five_tuple *tuple);
void relocation_arrival_due(struct relocation *relocation, unsigned worker,
			    const struct five_tuple *tuple);

/* These fronts are about to be closed: what is on its way there ends as it arrives. */
void relocation_close_fronts(struct relocation *relocation,
			     const bool fronts[FRONTS_MAX]);

#endif
