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
#include "stun/wire.h"

/* What its owner was authenticated with; with the keyring it gives owner.key again. */
enum owner_proof_kind {
	OWNER_PROOF_NONE,
	OWNER_PROOF_USERNAME,    /* USERNAME of the IETF dialect, as received */
	OWNER_PROOF_MS_USERNAME, /* of the MS dialect, bytes */
	OWNER_PROOF_TOKEN,       /* ACCESS-TOKEN, sealed */
};

struct owner_proof {
	enum owner_proof_kind kind;
	struct slice bytes; /* borrowed */
	uint8_t key_len;    /* 16 of MD5, 32 of SHA-256, 20 and others of a token */
};

struct allocation_image {
	/* al.owner.key is all zero, fronts, addresses, slots and rows mean nothing. */
	struct allocation_move move;
	struct front front;    /* of al.tuple */
	struct front to_front; /* of mobility.to, while it is moving */
	struct endpoint via;   /* the balancer in between; or of no family */
	struct ip_addr relay_address, second_address; /* as bound */
	struct ms_reservation ms_reservation;
	struct owner_proof proof;
};

struct turn;

/* All but via and proof, which the caller knows. Sockets stay where they are. */
void allocation_image_take(const struct turn *turn, const struct allocation *al,
			   struct allocation_image *image);

#endif
