/*
 * allocation_move.h - an allocation in one piece, out of one table and not yet in another: how it
 * goes from worker to worker with its client (RFC 8016).
 *
 * It holds all that the allocation has: owner, permissions, channels, both relayed addresses with
 * their sockets and ports, its promise of a reserved port, deadlines, bandwidth that is paid for,
 * answered requests, traffic and start time for its record, tickets, and the move that it is in. There is
 * no pointer to anything outside of it. What it is charged for stays charged, so that it cannot be returned twice; its
 * ports stay taken. Its id stays as well: see mobility_directory.h for how it is found.
 *
 * An allocation of the MS dialect or with a TCP relayed address does not move between workers.
 *
 * Owner    whoever holds it; it ends up in a table, or is discarded.
 * Threads  one at a time; pack on the thread of the old worker, unpack on that of the new one.
 * Time     monotonic milliseconds, passed in; the same clock on both threads.
 */
#ifndef RELAY_CORE_ALLOCATION_MOVE_H
#define RELAY_CORE_ALLOCATION_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/allocation_table.h"
#include "relay/core/edge.h"
#include "relay/core/mobility_directory.h"
#include "relay/core/mobility_state.h"
#include "relay/core/owner_proof.h"

struct turn;

struct allocation_move {
	struct allocation al; /* its slot, generation, chains and names mean nothing */
	struct owner owner;
	struct mobility mobility;             /* if it is mobile */
	struct relay_socket_state sockets[2]; /* of IPv4 and IPv6, as far as it has them */
	/* The permission of a channel is a place in the other list, or SLOT_NONE. */
	struct permission permissions[ENTRIES_EACH_MAX];
	struct channel channels[ENTRIES_EACH_MAX];
	/* Of its owner, as far as it is known; on the way from worker to worker, in text. */
	uint32_t left_slot; /* where it was */
	struct owner_proof proof;
	uint8_t text[OWNER_PROOF_BYTES_MAX + OWNER_PROOF_REALM_MAX];
};

/*
 * NULL if out of memory. Free cleanses it, for it holds a key; it must have been unpacked or
 * discarded, or never packed. NULL is allowed.
 */
struct allocation_move *allocation_move_new(void);
void allocation_move_free(struct allocation_move *move);

/*
 * Take it out of its table; the pointer is invalid afterwards. What has been saved of it (core/changes.h)
 * remains until the other worker has saved it, and so does its slot, until allocation_move_left(): a
 * process that ends meanwhile leaves it twice, and that with more hops counts.
 */
void allocation_move_pack(struct turn *turn, struct allocation *al,
			  struct allocation_move *move);
/* The other worker has saved it, or ended it: what is saved here may go, and its slot is free. */
void allocation_move_left(struct turn *turn, uint32_t slot);

/* Where the old worker tells the directory that it is, once it is on its way to the new one. */
struct mobility_place allocation_move_place(const struct allocation_move *move,
					    unsigned worker);

/*
 * Put it into this worker's table. NULL if that is full; then the move still holds it.
 *
 * Its old 5-tuple stays behind: for this worker the client is gone from there, and the caller
 * completes the move or ends the allocation. It is not moving any more if another allocation here
 * has its new 5-tuple.
 */
struct allocation *allocation_move_unpack(struct turn *turn,
					  const struct allocation_move *move);
/* Nobody took it: back into the table that it was just taken out of, with both 5-tuples. */
struct allocation *allocation_move_put_back(struct turn *turn,
					    const struct allocation_move *move);

/* There is no room for it: give back all that it holds. */
void allocation_move_discard(struct turn *turn, const struct allocation_move *move,
			     uint64_t now_ms);

#endif
