/*
 * metrics_listener.h - a read-only HTTP server on a loopback address: GET /metrics in the form
 * that was asked for, and other documents by a table. A thread of its own (libmicrohttpd).
 *
 * Nobody is asked who he is, so nothing here may name users, and nothing here may change
 * anything. A browser may be lured to it by a name of its attacker's that resolves to a
 * loopback address (DNS rebinding): requests whose Host is not a loopback name are refused, and
 * no other origin is allowed to read.
 */
#ifndef BASE_METRICS_METRICS_LISTENER_H
#define BASE_METRICS_METRICS_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/metrics/openmetrics.h"
#include "stun/endpoint.h"

struct metrics_listener;

/*
 * What a listener serves besides /metrics, which write() answers. All functions run on the
 * listener's thread.
 */
struct metrics_document {
	const char *path; /* exact, such as "/status.json" */
	const char *content_type;
	const char *policy; /* Content-Security-Policy; NULL: one that allows nothing */
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
 * Take the port; nobody is served yet. where: a loopback address; port 0 is any. NULL with a
 * sentence in error.
 */
struct metrics_listener *metrics_listener_bind(const struct endpoint *where, char *error,
					       size_t error_size);

/* As bound. */
struct endpoint metrics_listener_where(const struct metrics_listener *listener);

/*
 * Serve. source is copied; what it points to must outlive metrics_listener_stop(). Signals should
 * be blocked during the call, since the thread inherits the mask. False with a sentence in error.
 */
bool metrics_listener_start(struct metrics_listener *listener,
			    const struct metrics_source *source, char *error,
			    size_t error_size);
void metrics_listener_stop(struct metrics_listener *listener); /* NULL is allowed */

/* What an Accept header asks for, NULL if there is none: OpenMetrics where it is preferred. */
enum openmetrics_form metrics_listener_negotiate(const char *accept);

/* May a request with that Host header be answered? NULL: there is none. */
bool metrics_listener_host_allowed(const char *host);

#endif
