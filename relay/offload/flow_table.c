/*
 * flow_table.c - see flow_table.h. The order of stores is the protocol with the program: what it
 * finds by a tag is whole, and what it counts after FLOW_CLOSED it does not forward.
 *
 *	put   fields, counted 0, deadline, tag     each visible before the next
 *	end   deadline 0, FLOW_CLOSED, tag 0
 *
 * The tag goes last when a flow ends, so a process that is killed in between leaves a flow that
 * the next one finds: its packets are still to be counted.
 */
#include "relay/offload/flow_table.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/debug_assert.h"

enum { NS_PER_MS = 1000000 };

static_assert((int)FLOW_LEASE_MS > (int)FLOW_REST_MS, "a flow outlives a rest");

struct flow_table {
	struct flow_memory memory;
	pthread_mutex_t mutex; /* of the tags and of what follows */
	/* By place: a flow was there until FLOW_REST_MS before. 0: none was; LEFT: one of a process before. */
	uint64_t *rests_until_ms;
	uint64_t left_until_ms; /* when LEFT is over; 0: its rest has yet to begin */
	size_t count;           /* atomic */
};

#define LEFT UINT64_MAX

static size_t places(const struct flow_table *table)
{
	return table->memory.bucket_count * FLOW_WAYS;
}

static __u32 *tag_at(const struct flow_table *table, uint32_t flow)
{
	return &table->memory.buckets[flow / FLOW_WAYS].tags[flow % FLOW_WAYS];
}

static bool is_in_force(const struct flow_table *table, uint32_t flow)
{
	return flow < places(table) &&
	       __atomic_load_n(tag_at(table, flow), __ATOMIC_RELAXED) != 0;
}

static struct flow *flow_at(const struct flow_table *table, uint32_t flow)
{
	debug_assert(is_in_force(table, flow));
	return &table->memory.flows[flow];
}

static struct traffic traffic_of(uint64_t counted)
{
	return (struct traffic){
		.packets = (counted & ~FLOW_CLOSED) >> FLOW_BYTES_BITS,
		.bytes = counted & FLOW_BYTES_MASK,
	};
}

/* What the deadline may be now at the latest. */
static uint64_t leased_ns(uint64_t deadline_ns, uint64_t now_ms)
{
	uint64_t lease_ns = (now_ms + FLOW_LEASE_MS) * NS_PER_MS;

	return deadline_ns < lease_ns ? deadline_ns : lease_ns;
}

/* --- what a process before has left -------------------------------------------------------------- */

/*
 * It may have been killed between any two stores. A flow with a tag is in force, even if its deadline
 * is gone: its packets have to be counted. Without a tag nothing new finds it; a program that found
 * it before may still be at it.
 */
static void take_over(struct flow_table *table, uint32_t place)
{
	struct flow *flow = &table->memory.flows[place];
	uint64_t counted = __atomic_load_n(&flow->counted, __ATOMIC_RELAXED);
	__u32 *tag = tag_at(table, place);
	bool is_closed = (counted & FLOW_CLOSED) != 0;

	if (*tag != 0 && !is_closed) {
		table->count++;
		return;
	}
	if (*tag == 0 && !is_closed && flow->deadline_ns == 0)
		return;
	__atomic_store_n(&flow->deadline_ns, 0, __ATOMIC_RELEASE);
	__atomic_store_n(tag, 0, __ATOMIC_RELEASE);
	table->rests_until_ms[place] = LEFT;
}

struct flow_table *flow_table_new(const struct flow_memory *memory)
{
	struct flow_table *table = calloc(1, sizeof(*table));

	assert(memory->bucket_count > 0 &&
	       (memory->bucket_count & (memory->bucket_count - 1)) == 0 &&
	       memory->bucket_count < FLOW_NONE / FLOW_WAYS);
	if (table == NULL)
		return NULL;
	table->memory = *memory;
	table->rests_until_ms = calloc(places(table), sizeof(*table->rests_until_ms));
	if (table->rests_until_ms == NULL ||
	    pthread_mutex_init(&table->mutex, NULL) != 0) {
		free(table->rests_until_ms);
		free(table);
		return NULL;
	}
	for (uint32_t place = 0; place < places(table); place++)
		take_over(table, place);
	return table;
}

void flow_table_free(struct flow_table *table)
{
	if (table == NULL)
		return;
	pthread_mutex_destroy(&table->mutex);
	free(table->rests_until_ms);
	free(table);
}

/* --- places -------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct flow_table *table, const struct flow_key *key)
{
	return flow_hash(key, table->memory.settings->seed);
}

static uint32_t first_place(const struct flow_table *table, uint64_t hash)
{
	return (uint32_t)(hash & (table->memory.bucket_count - 1)) * FLOW_WAYS;
}

/* With the mutex. */
static uint32_t find(const struct flow_table *table, const struct flow_key *key,
		     uint64_t hash)
{
	uint32_t first = first_place(table, hash);

	for (uint32_t place = first; place < first + FLOW_WAYS; place++) {
		if (*tag_at(table, place) == flow_tag(hash) &&
		    memcmp(&table->memory.flows[place].key, key, sizeof(*key)) == 0)
			return place;
	}
	return FLOW_NONE;
}

/* With the mutex. May a program still be at what was there? */
static bool rests(struct flow_table *table, uint32_t place, uint64_t now_ms)
{
	uint64_t until_ms = table->rests_until_ms[place];

	if (until_ms == LEFT) {
		if (table->left_until_ms == 0)
			table->left_until_ms = now_ms + FLOW_REST_MS;
		until_ms = table->left_until_ms;
	}
	return now_ms < until_ms;
}

/* With the mutex. */
static uint32_t find_free(struct flow_table *table, uint64_t hash, uint64_t now_ms)
{
	uint32_t first = first_place(table, hash);

	for (uint32_t place = first; place < first + FLOW_WAYS; place++) {
		if (*tag_at(table, place) == 0 && !rests(table, place, now_ms))
			return place;
	}
	return FLOW_NONE;
}

/* With the mutex. */
static void publish(struct flow_table *table, uint32_t place, const struct flow *flow,
		    uint64_t hash, uint64_t deadline_ns)
{
	struct flow *at = &table->memory.flows[place];
	struct flow fields = *flow;

	assert(*tag_at(table, place) == 0 && at->deadline_ns == 0);
	/* Whoever reads the new word has the new fields, even by a tag that was read before. */
	fields.deadline_ns = 0;
	fields.counted = FLOW_CLOSED;
	memcpy(at, &fields, sizeof(*at));
	__atomic_store_n(&at->counted, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&at->deadline_ns, deadline_ns, __ATOMIC_RELEASE);
	__atomic_store_n(tag_at(table, place), flow_tag(hash), __ATOMIC_RELEASE);
	__atomic_fetch_add(&table->count, 1, __ATOMIC_RELAXED);
}

uint32_t flow_table_put(struct flow_table *table, const struct flow *flow,
			uint64_t now_ms)
{
	uint64_t hash = hash_of(table, &flow->key);
	uint32_t place = FLOW_NONE;

	assert(flow->counted == 0 && (flow->key.family == 4 || flow->key.family == 6));
	assert(flow->hop < FLOW_HOPS && flow->back < FLOW_HOPS);
	pthread_mutex_lock(&table->mutex);
	if (find(table, &flow->key, hash) == FLOW_NONE)
		place = find_free(table, hash, now_ms);
	if (place != FLOW_NONE)
		publish(table, place, flow, hash, leased_ns(flow->deadline_ns, now_ms));
	pthread_mutex_unlock(&table->mutex);
	return place;
}

uint32_t flow_table_find(struct flow_table *table, const struct flow_key *key)
{
	pthread_mutex_lock(&table->mutex);
	uint32_t place = find(table, key, hash_of(table, key));
	pthread_mutex_unlock(&table->mutex);
	return place;
}

const struct flow *flow_table_at(const struct flow_table *table, uint32_t flow)
{
	return flow_at(table, flow);
}

struct traffic flow_table_end(struct flow_table *table, uint32_t flow, uint64_t now_ms)
{
	uint64_t counted;

	pthread_mutex_lock(&table->mutex);
	struct flow *at = flow_at(table, flow);
	assert(is_in_force(table, flow));
	__atomic_store_n(&at->deadline_ns, 0, __ATOMIC_RELEASE);
	counted = __atomic_fetch_or(&at->counted, FLOW_CLOSED, __ATOMIC_ACQ_REL);
	assert((counted & FLOW_CLOSED) == 0);
	__atomic_store_n(tag_at(table, flow), 0, __ATOMIC_RELEASE);
	table->rests_until_ms[flow] = now_ms + FLOW_REST_MS;
	__atomic_fetch_sub(&table->count, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&table->mutex);
	return traffic_of(counted);
}

size_t flow_table_sweep(struct flow_table *table, bool (*keep)(void *arg, uint32_t flow),
			void *arg, uint64_t now_ms)
{
	size_t ended = 0;

	for (uint32_t place = 0; place < places(table); place++) {
		if (!is_in_force(table, place) || (keep != NULL && keep(arg, place)))
			continue;
		flow_table_end(table, place, now_ms);
		ended++;
	}
	return ended;
}

/* --- one flow ------------------------------------------------------------------------------------ */

struct traffic flow_table_read(struct flow_table *table, uint32_t flow)
{
	/* Only its worker closes it, so the word is not closed, and 0 opens nothing. */
	uint64_t counted =
		__atomic_exchange_n(&flow_at(table, flow)->counted, 0, __ATOMIC_RELAXED);

	assert((counted & FLOW_CLOSED) == 0);
	return traffic_of(counted);
}

void flow_table_renew(struct flow_table *table, uint32_t flow, uint64_t ends_ns,
		      uint64_t now_ms)
{
	__atomic_store_n(&flow_at(table, flow)->deadline_ns, leased_ns(ends_ns, now_ms),
			 __ATOMIC_RELAXED);
}

void flow_table_grant(struct flow_table *table, uint32_t flow, uint32_t bytes)
{
	struct flow *at = flow_at(table, flow);

	debug_assert((at->flags & FLOW_LIMITED) != 0);
	__atomic_fetch_add(&at->credit, bytes, __ATOMIC_RELAXED);
}

int64_t flow_table_credit(const struct flow_table *table, uint32_t flow)
{
	return __atomic_load_n(&flow_at(table, flow)->credit, __ATOMIC_RELAXED);
}

void flow_table_adopt(struct flow_table *table, uint32_t flow, uint16_t hop,
		      uint16_t back, uint32_t owner)
{
	struct flow *at = flow_at(table, flow);

	assert(hop < FLOW_HOPS && back < FLOW_HOPS && owner != 0);
	__atomic_store_n(&at->hop, hop, __ATOMIC_RELAXED);
	__atomic_store_n(&at->back, back, __ATOMIC_RELAXED);
	__atomic_store_n(&at->owner, owner, __ATOMIC_RELAXED);
}

uint32_t flow_table_owner(const struct flow_table *table, uint32_t flow)
{
	assert(flow < places(table));
	return __atomic_load_n(&table->memory.flows[flow].owner, __ATOMIC_RELAXED);
}

/* --- all of them --------------------------------------------------------------------------------- */

size_t flow_table_count(const struct flow_table *table)
{
	return __atomic_load_n(&table->count, __ATOMIC_RELAXED);
}

void flow_table_counts(const struct flow_table *table, struct flow_sums *sum)
{
	*sum = (struct flow_sums){0};
	for (int cpu = 0; cpu < FLOW_CPUS_MAX; cpu++) {
		const struct flow_counts *row = &table->memory.counts[cpu];

		sum->packets += __atomic_load_n(&row->packets, __ATOMIC_RELAXED);
		for (int up = 0; up < FLOW_UP_COUNT; up++)
			sum->ups[up] += __atomic_load_n(&row->ups[up], __ATOMIC_RELAXED);
	}
}
