/*
 * attribute_counts.h - how often unknown attributes came, by their numbers: which numbers is not
 * known in advance, so there is room for the first few and the rest is counted together
 * elsewhere (MS_ATTRIBUTE_OTHER in counters.h).
 *
 * Owner    one struct per worker, embedded in its struct turn.
 * Threads  one writer; others may read at any time.
 */
#ifndef RELAY_CORE_ATTRIBUTE_COUNTS_H
#define RELAY_CORE_ATTRIBUTE_COUNTS_H

#include <stddef.h>
#include <stdint.h>

enum { ATTRIBUTE_COUNTS_MAX = 32 };

/* All zero: none yet. A row is one word, so that a reader sees number and count together. */
struct attribute_counts {
	uint64_t rows[ATTRIBUTE_COUNTS_MAX]; /* type in the top 16 bits, below it how often */
};

void attribute_counts_add(struct attribute_counts *counts, uint16_t type);

struct attribute_count {
	uint16_t type;
	uint64_t count;
};

/*
 * Add those of one worker to a list of the reader's, which has *len rows and room for
 * ATTRIBUTE_COUNTS_MAX; a number that is one too many is left out.
 */
void attribute_counts_merge(const struct attribute_counts *counts,
			    struct attribute_count list[ATTRIBUTE_COUNTS_MAX],
			    size_t *len);

/* Most frequent first. */
void attribute_counts_sort(struct attribute_count *list, size_t len);

#endif
