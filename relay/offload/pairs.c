/*
 * pairs.c - see pairs.h.
 */
#include "relay/offload/pairs.h"

#include <assert.h>
#include <stdlib.h>

bool pairs_init(struct pairs *pairs, uint32_t room, uint32_t slots)
{
	/* Large blocks of zeros are pages that do not exist before they are used. */
	*pairs = (struct pairs){
		.list = calloc((size_t)room + 1, sizeof(*pairs->list)),
		.first = calloc((size_t)slots + 1, sizeof(*pairs->first)),
		.room = room,
		.slots = slots,
	};
	if (pairs->list != NULL && pairs->first != NULL)
		return true;
	pairs_release(pairs);
	return false;
}

void pairs_release(struct pairs *pairs)
{
	free(pairs->list);
	free(pairs->first);
	*pairs = (struct pairs){0};
}

uint32_t pairs_find(const struct pairs *pairs, uint32_t slot, uint32_t channel)
{
	uint32_t index = pairs_first(pairs, slot);

	while (index != PAIR_NONE && pairs_at(pairs, index)->channel != channel)
		index = pairs_at(pairs, index)->next;
	return index;
}

void pairs_add(struct pairs *pairs, const struct pair *pair)
{
	uint32_t index = pairs->count;

	assert(index < pairs->room);
	debug_assert(pairs_find(pairs, pair->slot, pair->channel) == PAIR_NONE);
	pairs->list[index] = *pair;
	pairs->list[index].next = pairs_first(pairs, pair->slot);
	pairs->first[pair->slot] = index + 1;
	pairs->count++;
}

/* What names the pair `from` of that slot names `to` from now on. */
static void relink(struct pairs *pairs, uint32_t slot, uint32_t from, uint32_t to)
{
	uint32_t index = pairs_first(pairs, slot);

	if (index == from) {
		pairs->first[slot] = to != PAIR_NONE ? to + 1 : 0;
		return;
	}
	while (pairs_at(pairs, index)->next != from)
		index = pairs_at(pairs, index)->next;
	pairs_at(pairs, index)->next = to;
}

void pairs_remove(struct pairs *pairs, uint32_t index)
{
	const uint32_t last = pairs->count - 1;

	assert(index < pairs->count);
	relink(pairs, pairs->list[index].slot, index, pairs->list[index].next);
	if (index != last) {
		relink(pairs, pairs->list[last].slot, last, index);
		pairs->list[index] = pairs->list[last];
	}
	pairs->count--;
}
