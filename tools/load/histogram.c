/*
 * histogram.c - see histogram.h. Values below 128 have a bucket each. Above, the highest bit
 * chooses a group, and the seven bits below it the bucket in the group.
 */
#include "tools/load/histogram.h"

#include <assert.h>
#include <stddef.h>

enum { SUB_COUNT = 1 << HISTOGRAM_SUB_BITS };

static size_t bucket_of(uint64_t value)
{
	if (value < SUB_COUNT)
		return (size_t)value;
	if (value >> HISTOGRAM_VALUE_BITS != 0)
		return HISTOGRAM_BUCKETS - 1;

	unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return ((size_t)shift << HISTOGRAM_SUB_BITS) + (size_t)(value >> shift);
}

static uint64_t top_of(size_t bucket)
{
	if (bucket < SUB_COUNT)
		return bucket;

	unsigned shift = (unsigned)(bucket >> HISTOGRAM_SUB_BITS) - 1;
	uint64_t sub = bucket - ((size_t)shift << HISTOGRAM_SUB_BITS);
	return ((sub + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
	if (h->count == 0 || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->count++;
	h->sum += (double)value;
	size_t bucket = bucket_of(value);
	assert(bucket < HISTOGRAM_BUCKETS);
	h->buckets[bucket]++;
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
	if (h->count == 0)
		return 0;

	/* Slightly less: 0.07 is inexact, but 7 percent of 100 values is the seventh. */
	double exact = percent / 100 * (double)h->count * (1 - 1e-12);
	uint64_t rank = (uint64_t)exact, seen = 0;
	if ((double)rank < exact || rank == 0)
		rank++;
	if (rank >= h->count)
		return h->max;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		seen += h->buckets[i];
		if (seen >= rank)
			return top_of(i) < h->max ? top_of(i) : h->max;
	}
	return h->max;
}

double histogram_mean(const struct histogram *h)
{
	return h->count == 0 ? 0 : h->sum / (double)h->count;
}
