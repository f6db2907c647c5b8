/*
 * shared.h - the tables that workers share, made together and freed together.
 *
 * Owner    main makes and frees them; workers borrow them.
 * Threads  each table says how in its header.
 */
#ifndef RELAY_CORE_SHARED_H
#define RELAY_CORE_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/port_pool.h"
#include "relay/core/turn.h"

/* What decides how large they are; final. */
struct shared_sizes {
	struct port_pool_config pool; /* of UDP; the one of TCP differs in its seed */
	uint64_t tcp_seed;
	size_t reservations;
	size_t owners; /* as many users of each dialect, prefixes and mobile allocations */
};

/*
 * Make all tables but half_open, whose size depends on the workers. hash_key is set. False if out
 * of memory; shared_free() takes what there is.
 */
bool shared_make(struct turn_shared *shared, const struct shared_sizes *sizes);

/* Includes half_open. Tables never made are NULL; all zero is allowed. */
void shared_free(struct turn_shared *shared);

#endif
