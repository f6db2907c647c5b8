/*
 * clients.c - a chained hash table; streams are few next to datagrams, and each carries its
 * own link.
 */
#include "relay/front/clients.h"

#include <stdint.h>
#include <stdlib.h>

#include "relay/core/limiter.h"
#include "relay/core/quota.h"
#include "relay/front/stream.h"
#include "relay/worker.h"

enum { BUCKETS = 1 << 14 };

struct clients {
	struct worker *worker;
	size_t admitted, unauthenticated;
	struct stream *buckets[BUCKETS];
	uint8_t buffer[CLIENTS_BUFFER];
	uint8_t message[CLIENTS_MESSAGE];
};

static struct stream **bucket(struct clients *clients, const struct five_tuple *tuple)
{
	const struct siphash_key *key = &clients->worker->turn.shared->hash_key;

	return &clients->buckets[five_tuple_hash(tuple, key) % BUCKETS];
}

static uint64_t prefix_owner(struct clients *clients, const struct ip_addr *client)
{
	struct ip_addr prefix = source_prefix(client);

	return siphash(&clients->worker->turn.shared->hash_key, &prefix, sizeof(prefix));
}

/*
 * All workers' together: the kernel spreads the connections of an address over all of them, so
 * that a limit of each would be another one on every machine.
 */
static struct quota *half_open(const struct clients *clients)
{
	return clients->worker->turn.shared->half_open;
}

struct clients *clients_new(struct worker *worker)
{
	struct clients *clients = calloc(1, sizeof(*clients));
	if (clients == NULL)
		return NULL;

	clients->worker = worker;
	return clients;
}

void clients_free(struct clients *clients)
{
	if (clients == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (clients->buckets[i] != NULL)
			stream_free(clients->buckets[i]);
	}
	free(clients);
}

bool clients_admit(struct clients *clients, const struct ip_addr *client)
{
	const struct settings *settings = clients->worker->settings;

	if (clients->admitted >= settings->stream.connections ||
	    clients->unauthenticated >= settings->stream.unauthenticated ||
	    !quota_acquire(half_open(clients), prefix_owner(clients, client),
			   settings->stream.unauthenticated_per_prefix))
		return false;
	clients->admitted++;
	clients->unauthenticated++;
	return true;
}

void clients_discharge(struct clients *clients, const struct ip_addr *client)
{
	clients->unauthenticated--;
	quota_release(half_open(clients), prefix_owner(clients, client));
}

void clients_leave(struct clients *clients)
{
	clients->admitted--;
}

void clients_add(struct clients *clients, struct stream *stream)
{
	struct stream **head = bucket(clients, stream_tuple(stream));

	stream_set_chain(stream, *head);
	*head = stream;
}

void clients_remove(struct clients *clients, struct stream *stream)
{
	struct stream **link = bucket(clients, stream_tuple(stream));
	struct stream *before = NULL;

	for (struct stream *s = *link; s != stream; s = stream_chain(s))
		before = s;
	if (before == NULL)
		*link = stream_chain(stream);
	else
		stream_set_chain(before, stream_chain(stream));
}

struct stream *clients_find(struct clients *clients, const struct five_tuple *tuple)
{
	struct stream *stream = *bucket(clients, tuple);

	while (stream != NULL && !five_tuple_equal(stream_tuple(stream), tuple))
		stream = stream_chain(stream);
	return stream;
}

void clients_end(struct clients *clients, const bool fronts[FRONTS_MAX])
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct stream *next, *stream = clients->buckets[i];

		for (; stream != NULL; stream = next) {
			next = stream_chain(stream);
			if (fronts[stream_tuple(stream)->front])
				stream_free(stream);
		}
	}
}

uint8_t *clients_buffer(struct clients *clients)
{
	return clients->buffer;
}

uint8_t *clients_message(struct clients *clients)
{
	return clients->message;
}
