/*
 * mobility_directory.h - which worker has each mobile allocation now. An allocation keeps its id
 * for life, so the worker in the id is only where it was made: tickets, and people who ask for an
 * allocation by its id, find it here after it has moved to another worker.
 *
 * Only mobile allocations are listed, by mobility_name(); of all others the id is right.
 *
 * Owner    main, in struct turn_shared.
 * Threads  shared by all workers and main; a mutex, touched when a mobile allocation begins, moves
 *          or ends, and by requests with a ticket. Never on the packet path.
 */
#ifndef RELAY_CORE_MOBILITY_DIRECTORY_H
#define RELAY_CORE_MOBILITY_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mobility_directory;

struct mobility_place {
	uint16_t worker;
	uint16_t moves; /* from worker to worker so far: a later place replaces an earlier one */
	uint32_t slot; /* there */
};

/* Room for so many, reserved and not touched. NULL if out of memory. */
struct mobility_directory *mobility_directory_new(size_t size);
void mobility_directory_free(struct mobility_directory *directory); /* NULL is allowed */

/* A new one by its mobility_name(). False if there is no room, or one of that name is listed. */
bool mobility_directory_add(struct mobility_directory *directory, uint64_t name,
			    struct mobility_place place);
/*
 * It is there now. Nothing if it has ended meanwhile, or if it is listed after more moves: both
 * workers of a move say so, in any order.
 */
void mobility_directory_move(struct mobility_directory *directory, uint64_t name,
			     struct mobility_place place);
/* It has ended; it is listed. */
void mobility_directory_remove(struct mobility_directory *directory, uint64_t name);

/* False if it is not listed. */
bool mobility_directory_find(struct mobility_directory *directory, uint64_t name,
			     struct mobility_place *place);

size_t mobility_directory_count(struct mobility_directory *directory);

#endif
