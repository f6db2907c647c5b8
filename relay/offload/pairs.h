/*
 * pairs.h - what the relay keeps of flows in force: pairs of them, the two directions of a channel or of an
 * active destination. They lie together in an array, so that a look at all walks through memory in order; those
 * of one allocation are chained. An index is good until a pair is removed.
 *
 * Owner    embedded in struct flows.
 * Memory   reserved at start and untouched until used.
 */
#ifndef RELAY_OFFLOAD_PAIRS_H
#define RELAY_OFFLOAD_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/debug_assert.h"
#include "relay/offload/flow_credit.h"

#define PAIR_NONE UINT32_MAX

enum direction { TO_PEER, TO_CLIENT, DIRECTIONS };

struct pair {
	uint32_t slot;
	uint32_t channel;           /* by place; SLOT_NONE: the active destination */
	uint32_t next;              /* of the same slot, or PAIR_NONE */
	uint32_t flows[DIRECTIONS]; /* FLOW_NONE: that direction is on sockets */
	struct flow_credit credits[DIRECTIONS];
	uint64_t ends_ns; /* as flow_of() said */
	uint64_t due_ms;  /* the next look */
	uint64_t looked_ms, moved_ms;
	bool paid; /* to the client; see flow_of.h */
};

struct pairs {
	struct pair *list; /* the first `count` are in force */
	uint32_t *first;   /* by slot: its first pair + 1; 0: none */
	uint32_t room, count, slots;
};

/* Room for so many pairs of so many slots. False if out of memory. */
bool pairs_init(struct pairs *pairs, uint32_t room, uint32_t slots);
void pairs_release(struct pairs *pairs); /* a zeroed one is allowed */

static inline struct pair *pairs_at(const struct pairs *pairs, uint32_t index)
{
	debug_assert(index < pairs->count);
	return &pairs->list[index];
}

/* The first one of that slot, or PAIR_NONE. */
static inline uint32_t pairs_first(const struct pairs *pairs, uint32_t slot)
{
	debug_assert(slot < pairs->slots);
	return pairs->first[slot] != 0 ? pairs->first[slot] - 1 : PAIR_NONE;
}

uint32_t pairs_find(const struct pairs *pairs, uint32_t slot, uint32_t channel);
/* There is room, and none of that slot and channel; copied. */
void pairs_add(struct pairs *pairs, const struct pair *pair);
/* The last one in the array takes its place, and so its index. */
void pairs_remove(struct pairs *pairs, uint32_t index);

#endif
