/*
 * shared_keeper.h - writes the shared state file: reservations and resting ports the moment they
 * change, keys at the start, the pulse every second or two. And puts what the process before has written into
 * the tables of this one.
 *
 * How a start goes, on main:
 *
 *	shared_keeper_read()     what the shared file of the process before says, before any
 *	                         table is made: its keys are the keys of this process
 *	shared_make()            with these keys
 *	shared_keeper_new()      on a state file of this process, of shared_keeper_sizes()
 *	allocation_table_start() of each worker's table, with pulse.generation, or that of its records,
 *	                         whichever is higher
 *	allocation_restore()     of all, on the workers: their ports are taken
 *	shared_keeper_restore()  reservations and resting ports, as far as the ports are free
 *	state_file_complete()    by whoever has all of it in order
 *
 * Owner    main. Borrows the tables of shared and the file, which outlive it.
 * Threads  main calls; what the tables tell it comes from any worker. A mutex of its own, taken last.
 */
#ifndef RELAY_STATE_SHARED_KEEPER_H
#define RELAY_STATE_SHARED_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/state/saved_shared.h"
#include "relay/state/state_file.h"
#include "relay/state/state_view.h"

struct shared_keeper;
struct shared_sizes;
struct turn_shared;

/* Of the shared file. sizes: of the tables. */
struct state_sizes shared_keeper_sizes(const struct shared_sizes *sizes);

/*
 * From now on what changes in the tables of shared is saved in file, which is new. sizes: as above.
 * NULL if out of memory.
 */
struct shared_keeper *shared_keeper_new(struct turn_shared *shared,
					struct state_file *file,
					const struct shared_sizes *sizes);
/* The tables go on without it. NULL is allowed. */
void shared_keeper_free(struct shared_keeper *keeper);

/* Save the keys in use; before the first request. */
void shared_keeper_secrets(struct shared_keeper *keeper,
			   const struct saved_secrets *secrets);
/* Every second or two, and when the process leaves. */
void shared_keeper_pulse(struct shared_keeper *keeper, const struct saved_pulse *pulse);

/* What the process before has left, but for ports. */
struct shared_past {
	bool has_secrets;
	struct saved_secrets secrets; /* cleanse it */
	/*
	 * Above all generations that any table of it can have had: what it said, and more than it can
	 * have come on since.
	 */
	uint32_t generation;
	uint64_t alive_ms; /* it lived then; 0: it never said so */
};
/* view: of a shared file. */
void shared_keeper_read(const struct state_view *view, struct shared_past *past);

/* How many came back, and how many did not: their port is in use, their address not configured. */
struct shared_restored {
	uint32_t reservations, reservations_lost;
	uint32_t resting;
};
/*
 * Reservations and resting ports, into the tables of shared and so into the keeper's file. Before workers
 * make new allocations, after the restored ones have their ports.
 */
struct shared_restored shared_keeper_restore(struct shared_keeper *keeper,
					     const struct state_view *view,
					     uint64_t now_ms);

#endif
