/*
 * meter.h - how much goes through, in bits per second: of the last whole second, and the most
 * of any second since the start. For display; no decision uses it.
 *
 * Threads  any number of writers and readers. Two writers that both find the second over may
 *          put a piece into the wrong one.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_BANDWIDTH_METER_H
#define RELAY_CORE_BANDWIDTH_METER_H

#include <stddef.h>
#include <stdint.h>

#include "relay/core/rate.h"

struct meter {
	uint64_t second; /* that is being counted */
	uint64_t bytes;  /* all, since the start */
	struct rate bps; /* of the last second that is over */
	uint64_t peak_bps;
};

/* Also raises *peak_bps_of_all, which may be NULL, to the rate of a second that is over. */
void meter_add(struct meter *meter, size_t bytes, uint64_t now_ms,
	       uint64_t *peak_bps_of_all);
uint64_t meter_bps(const struct meter *meter, uint64_t now_ms);
uint64_t meter_peak_bps(const struct meter *meter);

/* *peak becomes value if that is more. */
void meter_raise(uint64_t *peak, uint64_t value);

#endif
