/*
 * connections.c - see connections.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "auth/server/connections.h"

#include <assert.h>
#include <stdlib.h>

#include "auth/server/connection.h"
#include "auth/server/greeting.h"
#include "auth/server/issuer.h"
#include "auth/server/mras_config.h"
#include "auth/server/mras_settings.h"
#include "base/log.h"

TAILQ_HEAD(connection_queue, connection);

struct connections {
	struct connection_queue half_open, open; /* in order of arrival */
	size_t half_open_count, open_count;
};

struct connections *connections_new(void)
{
	struct connections *connections = calloc(1, sizeof(*connections));

	if (connections != NULL) {
		TAILQ_INIT(&connections->half_open);
		TAILQ_INIT(&connections->open);
	}
	return connections;
}

void connections_free(struct connections *connections)
{
	struct connection *first;

	if (connections == NULL)
		return;
	while ((first = TAILQ_FIRST(&connections->half_open)) != NULL ||
	       (first = TAILQ_FIRST(&connections->open)) != NULL)
		connection_end(first);
	assert(connections_count(connections) == 0);
	free(connections);
}

size_t connections_half_open(const struct connections *connections)
{
	return connections->half_open_count;
}

size_t connections_count(const struct connections *connections)
{
	return connections->half_open_count + connections->open_count;
}

static void give_way(struct issuer *issuer, struct connection *connection)
{
	issuer_count(issuer, COUNT_GAVE_WAY);
	if (connection->listed == CONNECTION_HALF_OPEN)
		issuer->mras_counters.handshakes[HANDSHAKE_GAVE_WAY]++;
	connection_end(connection);
}

/* The oldest half-open connection from source, and their number. */
static struct connection *oldest_from(const struct connections *connections,
				      const struct ip_addr *source, size_t *count)
{
	struct connection *oldest = NULL, *connection;

	*count = 0;
	TAILQ_FOREACH(connection, &connections->half_open, links)
	{
		if (!ip_addr_equal(&connection->peer.source, source))
			continue;
		if (oldest == NULL)
			oldest = connection;
		++*count;
	}
	return oldest;
}

bool connections_admit(struct issuer *issuer, const struct ip_addr *source)
{
	const struct mras_config *config = issuer->settings->config;
	struct connections *connections = issuer->connections;
	size_t from_there;
	struct connection *oldest = oldest_from(connections, source, &from_there);

	assert(from_there <= connections->half_open_count);
	if (from_there >= config->limits.half_open_per_source) {
		give_way(issuer, oldest);
	} else if (connections->half_open_count >= config->limits.half_open ||
		   (connections->half_open_count > 0 &&
		    connections_count(connections) >= config->limits.connections)) {
		give_way(issuer, TAILQ_FIRST(&connections->half_open));
	}
	return connections_count(connections) < config->limits.connections;
}

static void leave(struct connection *connection)
{
	struct connections *connections = connection->issuer->connections;

	switch (connection->listed) {
	case CONNECTION_NOWHERE:
		return;
	case CONNECTION_HALF_OPEN:
		assert(connections->half_open_count > 0);
		TAILQ_REMOVE(&connections->half_open, connection, links);
		connections->half_open_count--;
		break;
	case CONNECTION_OPEN:
		assert(connections->open_count > 0);
		TAILQ_REMOVE(&connections->open, connection, links);
		connections->open_count--;
		break;
	}
	connection->listed = CONNECTION_NOWHERE;
}

/*
 * End the connection silent longest if a server has too many: one that restarts leaves
 * dead connections behind.
 */
static void bound_server(struct issuer *issuer, const struct connection *newest)
{
	static struct log_limit limit;
	struct connections *connections = issuer->connections;
	struct connection *connection, *silent = NULL;
	size_t count = 0;

	TAILQ_FOREACH(connection, &connections->open, links)
	{
		if (connection->peer.server != newest->peer.server)
			continue;
		count++;
		if (connection != newest &&
		    (silent == NULL || connection->heard_ms < silent->heard_ms))
			silent = connection;
	}
	if (silent == NULL ||
	    count <= issuer->settings->config->limits.connections_per_server)
		return;
	log_limited(&limit, LOG_LEVEL_WARNING,
		    "%s has more than %u connections; closing the one silent longest",
		    newest->peer.server->name,
		    issuer->settings->config->limits.connections_per_server);
	give_way(issuer, silent);
}

/* If its server has too many, the one that was silent longest gives way. */
static void opened(struct connection *connection)
{
	struct connections *connections = connection->issuer->connections;

	assert(connection->listed == CONNECTION_HALF_OPEN);
	leave(connection);
	TAILQ_INSERT_TAIL(&connections->open, connection, links);
	connections->open_count++;
	connection->listed = CONNECTION_OPEN;
	bound_server(connection->issuer, connection);
}

void connections_accept(struct issuer *issuer, int fd, const struct endpoint *client)
{
	static const struct connection_owner owner = {.opened = opened, .ends = leave};
	struct connections *connections = issuer->connections;
	struct connection *connection =
		connection_new(issuer, &owner, greeting_read, fd, client);

	if (connection == NULL)
		return;
	TAILQ_INSERT_TAIL(&connections->half_open, connection, links);
	connections->half_open_count++;
	connection->listed = CONNECTION_HALF_OPEN;
}

void connections_check_again(struct issuer *issuer)
{
	struct connection *connection, *next;

	/* Half-open ones are checked at the end of their handshake. */
	TAILQ_FOREACH(connection, &issuer->connections->half_open, links)
	connection->peer.service = &issuer->settings->service;
	for (connection = TAILQ_FIRST(&issuer->connections->open); connection != NULL;
	     connection = next) {
		next = TAILQ_NEXT(connection, links);
		if (connection_check_again(connection))
			continue;
		issuer_count(issuer, COUNT_NO_LONGER);
		log_notice("%s is no longer trusted: %s", connection->name,
			   connection->peer.why);
		connection_end(connection);
	}
}
