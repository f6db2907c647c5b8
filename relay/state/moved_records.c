/*
 * moved_records.c - see moved_records.h.
 */
#include "relay/state/moved_records.h"

#include <stdlib.h>

void moved_records_release(struct moved_records *moved)
{
	free(moved->records);
	*moved = (struct moved_records){0};
}

bool moved_records_add(struct moved_records *moved, const struct allocation_image *image)
{
	if (!image->move.al.mobile || image->move.mobility.hops == 0)
		return true;
	if (moved->count == moved->room) {
		size_t room = moved->room > 0 ? 2 * moved->room : 64;
		struct moved_record *records =
			reallocarray(moved->records, room, sizeof(*records));

		if (records == NULL)
			return false;
		moved->records = records;
		moved->room = room;
	}
	moved->records[moved->count++] = (struct moved_record){
		.id = image->move.al.id,
		.hops = image->move.mobility.hops,
	};
	moved->sorted = false;
	return true;
}

static int by_id(const void *a, const void *b)
{
	uint64_t left = ((const struct moved_record *)a)->id;
	uint64_t right = ((const struct moved_record *)b)->id;

	return (left > right) - (left < right);
}

/* The first of that id or a higher one. */
static size_t lower_bound(const struct moved_records *moved, uint64_t id)
{
	size_t low = 0, high = moved->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (moved->records[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool moved_records_have_later(struct moved_records *moved,
			      const struct allocation_image *image)
{
	const uint64_t id = image->move.al.id;

	if (!image->move.al.mobile || moved->count == 0)
		return false;
	if (!moved->sorted)
		qsort(moved->records, moved->count, sizeof(*moved->records), by_id);
	moved->sorted = true;
	for (size_t i = lower_bound(moved, id);
	     i < moved->count && moved->records[i].id == id; i++) {
		/* Hops wrap, as those of the directory do. */
		if ((int16_t)(moved->records[i].hops - image->move.mobility.hops) > 0)
			return true;
	}
	return false;
}
