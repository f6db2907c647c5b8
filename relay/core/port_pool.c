/*
 * port_pool.c - two bitmaps per address, taken and resting; what is in neither is free.
 *
 * The bitmaps hold all ports, of which the configured range is a window, so that the window can
 * move while ports outside of it are taken: 20 KB for each address, and the other pages are
 * touched with the first port in them. An even port and its odd neighbour share a word, so a
 * search for a pair looks at 32 of them at once: the last free port of 10,000 is at most 158
 * words away. Resting ports also hang in a list in the order in which they were given back; the
 * whole list is walked only when nothing rested fits, which means that the pool is almost
 * exhausted.
 */
#include "relay/core/port_pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "relay/core/five_tuple.h"

#define NONE UINT32_MAX
#define EVEN_BITS 0x5555555555555555u

enum { PORTS = 1 << 16, WORDS = PORTS / 64 };

/* One port's place in the list of resting ones. */
struct rest {
	uint32_t older, newer;
	uint64_t since_ms;
	uint32_t number; /* of the watch */
};

/* The ports of one IP address; an index is a port. */
struct range {
	uint64_t taken[WORDS]; /* written under the lock, read without it */
	uint64_t resting[WORDS];
	uint8_t *holders;   /* by index; which address took it, valid where taken */
	struct rest *rests; /* by index; valid where resting */
	uint32_t oldest, newest;
	size_t used_count, resting_count;
	unsigned addresses; /* that have these ports */
};

struct port_pool {
	pthread_mutex_t lock;
	struct siphash_key key;
	uint64_t draws; /* of random numbers so far */
	uint64_t rest_ms;
	uint32_t begin, end; /* the window; end is one behind the last */
	struct range *ranges[PORT_POOL_ADDRESSES_MAX];
	struct port_pool_watch watch; /* rests NULL: nobody watches */
};

static void range_unref(struct range *r)
{
	if (!r || --r->addresses > 0)
		return;
	free(r->holders);
	free(r->rests);
	free(r);
}

static struct range *range_new(void)
{
	struct range *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->oldest = r->newest = NONE;
	r->addresses = 1;
	r->holders = calloc(PORTS, sizeof(*r->holders));
	r->rests = calloc(PORTS, sizeof(*r->rests));
	if (!r->holders || !r->rests) {
		range_unref(r);
		return NULL;
	}
	return r;
}

struct port_pool *port_pool_new(const struct port_pool_config *config)
{
	assert(config->address_count <= PORT_POOL_ADDRESSES_MAX);
	assert(config->first >= 1024 && config->first <= config->last);

	struct port_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pool->key = (struct siphash_key){config->seed, 0x706f7274706f6f6c};
	pool->rest_ms = config->rest_ms;
	pool->begin = config->first;
	pool->end = config->last + 1u;
	for (size_t i = 0; i < config->address_count; i++) {
		if (!port_pool_add(pool, i, i))
			goto fail;
	}
	return pool;

fail:
	port_pool_free(pool);
	return NULL;
}

void port_pool_free(struct port_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++)
		range_unref(pool->ranges[i]);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

bool port_pool_add(struct port_pool *pool, size_t address, size_t like)
{
	assert(address < PORT_POOL_ADDRESSES_MAX && like < PORT_POOL_ADDRESSES_MAX);
	assert(!pool->ranges[address] && (like == address || pool->ranges[like]));

	struct range *r = like == address ? range_new() : pool->ranges[like];
	if (!r)
		return false;
	pthread_mutex_lock(&pool->lock);
	if (like != address)
		r->addresses++;
	pool->ranges[address] = r;
	pthread_mutex_unlock(&pool->lock);
	return true;
}

void port_pool_remove(struct port_pool *pool, size_t address)
{
	assert(address < PORT_POOL_ADDRESSES_MAX);
	pthread_mutex_lock(&pool->lock);
	struct range *r = pool->ranges[address];

	if (r && r->addresses == 1 && pool->watch.rests) {
		for (uint32_t i = r->oldest; i != NONE; i = r->rests[i].newer)
			pool->watch.ends(pool->watch.arg, r->rests[i].number);
	}
	range_unref(r);
	pool->ranges[address] = NULL;
	pthread_mutex_unlock(&pool->lock);
}

void port_pool_move(struct port_pool *pool, uint16_t first, uint16_t last,
		    uint32_t rest_ms)
{
	assert(first >= 1024 && first <= last);

	pthread_mutex_lock(&pool->lock);
	pool->begin = first;
	pool->end = last + 1u;
	pool->rest_ms = rest_ms;
	pthread_mutex_unlock(&pool->lock);
}

static bool in_window(const struct port_pool *pool, uint32_t index)
{
	return index >= pool->begin && index < pool->end;
}

static bool bit_get(const uint64_t *words, uint32_t index)
{
	return words[index / 64] >> index % 64 & 1;
}

static void bit_put(uint64_t *words, uint32_t index, bool on)
{
	uint64_t bit = UINT64_C(1) << index % 64;
	uint64_t word = words[index / 64];
	__atomic_store_n(&words[index / 64], on ? word | bit : word & ~bit,
			 __ATOMIC_RELAXED);
}

/* The bits of one word that lie in the window. */
static uint64_t word_mask(const struct port_pool *pool, size_t word)
{
	uint64_t mask = UINT64_MAX;
	if (word < pool->begin / 64 || word > (pool->end - 1) / 64)
		return 0;
	if (word == pool->begin / 64)
		mask <<= pool->begin % 64;
	if (word == (pool->end - 1) / 64 && pool->end % 64)
		mask &= (UINT64_C(1) << pool->end % 64) - 1;
	return mask;
}

/* Ports of one word that are free and at which `want` may start. */
static uint64_t candidates(const struct port_pool *pool, const struct range *r,
			   size_t word, enum port_want want)
{
	uint64_t idle = ~(r->taken[word] | r->resting[word]) & word_mask(pool, word);

	switch (want) {
	case PORT_ANY:
		return idle;
	case PORT_EVEN:
		return idle & EVEN_BITS;
	case PORT_EVEN_PAIR:
		return idle & idle >> 1 & EVEN_BITS;
	}
	return 0;
}

/* A number below n: a keyed counter, because libc's generators can be predicted. */
static uint32_t draw(struct port_pool *pool, uint32_t n)
{
	assert(n > 0);
	uint64_t count = pool->draws++;
	uint64_t random = siphash(&pool->key, &count, sizeof(count));
	return (uint32_t)((random >> 32) * n >> 32);
}

/* The first free one from a random index on, around the end; NONE if there is none. */
static uint32_t find_free(struct port_pool *pool, const struct range *r,
			  enum port_want want)
{
	uint32_t start = pool->begin + draw(pool, pool->end - pool->begin);
	size_t first = pool->begin / 64, last = (pool->end - 1) / 64, word = start / 64;
	uint64_t mask = UINT64_MAX << start % 64;

	/* One turn more than there are words: the first comes again for its lower bits. */
	for (size_t turn = 0; turn <= last - first + 1; turn++) {
		uint64_t found = candidates(pool, r, word, want) & mask;
		if (found)
			return (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(found);
		mask = UINT64_MAX;
		word = word < last ? word + 1 : first;
	}
	return NONE;
}

static void rest_end(const struct port_pool *pool, struct range *r, uint32_t index)
{
	const struct rest *rest = &r->rests[index];

	assert(bit_get(r->resting, index) && r->resting_count > 0);
	if (rest->older != NONE)
		r->rests[rest->older].newer = rest->newer;
	else
		r->oldest = rest->newer;
	if (rest->newer != NONE)
		r->rests[rest->newer].older = rest->older;
	else
		r->newest = rest->older;
	bit_put(r->resting, index, false);
	r->resting_count--;
	if (pool->watch.rests)
		pool->watch.ends(pool->watch.arg, rest->number);
}

static void rest_begin(const struct port_pool *pool, size_t address, uint32_t index,
		       uint64_t now_ms)
{
	struct range *r = pool->ranges[address];

	/* Workers' clocks differ by a turn of the loop; the list stays in order of time. */
	if (r->newest != NONE && r->rests[r->newest].since_ms > now_ms)
		now_ms = r->rests[r->newest].since_ms;

	assert(!bit_get(r->resting, index) && !bit_get(r->taken, index));
	r->rests[index] = (struct rest){
		.older = r->newest,
		.newer = NONE,
		.since_ms = now_ms,
	};
	if (r->newest != NONE)
		r->rests[r->newest].newer = index;
	else
		r->oldest = index;
	r->newest = index;
	bit_put(r->resting, index, true);
	r->resting_count++;
	if (pool->watch.rests)
		r->rests[index].number = pool->watch.rests(pool->watch.arg, address,
							   (uint16_t)index, now_ms);
}

/* Free what has rested long enough. */
static void rest_expire(const struct port_pool *pool, struct range *r, uint64_t now_ms)
{
	while (r->oldest != NONE && now_ms >= r->rests[r->oldest].since_ms &&
	       now_ms - r->rests[r->oldest].since_ms >= pool->rest_ms)
		rest_end(pool, r, r->oldest);
}

/*
 * Does a pair fit around this resting port: its neighbour is in the range and free, or resting
 * for as long or longer? The list is walked from the longest rested on, so the first fit is
 * the pair of which both have rested longest.
 */
static bool pair_fits(const struct port_pool *pool, const struct range *r, uint32_t index)
{
	uint32_t other = index ^ 1;

	if (!in_window(pool, other) || bit_get(r->taken, other))
		return false;
	return !bit_get(r->resting, other) ||
	       r->rests[other].since_ms <= r->rests[index].since_ms;
}

/* The longest rested in the window that fits; NONE if there is none. */
static uint32_t find_resting(const struct port_pool *pool, const struct range *r,
			     enum port_want want)
{
	for (uint32_t i = r->oldest; i != NONE; i = r->rests[i].newer) {
		if (!in_window(pool, i))
			continue;
		if (want == PORT_ANY || (want == PORT_EVEN && i % 2 == 0))
			return i;
		if (want == PORT_EVEN_PAIR && pair_fits(pool, r, i))
			return i & ~1u;
	}
	return NONE;
}

static void mark_taken(const struct port_pool *pool, struct range *r, uint32_t index,
		       size_t address)
{
	if (bit_get(r->resting, index))
		rest_end(pool, r, index);
	assert(!bit_get(r->taken, index));
	__atomic_store_n(&r->holders[index], (uint8_t)address, __ATOMIC_RELAXED);
	bit_put(r->taken, index, true);
	r->used_count++;
}

uint16_t port_pool_take(struct port_pool *pool, size_t address, enum port_want want,
			uint64_t now_ms)
{
	assert(address < PORT_POOL_ADDRESSES_MAX && pool->ranges[address]);
	struct range *r = pool->ranges[address];

	pthread_mutex_lock(&pool->lock);
	rest_expire(pool, r, now_ms);
	uint32_t index = find_free(pool, r, want);
	if (index == NONE)
		index = find_resting(pool, r, want);
	if (index != NONE) {
		assert(in_window(pool, index) && (want == PORT_ANY || index % 2 == 0));
		mark_taken(pool, r, index, address);
		if (want == PORT_EVEN_PAIR)
			mark_taken(pool, r, index + 1, address);
	}
	pthread_mutex_unlock(&pool->lock);
	return index == NONE ? 0 : (uint16_t)index;
}

bool port_pool_take_this(struct port_pool *pool, size_t address, uint16_t port)
{
	assert(address < PORT_POOL_ADDRESSES_MAX && pool->ranges[address]);
	struct range *r = pool->ranges[address];
	bool ok;

	pthread_mutex_lock(&pool->lock);
	ok = port >= 1024 && !bit_get(r->taken, port);
	if (ok)
		mark_taken(pool, r, port, address);
	pthread_mutex_unlock(&pool->lock);
	return ok;
}

void port_pool_give(struct port_pool *pool, size_t address, uint16_t port,
		    uint64_t now_ms)
{
	assert(port_pool_in_use(pool, address, port));
	struct range *r = pool->ranges[address];

	pthread_mutex_lock(&pool->lock);
	assert(r->used_count > 0);
	bit_put(r->taken, port, false);
	r->used_count--;
	if (pool->rest_ms)
		rest_begin(pool, address, port, now_ms);
	pthread_mutex_unlock(&pool->lock);
}

void port_pool_watch(struct port_pool *pool, const struct port_pool_watch *watch)
{
	pthread_mutex_lock(&pool->lock);
	pool->watch = watch ? *watch : (struct port_pool_watch){NULL};
	pthread_mutex_unlock(&pool->lock);
}

bool port_pool_rest(struct port_pool *pool, size_t address, uint16_t port,
		    uint64_t since_ms, uint64_t now_ms)
{
	assert(address < PORT_POOL_ADDRESSES_MAX && pool->ranges[address]);
	struct range *r = pool->ranges[address];

	pthread_mutex_lock(&pool->lock);
	bool ok = port >= 1024 && !bit_get(r->taken, port) &&
		  !bit_get(r->resting, port) && since_ms <= now_ms &&
		  now_ms - since_ms < pool->rest_ms;
	if (ok)
		rest_begin(pool, address, port, since_ms);
	pthread_mutex_unlock(&pool->lock);
	return ok;
}

bool port_pool_in_use(const struct port_pool *pool, size_t address, uint16_t port)
{
	assert(address < PORT_POOL_ADDRESSES_MAX && pool->ranges[address]);

	const uint64_t *word = &pool->ranges[address]->taken[port / 64];
	return __atomic_load_n(word, __ATOMIC_RELAXED) >> port % 64 & 1;
}

bool port_pool_holds(const struct port_pool *pool, size_t address, uint16_t port)
{
	if (!port_pool_in_use(pool, address, port))
		return false;

	const uint8_t *holder = &pool->ranges[address]->holders[port];
	return __atomic_load_n(holder, __ATOMIC_RELAXED) == address;
}

static void count_range(struct port_pool *pool, struct range *r, uint64_t now_ms,
			struct port_pool_figures *figures)
{
	rest_expire(pool, r, now_ms);
	figures->size = pool->end - pool->begin;
	figures->used = r->used_count;
	figures->resting = r->resting_count;
	for (size_t word = 0; word < WORDS; word++) {
		uint64_t outside = (r->taken[word] | r->resting[word]) &
				   ~word_mask(pool, word);
		figures->size += (size_t)__builtin_popcountll(outside);
	}
}

struct port_pool_figures port_pool_figures(struct port_pool *pool, size_t address,
					   uint64_t now_ms)
{
	assert(address < PORT_POOL_ADDRESSES_MAX);

	pthread_mutex_lock(&pool->lock);
	struct port_pool_figures figures = {
		.first = (uint16_t)pool->begin,
		.last = (uint16_t)(pool->end - 1),
	};
	if (pool->ranges[address])
		count_range(pool, pool->ranges[address], now_ms, &figures);
	pthread_mutex_unlock(&pool->lock);
	return figures;
}

size_t port_pool_held(struct port_pool *pool, size_t address)
{
	assert(address < PORT_POOL_ADDRESSES_MAX);
	size_t held = 0;

	pthread_mutex_lock(&pool->lock);
	const struct range *r = pool->ranges[address];
	for (uint32_t i = 0; r && i < PORTS; i++) {
		if (r->taken[i / 64] == 0)
			i |= 63;
		else
			held += bit_get(r->taken, i) && r->holders[i] == address;
	}
	pthread_mutex_unlock(&pool->lock);
	return held;
}

static bool range_check(const struct range *r)
{
	size_t used = 0, resting = 0, listed = 0;

	for (size_t word = 0; word < WORDS; word++) {
		uint64_t taken = r->taken[word], rests = r->resting[word];
		if (taken & rests)
			return false;
		used += (size_t)__builtin_popcountll(taken);
		resting += (size_t)__builtin_popcountll(rests);
	}
	if (used != r->used_count || resting != r->resting_count)
		return false;

	uint32_t older = NONE;
	for (uint32_t i = r->oldest; i != NONE; older = i, i = r->rests[i].newer) {
		if (++listed > resting || i >= PORTS || !bit_get(r->resting, i) ||
		    r->rests[i].older != older ||
		    (older != NONE && r->rests[older].since_ms > r->rests[i].since_ms))
			return false;
	}
	return listed == resting && older == r->newest;
}

bool port_pool_check(struct port_pool *pool)
{
	bool ok = true;

	pthread_mutex_lock(&pool->lock);
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX && ok; i++)
		ok = !pool->ranges[i] || range_check(pool->ranges[i]);
	pthread_mutex_unlock(&pool->lock);
	return ok;
}
