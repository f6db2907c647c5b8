/*
 * clients.c - a chained hash table; streams are few next to datagrams, and each carries its
 * own link.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "relay/front/clients.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "relay/core/limiter.h"
#include "relay/core/quota.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/front/saved/stream_record.h"
#include "relay/reload/relay_settings.h"

enum {
	BUCKETS = 1 << 14,
	SITE_LEN = 48, /* of an IPv6 site */
	SITE_SHARE =
		4, /* it may have so much more than a network of it, as in core/limiter.h */
};

LIST_HEAD(client_list, client);

struct clients {
	struct delivery *delivery;
	void (*end)(struct client *client, enum connection_end why);
	enum clients_kind kind;
	size_t count;
	uint32_t unauthenticated_max;
	struct half_open *half_open; /* those of them that have not authenticated */
	bool closed[FRONTS_MAX];     /* fronts that no client can arrive at */
	struct client_list buckets[BUCKETS];
	struct stream_records *records;
	uint8_t *buffer; /* own_buffer, or the window of records */
	uint8_t own_buffer[CLIENTS_BUFFER];
	uint8_t message[CLIENTS_MESSAGE];
};

static struct client_list *bucket(struct clients *clients, const struct five_tuple *tuple)
{
	const struct siphash_key *key = &clients->delivery->turn->shared->hash_key;

	return &clients->buckets[five_tuple_hash(tuple, key) % BUCKETS];
}

static uint64_t prefix_owner(struct clients *clients, const struct ip_addr *prefix)
{
	return siphash(&clients->delivery->turn->shared->hash_key, prefix,
		       sizeof(*prefix)) ^
	       (uint64_t)clients->kind;
}

/* Of the site as a whole, told from a network of that number by its length. */
static uint64_t site_owner(struct clients *clients, const struct ip_addr *prefix)
{
	struct ip_addr site = half_open_site_of(prefix);

	site.bytes[sizeof(site.bytes) - 1] = SITE_LEN;
	return prefix_owner(clients, &site);
}

/*
 * All workers' together: the kernel spreads the connections of an address over all of them, so
 * that a limit of each would be another one on every machine.
 */
static struct quota *of_all_workers(const struct clients *clients)
{
	return clients->delivery->turn->shared->half_open;
}

static const struct relay_stream_limits *limits(const struct clients *clients)
{
	return &clients->delivery->settings->stream;
}

static uint32_t unauthenticated_limit(const struct clients *clients)
{
	uint32_t configured = limits(clients)->unauthenticated;

	return configured < clients->unauthenticated_max ? configured
							 : clients->unauthenticated_max;
}

/* Of one source; 0: no limit. */
static uint32_t prefix_limit(const struct clients *clients)
{
	uint32_t limit = limits(clients)->unauthenticated_per_prefix;

	if (clients->kind == CLIENTS_STREAMS || limit <= CLIENTS_DTLS_MIN)
		return limit;
	return limit / CLIENTS_DTLS_SHARE > CLIENTS_DTLS_MIN ? limit / CLIENTS_DTLS_SHARE
							     : CLIENTS_DTLS_MIN;
}

static void check_counts(const struct clients *clients)
{
	assert(half_open_count(clients->half_open) <= clients->count);
	(void)clients;
}

uint32_t clients_unauthenticated_max(uint64_t descriptors, uint64_t passed,
				     size_t workers)
{
	assert(workers > 0);
	uint64_t left =
		descriptors - (passed < descriptors / 2 ? passed : descriptors / 2);
	uint64_t share = left / 2 / workers;

	return share == 0 ? 1 : share > UINT32_MAX ? UINT32_MAX : (uint32_t)share;
}

struct clients *clients_new(struct delivery *delivery, enum clients_kind kind,
			    uint32_t unauthenticated_max,
			    void (*end)(struct client *client, enum connection_end why))
{
	struct clients *clients = calloc(1, sizeof(*clients));

	assert(unauthenticated_max > 0);
	if (clients == NULL)
		return NULL;

	clients->delivery = delivery;
	clients->buffer = clients->own_buffer;
	clients->end = end;
	clients->kind = kind;
	clients->unauthenticated_max = unauthenticated_max;
	clients->half_open = half_open_new(unauthenticated_limit(clients),
					   &delivery->turn->shared->hash_key);
	if (clients->half_open == NULL) {
		free(clients);
		return NULL;
	}
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
			clients->end(LIST_FIRST(&clients->buckets[i]),
				     CONNECTION_END_RELAY);
	}
	assert(clients->count == 0);
	half_open_free(clients->half_open);
	stream_records_free(clients->records);
	free(clients);
}

bool clients_save(struct clients *clients, struct state_file *file)
{
	static_assert((int)CLIENTS_BUFFER <= (int)STATE_WINDOW_LEN, "it fits");
	assert(clients->records == NULL);
	clients->records = stream_records_new(file);
	if (clients->records == NULL)
		return false;
	clients->buffer = stream_records_window(clients->records);
	return true;
}

struct stream_records *clients_records(struct clients *clients)
{
	return clients->records;
}

struct delivery *clients_delivery(struct clients *clients)
{
	return clients->delivery;
}

static void give_way(struct clients *clients, struct half_open_entry *entry,
		     enum connection_end why, size_t count)
{
	static struct log_limit limit;
	struct client *client =
		(struct client *)((char *)entry - offsetof(struct client, half_open));
	char text[ENDPOINT_TEXT_LEN];

	log_limited(&limit, LOG_LEVEL_WARNING,
		    "%s has %zu unauthenticated connections; the oldest gives way to the "
		    "next client, because of %s",
		    ip_addr_format(&client->tuple.client.ip, text, sizeof(text)), count,
		    why == CONNECTION_END_GAVE_WAY_PREFIX
			    ? "limits.unauthenticated_per_prefix"
		    : why == CONNECTION_END_GAVE_WAY_FILES
			    ? "LimitNOFILE: no descriptor is left"
			    : "limits.unauthenticated or limits.connections");
	clients->end(client, why);
}

/* Fewer unauthenticated ones than that, and room for one more. */
static bool make_room_here(struct clients *clients, uint32_t unauthenticated)
{
	struct half_open_entry *oldest;
	size_t count;

	/* More than one only after a reload that lowered the limit. */
	while (half_open_count(clients->half_open) >= unauthenticated ||
	       clients->count >= limits(clients)->connections) {
		oldest = half_open_oldest_of_fullest(clients->half_open, &count);
		if (oldest == NULL)
			return false;
		give_way(clients, oldest, CONNECTION_END_GAVE_WAY, count);
	}
	return true;
}

/* One more for that owner, whose oldest one here gives way if it is at the limit. */
static void keep_share(struct clients *clients, struct half_open_entry *oldest,
		       uint64_t owner, uint64_t limit)
{
	if (oldest == NULL)
		return;
	size_t count = quota_held(of_all_workers(clients), owner);
	if (count >= limit)
		give_way(clients, oldest, CONNECTION_END_GAVE_WAY_PREFIX, count);
}

/* Both are counted, of all workers. False if there is no room for the count. */
static bool count_in(struct clients *clients, const struct ip_addr *prefix)
{
	struct quota *quota = of_all_workers(clients);

	if (!quota_acquire(quota, prefix_owner(clients, prefix), 0))
		return false;
	if (prefix->family != IP_V6 ||
	    quota_acquire(quota, site_owner(clients, prefix), 0))
		return true;
	quota_release(quota, prefix_owner(clients, prefix));
	return false;
}

static void count_out(struct clients *clients, const struct ip_addr *prefix)
{
	struct quota *quota = of_all_workers(clients);

	quota_release(quota, prefix_owner(clients, prefix));
	if (prefix->family == IP_V6)
		quota_release(quota, site_owner(clients, prefix));
}

bool clients_make_room(struct clients *clients, const struct ip_addr *client)
{
	uint32_t limit = prefix_limit(clients);
	struct ip_addr prefix = source_prefix(client);
	struct half_open_entry *oldest =
		half_open_oldest_from(clients->half_open, &prefix);

	/* If others have closed their share, too, none of it is on this worker: take one. */
	if (limit != 0) {
		keep_share(clients, oldest, prefix_owner(clients, &prefix), limit);
		if (client->family == IP_V6)
			keep_share(clients,
				   half_open_oldest_near(clients->half_open, &prefix),
				   site_owner(clients, &prefix),
				   SITE_SHARE * (uint64_t)limit);
	}
	return make_room_here(clients, unauthenticated_limit(clients));
}

bool clients_free_descriptor(struct clients *clients)
{
	size_t count;
	struct half_open_entry *oldest =
		half_open_oldest_of_fullest(clients->half_open, &count);

	if (oldest != NULL)
		give_way(clients, oldest, CONNECTION_END_GAVE_WAY_FILES, count);
	return oldest != NULL;
}

/* The limit has been looked at: another worker may have taken the last place meanwhile. */
bool clients_enter(struct clients *clients, struct client *client)
{
	struct ip_addr prefix = source_prefix(&client->tuple.client.ip);

	assert(client->tuple.front < FRONTS_MAX);
	if (!half_open_add(clients->half_open, &client->half_open, &prefix))
		return false;
	if (!count_in(clients, &prefix)) {
		half_open_remove(clients->half_open, &client->half_open);
		return false;
	}
	clients->count++;
	LIST_INSERT_HEAD(bucket(clients, &client->tuple), client, link);
	check_counts(clients);
	return true;
}

void clients_authenticated(struct clients *clients, struct client *client)
{
	struct ip_addr prefix = source_prefix(&client->tuple.client.ip);

	if (!half_open_has(&client->half_open))
		return;
	half_open_remove(clients->half_open, &client->half_open);
	count_out(clients, &prefix);
}

static void leave_table(struct clients *clients, struct client *client)
{
	assert(clients->count > 0 && client->moving == CLIENT_STAYS);
	LIST_REMOVE(client, link);
	clients->count--;
	check_counts(clients);
}

void clients_leave(struct clients *clients, struct client *client)
{
	struct ip_addr prefix = source_prefix(&client->tuple.client.ip);

	if (client->moving == CLIENT_STAYS) {
		clients_authenticated(clients, client);
		leave_table(clients, client);
	} else if (client->moving == CLIENT_MOVES_HALF_OPEN) {
		count_out(clients, &prefix);
	}
}

void clients_depart(struct clients *clients, struct client *client)
{
	bool is_half_open = half_open_has(&client->half_open);

	if (is_half_open)
		half_open_remove(clients->half_open, &client->half_open);
	leave_table(clients, client);
	client->moving = is_half_open ? CLIENT_MOVES_HALF_OPEN : CLIENT_MOVES;
}

bool clients_arrive(struct clients *clients, struct client *client)
{
	struct ip_addr prefix = source_prefix(&client->tuple.client.ip);
	bool is_half_open = client->moving == CLIENT_MOVES_HALF_OPEN;

	assert(client->moving != CLIENT_STAYS && client->tuple.front < FRONTS_MAX);
	if (clients->closed[client->tuple.front] ||
	    !make_room_here(clients,
			    is_half_open ? unauthenticated_limit(clients) : UINT32_MAX))
		return false;
	if (is_half_open &&
	    !half_open_add(clients->half_open, &client->half_open, &prefix))
		return false;
	client->moving = CLIENT_STAYS;
	clients->count++;
	LIST_INSERT_HEAD(bucket(clients, &client->tuple), client, link);
	check_counts(clients);
	return true;
}

void clients_serve(struct clients *clients, uint16_t front)
{
	assert(front < FRONTS_MAX);
	clients->closed[front] = false;
}

/* Out of the table first, or the room might be made by ending this one. */
bool clients_rename(struct clients *clients, struct client *client,
		    const struct endpoint *name)
{
	assert(half_open_has(&client->half_open));
	clients_leave(clients, client);
	client->tuple.client = *name;
	if (clients_make_room(clients, &name->ip) && clients_enter(clients, client))
		return true;
	client->moving = CLIENT_MOVES;
	return false;
}

void clients_move(struct clients *clients, struct client *client, uint16_t front)
{
	assert(front < FRONTS_MAX);
	LIST_REMOVE(client, link);
	client->tuple.front = front;
	LIST_INSERT_HEAD(bucket(clients, &client->tuple), client, link);
}

static unsigned fullness(size_t count, size_t room)
{
	return count >= room ? CLIENTS_FULL : (unsigned)(count * CLIENTS_FULL / room);
}

unsigned clients_pressure(struct clients *clients, const struct client *client)
{
	const struct relay_stream_limits *limit = limits(clients);
	struct ip_addr prefix = source_prefix(&client->tuple.client.ip);
	size_t half_open = half_open_count(clients->half_open);
	size_t authenticated = clients->count - half_open;
	size_t room = limit->connections > authenticated
			      ? limit->connections - authenticated
			      : 0;
	unsigned worker, source = 0;

	assert(half_open_has(&client->half_open));
	if (room > unauthenticated_limit(clients))
		room = unauthenticated_limit(clients);
	worker = fullness(half_open, room);
	if (prefix_limit(clients) != 0)
		source = fullness(quota_held(of_all_workers(clients),
					     prefix_owner(clients, &prefix)),
				  prefix_limit(clients));
	return worker > source ? worker : source;
}

size_t clients_unauthenticated(const struct clients *clients)
{
	return half_open_count(clients->half_open);
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

void clients_each(struct clients *clients, void (*fn)(void *arg, struct client *client),
		  void *arg)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct client *next, *client = LIST_FIRST(&clients->buckets[i]);

		for (; client != NULL; client = next) {
			next = LIST_NEXT(client, link);
			fn(arg, client);
		}
	}
}

struct ending {
	struct clients *clients;
	const bool *fronts;
};

static void end_of_fronts(void *arg, struct client *client)
{
	const struct ending *ending = arg;

	if (ending->fronts[client->tuple.front])
		ending->clients->end(client, CONNECTION_END_RELAY);
}

void clients_end(struct clients *clients, const bool fronts[FRONTS_MAX])
{
	struct ending ending = {clients, fronts};

	for (size_t i = 0; i < FRONTS_MAX; i++)
		clients->closed[i] = clients->closed[i] || fronts[i];
	clients_each(clients, end_of_fronts, &ending);
}

uint8_t *clients_buffer(struct clients *clients)
{
	return clients->buffer;
}

uint8_t *clients_message(struct clients *clients)
{
	return clients->message;
}
