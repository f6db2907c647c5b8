/*
 * control.h - the requests that the control interface of mrasd serves (docs/control-api.md).
 *
 * Threads handlers run on the threads of the control socket and do their work in the loop
 * of main, through its inbox, because only that thread may touch the state of mrasd.
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
	struct inbox *inbox; /* of main; NULL: the handlers run in main */
};

extern const struct control_route issuer_routes[];
extern const size_t issuer_route_count;

#endif
