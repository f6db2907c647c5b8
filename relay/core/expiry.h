/*
 * expiry.h - many deadlines, the earliest first: a binary heap over small integers.
 *
 * An item is a slot number below the size; it has one deadline or none. The earliest is where
 * the worker's one timer points. The heap moves on requests only: data does not extend an
 * allocation, and where it does, in the MS dialect, the heap gets the new deadline when the old
 * one is due.
 *
 * Owner    embedded in what it serves; one worker.
 * Time     only compared; any unit does.
 * Memory   two arrays, reserved at start and untouched until used; no pointers in them.
 */
#ifndef RELAY_CORE_EXPIRY_H
#define RELAY_CORE_EXPIRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct expiry_entry {
	uint64_t due;
	uint32_t item;
};

struct expiry {
	struct expiry_entry *heap;
	uint32_t *places; /* of an item in the heap, counted from 1; 0: it has no deadline */
	size_t count;
	size_t size;
};

/* False if out of memory; then nothing is held. */
bool expiry_init(struct expiry *expiry, size_t size);
void expiry_release(struct expiry *expiry); /* a zeroed one is allowed */

/* Give an item a deadline, or another one. */
void expiry_set(struct expiry *expiry, uint32_t item, uint64_t due);
/* Remove its deadline, if it has one. */
void expiry_clear(struct expiry *expiry, uint32_t item);

/* The earliest deadline; false if there is none. */
bool expiry_first(const struct expiry *expiry, uint32_t *item, uint64_t *due);

/* Look at everything; false if an invariant does not hold. For tests. */
bool expiry_check(const struct expiry *expiry);

#endif
