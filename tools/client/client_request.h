/*
 * client_request.h - the request that a client has under way: over UDP it is sent again with
 * doubling pauses (RFC 8489 section 6.2.1), over streams it has one deadline. For
 * client_state.c and the dialects alone.
 *
 * Owner    the client embeds it; its link outlives it. Zeroed, it may be stopped.
 * Threads  those of the link's event base.
 */
#ifndef TOOLS_CLIENT_CLIENT_REQUEST_H
#define TOOLS_CLIENT_CLIENT_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "tools/client/client_link.h"

enum { CLIENT_REQUEST_MAX = 1400 };

struct client_request {
	struct client_link *link;
	unsigned stream_deadline_ms;
	/* It cannot be sent, or there is no answer. May start another request. */
	void (*failed)(void *arg, const char *what);
	void *arg;

	struct event retry;
	int tries;
	uint8_t bytes[CLIENT_REQUEST_MAX]; /* the caller builds it here */
	size_t len;
};

/* link, stream_deadline_ms, failed and arg are set; the link need not be open yet. */
void client_request_init(struct client_request *request, struct event_base *base);

/* Fail unless the stream is connected within its deadline. */
void client_request_await_stream(struct client_request *request);

/* Send what was built, repeatedly, until client_request_stop(). */
void client_request_send(struct client_request *request);

/* It was answered, or the answer no longer matters. */
void client_request_stop(struct client_request *request);

#endif
