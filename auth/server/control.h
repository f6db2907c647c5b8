/*
 * control.h - the requests that the control interface of mrasd serves (docs/control-api.md).
 *
 * Threads  handlers run on the threads of base/control_socket and do their work in the loop of
 *          main, by its inbox: mrasd has one thread that knows anything.
 */
#ifndef AUTH_SERVER_CONTROL_H
#define AUTH_SERVER_CONTROL_H

#include <stddef.h>

#include "base/control/control_api.h"

struct inbox;
struct issuer;
struct reload;

/* The argument of the routes. */
struct issuer_control {
	struct issuer *issuer;
	struct reload *reload;
	struct inbox *inbox; /* of main; NULL: who asks is main itself */
};

extern const struct control_route issuer_routes[];
extern const size_t issuer_route_count;

#endif
