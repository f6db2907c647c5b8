/*
 * quota.h - how much each of many owners holds: allocations per user, per source prefix.
 *
 * Threads  shared by all workers; a mutex, because it is touched on allocate and free only.
 * Memory   a fixed table; an owner takes a slot while it holds something. When the table is
 *          full (more owners than the relay can have allocations) acquire refuses.
 */
#ifndef RELAY_CORE_QUOTA_H
#define RELAY_CORE_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quota;

/* owners: most owners that can hold something at once. NULL if out of memory. */
struct quota *quota_new(size_t owners);
void quota_free(struct quota *quota); /* NULL is allowed */

/*
 * One more for that owner (a keyed 64-bit hash of its name; 0 is allowed). False, with nothing
 * changed, if it already holds limit; limit 0 means no limit.
 */
bool quota_acquire(struct quota *quota, uint64_t owner, uint32_t limit);
/* One less; the owner must hold at least one. The charge follows the resource. */
void quota_release(struct quota *quota, uint64_t owner);
uint32_t quota_held(struct quota *quota, uint64_t owner);
/* The most that any one owner has held since the start. */
uint32_t quota_peak(struct quota *quota);

#endif
