/*
 * moved_records.h - which of two records of one allocation counts. While an allocation goes from worker to
 * worker (core/allocation_move.h), both have a record of it, and a process may end just then; that with more
 * hops is the later one.
 *
 * Owner    the caller.
 */
#ifndef RELAY_STATE_MOVED_RECORDS_H
#define RELAY_STATE_MOVED_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation_image.h"

/* All zero: empty. */
struct moved_records {
	struct moved_record {
		uint64_t id;
		uint16_t hops;
	} * records;
	size_t count, room;
	bool sorted;
};

void moved_records_release(struct moved_records *moved);

/* One that was found; nothing if it never went anywhere. False if out of memory. */
bool moved_records_add(struct moved_records *moved, const struct allocation_image *image);
/* Once all are there: is there a later one of the same allocation? */
bool moved_records_have_later(struct moved_records *moved,
			      const struct allocation_image *image);

#endif
