/*
 * flow_table.h - the flows that lie in the memory shared with the kernel program (flow_layout.h):
 * written, found, read back and ended. Plain memory: tests and fuzz targets need no kernel.
 *
 * Owner    struct offload, one for all workers.
 * Threads  all workers. A mutex for the places; what is in a flow belongs to the worker that has put it there.
 * Time     monotonic milliseconds, passed in, at most FLOW_REST_MS / 2 old, and a program is done with a packet
 *          in as long; deadlines are nanoseconds, as in the memory.
 */
#ifndef RELAY_OFFLOAD_FLOW_TABLE_H
#define RELAY_OFFLOAD_FLOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/counters.h"
#include "relay/offload/flow_layout.h"

struct flow_table;

/* As struct flow_counts, without its alignment. */
struct flow_sums {
	uint64_t packets;
	uint64_t ups[FLOW_UP_COUNT];
};

#define FLOW_NONE UINT32_MAX

/* The memory, mapped; borrowed. */
struct flow_memory {
	struct flow_settings *settings;
	struct flow_bucket *buckets;
	struct flow *flows;         /* FLOW_WAYS for each bucket */
	size_t bucket_count;        /* a power of two */
	struct flow_hop *hops;      /* FLOW_HOPS */
	struct flow_counts *counts; /* FLOW_CPUS_MAX */
};

/*
 * What is in the memory stays in force: flows of a process before, which the caller finds and takes up, or
 * ends with flow_table_sweep(). NULL if out of memory.
 */
struct flow_table *flow_table_new(const struct flow_memory *memory);
void flow_table_free(struct flow_table *table); /* NULL is allowed; flows stay in force */

/*
 * Put a flow in force. flow: credit as it is to be, counted 0; deadline_ns as in flow_table_renew(). FLOW_NONE: its
 * bucket is full, or rests; or there is one with its key.
 */
uint32_t flow_table_put(struct flow_table *table, const struct flow *flow,
			uint64_t now_ms);

/* The one in force with that key, or FLOW_NONE. */
uint32_t flow_table_find(struct flow_table *table, const struct flow_key *key);

/* One in force, borrowed; to read. */
const struct flow *flow_table_at(const struct flow_table *table, uint32_t flow);

/* End it: all that it has forwarded since the last look, exactly. Afterwards it forwards nothing. */
struct traffic flow_table_end(struct flow_table *table, uint32_t flow, uint64_t now_ms);

/* What it has forwarded since the last look. */
struct traffic flow_table_read(struct flow_table *table, uint32_t flow);

/*
 * It passes up from ends_ns on (as deadline_ns of flow_of.h), or from FLOW_LEASE_MS after now if that is
 * earlier. Read it as often: its word holds what passes in a lease.
 */
void flow_table_renew(struct flow_table *table, uint32_t flow, uint64_t ends_ns,
		      uint64_t now_ms);

/* That much more may pass; what may pass at present. For one with FLOW_LIMITED. */
void flow_table_grant(struct flow_table *table, uint32_t flow, uint32_t bytes);
int64_t flow_table_credit(const struct flow_table *table, uint32_t flow);

/* One of the process before is that owner's from now on, and leaves by that hop. */
void flow_table_adopt(struct flow_table *table, uint32_t flow, uint16_t hop,
		      uint16_t back, uint32_t owner);
/* Whose it is; for keep(), while others put and end theirs. */
uint32_t flow_table_owner(const struct flow_table *table, uint32_t flow);

/*
 * End all for which keep() is false, or all if it is NULL; how many that were. What they have forwarded since
 * the last look is lost. Others may put, find and end those for which it is true.
 */
size_t flow_table_sweep(struct flow_table *table, bool (*keep)(void *arg, uint32_t flow),
			void *arg, uint64_t now_ms);

/* In force; any thread. */
size_t flow_table_count(const struct flow_table *table);
/* Of all CPUs; any thread. */
void flow_table_counts(const struct flow_table *table, struct flow_sums *sum);

#endif
