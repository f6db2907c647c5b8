/*
 * saved_shared.h - what workers share as records of the shared state file, and back.
 *
 * Kept: the keys under which clients hold nonces and tickets, and under which owners are hashed;
 * ports promised by EVEN-PORT; ports that rest; every second or two, how far the process has come.
 *
 * Not kept, because it is made again from the allocations that are restored: ports in use, quotas, the
 * directory of mobile allocations, reserved bandwidth. Neither are
 *
 *	fronts, addresses, realm	images and proofs have them by value, so that an index
 *			means nothing to the next process
 *	the limiter of strangers	1 MiB of times that nothing but their age makes obsolete within
 *			limits.stranger_burst / stranger_rate seconds. A source that has used its burst
 *			gets another one from a restart, which it cannot cause
 *	buckets of users, for new allocations and for bandwidth	the same: one burst more, and what a
 *			user holds still counts against all quotas
 *	TLS session tickets	their keys are in no file; a client that resumes makes a full
 *			handshake instead
 *
 * Records begin with a version, as those of saved_allocation.h do. Pure; any thread.
 */
#ifndef RELAY_STATE_SAVED_SHARED_H
#define RELAY_STATE_SAVED_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "relay/core/mobility_ticket.h"
#include "relay/core/nonce.h"
#include "relay/core/reservation.h"
#include "stun/endpoint.h"
#include "stun/wire.h"

enum { SAVED_SHARED_VERSION = 1, SAVED_SHARED_MAX = 128 };

/* STATE_SECRETS, 0. Cleanse it before dropping it. */
struct saved_secrets {
	uint8_t nonce[sizeof(((struct nonce_key *)0)->bytes)];
	struct mobility_key mobility;
	struct siphash_key hash;
};

/* STATE_RESERVATION, by number of its entry. held.address means nothing: ip. */
struct saved_reservation {
	struct held_port held;
	struct ip_addr ip; /* of the relayed address, as bound */
};

/* STATE_RESTING, by number of its own. */
struct saved_rest {
	struct endpoint local;
	bool tcp;
	uint64_t since_ms;
};

/* STATE_PULSE, 0. */
struct saved_pulse {
	uint64_t at_ms;      /* the process lived then */
	uint32_t generation; /* the highest of all tables, see allocation_table_start() */
};

/* Each returns the length. */
size_t saved_secrets_write(const struct saved_secrets *secrets,
			   uint8_t out[SAVED_SHARED_MAX]);
size_t saved_reservation_write(const struct saved_reservation *reservation,
			       uint8_t out[SAVED_SHARED_MAX]);
size_t saved_rest_write(const struct saved_rest *rest, uint8_t out[SAVED_SHARED_MAX]);
size_t saved_pulse_write(const struct saved_pulse *pulse, uint8_t out[SAVED_SHARED_MAX]);

/* Any bytes. False, with the result undefined, if it is of no version that is known, or damaged. */
bool saved_secrets_read(struct slice record, struct saved_secrets *secrets);
bool saved_reservation_read(struct slice record, struct saved_reservation *reservation);
bool saved_rest_read(struct slice record, struct saved_rest *rest);
bool saved_pulse_read(struct slice record, struct saved_pulse *pulse);

#endif
