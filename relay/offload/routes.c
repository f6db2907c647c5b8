/*
 * routes.c - see routes.h.
 *
 * Places, by what list they are in:
 *
 *	USED      in use; in the hash
 *	KNOWN     in the hash, and used by nobody, its way known; in the idle list
 *	NEW       in the hash, and to be asked for; in the list of new ones
 *	RESTING   nobody's; in the idle list
 *
 * The idle list begins with what has been in it for longest. For questions about all in use a cursor goes
 * over the places.
 */
#include "relay/offload/routes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/siphash.h"

enum { BUCKETS = 2 * FLOW_HOPS };
static_assert((BUCKETS & (BUCKETS - 1)) == 0, "a mask");
static_assert((int)FLOW_HOPS <= UINT16_MAX + 1, "hops are 16 bits");

#define NONE UINT32_MAX

enum state { RESTING, NEW, KNOWN, USED };

struct place {
	struct ip_addr from, to;
	uint8_t state;       /* enum state */
	bool is_due;         /* a new answer is wanted */
	uint32_t references; /* USED: at least one */
	uint32_t version;
	uint32_t chain;       /* of its bucket */
	uint32_t next, prior; /* in its list */
	uint64_t usable_ms;   /* idle: not for another pair before */
};

struct list {
	uint32_t first, last;
};

struct routes {
	struct flow_hop *hops;
	struct siphash_key key;
	struct list idle, fresh;
	size_t used, due;
	uint32_t cursor; /* where to look for the next one due */
	uint32_t buckets[BUCKETS];
	struct place places[FLOW_HOPS];
};

/* --- lists ------------------------------------------------------------------------------------------ */

static struct place *place_at(struct routes *routes, uint32_t index)
{
	assert(index < FLOW_HOPS);
	return &routes->places[index];
}

static void append(struct routes *routes, struct list *list, uint32_t index)
{
	struct place *place = place_at(routes, index);

	place->next = NONE;
	place->prior = list->last;
	if (list->last != NONE)
		routes->places[list->last].next = index;
	else
		list->first = index;
	list->last = index;
}

static void take_out(struct routes *routes, struct list *list, uint32_t index)
{
	struct place *place = place_at(routes, index);

	if (place->prior != NONE)
		routes->places[place->prior].next = place->next;
	else
		list->first = place->next;
	if (place->next != NONE)
		routes->places[place->next].prior = place->prior;
	else
		list->last = place->prior;
}

/* --- the hash --------------------------------------------------------------------------------------- */

static uint32_t *bucket_of(struct routes *routes, const struct ip_addr *from,
			   const struct ip_addr *to)
{
	uint8_t bytes[2 * sizeof(*from)];

	memcpy(bytes, from, sizeof(*from));
	memcpy(bytes + sizeof(*from), to, sizeof(*to));
	return &routes->buckets[siphash(&routes->key, bytes, sizeof(bytes)) &
				(BUCKETS - 1)];
}

static uint32_t find(struct routes *routes, const struct ip_addr *from,
		     const struct ip_addr *to)
{
	uint32_t index = *bucket_of(routes, from, to);

	while (index != NONE && !(ip_addr_equal(&routes->places[index].from, from) &&
				  ip_addr_equal(&routes->places[index].to, to)))
		index = routes->places[index].chain;
	return index;
}

static void forget(struct routes *routes, uint32_t index)
{
	struct place *place = place_at(routes, index);
	uint32_t *link = bucket_of(routes, &place->from, &place->to);

	assert(place->state != RESTING && place->references == 0);
	while (*link != index)
		link = &routes->places[*link].chain;
	*link = place->chain;
	if (place->is_due)
		routes->due--;
	place->is_due = false;
	place->state = RESTING;
	place->version++;
}

/* --- what the program reads ---------------------------------------------------------------------------- */

/* ifindex is what the program looks at first. */
static void write_hop(struct flow_hop *hop, const struct flow_hop *way)
{
	uint32_t ifindex = way->ifindex;

	if (memcmp(hop, way, sizeof(*hop)) == 0)
		return;
	__atomic_store_n(&hop->ifindex, 0, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memcpy((uint8_t *)hop + sizeof(hop->ifindex),
	       (const uint8_t *)way + sizeof(hop->ifindex),
	       sizeof(*hop) - sizeof(hop->ifindex));
	__atomic_store_n(&hop->ifindex, ifindex, __ATOMIC_RELEASE);
}

static void clear_hop(struct routes *routes, uint32_t index)
{
	__atomic_store_n(&routes->hops[index].ifindex, 0, __ATOMIC_RELEASE);
}

/* --- */

static void begin_idle(struct routes *routes, uint64_t now_ms)
{
	/* Those that were never used come first: they need no rest. */
	for (uint32_t i = 0; i < FLOW_HOPS; i++) {
		if (routes->hops[i].ifindex == 0)
			append(routes, &routes->idle, i);
	}
	for (uint32_t i = 0; i < FLOW_HOPS; i++) {
		if (routes->hops[i].ifindex == 0)
			continue;
		routes->places[i].usable_ms = now_ms + FLOW_LEASE_MS;
		append(routes, &routes->idle, i);
	}
}

struct routes *routes_new(struct flow_hop *hops, uint64_t now_ms)
{
	struct routes *routes = calloc(1, sizeof(*routes));

	if (routes == NULL)
		return NULL;
	routes->hops = hops;
	if (getrandom(&routes->key, sizeof(routes->key), 0) !=
	    (ssize_t)sizeof(routes->key))
		abort();
	memset(routes->buckets, 0xFF, sizeof(routes->buckets));
	routes->idle = routes->fresh = (struct list){NONE, NONE};
	begin_idle(routes, now_ms);
	return routes;
}

void routes_free(struct routes *routes)
{
	free(routes);
}

static enum routes_taken add(struct routes *routes, const struct ip_addr *from,
			     const struct ip_addr *to, uint64_t now_ms)
{
	uint32_t index = routes->idle.first;

	if (index == NONE || routes->places[index].usable_ms > now_ms)
		return ROUTES_FULL;
	take_out(routes, &routes->idle, index);
	struct place *place = place_at(routes, index);

	if (place->state == KNOWN)
		forget(routes, index);
	clear_hop(routes, index);
	place->from = *from;
	place->to = *to;
	place->state = NEW;
	place->is_due = true;
	place->version++;
	routes->due++;

	uint32_t *bucket = bucket_of(routes, from, to);

	place->chain = *bucket;
	*bucket = index;
	append(routes, &routes->fresh, index);
	return ROUTES_ASKED;
}

enum routes_taken routes_take(struct routes *routes, const struct ip_addr *from,
			      const struct ip_addr *to, uint64_t now_ms, uint16_t *hop)
{
	uint32_t index = find(routes, from, to);

	if (index == NONE)
		return add(routes, from, to, now_ms);
	struct place *place = place_at(routes, index);

	if (place->state == NEW)
		return ROUTES_ASKED;
	if (routes->hops[index].ifindex == 0)
		return ROUTES_NONE;
	if (place->state == KNOWN) {
		take_out(routes, &routes->idle, index);
		place->state = USED;
		routes->used++;
	}
	place->references++;
	*hop = (uint16_t)index;
	return ROUTES_TAKEN;
}

static void rest(struct routes *routes, uint32_t index, uint64_t usable_ms)
{
	routes->places[index].usable_ms = usable_ms;
	append(routes, &routes->idle, index);
}

void routes_release(struct routes *routes, uint16_t hop, uint64_t now_ms)
{
	struct place *place = place_at(routes, hop);

	assert(place->state == USED && place->references > 0);
	if (--place->references > 0)
		return;
	assert(routes->used > 0);
	routes->used--;
	place->state = KNOWN;
	/* With an old answer it is no use. */
	if (place->is_due)
		forget(routes, hop);
	rest(routes, hop, now_ms + FLOW_REST_MS);
}

bool routes_question(struct routes *routes, struct routes_question *question)
{
	uint32_t index = routes->fresh.first;

	if (index != NONE) {
		/* Behind the others, should its answer never come. */
		take_out(routes, &routes->fresh, index);
		append(routes, &routes->fresh, index);
	} else if (routes->due > 0) {
		while (!routes->places[routes->cursor].is_due)
			routes->cursor = (routes->cursor + 1) % FLOW_HOPS;
		index = routes->cursor;
		routes->cursor = (routes->cursor + 1) % FLOW_HOPS;
	} else {
		return false;
	}
	const struct place *place = &routes->places[index];

	*question = (struct routes_question){
		.hop = (uint16_t)index,
		.version = place->version,
		.from = place->from,
		.to = place->to,
	};
	return true;
}

void routes_answer(struct routes *routes, const struct routes_question *question,
		   const struct flow_hop *way)
{
	struct place *place = place_at(routes, question->hop);

	if (place->version != question->version || !place->is_due)
		return;
	assert(place->state == NEW || place->state == USED);
	place->is_due = false;
	routes->due--;
	write_hop(&routes->hops[question->hop], way);
	if (place->state == USED)
		return;
	take_out(routes, &routes->fresh, question->hop);
	place->state = KNOWN;
	rest(routes, question->hop, 0);
}

void routes_ask_again(struct routes *routes)
{
	for (uint32_t i = 0; i < FLOW_HOPS; i++) {
		struct place *place = &routes->places[i];

		if (place->state == KNOWN) {
			forget(routes, i);
			continue;
		}
		if (place->state == RESTING)
			continue;
		/* What is being asked just now may be an answer from before. */
		place->version++;
		if (!place->is_due)
			routes->due++;
		place->is_due = true;
	}
}

void routes_lose_device(struct routes *routes, uint32_t ifindex)
{
	assert(ifindex != 0);
	for (uint32_t i = 0; i < FLOW_HOPS; i++) {
		if (routes->hops[i].ifindex == ifindex)
			clear_hop(routes, i);
	}
}

static bool is_neighbour(const struct flow_hop *hop, const struct place *place,
			 const struct ip_addr *ip)
{
	if (hop->family == 0)
		return ip_addr_equal(&place->to, ip);
	return hop->family == (ip->family == IP_V4 ? 4 : 6) &&
	       memcmp(hop->gateway, ip->bytes, sizeof(hop->gateway)) == 0;
}

void routes_ask_neighbour(struct routes *routes, uint32_t ifindex,
			  const struct ip_addr *ip)
{
	for (uint32_t i = 0; i < FLOW_HOPS; i++) {
		struct place *place = &routes->places[i];

		if (place->state < KNOWN || routes->hops[i].ifindex != ifindex ||
		    !is_neighbour(&routes->hops[i], place, ip))
			continue;
		place->version++;
		if (place->state == KNOWN) {
			forget(routes, i);
			continue;
		}
		if (!place->is_due)
			routes->due++;
		place->is_due = true;
	}
}

size_t routes_count(const struct routes *routes)
{
	return routes->used;
}
