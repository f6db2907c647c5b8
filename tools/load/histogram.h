/*
 * histogram.h - the distribution of values of any magnitude in fixed memory: 128 buckets for each
 * power of two, so that a percentile is at most one percent too high. Minimum, maximum and mean
 * are exact.
 *
 * Owner    the struct that embeds it; zeroed is empty.
 * Threads  one.
 */
#ifndef TOOLS_LOAD_HISTOGRAM_H
#define TOOLS_LOAD_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_SUB_BITS = 7,
	HISTOGRAM_VALUE_BITS =
		42, /* larger values share the last bucket; 73 minutes in ns */
	HISTOGRAM_BUCKETS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS + 1)
			    << HISTOGRAM_SUB_BITS,
};

struct histogram {
	uint64_t count, min, max;
	double sum;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value);

/*
 * The value that percent (0..100) of all values do not exceed: the top of its bucket, at most
 * the maximum. 0 if empty.
 */
uint64_t histogram_percentile(const struct histogram *h, double percent);

double histogram_mean(const struct histogram *h); /* 0 if empty */

#endif
