/*
 * client_request.c - see client_request.h.
 */
#include "tools/client/client_request.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <event2/event.h>

enum {
	RTO_MS = 500, /* before the first retransmission */
	TRIES = 5,    /* gives up after 15.5 s; the RFC's 7 take a minute */
};

/* A request that could not be sent is retried like a lost one, unless it never can be sent. */
static bool transmit(struct client_request *request)
{
	struct client_parts parts = {.head = {request->bytes, request->len}};

	if (client_link_send(request->link, &parts) || errno == EAGAIN ||
	    errno == ECONNREFUSED || errno == ENOBUFS)
		return true;
	request->failed(request->arg, strerror(errno));
	return false;
}

static void wait_ms(struct client_request *request, unsigned ms)
{
	struct timeval tv = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};

	event_add(&request->retry, &tv);
}

static void await_answer(struct client_request *request)
{
	wait_ms(request, client_link_is_stream(request->link)
				 ? request->stream_deadline_ms
				 : (unsigned)RTO_MS << (request->tries - 1));
}

static void retry_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct client_request *request = arg;

	if (client_link_is_stream(request->link) || request->tries == TRIES) {
		request->failed(request->arg, "no answer from the server");
		return;
	}
	request->tries++;
	if (transmit(request))
		await_answer(request);
}

void client_request_init(struct client_request *request, struct event_base *base)
{
	event_assign(&request->retry, base, -1, 0, retry_due, request);
}

void client_request_await_stream(struct client_request *request)
{
	wait_ms(request, request->stream_deadline_ms);
}

void client_request_send(struct client_request *request)
{
	assert(request->len > 0 && request->len <= sizeof(request->bytes));
	request->tries = 1;
	if (transmit(request))
		await_answer(request);
}

void client_request_stop(struct client_request *request)
{
	event_del(&request->retry);
}
