/*
 * load_traffic.h - the packets of a run: stamps them when they are sent, and counts what arrives.
 * The caller knows where a packet goes and where it may arrive.
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

/* NULL: no memory, or no random bytes for the id of the run. */
struct load_traffic *load_traffic_new(const struct load_options *options,
				      struct load_result *result);
void load_traffic_free(struct load_traffic *traffic); /* NULL is allowed */

/* The next packet of a flow, stamped with the time; borrowed until the next call. */
struct slice load_traffic_next(struct load_traffic *traffic, uint32_t client,
			       enum load_direction direction);
/* ok: it was sent; if not, its sequence number is used again. */
void load_traffic_sent(struct load_traffic *traffic, uint32_t client,
		       enum load_direction direction, bool ok);

/* False, counted as stray or damaged, unless it is an intact packet of this run. */
bool load_traffic_read(struct load_traffic *traffic, struct slice payload,
		       struct stamp *stamp);
/* After load_traffic_read(): it arrived where it should, or elsewhere. */
void load_traffic_arrived(struct load_traffic *traffic, const struct stamp *stamp,
			  uint64_t arrived_ns);
void load_traffic_misdelivered(struct load_traffic *traffic, const struct stamp *stamp);

/* No more packets will be sent or taken: the result gets what is known at the end only. Once. */
void load_traffic_end(struct load_traffic *traffic);

/* All packets that were sent have arrived. */
bool load_traffic_is_complete(const struct load_traffic *traffic);

#endif
