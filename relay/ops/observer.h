/*
 * observer.h - what anybody on this host may see of the relay: /metrics and a status page on a
 * loopback address. No users, no addresses of clients or peers; those are for the control socket.
 */
#ifndef RELAY_OPS_OBSERVER_H
#define RELAY_OPS_OBSERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "stun/endpoint.h"

struct observer;
struct relay;

/* Take the port; nobody is served yet. NULL with a sentence in error. */
struct observer *observer_bind(const struct endpoint *where, char *error,
			       size_t error_size);

/*
 * Serve, once the workers run; they and the relay must outlive observer_stop(). Signals are
 * blocked by the caller. False with a sentence in error.
 */
bool observer_start(struct observer *observer, struct relay *relay, char *error,
		    size_t error_size);
void observer_stop(struct observer *observer); /* NULL is allowed */

#endif
