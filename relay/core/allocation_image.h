/*
 * allocation_image.h - an allocation in terms that another process understands: names in place of
 * indices, and how its key is derived in place of the key.
 *
 *	live allocation --allocation_image_take()--> image --saved_allocation_write()--> record
 *	record --saved_allocation_read()--> image --allocation_restore()--> live allocation
 *
 * Owner    the caller; no pointers but those of the proof.
 * Time     monotonic milliseconds.
 */
#ifndef RELAY_CORE_ALLOCATION_IMAGE_H
#define RELAY_CORE_ALLOCATION_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/allocation_move.h"
#include "relay/core/front.h"
#include "relay/core/owner_proof.h"

/* Every time in it is of this boot's monotonic clock. */
struct allocation_image {
	/*
	 * Zero, because they mean nothing elsewhere: slot, generation, group, quotas and their
	 * rows, fronts, indices of relay addresses; what peer policy said; descriptors are -1. Of
	 * owner, key and id; al.owner is nothing. Of the bandwidth paid in advance, only the debts of its
	 * buckets are there. The lists have as many entries as al counts, undefined behind those.
	 */
	struct allocation_move move; /* but its own proof and text */
	struct front front;          /* of al.tuple */
	struct front to_front;       /* of mobility.to, while it is moving */
	struct front from_front;     /* of mobility.from, if that has a family */
	struct endpoint via;         /* the balancer in between; or of no family */
	struct ip_addr relay_address, second_address; /* as bound */
	struct ms_reservation ms_reservation;
	struct owner_proof proof;
	uint64_t key_mark; /* owner_proof_mark() */
};

struct turn;

/* All but via and proof, which the caller knows: they are zero. Sockets stay where they are. */
void allocation_image_take(const struct turn *turn, const struct allocation *al,
			   struct allocation_image *image);

/*
 * Forget what is over by then and of no use to a process that takes over: expired permissions
 * and channels, requests that are not repeated any more, bandwidth that is paid.
 */
void allocation_image_trim(struct allocation_image *image, uint64_t now_ms);

/*
 * Does it agree with itself? What allocation_restore() relies on; every image of a live
 * allocation does once it is trimmed. Not whether this relay can have such an allocation.
 */
bool allocation_image_is_sound(const struct allocation_image *image);

#endif
