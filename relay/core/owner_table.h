/*
 * owner_table.h - a row of memory for each owner (a user, a source prefix) that holds
 * anything. Its number stays the same until the owner has let go of everything.
 *
 * Threads  shared by all workers; a mutex, because it is touched on allocate and free only.
 *          How rows are accessed is up to the holders of their references.
 * Memory   fixed tables, untouched until used.
 */
#ifndef RELAY_CORE_OWNER_TABLE_H
#define RELAY_CORE_OWNER_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct owner_table;

#define OWNER_NONE UINT32_MAX

/* size: most owners at once, below 2^31. row: bytes of each. NULL if out of memory. */
struct owner_table *owner_table_new(size_t size, size_t row);
void owner_table_free(struct owner_table *table); /* NULL is allowed */

/*
 * One more reference to that owner (a keyed 64-bit hash of its name). Its number, below size;
 * OWNER_NONE if there is room for no other. With the first one its row is zeroed.
 */
uint32_t owner_table_acquire(struct owner_table *table, uint64_t owner);
/* One less; with the last one the number is free for another owner. */
void owner_table_release(struct owner_table *table, uint32_t number);

/* How many owners hold something. */
size_t owner_table_count(struct owner_table *table);

/* The row of a number that is held. Takes no lock. */
void *owner_table_row(struct owner_table *table, uint32_t number);

/*
 * Call with the row of that owner, if it holds something, with the table locked: for callers
 * without a reference.
 */
void owner_table_visit(struct owner_table *table, uint64_t owner,
		       void (*visit)(void *arg, const void *row), void *arg);

#endif
