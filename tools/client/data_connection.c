/*
 * data_connection.c - see data_connection.h.
 */
#include "tools/client/data_connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stun/attr.h"
#include "tools/client/client_link.h"
#include "tools/client/client_loop.h"
#include "tools/client/client_request.h"
#include "tools/client/packet_stream.h"

enum {
	DEADLINE_MS =
		20000, /* for the connection, and for the answer; the server waits 30 s */
	ATTEMPTS_MAX = 3, /* with a new nonce each */
};

struct data_connection {
	struct client_link link; /* first: the packet path needs little more */
	struct data_connection_events events;
	struct packet_stream packets;
	uint64_t arriving_ns; /* of the piece that is being cut */
	bool bound, lost;

	struct client_loop *loop;
	struct client_auth *auth;
	struct client_request request;
	uint8_t txid[STUN_TXID_LEN];
	uint32_t id;
	int attempts;
};

static void lose(struct data_connection *data, int code, const char *what)
{
	if (data->lost)
		return;
	data->lost = true;
	client_request_stop(&data->request);
	data->events.lost(data->events.arg, code, what);
}

/* --- ConnectionBind ----------------------------------------------------------------------- */

static void bind_it(struct data_connection *data)
{
	struct stun_builder b;

	if (!client_loop_random(data->loop, data->txid, sizeof(data->txid))) {
		lose(data, 0, "no random bytes from the system");
		return;
	}
	stun_builder_start(&b, data->request.bytes, sizeof(data->request.bytes),
			   TURN_CONNECTION_BIND, STUN_REQUEST, data->txid);
	stun_add_u32(&b, TURN_CONNECTION_ID, data->id);
	client_auth_add(data->auth, &b);
	data->request.len = stun_builder_finish(&b);
	if (data->request.len == 0)
		lose(data, 0, "the ConnectionBind request is too long");
	else
		client_request_send(&data->request);
}

static void refused(struct data_connection *data, const struct stun_msg *msg)
{
	struct stun_attr attr;
	struct slice reason;
	char what[160];
	int code = 0;

	if (!stun_msg_find(msg, STUN_ERROR_CODE, &attr) ||
	    !stun_attr_error_code(&attr, &code, &reason))
		code = 0;
	if (code == STUN_STALE_NONCE && ++data->attempts < ATTEMPTS_MAX &&
	    client_auth_challenge(data->auth, msg)) {
		bind_it(data);
		return;
	}
	snprintf(what, sizeof(what), "ConnectionBind was refused: %d %s", code,
		 stun_error_reason(code));
	lose(data, code, what);
}

static void answered(void *arg, struct slice message, uint64_t arrived_ns)
{
	(void)arrived_ns;
	struct data_connection *data = arg;
	struct stun_msg msg;

	if (stun_msg_parse(message, &msg) != STUN_PARSE_OK ||
	    (msg.class != STUN_SUCCESS && msg.class != STUN_ERROR) ||
	    memcmp(msg.txid, data->txid, STUN_TXID_LEN) != 0)
		return;
	client_request_stop(&data->request);
	if (msg.class == STUN_ERROR) {
		refused(data, &msg);
	} else if (client_auth_verify(data->auth, &msg)) {
		client_link_unframed(&data->link);
		data->bound = true;
		data->events.bound(data->events.arg);
	} else {
		lose(data, 0, "the ConnectionBind response has a wrong integrity");
	}
}

/* --- the stream --------------------------------------------------------------------------- */

static void packet_found(void *arg, struct slice packet)
{
	struct data_connection *data = arg;

	data->events.packet(data->events.arg, packet, data->arriving_ns);
}

static void piece_arrived(void *arg, struct slice piece, uint64_t arrived_ns)
{
	struct data_connection *data = arg;

	data->arriving_ns = arrived_ns;
	if (!packet_stream_take(&data->packets, piece, packet_found, data))
		lose(data, 0, "out of memory");
}

static void connected(void *arg)
{
	struct data_connection *data = arg;

	client_request_stop(&data->request);
	bind_it(data);
}

static void link_lost(void *arg, const char *what)
{
	struct data_connection *data = arg;
	char text[240];

	snprintf(text, sizeof(text), "data connection: %s", what);
	lose(data, 0, text);
}

static void unanswered(void *arg, const char *what)
{
	link_lost(arg, what);
}

struct data_connection *data_connection_open(const struct client_config *config,
					     struct client_auth *auth, uint32_t id,
					     const struct data_connection_events *events)
{
	struct data_connection *data = calloc(1, sizeof(*data));
	const struct client_link_events link_events = {
		.arg = data,
		.connected = connected,
		.message = answered,
		.raw = piece_arrived,
		.lost = link_lost,
	};

	assert(auth->challenged &&
	       (config->transport == CLIENT_TCP || config->transport == CLIENT_TLS));
	if (data == NULL)
		return NULL;
	data->events = *events;
	data->loop = config->loop;
	data->auth = auth;
	data->id = id;
	data->request.link = &data->link;
	data->request.stream_deadline_ms = DEADLINE_MS;
	data->request.failed = unanswered;
	data->request.arg = data;
	client_request_init(&data->request, client_loop_base(config->loop));
	if (!client_link_open(&data->link, config, &link_events)) {
		int error = errno;
		free(data);
		errno = error;
		return NULL;
	}
	client_request_await_stream(&data->request);
	return data;
}

void data_connection_close(struct data_connection *data)
{
	if (data == NULL)
		return;
	client_request_stop(&data->request);
	client_link_close(&data->link);
	packet_stream_clear(&data->packets);
	free(data);
}

bool data_connection_send(struct data_connection *data, struct slice packet)
{
	uint8_t header[PACKET_STREAM_HEADER_LEN];
	const struct client_parts parts = {{header, sizeof(header)}, packet, 0};

	assert(data->bound);
	if (packet.len > PACKET_STREAM_MAX) {
		errno = EMSGSIZE;
		return false;
	}
	packet_stream_header(header, packet.len);
	return client_link_send(&data->link, &parts);
}
