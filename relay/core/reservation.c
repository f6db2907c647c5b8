/*
 * reservation.c - a fixed set of entries, found by token through hash chains and kept in the
 * order of their arrival. All are held for the same time, so the oldest is due first.
 */
#include "relay/core/reservation.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/port_pool.h"
#include "stun/wire.h"

#define NONE UINT32_MAX

struct entry {
	uint8_t token[RESERVATION_TOKEN_LEN];
	uint64_t owner;
	uint64_t expires_ms;
	uint32_t chain; /* next with the same hash; next free one if not in use */
	uint32_t older, newer;
	uint16_t address;
	uint16_t port;
};

struct reservation_table {
	pthread_mutex_t lock; /* taken before the pool's, never the other way round */
	struct port_pool *pool;
	uint32_t oldest, newest, free;
	uint32_t mask; /* number of chains - 1, a power of two */
	struct entry *entries;
	uint32_t *chains;
	struct reservation_watch watch; /* held NULL: nobody watches */
};

struct reservation_table *reservation_table_new(size_t size, struct port_pool *pool)
{
	if (size >= UINT32_MAX / 2)
		return NULL;

	uint32_t chains = 1;
	while (chains < size)
		chains *= 2;

	struct reservation_table *table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	pthread_mutex_init(&table->lock, NULL);
	table->pool = pool;
	table->mask = chains - 1;
	table->oldest = table->newest = table->free = NONE;
	table->entries = calloc(size ? size : 1, sizeof(*table->entries));
	table->chains = malloc(chains * sizeof(*table->chains));
	if (!table->entries || !table->chains)
		goto fail;

	for (uint32_t i = 0; i < chains; i++)
		table->chains[i] = NONE;
	for (uint32_t i = (uint32_t)size; i-- > 0;) {
		table->entries[i].chain = table->free;
		table->free = i;
	}
	return table;

fail:
	reservation_table_free(table);
	return NULL;
}

void reservation_table_free(struct reservation_table *table)
{
	if (!table)
		return;
	pthread_mutex_destroy(&table->lock);
	free(table->entries);
	free(table->chains);
	free(table);
}

/* The link that leads to the entry with that token, or to NONE. Tokens are random already. */
static uint32_t *find(struct reservation_table *table, const uint8_t *token)
{
	uint32_t *link = &table->chains[load_be32(token) & table->mask];
	while (*link != NONE &&
	       memcmp(table->entries[*link].token, token, RESERVATION_TOKEN_LEN) != 0)
		link = &table->entries[*link].chain;
	return link;
}

static void take_out(struct reservation_table *table, uint32_t *link, bool redeemed)
{
	uint32_t i = *link;
	struct entry *e = &table->entries[i];

	assert(i != NONE);
	assert(e->older != NONE ? table->entries[e->older].newer == i
				: table->oldest == i);
	assert(e->newer != NONE ? table->entries[e->newer].older == i
				: table->newest == i);
	if (e->older != NONE)
		table->entries[e->older].newer = e->newer;
	else
		table->oldest = e->newer;
	if (e->newer != NONE)
		table->entries[e->newer].older = e->older;
	else
		table->newest = e->older;

	*link = e->chain;
	e->chain = table->free;
	table->free = i;
	if (table->watch.held)
		table->watch.ended(table->watch.arg, i, redeemed);
}

/* Give back what is due. The lock is held. */
static uint64_t expire(struct reservation_table *table, uint64_t now_ms)
{
	while (table->oldest != NONE) {
		struct entry *e = &table->entries[table->oldest];
		if (now_ms < e->expires_ms)
			return e->expires_ms;

		/* Two entries may share a token only if the random source repeats itself. */
		uint32_t *link = find(table, e->token);
		while (*link != table->oldest) {
			assert(*link != NONE);
			link = &table->entries[*link].chain;
		}
		port_pool_give(table->pool, e->address, e->port, now_ms);
		take_out(table, link, false);
	}
	return UINT64_MAX;
}

/* False if the table is full. The lock is held. */
static bool hold(struct reservation_table *table, const struct held_port *held)
{
	uint32_t i = table->free;

	if (i == NONE)
		return false;
	struct entry *e = &table->entries[i];
	uint32_t *chain = &table->chains[load_be32(held->token) & table->mask];

	table->free = e->chain;
	*e = (struct entry){
		.owner = held->owner,
		.expires_ms = held->expires_ms,
		.chain = *chain,
		.older = table->newest,
		.newer = NONE,
		.address = (uint16_t)held->address,
		.port = held->port,
	};
	memcpy(e->token, held->token, RESERVATION_TOKEN_LEN);
	*chain = i;
	if (table->newest != NONE)
		table->entries[table->newest].newer = i;
	else
		table->oldest = i;
	table->newest = i;
	if (table->watch.held)
		table->watch.held(table->watch.arg, i, held);
	return true;
}

bool reservation_add(struct reservation_table *table,
		     const uint8_t token[RESERVATION_TOKEN_LEN], uint64_t owner,
		     size_t address, uint16_t port, uint64_t now_ms)
{
	struct held_port held = {
		.owner = owner,
		.expires_ms = now_ms + RESERVATION_HOLD_MS,
		.address = address,
		.port = port,
	};

	assert(address < PORT_POOL_ADDRESSES_MAX && port % 2 == 1);
	memcpy(held.token, token, sizeof(held.token));
	pthread_mutex_lock(&table->lock);
	expire(table, now_ms);
	bool ok = hold(table, &held);
	pthread_mutex_unlock(&table->lock);
	return ok;
}

void reservation_watch(struct reservation_table *table,
		       const struct reservation_watch *watch)
{
	pthread_mutex_lock(&table->lock);
	table->watch = watch ? *watch : (struct reservation_watch){NULL};
	pthread_mutex_unlock(&table->lock);
}

bool reservation_restore(struct reservation_table *table, const struct held_port *held,
			 uint64_t now_ms)
{
	assert(held->address < PORT_POOL_ADDRESSES_MAX);
	if (held->expires_ms <= now_ms || held->port % 2 == 0 ||
	    held->expires_ms - now_ms > RESERVATION_HOLD_MS)
		return false;
	pthread_mutex_lock(&table->lock);
	bool ok = table->free != NONE &&
		  port_pool_take_this(table->pool, held->address, held->port);
	if (ok)
		ok = hold(table, held);
	pthread_mutex_unlock(&table->lock);
	return ok;
}

bool reservation_redeem(struct reservation_table *table,
			const uint8_t token[RESERVATION_TOKEN_LEN], uint64_t owner,
			uint64_t now_ms, size_t *address, uint16_t *port)
{
	bool ok = false;

	pthread_mutex_lock(&table->lock);
	uint32_t *link = find(table, token);
	if (*link != NONE) {
		const struct entry *e = &table->entries[*link];
		ok = e->owner == owner && now_ms < e->expires_ms;
		if (ok) {
			*address = e->address;
			*port = e->port;
			take_out(table, link, true);
		}
	}
	pthread_mutex_unlock(&table->lock);
	return ok;
}

/* Walks all of them: asked for once per EVEN-PORT with R set, and there are few at a time. */
uint32_t reservation_held(struct reservation_table *table, uint64_t owner,
			  uint64_t now_ms)
{
	uint32_t held = 0;

	pthread_mutex_lock(&table->lock);
	expire(table, now_ms);
	for (uint32_t i = table->oldest; i != NONE; i = table->entries[i].newer)
		held += table->entries[i].owner == owner;
	pthread_mutex_unlock(&table->lock);
	return held;
}

uint64_t reservation_table_expire(struct reservation_table *table, uint64_t now_ms)
{
	pthread_mutex_lock(&table->lock);
	uint64_t next = expire(table, now_ms);
	pthread_mutex_unlock(&table->lock);
	return next;
}
