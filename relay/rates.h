/*
 * rates.h - how fast each allocation of a worker is, for people: its counters, sampled about once
 * a second. Packets pay nothing for it, and one call samples a bounded number of slots.
 *
 * Owner    the worker; its thread only.
 * Time     monotonic milliseconds, passed in.
 * Memory   an array over the slots, reserved at start and untouched until used.
 */
#ifndef RELAY_RATES_H
#define RELAY_RATES_H

#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation.h"

enum {
	RATES_SLICE = 1024, /* most slots that one call samples */
	RATES_WINDOW_MS = 1000,
};
#define RATES_STILL UINT32_MAX

struct traffic_rate { /* of application data */
	uint64_t to_peer_bps, to_client_bps;
	uint64_t to_peer_pps, to_client_pps;
};

struct rates;

/* slots: as many as the table has. NULL if out of memory. */
struct rates *rates_new(size_t slots);
void rates_free(struct rates *rates); /* NULL is allowed */

/* Call that before an allocation is sampled, to bring its counters up to date. */
typedef void rates_read_fn(void *arg, const struct allocation *al);
void rates_read_with(struct rates *rates, rates_read_fn *read, void *arg);

/*
 * Sample the next slots; returns in how many milliseconds to call again. moved: how many packets
 * all allocations of the table, past ones included, have relayed; while it does not change there
 * is nothing to sample, and RATES_STILL is returned: call again when something else wakes the worker, at
 * least every RATES_WINDOW_MS.
 */
uint32_t rates_sample(struct rates *rates, struct allocation_table *table, uint64_t moved,
		      uint64_t now_ms);

/* Over about the last second, or over its lifetime if the allocation is younger. */
struct traffic_rate rates_of(const struct rates *rates, const struct allocation *al,
			     uint64_t now_ms);

#endif
