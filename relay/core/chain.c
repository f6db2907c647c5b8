/*
 * chain.c - see chain.h.
 */
#include "relay/core/chain.h"

#include <assert.h>
#include <string.h>

bool chain_slab_init(struct slab *slab, size_t chains, uint16_t each, size_t chunk_size)
{
	size_t chunks = (each + CHAIN_CHUNK - 1) / CHAIN_CHUNK;

	assert(chunk_size % sizeof(uint64_t) == 0);
	return chains <= (CHAIN_NONE - 1) / CHAIN_CHUNK / (chunks ? chunks : 1) &&
	       slab_init(slab, chains * chunks, chunk_size);
}

static size_t entry_size(const struct slab *slab)
{
	return (slab->place_size - CHAIN_HEADER) / CHAIN_CHUNK;
}

static uint64_t deadline(const struct slab *slab, uint32_t entry)
{
	return *(const uint64_t *)chain_at(slab, entry, entry_size(slab));
}

size_t chain_live(const struct slab *slab, uint32_t first, uint64_t now_ms)
{
	size_t live = 0;

	for (uint32_t entry = first; entry != CHAIN_NONE;
	     entry = chain_after(slab, entry))
		live += now_ms < deadline(slab, entry);
	return live;
}

uint32_t chain_take(struct slab *slab, uint32_t *first, uint64_t now_ms, bool *is_free)
{
	uint32_t entry = *first;

	while (entry != CHAIN_NONE && now_ms < deadline(slab, entry))
		entry = chain_after(slab, entry);
	*is_free = entry == CHAIN_NONE || deadline(slab, entry) == 0;
	if (entry != CHAIN_NONE)
		return entry;

	uint32_t chunk = slab_take(slab);
	assert(chunk != SLAB_NONE);
	memset(slab_at(slab, chunk), 0, slab->place_size);
	memcpy(slab_at(slab, chunk), first, sizeof(*first));
	*first = chunk * CHAIN_CHUNK;
	return *first;
}

void chain_free(struct slab *slab, uint32_t *first)
{
	while (*first != CHAIN_NONE) {
		uint32_t chunk = *first / CHAIN_CHUNK;

		assert(*first % CHAIN_CHUNK == 0);
		memcpy(first, slab_at(slab, chunk), sizeof(*first));
		slab_give(slab, chunk);
	}
}

bool chain_check(const struct slab *slab, uint32_t first, size_t *used)
{
	size_t steps = 0;

	*used = 0;
	for (uint32_t entry = first; entry != CHAIN_NONE;
	     entry = chain_after(slab, entry)) {
		if (entry / CHAIN_CHUNK >= slab->mark ||
		    ++steps > (size_t)slab->mark * CHAIN_CHUNK)
			return false;
		*used += deadline(slab, entry) != 0;
	}
	return true;
}
