/*
 * tcp_connection.c - see tcp_connection.h. A slab, a chained hash table by id over it, and a list
 * for each allocation.
 */
#include "relay/core/tcp_connection.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "base/debug_assert.h"
#include "relay/core/allocation_table.h"
#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/charge.h"
#include "relay/core/connection_homes.h"
#include "relay/core/mobility_state.h"
#include "relay/core/permission.h"
#include "relay/core/slab.h"
#include "relay/core/tcp_relay.h"
#include "relay/core/turn.h"

/* Those of an allocation; all zero: none. */
struct list {
	uint32_t first; /* index + 1 */
	uint32_t count;
};

struct tcp_connections {
	struct slab slab;
	uint32_t *buckets; /* index + 1 of the first one; 0: empty */
	uint32_t mask;
	struct list *lists; /* by slot */
};

struct tcp_connections *tcp_connections_new(size_t size, size_t slots)
{
	struct tcp_connections *connections = calloc(1, sizeof(*connections));
	size_t buckets = 2;

	assert(size > 0 && size <= TCP_CONNECTIONS_MAX);
	if (!connections)
		return NULL;
	while (buckets < size)
		buckets *= 2;
	connections->mask = (uint32_t)buckets - 1;
	connections->buckets = calloc(buckets, sizeof(*connections->buckets));
	connections->lists = calloc(slots, sizeof(*connections->lists));
	if (!connections->buckets || !connections->lists ||
	    !slab_init(&connections->slab, size, sizeof(struct tcp_connection))) {
		tcp_connections_free(connections);
		return NULL;
	}
	return connections;
}

void tcp_connections_free(struct tcp_connections *connections)
{
	if (!connections)
		return;
	assert(connections->slab.used == 0);
	slab_release(&connections->slab);
	free(connections->buckets);
	free(connections->lists);
	free(connections);
}

size_t tcp_connections_size(const struct tcp_connections *connections)
{
	return connections->slab.size;
}

static struct list *list_of(const struct turn *turn, uint32_t slot)
{
	return &turn->connections->lists[slot];
}

uint32_t tcp_connections_first(const struct turn *turn, uint32_t slot)
{
	return list_of(turn, slot)->first - 1;
}

uint32_t tcp_connections_count(const struct turn *turn, uint32_t slot)
{
	return list_of(turn, slot)->count;
}

struct tcp_connection *tcp_connection_at(const struct turn *turn, uint32_t index)
{
	return slab_at(&turn->connections->slab, index);
}

static unsigned worker_count(const struct turn *turn)
{
	return turn->shared->worker_count > 0 ? turn->shared->worker_count : 1;
}

unsigned tcp_connection_worker(const struct turn *turn, uint32_t id)
{
	unsigned named = id % worker_count(turn);
	const struct connection_homes *homes = turn->shared->connection_homes;

	return homes != NULL ? connection_homes_find(homes, id, named) : named;
}

/* What is left of an id without its worker. */
static uint32_t *bucket_of(const struct turn *turn, uint32_t id)
{
	struct tcp_connections *connections = turn->connections;

	return &connections->buckets[id / worker_count(turn) & connections->mask];
}

uint32_t tcp_connection_find(const struct turn *turn, uint32_t id)
{
	uint32_t index = *bucket_of(turn, id) - 1;

	while (index != TCP_CONNECTION_NONE && tcp_connection_at(turn, index)->id != id)
		index = tcp_connection_at(turn, index)->next_in_bucket;
	return index;
}

/* Random, of this worker, and not in use. */
static uint32_t new_id(struct turn *turn)
{
	unsigned count = worker_count(turn);
	uint32_t id;

	assert(turn->worker < count);
	do {
		turn->edge->random(turn->edge->self, &id, sizeof(id));
		id = id - id % count + turn->worker; /* the highest ones wrap: again */
	} while (tcp_connection_worker(turn, id) != turn->worker ||
		 tcp_connection_find(turn, id) != TCP_CONNECTION_NONE);
	return id;
}

/* The connection of that allocation with that peer; NONE if there is none. */
static uint32_t find_peer(const struct turn *turn, const struct allocation *al,
			  const struct endpoint *peer)
{
	uint32_t index = tcp_connections_first(turn, al->slot);

	while (index != TCP_CONNECTION_NONE &&
	       !endpoint_equal(&tcp_connection_at(turn, index)->peer, peer))
		index = tcp_connection_at(turn, index)->next;
	return index;
}

/* What the 5-tuple to which its client moves is charged; NULL: the client does not move. */
static struct charge *held_by(const struct turn *turn, const struct allocation *al)
{
	return al->moving ? &turn->table->mobility[al->slot].charge : NULL;
}

/* One more of that allocation. NONE: no room for it, or its user has as many as it may. */
static uint32_t take(struct turn *turn, struct allocation *al, uint32_t id,
		     const struct endpoint *peer, uint64_t now_ms, int *code)
{
	*code = STUN_QUOTA_REACHED;
	if (!charge_take_connection(turn, al, held_by(turn, al)))
		return TCP_CONNECTION_NONE;
	uint32_t index = slab_take(&turn->connections->slab);
	*code = STUN_INSUFFICIENT_CAPACITY;
	if (index == SLAB_NONE) {
		charge_return_connection(turn, al, held_by(turn, al));
		return TCP_CONNECTION_NONE;
	}

	struct tcp_connection *c = tcp_connection_at(turn, index);
	struct list *list = list_of(turn, al->slot);

	assert(c->state == TCP_CONNECTION_FREE);
	*c = (struct tcp_connection){
		.id = id,
		.slot = al->slot,
		.next = list->first - 1,
		.previous = TCP_CONNECTION_NONE,
		.peer = *peer,
		.created_ms = now_ms,
	};
	uint32_t *bucket = bucket_of(turn, c->id);
	c->next_in_bucket = *bucket - 1;
	*bucket = index + 1;
	if (c->next != TCP_CONNECTION_NONE)
		tcp_connection_at(turn, c->next)->previous = index;
	list->first = index + 1;
	list->count++;
	return index;
}

static void give(struct turn *turn, uint32_t index)
{
	struct tcp_connection *c = tcp_connection_at(turn, index);
	const struct allocation *al = allocation_at(turn->table, c->slot);
	struct list *list = list_of(turn, c->slot);
	uint32_t *bucket = bucket_of(turn, c->id);

	assert(c->state != TCP_CONNECTION_FREE && list->count > 0);
	if (*bucket == index + 1) {
		*bucket = c->next_in_bucket + 1;
	} else {
		uint32_t before = *bucket - 1;
		while (tcp_connection_at(turn, before)->next_in_bucket != index)
			before = tcp_connection_at(turn, before)->next_in_bucket;
		tcp_connection_at(turn, before)->next_in_bucket = c->next_in_bucket;
	}
	if (c->next != TCP_CONNECTION_NONE)
		tcp_connection_at(turn, c->next)->previous = c->previous;
	if (c->previous != TCP_CONNECTION_NONE)
		tcp_connection_at(turn, c->previous)->next = c->next;
	else
		list->first = c->next + 1;
	list->count--;
	charge_return_connection(turn, al, held_by(turn, al));
	OPENSSL_cleanse(&c->connect, sizeof(c->connect));
	c->state = TCP_CONNECTION_FREE;
	slab_give(&turn->connections->slab, index);
}

static void count(struct turn *turn, enum peer_event event)
{
	counter_add(&turn->counters.peer_events[event], 1);
}

static struct tcp_relay_load load_of(const struct turn *turn, const struct allocation *al)
{
	return (struct tcp_relay_load){.connections =
					       tcp_connections_count(turn, al->slot)};
}

int tcp_connection_begin(struct turn *turn, struct allocation *al,
			 const struct endpoint *peer, uint64_t now_ms, uint32_t *index)
{
	const struct endpoint named = peer_as_named(turn, peer);
	const struct endpoint self = {turn->shared->relay[al->relay_address].public,
				      al->relay_port};
	struct tcp_relay_load load = load_of(turn, al);
	int code;

	assert(allocation_has_data_connections(al) && peer->port != 0);
	assert(allocation_has_family(al, peer->ip.family));
	if (find_peer(turn, al, &named) != TCP_CONNECTION_NONE)
		return STUN_CONNECTION_EXISTS;
	/* TCP would connect it with itself. */
	if (endpoint_equal(&named, &self) || peer_refused_by(turn, TRANSPORT_TCP, peer))
		return STUN_FORBIDDEN;
	if (!tcp_relay_outgoing(turn, &load))
		return STUN_QUOTA_REACHED;
	*index = take(turn, al, new_id(turn), &named, now_ms, &code);
	if (*index == TCP_CONNECTION_NONE) {
		count(turn, PEER_FULL);
		return code;
	}
	struct tcp_connection *c = tcp_connection_at(turn, *index);
	c->state = TCP_CONNECTION_CONNECTING;
	c->until_ms = UINT64_MAX;
	return 0;
}

static void pend(struct turn *turn, uint32_t index, enum peer_event event,
		 uint64_t now_ms)
{
	struct tcp_connection *c = tcp_connection_at(turn, index);

	c->state = TCP_CONNECTION_PENDING;
	c->until_ms = now_ms + TCP_CONNECTION_WAIT_MS;
	count(turn, event);
}

bool tcp_connection_established(struct turn *turn, uint32_t index, uint64_t now_ms)
{
	const struct tcp_connection *c = tcp_connection_at(turn, index);

	assert(c->state == TCP_CONNECTION_CONNECTING);
	if (peer_refused_by(turn, TRANSPORT_TCP, &c->peer))
		return false;
	pend(turn, index, PEER_CONNECTED, now_ms);
	return true;
}

uint32_t tcp_connection_accept(struct turn *turn, struct allocation *al,
			       const struct endpoint *source, uint64_t now_ms)
{
	const struct endpoint named = peer_as_named(turn, source);
	struct tcp_relay_load load = load_of(turn, al);
	uint64_t until_ms;
	int code;

	assert(allocation_has_data_connections(al));
	if (tcp_relay_incoming(turn, al, source, &load, now_ms, &until_ms) !=
	    TCP_RELAY_ACCEPT)
		return TCP_CONNECTION_NONE;
	uint32_t index = take(turn, al, new_id(turn), &named, now_ms, &code);
	if (index == TCP_CONNECTION_NONE) {
		count(turn, PEER_ENDED); /* accepted a moment ago */
		count(turn, PEER_FULL);
		return index;
	}
	struct tcp_connection *c = tcp_connection_at(turn, index);
	c->is_incoming = true;
	c->state = TCP_CONNECTION_PENDING;
	c->until_ms = now_ms + TCP_CONNECTION_WAIT_MS;
	return index;
}

uint32_t tcp_connection_restore(struct turn *turn, struct allocation *al,
				const struct tcp_connection *was)
{
	struct tcp_relay_load load = load_of(turn, al);
	int code;

	assert(was->state != TCP_CONNECTION_FREE);
	if (!allocation_has_data_connections(al) ||
	    !allocation_has_family(al, was->peer.ip.family) ||
	    find_peer(turn, al, &was->peer) != TCP_CONNECTION_NONE ||
	    tcp_connection_worker(turn, was->id) != turn->worker ||
	    tcp_connection_find(turn, was->id) != TCP_CONNECTION_NONE ||
	    !tcp_relay_outgoing(turn, &load))
		return TCP_CONNECTION_NONE;
	uint32_t index = take(turn, al, was->id, &was->peer, was->created_ms, &code);
	if (index == TCP_CONNECTION_NONE)
		return index;
	struct tcp_connection *c = tcp_connection_at(turn, index);
	c->state = was->state;
	c->is_incoming = was->is_incoming;
	c->until_ms = was->until_ms;
	c->to_peer = was->to_peer;
	c->to_client = was->to_client;
	c->connect = was->connect;
	if (c->state != TCP_CONNECTION_CONNECTING)
		count(turn, PEER_TAKEN_UP);
	return index;
}

void tcp_connection_bind(struct turn *turn, uint32_t index,
			 const struct five_tuple *client)
{
	struct tcp_connection *c = tcp_connection_at(turn, index);

	assert(c->state == TCP_CONNECTION_PENDING);
	c->state = TCP_CONNECTION_BOUND;
	c->until_ms = UINT64_MAX;
	turn->edge->tcp_binding(turn->edge->self, index, client);
}

static void add(struct traffic *traffic, size_t bytes)
{
	traffic->packets++;
	traffic->bytes += bytes;
}

static void add_shared(struct traffic *traffic, size_t bytes)
{
	counter_add(&traffic->packets, 1);
	counter_add(&traffic->bytes, bytes);
}

uint32_t tcp_connection_allows(struct turn *turn, uint32_t index, size_t *bytes,
			       uint64_t now_ms)
{
	const struct tcp_connection *c = tcp_connection_at(turn, index);

	assert(c->state == TCP_CONNECTION_BOUND);
	return bandwidth_allows(turn, allocation_at(turn->table, c->slot), bytes, now_ms);
}

uint32_t tcp_connection_relayed(struct turn *turn, uint32_t index,
				enum tcp_direction direction, size_t bytes,
				uint64_t now_ms)
{
	struct tcp_connection *c = tcp_connection_at(turn, index);
	struct allocation *al = allocation_at(turn->table, c->slot);
	struct counters *counters = &turn->counters;

	assert(c->state == TCP_CONNECTION_BOUND && bytes > 0);
	if (direction == TCP_TO_PEER) {
		add(&c->to_peer, bytes);
		add(&al->to_peer, bytes);
		add_shared(&counters->to_peer[al->side][al->transport], bytes);
	} else {
		add(&c->to_client, bytes);
		add(&al->to_client, bytes);
		add_shared(&counters->to_client[al->side][al->transport], bytes);
	}
	return bandwidth_owes(turn, al, bytes, now_ms);
}

void tcp_connection_gone(struct turn *turn, uint32_t index, enum peer_event why)
{
	count(turn, why);
	give(turn, index);
}

/* What becomes of one that is not wanted any more. */
static void disconnect(struct turn *turn, uint32_t index, enum peer_event why)
{
	const struct tcp_connection *c = tcp_connection_at(turn, index);

	turn->edge->tcp_disconnect(turn->edge->self, index);
	tcp_connection_gone(turn, index,
			    c->state == TCP_CONNECTION_CONNECTING ? PEER_CONNECT_FAILED
								  : why);
}

void tcp_connections_give_up(struct turn *turn, const struct allocation *al)
{
	uint32_t next, i = tcp_connections_first(turn, al->slot);

	for (; i != TCP_CONNECTION_NONE; i = next) {
		const struct tcp_connection *c = tcp_connection_at(turn, i);

		next = c->next;
		if (c->state == TCP_CONNECTION_CONNECTING)
			turn->edge->tcp_give_up(turn->edge->self, i);
	}
}

void tcp_connections_end(struct turn *turn, const struct allocation *al)
{
	uint32_t index;

	while ((index = tcp_connections_first(turn, al->slot)) != TCP_CONNECTION_NONE)
		disconnect(turn, index, PEER_ENDED);
	assert(tcp_connections_count(turn, al->slot) == 0);
}

/* One that is being made is judged when it is, so that its Connect is answered. */
void tcp_connections_judge(struct turn *turn)
{
	for (uint32_t i = 0; i < turn->connections->slab.mark; i++) {
		const struct tcp_connection *c = tcp_connection_at(turn, i);

		if ((c->state == TCP_CONNECTION_PENDING ||
		     c->state == TCP_CONNECTION_BOUND) &&
		    peer_refused_by(turn, TRANSPORT_TCP, &c->peer))
			disconnect(turn, i, PEER_REVOKED);
	}
}

/* Its list says as many as it counts, each of them is found, and each peer is there once. */
static bool check_allocation(const struct turn *turn, const struct allocation *al)
{
	uint32_t before = TCP_CONNECTION_NONE;
	uint32_t found = 0;

	for (uint32_t i = tcp_connections_first(turn, al->slot);
	     i != TCP_CONNECTION_NONE;) {
		const struct tcp_connection *c = tcp_connection_at(turn, i);

		if (c->state == TCP_CONNECTION_FREE || c->slot != al->slot ||
		    c->previous != before || tcp_connection_find(turn, c->id) != i ||
		    tcp_connection_worker(turn, c->id) != turn->worker ||
		    find_peer(turn, al, &c->peer) != i)
			return false;
		found++;
		before = i;
		i = c->next;
	}
	return found == tcp_connections_count(turn, al->slot);
}

bool tcp_connections_check(const struct turn *turn)
{
	const struct allocation *al;
	uint32_t total = 0;

	for (uint32_t slot = 0; (al = allocation_next(turn->table, slot)) != NULL;
	     slot = al->slot + 1) {
		if (!check_allocation(turn, al))
			return false;
		total += tcp_connections_count(turn, al->slot);
	}
	return total == turn->connections->slab.used;
}
