/*
 * distribution.c - see distribution.h. The bounds are few: graphs and alerts show whether calls
 * fail at once and whether batches are full.
 */
#include "relay/core/distribution.h"

#include <assert.h>

#include "relay/core/counter.h"

enum { S = 1000, MIN = 60 * S, H = 60 * MIN };

const struct distribution_bounds distribution_durations = {
	.count = 10,
	.bounds = {S, 5 * S, 15 * S, MIN, 5 * MIN, 15 * MIN, 30 * MIN, H, 3 * H, 8 * H},
};

const struct distribution_bounds distribution_bytes = {
	.count = 9,
	.bounds = {1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
		   10000000000, 100000000000},
};

const struct distribution_bounds distribution_batches = {
	.count = 6,
	.bounds = {1, 2, 4, 8, 16, 32},
};

void distribution_add(struct distribution *distribution,
		      const struct distribution_bounds *bounds, uint64_t value)
{
	size_t i = 0;

	assert(bounds->count <= DISTRIBUTION_BOUNDS_MAX);
	while (i < bounds->count && value > bounds->bounds[i])
		i++;
	counter_add(&distribution->counts[i], 1);
	counter_add(&distribution->sum, value);
}
