/*
 * mobility_ticket.h - the value of MOBILITY-TICKET (RFC 8016 sections 3.3 and 5): names an
 * allocation and the ticket's own number among those of that allocation.
 *
 *	4 bytes    name of the key
 *	16 bytes   synthetic initialization vector, which authenticates all
 *	20 bytes   encrypted: id of the allocation, number of the ticket, half of its owner's id
 *
 * AES-SIV (RFC 5297): what is sealed never repeats, so tickets look random, and the same one is
 * made again for a repeated request without being kept. The key's name is authenticated, too.
 *
 * A ticket carries no expiry of its own. It names state of this process, and the number says
 * whether it is the valid one, the one before, or too old: see mobility.h.
 *
 * Owner    no state but the key, which is immutable.
 * Threads  any.
 */
#ifndef RELAY_CORE_MOBILITY_TICKET_H
#define RELAY_CORE_MOBILITY_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/owner.h"
#include "stun/wire.h"

enum {
	MOBILITY_TICKET_LEN = 40, /* an answer with one stays far below 548 bytes */
	MOBILITY_KEY_NAME_LEN = 4,
	MOBILITY_KEY_LEN = 32, /* AES-128-SIV: one half authenticates, one encrypts */
};

/*
 * From the CSPRNG, one per start, the same for all workers. The name tells a ticket of another
 * key, such as one of an earlier start, from a forged one; several keys could be in use at once.
 */
struct mobility_key {
	uint8_t name[MOBILITY_KEY_NAME_LEN];
	uint8_t bytes[MOBILITY_KEY_LEN];
};

struct mobility_ticket {
	uint64_t allocation; /* its id */
	uint32_t number;     /* of the ticket, from 0 on */
	uint8_t owner[8];    /* the first bytes of struct owner_id */
};

struct mobility_ticket mobility_ticket_of(uint64_t allocation, uint32_t number,
					  const struct owner_id *owner);

/* False, with out undefined, if OpenSSL has no AES-SIV or memory is short. */
bool mobility_ticket_seal(const struct mobility_key *key,
			  const struct mobility_ticket *ticket,
			  uint8_t out[MOBILITY_TICKET_LEN]);

/* False if it was not sealed with that key. Any bytes of any length. */
bool mobility_ticket_open(const struct mobility_key *key, struct slice value,
			  struct mobility_ticket *ticket);

/* Was it made for that owner? */
bool mobility_ticket_is_owners(const struct mobility_ticket *ticket,
			       const struct owner_id *owner);

#endif
