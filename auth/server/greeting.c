/*
 * greeting.c - see greeting.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "auth/server/greeting.h"

#include <assert.h>

#include <event2/buffer.h>

#include "auth/mras/language.h"
#include "auth/server/http_stream.h"
#include "auth/server/issuer.h"
#include "auth/server/sip_stream.h"
#include "base/log.h"

static void begin(struct connection *connection, connection_read_fn *read)
{
	connection->read = read;
	read(connection);
}

static void refuse(struct connection *connection, const char *why)
{
	static struct log_limit limit;

	issuer_count(connection->issuer, COUNT_NO_LANGUAGE);
	log_limited(&limit, LOG_LEVEL_NOTICE,
		    "%s from %s speaks neither SIP nor HTTP: its first line %s",
		    connection->peer.server->name, connection->name, why);
	connection_end(connection);
}

void greeting_read(struct connection *connection)
{
	struct evbuffer *input = connection_input(connection);
	size_t arrived = evbuffer_get_length(input);
	size_t len = arrived < LANGUAGE_LINE_MAX ? arrived : LANGUAGE_LINE_MAX;
	struct slice front = {evbuffer_pullup(input, (ev_ssize_t)len), len};
	const char *why;

	assert(connection->peer.server != NULL); /* its handshake is complete */
	switch (len > 0 ? language_of(front, &why) : LANGUAGE_UNDECIDED) {
	case LANGUAGE_UNDECIDED:
		if (connection->heard_end)
			connection_end(connection);
		return;
	case LANGUAGE_SIP:
		begin(connection, sip_stream_read);
		return;
	case LANGUAGE_HTTP:
		begin(connection, http_stream_read);
		return;
	case LANGUAGE_OTHER:
		refuse(connection, why);
		return;
	}
}
