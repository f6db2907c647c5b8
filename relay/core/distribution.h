/*
 * distribution.h - a histogram with fixed bounds, made of counters in struct counters.
 *
 * Threads  one writer; others read as they read counters.
 */
#ifndef RELAY_CORE_DISTRIBUTION_H
#define RELAY_CORE_DISTRIBUTION_H

#include <stddef.h>
#include <stdint.h>

enum { DISTRIBUTION_BOUNDS_MAX = 10 };

/* Upper bounds, inclusive and rising. */
struct distribution_bounds {
	size_t count;
	uint64_t bounds[DISTRIBUTION_BOUNDS_MAX];
};

extern const struct distribution_bounds distribution_durations; /* ms: 1 s to 8 h */
extern const struct distribution_bounds distribution_bytes;     /* 1 kB to 100 GB */
extern const struct distribution_bounds distribution_batches;   /* 1 to 32 */

struct distribution {
	uint64_t sum;
	uint64_t counts[DISTRIBUTION_BOUNDS_MAX +
			1]; /* the one after the last bound: more */
};

/* On the packet path. */
void distribution_add(struct distribution *distribution,
		      const struct distribution_bounds *bounds, uint64_t value);

#endif
