/*
 * busiest.h - the allocations that have relayed most, a few of them, with nothing of who their
 * clients or peers are.
 */
#ifndef RELAY_OPS_BUSIEST_H
#define RELAY_OPS_BUSIEST_H

#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation.h"

struct relay;

enum { BUSIEST_MAX = 50 };

struct busiest_row {
	uint64_t id;
	enum dialect dialect;
	enum side side;
	enum transport transport, relay_transport;
	struct endpoint relayed; /* as clients are told */
	uint64_t age_ms, expires_in_ms;
	uint16_t permission_count, channel_count;
	struct traffic to_peer, to_client;
};

/* Most payload first. */
struct busiest {
	struct busiest_row rows[BUSIEST_MAX];
	size_t count;
};

/* Asks the workers, in portions. Any thread but a worker's. */
void busiest_gather(struct busiest *busiest, struct relay *relay);

#endif
