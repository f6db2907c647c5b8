/*
 * allocation_image.h - an allocation in terms that another process understands: names in place of
 * indices, and how its key is derived in place of the key.
 *
 *	live allocation --allocation_image_take()--> image --saved_allocation_write()--> record
 *	record --saved_allocation_read()--> image --allocation_restore()--> live allocation
 *
 * Owner    the caller; no pointers but the proof.
 */
#ifndef RELAY_CORE_ALLOCATION_IMAGE_H
#define RELAY_CORE_ALLOCATION_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/allocation_move.h"
#include "relay/core/front.h"
#include "relay/core/owner_proof.h"

struct allocation_image {
	/* al.owner.key is all zero, fronts, addresses, slots and rows mean nothing. */
	struct allocation_move move;
	struct front front;    /* of al.tuple */
	struct front to_front; /* of mobility.to, while it is moving */
	struct endpoint via;   /* the balancer in between; or of no family */
	struct ip_addr relay_address, second_address; /* as bound */
	struct ms_reservation ms_reservation;
	struct owner_proof proof;
	uint64_t key_mark; /* owner_proof_mark() */
};

struct turn;

/* All but via and proof, which the caller knows. Sockets stay where they are. */
void allocation_image_take(const struct turn *turn, const struct allocation *al,
			   struct allocation_image *image);

#endif
