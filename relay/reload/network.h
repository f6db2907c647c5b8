/*
 * network.h - what the relay has on the network: its fronts and its outside addresses, each at
 * the index that allocations, tables and pools know it by. A reload adds some and retires
 * others; a retired one keeps its index until its last allocation ends.
 *
 *     FREE --> SERVING --> RETIRED --> FREE
 *                 ^-----------'  named again
 *
 * Owner    struct relay has one; main alone changes it.
 * Threads  workers read the two tables without a lock, at indices that they got by message; all
 *          other threads get copies of the rows.
 */
#ifndef RELAY_RELOAD_NETWORK_H
#define RELAY_RELOAD_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/front.h"
#include "relay/core/peer_policy.h"
#include "relay/core/port_pool.h"
#include "relay/reload/relay_config.h"

enum network_state {
	NETWORK_FREE,
	NETWORK_SERVING,
	NETWORK_RETIRED,
};

/* The rows of a view: all fronts, then all outside addresses. */
enum { NETWORK_ROWS = FRONTS_MAX + PORT_POOL_ADDRESSES_MAX };

/* All of it at one time: what is, or what a reload would make of it. */
struct network_view {
	struct front
		fronts[FRONTS_MAX]; /* a plain front and its secure one stand together */
	struct relay_address relay[PORT_POOL_ADDRESSES_MAX];
	union {
		enum network_state states[NETWORK_ROWS];
		struct {
			enum network_state front_states[FRONTS_MAX];
			enum network_state relay_states[PORT_POOL_ADDRESSES_MAX];
		};
	};
};

struct network;

/* Nothing yet. NULL if out of memory. */
struct network *network_new(void);
void network_free(struct network *network); /* NULL is allowed */

/*
 * What this configuration makes of it. Fronts and addresses that are already there keep their
 * indices, new ones get free ones, all others are retired. False with "FILE:LINE:COLUMN: ..." in
 * error: no index is free, or a front is still retired on the other side.
 */
bool network_plan(const struct network *network, const struct relay_config *config,
		  struct network_view *plan, char *error, size_t error_size);

/* Put a plan in force. */
void network_set(struct network *network, const struct network_view *view);

/* As main sees it; borrowed, and it changes with network_set(). */
const struct network_view *network_view(const struct network *network);

/* Copies of the rows that are there, in the order of their indices. Any thread. */
struct network_front {
	uint16_t index;
	struct front front;
	bool retired;
};
size_t network_fronts(struct network *network, struct network_front rows[FRONTS_MAX]);

struct network_address {
	uint16_t index;
	struct relay_address address; /* knows itself whether it is retired */
};
size_t network_addresses(struct network *network,
			 struct network_address rows[PORT_POOL_ADDRESSES_MAX]);

#endif
