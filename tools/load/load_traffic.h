/*
 * load_traffic.h - the packets of a run: stamps them on the way out, and keeps the figures of
 * what arrives. Where a packet goes and may arrive is not known here.
 *
 * Owner    the run. The result is borrowed.
 * Threads  one.
 */
#ifndef TOOLS_LOAD_LOAD_TRAFFIC_H
#define TOOLS_LOAD_LOAD_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/wire.h"
#include "tools/load/load_result.h"
#include "tools/load/stamp.h"

struct load_traffic;

/* NULL: no memory, or no random bytes for the number of the run. */
struct load_traffic *load_traffic_new(const struct load_options *options,
				      struct load_result *result);
void load_traffic_free(struct load_traffic *traffic); /* NULL is allowed */

/* The next packet of a flow, stamped with the time; borrowed until the next call. */
struct slice load_traffic_next(struct load_traffic *traffic, uint32_t client,
			       enum load_direction direction);
/* Whether it went out; if not, its number is used again. */
void load_traffic_sent(struct load_traffic *traffic, uint32_t client,
		       enum load_direction direction, bool ok);

/* False, counted as stray or damaged, unless it is one of ours and whole. */
bool load_traffic_read(struct load_traffic *traffic, struct slice payload,
		       struct stamp *stamp);
/* What load_traffic_read() gave: arrived where it should, or elsewhere. */
void load_traffic_arrived(struct load_traffic *traffic, const struct stamp *stamp,
			  uint64_t arrived_ns);
void load_traffic_misdelivered(struct load_traffic *traffic, const struct stamp *stamp);

/* Nothing more can come. */
bool load_traffic_is_complete(const struct load_traffic *traffic);

#endif
