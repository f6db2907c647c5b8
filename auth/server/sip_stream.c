/*
 * sip_stream.c - see sip_stream.h.
 */
#include "auth/server/sip_stream.h"

#include <assert.h>

#include <event2/buffer.h>

#include "auth/mras/sip.h"
#include "auth/server/issuer.h"
#include "auth/server/mras_config.h"
#include "auth/server/mras_settings.h"

/* The framing is lost. */
static void refuse(struct connection *connection, enum sip_framing why,
		   struct slice arrived)
{
	size_t len;
	char *response = sip_refuse(why, arrived, &len);

	issuer_count(connection->issuer, COUNT_SIP_BROKEN);
	if (connection_send(connection, response, len))
		connection_drain(connection);
	else
		connection_end(connection);
}

/* False if the connection has ended or will end. */
static bool answer(struct connection *connection, struct slice message)
{
	struct issuer *issuer = connection->issuer;
	bool close = false;
	size_t len;

	assert(connection->peer.server != NULL);
	issuer_count(issuer, COUNT_SIP_MESSAGES);
	connection_served(connection);
	connection->wanted = 0;
	if (!connection_may_ask(connection)) {
		connection_end(connection);
		return false;
	}
	uint64_t began_ns = issuer_clock_ns();
	char *response = sip_respond(&issuer->settings->service, issuer->memory,
				     connection->peer.server, message, issuer->now_ms,
				     issuer->unix_s, &len, &close);

	mras_counters_latency(&issuer->mras_counters, SERVICE_SIP,
			      issuer_clock_ns() - began_ns);
	if (!connection_send(connection, response, len)) {
		connection_end(connection);
		return false;
	}
	if (close)
		connection_drain(connection);
	return !close;
}

void sip_stream_read(struct connection *connection)
{
	struct evbuffer *input = connection_input(connection);
	size_t body_max = connection_config(connection)->limits.body, arrived;

	while ((arrived = evbuffer_get_length(input)) > 0 &&
	       arrived >= connection->wanted && connection_has_room(connection)) {
		size_t look = connection->wanted != 0     ? connection->wanted
			      : arrived < SIP_HEADERS_MAX ? arrived
							  : SIP_HEADERS_MAX;
		const uint8_t *front = evbuffer_pullup(input, (ev_ssize_t)look);
		struct slice slice = {front, look};
		size_t frame_len = 0, head_len = 0;

		if (front == NULL) {
			connection_end(connection);
			return;
		}
		enum sip_framing framing = sip_framing_next(slice, &frame_len, &head_len);
		assert(frame_len >= head_len);
		if (frame_len > head_len + body_max)
			framing = SIP_TOO_LARGE;
		switch (framing) {
		case SIP_MORE:
			connection->wanted = frame_len;
			if (frame_len == 0 || arrived < frame_len)
				goto incomplete;
			break;
		case SIP_KEEP_ALIVE:
			evbuffer_drain(input, frame_len);
			if (!connection_send_static(connection, "\r\n")) {
				connection_end(connection);
				return;
			}
			connection->heard_ms = connection->issuer->now_ms;
			break;
		case SIP_MESSAGE:
			assert(frame_len <= slice.len);
			slice.len = frame_len;
			if (!answer(connection, slice))
				return;
			evbuffer_drain(input, frame_len);
			break;
		case SIP_BROKEN:
		case SIP_TOO_LARGE:
			refuse(connection, framing, slice);
			return;
		}
	}
	/* Everything is answered, and what comes next is for the next process. */
	if (connection->issuer->leaves && evbuffer_get_length(input) == 0 &&
	    connection->begun_ms == 0) {
		connection_drain(connection);
		return;
	}
incomplete:
	connection_await(connection, evbuffer_get_length(input) > 0,
			 SIP_HEADERS_MAX + body_max);
}
