/*
 * stamp.h - the header of every packet of avedge-load: its flow, its sequence number and when it
 * was sent; and what a receiver learns from the sequence numbers of a flow.
 *
 *   0         4        8          12          16               24              32
 *   | magic   | run    | client   | direction | sequence       | sent, ns      | filling ...
 */
#ifndef TOOLS_LOAD_STAMP_H
#define TOOLS_LOAD_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

enum { STAMP_LEN = 32 };

struct stamp {
	uint32_t run; /* random: packets of other runs are strays */
	uint32_t client;
	uint32_t direction;
	uint64_t sequence; /* from 0 for each client and direction */
	uint64_t sent_ns;  /* CLOCK_REALTIME */
};

void stamp_write(uint8_t out[STAMP_LEN], const struct stamp *stamp);

/* False if the payload is too short or carries no stamp. */
bool stamp_read(struct slice payload, struct stamp *stamp);

/* The receiving end of one flow; zeroed is fresh. */
struct stamp_flow {
	uint64_t next;   /* one more than the highest sequence number seen */
	uint64_t recent; /* bit n: next - 1 - n has been seen */
};

enum stamp_order {
	STAMP_IN_ORDER,  /* perhaps after a gap */
	STAMP_REORDERED, /* a later one arrived before it */
	STAMP_DUPLICATED,
};

/*
 * Take the next packet of a flow. Duplicates and late packets are distinguished among the last 64
 * sequence numbers; older ones count as reordered.
 */
enum stamp_order stamp_flow_take(struct stamp_flow *flow, uint64_t sequence);

#endif
