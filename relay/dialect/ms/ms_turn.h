/*
 * ms_turn.h - the MS dialect: the control messages of Microsoft's clients.
 *
 *	Allocate                  also refreshes and, with lifetime 0, releases
 *	Send                      data to a peer, which makes its permission; never answered
 *	Set Active Destination    the peer for all other data
 *
 * For requests that are answered the order is: authentication, 420, 437 or 441, then the
 * method's own checks.
 *
 * Threads  the worker of the request's turn.
 */
#ifndef RELAY_DIALECT_MS_MS_TURN_H
#define RELAY_DIALECT_MS_MS_TURN_H

#include <stdbool.h>

#include "relay/dialect/ms/ms_request.h"
#include "stun/wire.h"

struct forward;

/*
 * One control message. rq is filled but for msg; *forward is the verdict on a Send. False if it
 * is no such message: then its stream can no longer be trusted.
 */
bool ms_turn_message(struct ms_request *rq, struct slice message,
		     struct forward *forward);

/* The method checks of Allocate; the request is authenticated and has no unknown attributes. */
void ms_allocate(struct ms_request *rq);

/*
 * The bandwidth part of an Allocate, by the sender who may have what it asks for: read it; decide
 * once there is an allocation, or before one is released; add to the response. rq->bandwidth
 * has what they know.
 */
void ms_admission_read(struct ms_request *rq);
void ms_admission_apply(struct ms_request *rq);
void ms_admission_release(struct ms_request *rq);
void ms_admission_add(const struct ms_request *rq, struct ms_builder *b);
/* Is it an update for an allocation that is gone? It must not make another one. */
bool ms_admission_is_late(const struct ms_request *rq);

#endif
