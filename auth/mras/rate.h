/*
 * rate.h - a rate limit for each of very many names, in a table of fixed size.
 *
 * A keyed count-min sketch of token buckets: two rows of "used up until" times. A name is
 * over its rate only if both of its cells say so, and no cell is ever evicted: a flood of
 * new names takes no memory and gains no allowance. Names are hashed with a random key,
 * so nobody can choose names that collide in both rows.
 *
 * Threads  none of its own: the owner locks.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef AUTH_MRAS_RATE_H
#define AUTH_MRAS_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

struct rate_table;

/* cells per row, a power of two. NULL: out of memory or no randomness. */
struct rate_table *rate_table_new(size_t cells);
void rate_table_free(struct rate_table *table); /* NULL is allowed */

/*
 * May name do one more? amount per period_ms; after a silent period a name may use all of
 * it at once. amount 0: no limit.
 */
bool rate_allows(struct rate_table *table, struct slice name, uint32_t amount,
		 uint32_t period_ms, uint64_t now_ms);

#endif
