/*
 * slab.h - a pool of places of one size, named by number.
 *
 * Reserved whole at start; a page is touched when the first thing in it is taken, because the
 * places never taken so far lie behind a mark and are in no list. What was given back is taken
 * again first. Numbers instead of pointers, so the memory may lie at any address.
 *
 * Owner    embedded in what it serves; one worker.
 */
#ifndef RELAY_CORE_SLAB_H
#define RELAY_CORE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/debug_assert.h"

#define SLAB_NONE UINT32_MAX

enum { SLAB_ALIGN = 64 }; /* of the first place: a cache line */

struct slab {
	uint8_t *places;
	void *memory; /* what to free */
	size_t place_size;
	uint32_t size; /* in places */
	uint32_t mark; /* places below it were taken at least once */
	uint32_t free; /* head of those given back */
	uint32_t used;
};

/* place_size is at least 4. False if out of memory; then nothing is held. */
bool slab_init(struct slab *slab, size_t size, size_t place_size);
void slab_release(struct slab *slab); /* a zeroed one is allowed */

/*
 * A place, or SLAB_NONE. Zero when first taken; later it keeps its old content except its first
 * four bytes.
 */
uint32_t slab_take(struct slab *slab);
void slab_give(struct slab *slab, uint32_t place);

static inline void *slab_at(const struct slab *slab, uint32_t place)
{
	debug_assert(place < slab->mark);
	return slab->places + (size_t)place * slab->place_size;
}

#endif
