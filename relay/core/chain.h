/*
 * chain.h - entries with a deadline, in chunks of four from a slab, the chunks of one owner
 * chained. Permissions and channels lie in such chains.
 *
 * Most owners have a few entries, so a search is one or two steps through memory that lies
 * together, and the longest (64 entries) is sixteen. Moving the last one used to the front
 * would make that shorter, but it would have packets rewrite the chains, and durable state
 * changes on requests only: a process that takes over the memory after a crash must find it
 * whole.
 *
 * An entry is named by chunk * 4 + its place in the chunk. It begins with a uint64_t, its
 * deadline in milliseconds; 0 is a free entry. An expired one is passed over until its place
 * is needed.
 *
 * Owner    the slab is the table's; a chain is the number of its first entry.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_CHAIN_H
#define RELAY_CORE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/debug_assert.h"
#include "relay/core/slab.h"

#define CHAIN_NONE UINT32_MAX

enum {
	CHAIN_CHUNK = 4,
	CHAIN_HEADER = 8, /* of a chunk: the next chunk's first entry, 32 bits */
};

/* Chunks for `chains` chains to hold `each` entries. False if out of memory. */
bool chain_slab_init(struct slab *slab, size_t chains, uint16_t each, size_t chunk_size);

/* The entry of that number. size: of an entry. */
static inline void *chain_at(const struct slab *slab, uint32_t entry, size_t size)
{
	uint8_t *chunk = slab_at(slab, entry / CHAIN_CHUNK);

	debug_assert(slab->place_size == CHAIN_HEADER + CHAIN_CHUNK * size);

	return chunk + CHAIN_HEADER + entry % CHAIN_CHUNK * size;
}

/* The next entry of the chain, free ones included; CHAIN_NONE at its end. */
static inline uint32_t chain_after(const struct slab *slab, uint32_t entry)
{
	if ((entry + 1) % CHAIN_CHUNK != 0)
		return entry + 1;
	return *(const uint32_t *)slab_at(slab, entry / CHAIN_CHUNK);
}

/* How many entries are live. */
size_t chain_live(const struct slab *slab, uint32_t first, uint64_t now_ms);

/*
 * An entry to write: a free one, an expired one, or one of a new chunk. *is_free says whether
 * it was free. The slab has room for every chain that stays within its number of entries.
 */
uint32_t chain_take(struct slab *slab, uint32_t *first, uint64_t now_ms, bool *is_free);

/* Give the chunks back. */
void chain_free(struct slab *slab, uint32_t *first);

/* How many entries are not free; false if the chain does not end or leaves the slab. */
bool chain_check(const struct slab *slab, uint32_t first, size_t *used);

#endif
