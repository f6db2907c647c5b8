/*
 * tokens.h - one token bucket, as the time at which it would be full again (GCRA). Taking moves
 * that time on; there is room while it lies less than the bucket's depth ahead. So no timer
 * fills it, and 0 is a full bucket.
 *
 * What is larger than the bucket passes when the bucket is full, and is paid off afterwards:
 * in any time t no more than rate * t + the larger of depth and one piece gets through.
 *
 * Threads  any number; each operation is one relaxed atomic. Threads that ask at the same
 *          time may all take; then all of them wait longer.
 * Time     nanoseconds, passed in.
 */
#ifndef RELAY_CORE_TOKENS_H
#define RELAY_CORE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/debug_assert.h"

struct tokens {
	uint64_t full_ns;
};

/* bps: bits per second, not 0. bytes: up to 1 GiB. */
static inline uint64_t tokens_cost_ns(uint64_t bps, size_t bytes)
{
	debug_assert(bps != 0 && bytes <= (size_t)1 << 30);
	return (bytes * UINT64_C(8000000000) + bps - 1) / bps;
}

/* How far ahead of a full bucket it is. */
static inline uint64_t tokens_debt_ns(const struct tokens *tokens, uint64_t now_ns)
{
	uint64_t full_ns = __atomic_load_n(&tokens->full_ns, __ATOMIC_RELAXED);

	return full_ns > now_ns ? full_ns - now_ns : 0;
}

/* Is there room for that much? bps 0: always. */
static inline bool tokens_has(const struct tokens *tokens, uint64_t bps,
			      uint64_t depth_ns, size_t bytes, uint64_t now_ns)
{
	if (bps == 0)
		return true;

	uint64_t debt_ns = tokens_debt_ns(tokens, now_ns);
	uint64_t cost_ns = tokens_cost_ns(bps, bytes);

	return debt_ns == 0 || debt_ns + cost_ns <= depth_ns;
}

/* Take it, whether there is room or not. */
static inline void tokens_take(struct tokens *tokens, uint64_t bps, size_t bytes,
			       uint64_t now_ns)
{
	if (bps == 0)
		return;

	uint64_t cost_ns = tokens_cost_ns(bps, bytes);
	uint64_t was = __atomic_load_n(&tokens->full_ns, __ATOMIC_RELAXED), next;
	do {
		next = (was > now_ns ? was : now_ns) + cost_ns;
	} while (!__atomic_compare_exchange_n(&tokens->full_ns, &was, next, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

/* For how much there is room, of at most so many bytes. bps 0: for all. */
static inline size_t tokens_room(const struct tokens *tokens, uint64_t bps,
				 uint64_t depth_ns, size_t most, uint64_t now_ns)
{
	if (bps == 0)
		return most;

	uint64_t debt_ns = tokens_debt_ns(tokens, now_ns);

	if (debt_ns >= depth_ns)
		return 0;
	if (depth_ns - debt_ns >= tokens_cost_ns(bps, most))
		return most;
	return (size_t)((depth_ns - debt_ns) * bps / UINT64_C(8000000000));
}

/* How long until tokens_has() that much; 0: now. */
static inline uint64_t tokens_wait_for_ns(const struct tokens *tokens, uint64_t bps,
					  uint64_t depth_ns, size_t bytes,
					  uint64_t now_ns)
{
	if (tokens_has(tokens, bps, depth_ns, bytes, now_ns))
		return 0;

	uint64_t debt_ns = tokens_debt_ns(tokens, now_ns);
	uint64_t cost_ns = tokens_cost_ns(bps, bytes);

	return cost_ns > depth_ns ? debt_ns : debt_ns + cost_ns - depth_ns;
}

/* How long until there is room again for at least a little; 0: there is now. */
static inline uint64_t tokens_wait_ns(const struct tokens *tokens, uint64_t bps,
				      uint64_t depth_ns, uint64_t now_ns)
{
	uint64_t debt_ns = bps != 0 ? tokens_debt_ns(tokens, now_ns) : 0;

	return debt_ns > depth_ns ? debt_ns - depth_ns : 0;
}

#endif
