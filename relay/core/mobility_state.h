/*
 * mobility_state.h - what a mobile allocation (RFC 8016) has besides; see mobility.h. Few
 * allocations are mobile, so it lies in a table of its own, under the same slot.
 *
 * Owner    the table; its allocation decides.
 * Time     monotonic milliseconds.
 */
#ifndef RELAY_CORE_MOBILITY_STATE_H
#define RELAY_CORE_MOBILITY_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/charge.h"
#include "relay/core/five_tuple.h"
#include "stun/registry.h"

struct mobility {
	uint16_t ticket; /* number of the one that is valid */
	uint32_t moves;  /* to another 5-tuple, completed */
	uint16_t hops;   /* to another worker */

	/* The Refresh that made the ticket: its repetitions get the same answer. */
	struct five_tuple from;
	uint8_t txid[STUN_TXID_LEN];
	uint32_t answered_s; /* LIFETIME */
	uint64_t until_ms;

	/* While al->moving: where the client will be once it sends data from there. */
	struct five_tuple to;
	uint16_t via;         /* the worker that receives what comes from there */
	struct charge charge; /* of that 5-tuple, as far as it differs */
	bool fingerprint;
};

#endif
