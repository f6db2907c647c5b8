/*
 * slab.c - a mark and a list of the places given back, chained through its first four bytes.
 */
#include "relay/core/slab.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool slab_init(struct slab *slab, size_t size, size_t place_size)
{
	size_t bytes;

	*slab = (struct slab){.place_size = place_size, .free = SLAB_NONE};
	assert(place_size >= sizeof(uint32_t));
	if (size >= SLAB_NONE || __builtin_mul_overflow(size, place_size, &bytes) ||
	    __builtin_add_overflow(bytes, SLAB_ALIGN, &bytes))
		return false;

	/* calloc, because a large block of zeros is pages that do not exist yet. */
	slab->memory = calloc(1, bytes);
	if (!slab->memory)
		return false;
	uintptr_t start = (uintptr_t)slab->memory;
	slab->places = (uint8_t *)slab->memory + (-start & (SLAB_ALIGN - 1));
	slab->size = (uint32_t)size;
	assert((uintptr_t)slab->places % SLAB_ALIGN == 0);
	return true;
}

void slab_release(struct slab *slab)
{
	free(slab->memory);
	*slab = (struct slab){.free = SLAB_NONE};
}

uint32_t slab_take(struct slab *slab)
{
	uint32_t place = slab->free;

	if (place != SLAB_NONE)
		memcpy(&slab->free, slab_at(slab, place), sizeof(slab->free));
	else if (slab->mark < slab->size)
		place = slab->mark++;
	else
		return SLAB_NONE;
	slab->used++;
	assert(place < slab->mark && slab->mark <= slab->size);
	assert(slab->used <= slab->mark);
	return place;
}

void slab_give(struct slab *slab, uint32_t place)
{
	assert(place < slab->mark && slab->used > 0);
	memcpy(slab_at(slab, place), &slab->free, sizeof(slab->free));
	slab->free = place;
	slab->used--;
}
