/*
 * visitors.c - places in an array, chained by hash.
 */
#include "relay/core/visitors.h"

#include <assert.h>
#include <stdlib.h>

enum { CHAINS = VISITORS_MAX };
#define NONE UINT32_MAX

struct visitors {
	struct siphash_key key;
	size_t count;
	uint32_t mark, free; /* places from mark on were never taken */
	uint32_t chains[CHAINS];
	struct visitor places[VISITORS_MAX];
};

struct visitors *visitors_new(const struct siphash_key *key)
{
	struct visitors *visitors = calloc(1, sizeof(*visitors));

	if (!visitors)
		return NULL;
	visitors->key = *key;
	visitors->free = NONE;
	for (size_t i = 0; i < CHAINS; i++)
		visitors->chains[i] = NONE;
	return visitors;
}

void visitors_free(struct visitors *visitors)
{
	free(visitors);
}

static size_t chain_of(const struct visitors *visitors, const struct five_tuple *tuple)
{
	return five_tuple_hash(tuple, &visitors->key) % CHAINS;
}

struct visitor *visitors_find(struct visitors *visitors, const struct five_tuple *tuple)
{
	if (!visitors || visitors->count == 0)
		return NULL;
	for (uint32_t i = visitors->chains[chain_of(visitors, tuple)]; i != NONE;
	     i = visitors->places[i].next) {
		if (five_tuple_equal(&visitors->places[i].tuple, tuple))
			return &visitors->places[i];
	}
	return NULL;
}

struct visitor *visitors_add(struct visitors *visitors, const struct five_tuple *tuple)
{
	struct visitor *visitor = visitors_find(visitors, tuple);
	uint32_t *chain = &visitors->chains[chain_of(visitors, tuple)];
	uint32_t place = visitors->free;

	if (visitor)
		return visitor;
	if (place != NONE)
		visitors->free = visitors->places[place].next;
	else if (visitors->mark < VISITORS_MAX)
		place = visitors->mark++;
	else
		return NULL;
	visitor = &visitors->places[place];
	*visitor = (struct visitor){.tuple = *tuple, .next = *chain};
	*chain = place;
	visitors->count++;
	return visitor;
}

void visitors_remove(struct visitors *visitors, struct visitor *visitor)
{
	uint32_t *link = &visitors->chains[chain_of(visitors, &visitor->tuple)];
	uint32_t place = (uint32_t)(visitor - visitors->places);

	assert(place < visitors->mark && visitors->count > 0);
	while (*link != place) {
		assert(*link != NONE);
		link = &visitors->places[*link].next;
	}
	*link = visitor->next;
	visitor->next = visitors->free;
	visitors->free = place;
	visitors->count--;
}

size_t visitors_count(const struct visitors *visitors)
{
	return visitors->count;
}
