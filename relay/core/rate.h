/*
 * rate.h - the rate at which a total grows, from a look now and then. For display; no decision
 * uses it.
 *
 * The one measure of mediarelayd: bits and packets of an allocation (relay/rates), bits of a
 * user, a side or the relay (bandwidth/meter), processor time of a worker (ops/worker_load).
 * They look at different times. The caller keeps the time, because one look often covers
 * several totals.
 *
 * Threads  any may read per_s. Two that look at the same time may count a piece twice.
 */
#ifndef RELAY_CORE_RATE_H
#define RELAY_CORE_RATE_H

#include <stdint.h>

/* All zero: a total of 0 at the last look. */
struct rate {
	uint64_t total; /* at the last look */
	uint64_t per_s; /* in the time before it */
};

/* In the time since the last look, which was elapsed_ms ago; 0 counts as 1. */
static inline uint64_t rate_since(const struct rate *rate, uint64_t total,
				  uint64_t elapsed_ms)
{
	uint64_t was = __atomic_load_n(&rate->total, __ATOMIC_RELAXED);

	return total > was ? (total - was) * 1000 / (elapsed_ms ? elapsed_ms : 1) : 0;
}

/* Look at it. */
static inline void rate_sample(struct rate *rate, uint64_t total, uint64_t elapsed_ms)
{
	__atomic_store_n(&rate->per_s, rate_since(rate, total, elapsed_ms),
			 __ATOMIC_RELAXED);
	__atomic_store_n(&rate->total, total, __ATOMIC_RELAXED);
}

/* What the last look found. */
static inline uint64_t rate_per_s(const struct rate *rate)
{
	return __atomic_load_n(&rate->per_s, __ATOMIC_RELAXED);
}

#endif
