/*
 * counter.h - one counter: 64 bits, so that it never wraps.
 *
 * Threads  one writer; others read with counter_read(). No locks.
 */
#ifndef RELAY_CORE_COUNTER_H
#define RELAY_CORE_COUNTER_H

#include <stdint.h>

static inline void counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* For a figure that is no sum. */
static inline void counter_set(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

static inline uint64_t counter_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
