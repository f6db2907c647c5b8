/*
 * mras_connections.c - see mras_connections.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "auth/server/mras_connections.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "auth/server/connection.h"
#include "auth/server/greeting.h"
#include "auth/server/issuer.h"
#include "auth/server/mras_config.h"
#include "auth/server/mras_settings.h"
#include "base/log.h"
#include "base/net/half_open.h"

TAILQ_HEAD(connection_queue, connection);

struct mras_connections {
	struct connection_queue half_open, open; /* in order of arrival */
	struct half_open *sources;               /* of the half-open ones */
	size_t open_count;
};

/* More are allowed; it only takes longer to find a source. */
enum { SOURCES_EXPECTED = 256 };

struct mras_connections *mras_connections_new(void)
{
	struct mras_connections *connections = calloc(1, sizeof(*connections));
	struct siphash_key key;

	if (connections == NULL)
		return NULL;
	if (RAND_bytes((uint8_t *)&key, sizeof(key)) == 1)
		connections->sources = half_open_new(SOURCES_EXPECTED, &key);
	if (connections->sources == NULL) {
		free(connections);
		return NULL;
	}
	TAILQ_INIT(&connections->half_open);
	TAILQ_INIT(&connections->open);
	return connections;
}

void mras_connections_free(struct mras_connections *connections)
{
	struct connection *first;

	if (connections == NULL)
		return;
	while ((first = TAILQ_FIRST(&connections->half_open)) != NULL ||
	       (first = TAILQ_FIRST(&connections->open)) != NULL)
		connection_end(first);
	assert(mras_connections_count(connections) == 0);
	half_open_free(connections->sources);
	free(connections);
}

size_t mras_connections_half_open(const struct mras_connections *connections)
{
	return half_open_count(connections->sources);
}

size_t mras_connections_count(const struct mras_connections *connections)
{
	return mras_connections_half_open(connections) + connections->open_count;
}

static void give_way(struct issuer *issuer, struct connection *connection)
{
	issuer_count(issuer, COUNT_GAVE_WAY);
	if (connection->listed == CONNECTION_HALF_OPEN)
		issuer->mras_counters.handshakes[HANDSHAKE_GAVE_WAY]++;
	connection_end(connection);
}

static void entry_gives_way(struct issuer *issuer, struct half_open_entry *entry)
{
	give_way(issuer, (struct connection *)((char *)entry -
					       offsetof(struct connection, half_open)));
}

bool mras_connections_admit(struct issuer *issuer, const struct ip_addr *source)
{
	const struct mras_config *config = issuer->settings->config;
	struct mras_connections *connections = issuer->connections;
	size_t all = mras_connections_half_open(connections), of_fullest;

	if (half_open_count_from(connections->sources, source) >=
	    config->limits.half_open_per_source)
		entry_gives_way(issuer,
				half_open_oldest_from(connections->sources, source));
	else if (all >= config->limits.half_open ||
		 (all > 0 &&
		  mras_connections_count(connections) >= config->limits.connections))
		entry_gives_way(issuer, half_open_oldest_of_fullest(connections->sources,
								    &of_fullest));
	return mras_connections_count(connections) < config->limits.connections;
}

static void leave(struct connection *connection)
{
	struct mras_connections *connections = connection->issuer->connections;

	switch (connection->listed) {
	case CONNECTION_NOWHERE:
		return;
	case CONNECTION_HALF_OPEN:
		half_open_remove(connections->sources, &connection->half_open);
		TAILQ_REMOVE(&connections->half_open, connection, links);
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
	struct mras_connections *connections = issuer->connections;
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
	struct mras_connections *connections = connection->issuer->connections;

	assert(connection->listed == CONNECTION_HALF_OPEN);
	leave(connection);
	TAILQ_INSERT_TAIL(&connections->open, connection, links);
	connections->open_count++;
	connection->listed = CONNECTION_OPEN;
	bound_server(connection->issuer, connection);
}

void mras_connections_accept(struct issuer *issuer, int fd, const struct endpoint *client)
{
	static const struct connection_owner owner = {.opened = opened, .ends = leave};
	struct mras_connections *connections = issuer->connections;
	struct connection *connection =
		connection_new(issuer, &owner, greeting_read, fd, client);

	if (connection == NULL)
		return;
	if (!half_open_add(connections->sources, &connection->half_open, &client->ip)) {
		connection_end(connection);
		return;
	}
	TAILQ_INSERT_TAIL(&connections->half_open, connection, links);
	connection->listed = CONNECTION_HALF_OPEN;
}

static bool finish_all(struct connection_queue *queue, uint64_t quiet_ms)
{
	struct connection *connection, *next;
	bool done = true;

	for (connection = TAILQ_FIRST(queue); connection != NULL; connection = next) {
		next = TAILQ_NEXT(connection, links); /* it may end */
		done = connection_finish(connection, quiet_ms) && done;
	}
	return done;
}

bool mras_connections_finish(struct issuer *issuer, uint64_t quiet_ms)
{
	bool half_open = finish_all(&issuer->connections->half_open, quiet_ms);

	return finish_all(&issuer->connections->open, quiet_ms) && half_open;
}

void mras_connections_check_again(struct issuer *issuer)
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
