/*
 * top_allocations.h - the few allocations that have relayed most, without the names or addresses
 * of their clients and peers.
 */
#ifndef RELAY_OPS_TOP_ALLOCATIONS_H
#define RELAY_OPS_TOP_ALLOCATIONS_H

#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation.h"

struct relay;

enum { TOP_ALLOCATIONS_MAX = 50 };

struct top_allocations_row {
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
struct top_allocations {
	struct top_allocations_row rows[TOP_ALLOCATIONS_MAX];
	size_t count;
};

/* Asks the workers, a slice of their table at a time. Any thread but a worker's. */
void top_allocations_gather(struct top_allocations *top_allocations, struct relay *relay);

#endif
