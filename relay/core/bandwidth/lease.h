/*
 * lease.h - what bandwidth.c keeps of one allocation. The part of it that packets touch, the
 * credit that is left of the lease, lies among the allocation's hot fields.
 *
 * Owner    embedded in struct allocation; no pointers.
 * Time     monotonic milliseconds.
 */
#ifndef RELAY_CORE_BANDWIDTH_LEASE_H
#define RELAY_CORE_BANDWIDTH_LEASE_H

#include <stdint.h>

#include "relay/core/tokens.h"

struct lease {
	struct tokens average, peak;
	uint64_t over_average_ms, over_peak_ms; /* last refused; 0: never */
	uint32_t size;                          /* bytes of the last one ... */
	uint32_t taken_ms;                      /* ... and when: low bits */
	uint32_t second, bytes;                 /* what passed in it */
};

#endif
