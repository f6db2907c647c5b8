/*
 * clients.c - a chained hash table; streams are few next to datagrams, and each carries its
 * own link.
 */
#include "relay/front/clients.h"

#include <assert.h>
#include <stdlib.h>

#include "relay/core/limiter.h"
#include "relay/core/quota.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/reload/relay_settings.h"

enum { BUCKETS = 1 << 14 };

LIST_HEAD(client_list, client);

struct clients {
	struct delivery *delivery;
	void (*end)(struct client *client);
	size_t admitted, unauthenticated;
	struct client_list buckets[BUCKETS];
	uint8_t buffer[CLIENTS_BUFFER];
	uint8_t message[CLIENTS_MESSAGE];
};

static struct client_list *bucket(struct clients *clients, const struct five_tuple *tuple)
{
	const struct siphash_key *key = &clients->delivery->turn->shared->hash_key;

	return &clients->buckets[five_tuple_hash(tuple, key) % BUCKETS];
}

static uint64_t prefix_owner(struct clients *clients, const struct ip_addr *client)
{
	struct ip_addr prefix = source_prefix(client);

	return siphash(&clients->delivery->turn->shared->hash_key, &prefix,
		       sizeof(prefix));
}

/*
 * All workers' together: the kernel spreads the connections of an address over all of them, so
 * that a limit of each would be another one on every machine.
 */
static struct quota *half_open(const struct clients *clients)
{
	return clients->delivery->turn->shared->half_open;
}

struct clients *clients_new(struct delivery *delivery, void (*end)(struct client *client))
{
	struct clients *clients = calloc(1, sizeof(*clients));
	if (clients == NULL)
		return NULL;

	clients->delivery = delivery;
	clients->end = end;
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_INIT(&clients->buckets[i]);
	return clients;
}

void clients_free(struct clients *clients)
{
	if (clients == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (!LIST_EMPTY(&clients->buckets[i]))
			clients->end(LIST_FIRST(&clients->buckets[i]));
	}
	assert(clients->admitted == 0 && clients->unauthenticated == 0);
	free(clients);
}

struct delivery *clients_delivery(struct clients *clients)
{
	return clients->delivery;
}

bool clients_admit(struct clients *clients, const struct ip_addr *client)
{
	const struct relay_settings *settings = clients->delivery->settings;

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
	assert(clients->unauthenticated > 0);
	clients->unauthenticated--;
	quota_release(half_open(clients), prefix_owner(clients, client));
}

void clients_leave(struct clients *clients)
{
	assert(clients->admitted > clients->unauthenticated);
	clients->admitted--;
}

void clients_add(struct clients *clients, struct client *client)
{
	assert(client->tuple.front < FRONTS_MAX);
	LIST_INSERT_HEAD(bucket(clients, &client->tuple), client, link);
}

void clients_remove(struct client *client)
{
	LIST_REMOVE(client, link);
}

struct client *clients_find(struct clients *clients, const struct five_tuple *tuple)
{
	struct client *client;

	LIST_FOREACH(client, bucket(clients, tuple), link)
	{
		if (five_tuple_equal(&client->tuple, tuple))
			break;
	}
	return client;
}

void clients_end(struct clients *clients, const bool fronts[FRONTS_MAX])
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct client *next, *client = LIST_FIRST(&clients->buckets[i]);

		for (; client != NULL; client = next) {
			next = LIST_NEXT(client, link);
			if (fronts[client->tuple.front])
				clients->end(client);
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
