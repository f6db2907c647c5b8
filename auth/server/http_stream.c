/*
 * http_stream.c - see http_stream.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "auth/server/http_stream.h"

#include <assert.h>

#include <event2/buffer.h>

#include "auth/server/http_reply.h"
#include "auth/server/issuer.h"
#include "auth/server/mras_config.h"
#include "auth/server/mras_settings.h"
#include "base/log.h"

enum { INPUT_MAX = 64 << 10 }; /* bytes that wait while answers are not read */

/* The framing is lost. */
static void refuse(struct connection *connection)
{
	static struct log_limit limit;
	struct issuer *issuer = connection->issuer;
	const struct http_refusal *refusal = &connection->framing.head.refusal;
	size_t len;
	char *response = http_reply_refuse(refusal, issuer->unix_s, &len);

	issuer_count(issuer, COUNT_HTTP_BROKEN);
	service_not_understood(&issuer->settings->service, connection->peer.server, NULL);
	log_limited(&limit, LOG_LEVEL_NOTICE,
		    "%s from %s: HTTP request refused with %u: %s",
		    connection->peer.server->name, connection->name, refusal->status,
		    refusal->sentence);
	if (response != NULL && connection_send(connection, response, len))
		connection_drain(connection);
	else
		connection_end(connection);
}

/* The complete request. False if the connection has ended or will end. */
static bool answer(struct connection *connection)
{
	struct issuer *issuer = connection->issuer;
	struct http_request request = http_framing_request(&connection->framing);
	struct http_reply reply;
	size_t len;

	assert(connection->peer.server != NULL);
	request.close = request.close || issuer->leaves;
	connection_served(connection);
	if (!connection_may_ask(connection)) {
		connection_end(connection);
		return false;
	}
	uint64_t began_ns = issuer_clock_ns();

	issuer_count(issuer, COUNT_HTTP_REQUESTS);
	http_reply(&issuer->settings->service, issuer->memory, connection->peer.server,
		   &request, issuer->now_ms, issuer->unix_s, &reply);
	mras_counters_latency(&issuer->mras_counters, SERVICE_HTTP,
			      issuer_clock_ns() - began_ns);

	char *response = http_reply_write(&reply, &request, issuer->unix_s, &len);

	http_framing_next(&connection->framing);
	if (response == NULL || !connection_send(connection, response, len)) {
		connection_end(connection);
		return false;
	}
	if (request.close)
		connection_drain(connection);
	return !request.close;
}

/* Piece by piece of what has arrived. False if the connection has ended or will end. */
static bool feed(struct connection *connection, struct evbuffer *input, size_t piece)
{
	struct slice rest = {evbuffer_pullup(input, (ev_ssize_t)piece), piece};
	enum http_framing_result result = http_framing_feed(
		&connection->framing, &rest, connection_config(connection)->limits.body);

	evbuffer_drain(input, piece - rest.len);
	switch (result) {
	case HTTP_MORE:
		assert(rest.len == 0);
		return true;
	case HTTP_CONTINUE:
		if (connection_send_static(connection, "HTTP/1.1 100 Continue\r\n\r\n"))
			return true;
		connection_end(connection);
		return false;
	case HTTP_REQUEST:
		return answer(connection);
	case HTTP_REFUSED:
		break;
	}
	refuse(connection);
	return false;
}

void http_stream_read(struct connection *connection)
{
	struct evbuffer *input = connection_input(connection);
	size_t piece;

	while (connection_has_room(connection) &&
	       (piece = evbuffer_get_contiguous_space(input)) > 0) {
		if (!feed(connection, input, piece))
			return;
	}
	connection_await(connection,
			 http_framing_has_begun(&connection->framing) ||
				 evbuffer_get_length(input) > 0,
			 INPUT_MAX);
}
