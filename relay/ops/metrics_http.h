/*
 * metrics_http.h - what anybody on this host may see of the relay: /metrics and a status page on a
 * loopback address. No users, no addresses of clients or peers; those are for the control socket.
 */
#ifndef RELAY_OPS_METRICS_HTTP_H
#define RELAY_OPS_METRICS_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "stun/endpoint.h"

struct metrics_http;
struct relay;

/* Take the port; nobody is served yet. NULL with a sentence in error. */
struct metrics_http *metrics_http_bind(const struct endpoint *where, char *error,
				       size_t error_size);

/*
 * Serve, once the workers run; they and the relay must outlive metrics_http_stop(). Signals are
 * blocked by the caller. False with a sentence in error.
 */
bool metrics_http_start(struct metrics_http *metrics_http, struct relay *relay,
			char *error, size_t error_size);
void metrics_http_stop(struct metrics_http *metrics_http); /* NULL is allowed */

#endif
