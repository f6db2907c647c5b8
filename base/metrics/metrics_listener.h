/*
 * metrics_listener.h - a read-only HTTP server on a loopback address: GET /metrics in the
 * requested format, and other documents from a table. Runs on a thread of its own (libmicrohttpd).
 *
 * Clients are not authenticated, so nothing here may name users or change anything. An attacker
 * may lure a browser here with a name that resolves to a loopback address (DNS rebinding):
 * requests whose Host is not a loopback name are refused, and no other origin may read.
 */
#ifndef BASE_METRICS_METRICS_LISTENER_H
#define BASE_METRICS_METRICS_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/metrics/openmetrics.h"
#include "stun/endpoint.h"

struct metrics_listener;

/*
 * A document besides /metrics. All functions run on the listener's thread.
 */
struct metrics_document {
	const char *path; /* exact, such as "/status.json" */
	const char *content_type;
	const char *policy; /* Content-Security-Policy; NULL: allow nothing */
	/* malloc'ed text and its length; NULL: answered 503. */
	char *(*text)(void *arg, size_t *len);
};

struct metrics_source {
	void (*write)(void *arg, struct openmetrics *om);
	const struct metrics_document *documents; /* NULL: none */
	size_t document_count;
	void *arg;
};

/*
 * Bind the port; requests are not served yet. where: a loopback address; port 0 is any. NULL with
 * a sentence in error.
 */
struct metrics_listener *metrics_listener_bind(const struct endpoint *where, char *error,
					       size_t error_size);

/* The same with a socket of the process before, which is bound to that address; taken over on success. */
struct metrics_listener *metrics_listener_adopt(int fd, const struct endpoint *where,
						char *error, size_t error_size);
/* Its descriptor, for the process after. */
int metrics_listener_descriptor(const struct metrics_listener *listener);

/* The address in use. */
struct endpoint metrics_listener_where(const struct metrics_listener *listener);

/*
 * Serve. source is copied; its pointers must stay valid until metrics_listener_stop(). Signals
 * should be blocked during the call, since the thread inherits the mask. False with a sentence in
 * error.
 */
bool metrics_listener_start(struct metrics_listener *listener,
			    const struct metrics_source *source, char *error,
			    size_t error_size);
void metrics_listener_stop(struct metrics_listener *listener); /* NULL is allowed */

/* The format that an Accept header (NULL: none) asks for: OpenMetrics if it is preferred. */
enum openmetrics_form metrics_listener_negotiate(const char *accept);

/* May a request with that Host header (NULL: none) be answered? */
bool metrics_listener_host_allowed(const char *host);

#endif
