/*
 * turn.h - the requests of RFC 8656: Allocate, Refresh, CreatePermission, ChannelBind.
 *
 * The order is the same for all: authentication, 420, 437, 441, then the method's own checks.
 * Refusals before authentication is through go to a stranger, later ones are signed.
 *
 * Threads  the worker of the request's turn.
 */
#ifndef RELAY_DIALECT_IETF_TURN_H
#define RELAY_DIALECT_IETF_TURN_H

struct request;

/* The method is one of the four. */
void turn_request(struct request *rq);

/* The method checks of Allocate, section 7.2 from step 2 on; the request is authenticated. */
void turn_allocate(struct request *rq);

#endif
