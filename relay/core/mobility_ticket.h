/*
 * mobility_ticket.h - the value of MOBILITY-TICKET (RFC 8016 sections 3.3 and 5): names an
 * allocation and the ticket's own number among those of that allocation.
 *
 *	16 bytes   synthetic initialization vector, which authenticates all
 *	8 bytes    encrypted: name of the allocation (48 bits), number of the ticket (16 bits)
 *
 * as 32 characters of base64url, because turnutils_uclient keeps a ticket as a string of at most
 * so many. AES-SIV (RFC 5297): what is sealed never repeats, so tickets look random, and the same one
 * is made again for a repeated request without being kept.
 *
 * A ticket carries neither an expiry nor its owner. It names an allocation, and that says
 * whether the number is the valid one, the one before, or too old, and whose it is: see
 * mobility.h. Key and allocations outlive the process (relay/state/), and so do tickets.
 *
 * Owner    no state but the key, which is immutable.
 * Threads  any.
 */
#ifndef RELAY_CORE_MOBILITY_TICKET_H
#define RELAY_CORE_MOBILITY_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/ids.h"
#include "stun/wire.h"

enum {
	MOBILITY_TICKET_LEN = 32, /* an answer with one stays far below 548 bytes */
	MOBILITY_KEY_LEN = 32,    /* AES-128-SIV: one half authenticates, one encrypts */
};

/* From the CSPRNG at the first start, from process to process since then; the same for all workers. */
struct mobility_key {
	uint8_t bytes[MOBILITY_KEY_LEN];
};

struct mobility_ticket {
	uint64_t name;   /* of the allocation */
	uint16_t number; /* of the ticket, from 0 on; the first comes again after 65,536 */
};

/*
 * The name of a mobile allocation: what its id says, without all of the generation, which is odd.
 * Of two with the same name only one can be mobile at a time, see mobility_directory.h.
 */
static inline uint64_t mobility_name(uint64_t id)
{
	uint64_t generation = (id >> 24 & 0xFFFFFFFF) >> 1;

	return (uint64_t)id_worker(id) << 40 | (uint64_t)id_slot(id) << 16 |
	       (generation & 0xFFFF);
}

/* False, with out undefined, if OpenSSL has no AES-SIV or memory is short. */
bool mobility_ticket_seal(const struct mobility_key *key,
			  const struct mobility_ticket *ticket,
			  uint8_t out[MOBILITY_TICKET_LEN]);

/* False if it was not sealed with that key. Any bytes of any length. */
bool mobility_ticket_open(const struct mobility_key *key, struct slice value,
			  struct mobility_ticket *ticket);

#endif
