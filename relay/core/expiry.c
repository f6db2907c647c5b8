/*
 * expiry.c - the binary heap. The deadline is kept next to the item's number, so that moving
 * up and down stays within one array.
 */
#include "relay/core/expiry.h"

#include <assert.h>
#include <stdlib.h>

#include "base/debug_assert.h"

bool expiry_init(struct expiry *expiry, size_t size)
{
	*expiry = (struct expiry){.size = size};
	expiry->heap = calloc(size ? size : 1, sizeof(*expiry->heap));
	expiry->places = calloc(size ? size : 1, sizeof(*expiry->places));
	if (expiry->heap && expiry->places)
		return true;
	expiry_release(expiry);
	return false;
}

void expiry_release(struct expiry *expiry)
{
	free(expiry->heap);
	free(expiry->places);
	*expiry = (struct expiry){0};
}

static void put(struct expiry *expiry, size_t place, struct expiry_entry entry)
{
	assert(place < expiry->size && entry.item < expiry->size);
	expiry->heap[place] = entry;
	expiry->places[entry.item] = (uint32_t)place + 1;
}

/* Move the entry into place, or above what is due later. */
static void settle_up(struct expiry *expiry, size_t place, struct expiry_entry entry)
{
	while (place > 0) {
		size_t parent = (place - 1) / 2;
		if (expiry->heap[parent].due <= entry.due)
			break;
		put(expiry, place, expiry->heap[parent]);
		place = parent;
	}
	put(expiry, place, entry);
}

/* Move the entry into place, or below what is due earlier. */
static void settle_down(struct expiry *expiry, size_t place, struct expiry_entry entry)
{
	for (;;) {
		size_t child = 2 * place + 1;
		if (child >= expiry->count)
			break;
		if (child + 1 < expiry->count &&
		    expiry->heap[child + 1].due < expiry->heap[child].due)
			child++;
		if (entry.due <= expiry->heap[child].due)
			break;
		put(expiry, place, expiry->heap[child]);
		place = child;
	}
	put(expiry, place, entry);
}

/* The item knows its place, and lies between its parent and its children. */
static bool is_settled(const struct expiry *expiry, uint32_t item)
{
	size_t place = expiry->places[item] - (size_t)1;
	uint64_t due = expiry->heap[place].due;

	return place < expiry->count && expiry->heap[place].item == item &&
	       (place == 0 || expiry->heap[(place - 1) / 2].due <= due) &&
	       (2 * place + 1 >= expiry->count ||
		due <= expiry->heap[2 * place + 1].due) &&
	       (2 * place + 2 >= expiry->count || due <= expiry->heap[2 * place + 2].due);
}

static void settle(struct expiry *expiry, size_t place, struct expiry_entry entry)
{
	if (place > 0 && entry.due < expiry->heap[(place - 1) / 2].due)
		settle_up(expiry, place, entry);
	else
		settle_down(expiry, place, entry);
}

void expiry_set(struct expiry *expiry, uint32_t item, uint64_t due)
{
	struct expiry_entry entry = {due, item};

	assert(item < expiry->size);
	if (expiry->places[item] > 0)
		settle(expiry, expiry->places[item] - 1, entry);
	else
		settle_up(expiry, expiry->count++, entry);
	assert(expiry->count <= expiry->size);
	debug_assert(is_settled(expiry, item));
}

void expiry_clear(struct expiry *expiry, uint32_t item)
{
	assert(item < expiry->size);
	if (expiry->places[item] == 0)
		return;

	/* The last one fills the gap. */
	size_t place = expiry->places[item] - 1;
	struct expiry_entry last = expiry->heap[--expiry->count];
	expiry->places[item] = 0;
	if (place < expiry->count)
		settle(expiry, place, last);
	debug_assert(place >= expiry->count || is_settled(expiry, last.item));
}

bool expiry_check(const struct expiry *expiry)
{
	size_t deadlines = 0;

	for (size_t i = 0; i < expiry->count; i++) {
		if (expiry->heap[i].item >= expiry->size ||
		    expiry->places[expiry->heap[i].item] != i + 1 ||
		    !is_settled(expiry, expiry->heap[i].item))
			return false;
	}
	for (size_t item = 0; item < expiry->size; item++)
		deadlines += expiry->places[item] != 0;
	return deadlines == expiry->count;
}

bool expiry_first(const struct expiry *expiry, uint32_t *item, uint64_t *due)
{
	if (expiry->count == 0)
		return false;
	*item = expiry->heap[0].item;
	*due = expiry->heap[0].due;
	return true;
}
