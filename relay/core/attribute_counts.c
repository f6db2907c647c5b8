/*
 * attribute_counts.c - see attribute_counts.h.
 */
#include "relay/core/attribute_counts.h"

#include <assert.h>
#include <stdlib.h>

#include "relay/core/counter.h"

enum { TYPE_SHIFT = 48 };
#define COUNT_MASK (((uint64_t)1 << TYPE_SHIFT) - 1)

void attribute_counts_add(struct attribute_counts *counts, uint16_t type)
{
	for (size_t i = 0; i < ATTRIBUTE_COUNTS_MAX; i++) {
		uint64_t row = counter_read(&counts->rows[i]);

		if (row == 0)
			row = (uint64_t)type << TYPE_SHIFT;
		if (row >> TYPE_SHIFT != type)
			continue;
		assert((row & COUNT_MASK) < COUNT_MASK);
		__atomic_store_n(&counts->rows[i], row + 1, __ATOMIC_RELAXED);
		return;
	}
}

static void merge_one(struct attribute_count list[ATTRIBUTE_COUNTS_MAX], size_t *len,
		      uint16_t type, uint64_t count)
{
	for (size_t i = 0; i < *len; i++) {
		if (list[i].type == type) {
			list[i].count += count;
			return;
		}
	}
	if (*len < ATTRIBUTE_COUNTS_MAX)
		list[(*len)++] = (struct attribute_count){type, count};
}

void attribute_counts_merge(const struct attribute_counts *counts,
			    struct attribute_count list[ATTRIBUTE_COUNTS_MAX],
			    size_t *len)
{
	assert(*len <= ATTRIBUTE_COUNTS_MAX);
	for (size_t i = 0; i < ATTRIBUTE_COUNTS_MAX; i++) {
		uint64_t row = counter_read(&counts->rows[i]);

		if (row == 0)
			break;
		merge_one(list, len, (uint16_t)(row >> TYPE_SHIFT), row & COUNT_MASK);
	}
}

static int by_count(const void *a, const void *b)
{
	const struct attribute_count *left = a, *right = b;

	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return (int)left->type - (int)right->type;
}

void attribute_counts_sort(struct attribute_count *list, size_t len)
{
	qsort(list, len, sizeof(*list), by_count);
}
