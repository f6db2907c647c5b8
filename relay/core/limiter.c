/*
 * limiter.c - a count-min sketch of token buckets in GCRA form: a cell holds the time at which
 * its bucket would be full again. An answer moves that time on by 1/rate; it is allowed while
 * the time lies less than burst/rate ahead of now.
 *
 * What a collision does. A cell is at least as far ahead as any source that uses it deserves,
 * so sharing never buys allowance. It can only cost some, and only if both cells of a source
 * are over, each for its own reason. The hash key is secret, so an attacker with K prefixes
 * over their limit blocks each prefix of an innocent with probability (K / 65536)^2: 0.02 % for
 * K = 1000, 0.5 % for 4600. To hold them there costs 10 packets a second each after the burst
 * is spent, and what they get for it stays limited.
 *
 * What a flood of new sources does. Each random source moves each of its cells once: by 1/rate
 * for the narrow prefix and a quarter of that for the wide one. With 65536 cells a row and 10
 * answers a second per source a row drains 655360 answers a second, and a flood of F packets
 * a second fills it with 1.25 F. Up to half a million packets a second nothing piles up and
 * the innocent notices nothing. At a million, cells run ahead by 0.9 s each second, so a burst
 * of 2000 (200 s of allowance) lasts 220 s; then strangers as a whole are held to the row's
 * 650000 answers a second. Clients with a valid nonce and integrity are never asked.
 */
#include "relay/core/limiter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 2, CELLS = 1 << 16, WIDER = 4 };

/* Full again at this time in monotonic ns; 0 is long ago. */
typedef uint64_t cell;

struct limiter {
	struct siphash_key key;
	cell rows[ROWS][CELLS];
};

/* The cells of one prefix, and what they allow. */
struct bucket {
	cell *cells[ROWS];
	uint64_t interval_ns;  /* one answer */
	uint64_t tolerance_ns; /* how far ahead of now may be answered */
};

struct limiter *limiter_new(const struct siphash_key *key)
{
	struct limiter *limiter = calloc(1, sizeof(*limiter));
	if (limiter)
		limiter->key = *key;
	return limiter;
}

void limiter_free(struct limiter *limiter)
{
	free(limiter);
}

/* The prefix is the first `bytes` bytes; family and length keep equal bytes apart. */
static struct bucket bucket_of(struct limiter *limiter, const struct ip_addr *source,
			       size_t bytes, uint64_t interval_ns, uint64_t burst)
{
	uint8_t prefix[2 + sizeof(source->bytes)] = {source->family, (uint8_t)bytes};
	assert(bytes <= sizeof(source->bytes) && burst > 0);
	memcpy(prefix + 2, source->bytes, bytes);

	/* Disjoint bits of one keyed hash are as good as two hashes. */
	uint64_t hash = siphash(&limiter->key, prefix, 2 + bytes);
	return (struct bucket){
		.cells = {&limiter->rows[0][hash % CELLS],
			  &limiter->rows[1][hash / CELLS % CELLS]},
		.interval_ns = interval_ns,
		.tolerance_ns = (burst - 1) * interval_ns,
	};
}

static bool has_room(const struct bucket *b, uint64_t now_ns)
{
	for (int row = 0; row < ROWS; row++) {
		if (__atomic_load_n(b->cells[row], __ATOMIC_RELAXED) <=
		    now_ns + b->tolerance_ns)
			return true;
	}
	return false;
}

/*
 * Move both cells on by so many answers, also one that is over its limit already: workers that find
 * the last token at once all pay for it, and wait longer next time.
 */
static void charge(const struct bucket *b, uint32_t answers, uint64_t now_ns)
{
	for (int row = 0; row < ROWS; row++) {
		uint64_t was = __atomic_load_n(b->cells[row], __ATOMIC_RELAXED);
		uint64_t next;
		do {
			next = (was > now_ns ? was : now_ns) + answers * b->interval_ns;
		} while (!__atomic_compare_exchange_n(b->cells[row], &was, next, true,
						      __ATOMIC_RELAXED,
						      __ATOMIC_RELAXED));
	}
}

/* Those that a source counts in: its own prefix and the wider one around it. */
struct buckets {
	struct bucket narrow, wide;
};

static struct buckets buckets_of(struct limiter *limiter, const struct ip_addr *source,
				 uint32_t rate_per_s, uint32_t burst)
{
	bool v4 = source->family == IP_V4;
	uint64_t interval_ns = 1000000000 / rate_per_s;
	uint64_t tokens = burst ? burst : 1;

	assert(v4 || source->family == IP_V6);
	return (struct buckets){
		.narrow = bucket_of(limiter, source, v4 ? 4 : 8, interval_ns, tokens),
		.wide = bucket_of(limiter, source, v4 ? 3 : 6, interval_ns / WIDER,
				  tokens * WIDER),
	};
}

bool limiter_allows(struct limiter *limiter, const struct ip_addr *source,
		    uint32_t rate_per_s, uint32_t burst, uint64_t now_ms)
{
	if (rate_per_s == 0)
		return true;

	struct buckets buckets = buckets_of(limiter, source, rate_per_s, burst);
	uint64_t now_ns = now_ms * 1000000;

	if (!has_room(&buckets.narrow, now_ns) || !has_room(&buckets.wide, now_ns))
		return false;
	charge(&buckets.narrow, 1, now_ns);
	charge(&buckets.wide, 1, now_ns);
	return true;
}

void limiter_spend(struct limiter *limiter, const struct ip_addr *source,
		   uint32_t rate_per_s, uint32_t answers, uint64_t now_ms)
{
	assert(answers > 0 && answers <= LIMITER_SPEND_MAX);
	if (rate_per_s == 0)
		return;

	struct buckets buckets = buckets_of(limiter, source, rate_per_s, 1);

	charge(&buckets.narrow, answers, now_ms * 1000000);
	charge(&buckets.wide, answers, now_ms * 1000000);
}

struct ip_addr source_prefix(const struct ip_addr *source)
{
	struct ip_addr prefix = {.family = source->family};
	memcpy(prefix.bytes, source->bytes, source->family == IP_V4 ? 4 : 8);
	return prefix;
}
