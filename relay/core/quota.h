/*
 * quota.h - how much each of many owners holds (allocations of a user, of a source prefix), and
 * a row of memory for what else must be known about the owner.
 *
 * A row outlives what its owner holds, so that giving back everything and starting again wins
 * nothing: it is kept until its place is needed for another owner, and then those that have held
 * nothing for the longest time go first. Rows that are still needed may be spared: else whoever has
 * as many names as there are places could push any row out, and start that owner afresh.
 *
 * Threads  shared by all workers; a mutex, because it is touched on allocate and free only.
 *          How rows are accessed is up to those who hold something.
 * Memory   fixed tables, untouched until used. When as many owners as there is room for hold
 *          something (more than the relay can have allocations), acquire refuses another one.
 */
#ifndef RELAY_CORE_QUOTA_H
#define RELAY_CORE_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quota;

#define QUOTA_NONE UINT32_MAX

/*
 * owners: most owners that can hold something at once, below 2^31. row: bytes for each, may be
 * 0. NULL if out of memory.
 */
struct quota *quota_new(size_t owners, size_t row);
void quota_free(struct quota *quota); /* NULL is allowed */

/*
 * One more for that owner (a keyed 64-bit hash of its name; 0 is allowed). False, with nothing
 * changed, if it already holds limit; limit 0 means no limit.
 */
bool quota_acquire(struct quota *quota, uint64_t owner, uint32_t limit);
/*
 * The same; returns the number of its row, which stays the same as long as the owner holds
 * something, or QUOTA_NONE. A row is zero when it is new.
 */
uint32_t quota_acquire_row(struct quota *quota, uint64_t owner, uint32_t limit);
/* How much is the row of an owner that holds nothing needed? 0: not at all. */
struct quota_spare {
	uint64_t (*need)(const void *row, uint64_t now_ns);
	uint64_t now_ns;
};
/* As quota_acquire_row(); what is needed most is given up last, as far as a bounded search shows. */
uint32_t quota_acquire_sparing(struct quota *quota, uint64_t owner, uint32_t limit,
			       const struct quota_spare *spare);
/* One less; the owner must hold at least one. The charge follows the resource. */
void quota_release(struct quota *quota, uint64_t owner);

/* The row of an owner that holds something. Takes no lock. */
void *quota_row(struct quota *quota, uint32_t number);

uint32_t quota_held(struct quota *quota, uint64_t owner);
/* The most that any one owner has held since the start. */
uint32_t quota_peak(struct quota *quota);
/* How many owners hold something. */
size_t quota_owners(struct quota *quota);

#endif
