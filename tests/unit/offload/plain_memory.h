/*
 * plain_memory.h - the memory of flow_layout.h without a kernel, and a program for it that does what
 * concerns the table: finds a flow for a key and counts, as that of the kernel does.
 */
#ifndef TESTS_UNIT_OFFLOAD_PLAIN_MEMORY_H
#define TESTS_UNIT_OFFLOAD_PLAIN_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relay/offload/flow_table.h"
#include "tests/unit/lib/unit.h"

static inline void *plain_zeroed(size_t count, size_t size)
{
	void *memory = aligned_alloc(64, (count * size + 63) / 64 * 64);

	ck_assert_ptr_nonnull(memory);
	return memset(memory, 0, (count * size + 63) / 64 * 64);
}

static inline struct flow_memory plain_memory_new(size_t bucket_count)
{
	struct flow_memory memory = {
		.settings = plain_zeroed(1, sizeof(struct flow_settings)),
		.buckets = plain_zeroed(bucket_count, sizeof(struct flow_bucket)),
		.flows = plain_zeroed(bucket_count * FLOW_WAYS, sizeof(struct flow)),
		.bucket_count = bucket_count,
		.hops = plain_zeroed(FLOW_HOPS, sizeof(struct flow_hop)),
		.counts = plain_zeroed(FLOW_CPUS_MAX, sizeof(struct flow_counts)),
	};

	*memory.settings = (struct flow_settings){
		.version = FLOW_LAYOUT_VERSION,
		.on = 1,
		.seed = 0x243F6A8885A308D3,
	};
	return memory;
}

static inline void plain_memory_free(struct flow_memory *memory)
{
	free(memory->settings);
	free(memory->buckets);
	free(memory->flows);
	free(memory->hops);
	free(memory->counts);
}

/* The flow of that key, or NULL. */
static inline struct flow *plain_find(const struct flow_memory *memory,
				      const struct flow_key *key)
{
	uint64_t hash = flow_hash(key, memory->settings->seed);
	uint32_t bucket = (uint32_t)hash & (uint32_t)(memory->bucket_count - 1);

	for (uint32_t way = 0; way < FLOW_WAYS; way++) {
		struct flow *flow = &memory->flows[bucket * FLOW_WAYS + way];

		if (__atomic_load_n(&memory->buckets[bucket].tags[way],
				    __ATOMIC_ACQUIRE) == flow_tag(hash) &&
		    memcmp(&flow->key, key, sizeof(*key)) == 0)
			return flow;
	}
	return NULL;
}

/* A test with threads says where a program may be held up. */
#ifndef PLAIN_PAUSE
#define PLAIN_PAUSE() ((void)0)
#endif

/* FLOW_UP_COUNT: counted, so it goes out; else why it passes up. */
static inline enum flow_up plain_count(struct flow *flow, uint64_t now_ns, uint32_t len)
{
	if (now_ns >= __atomic_load_n(&flow->deadline_ns, __ATOMIC_ACQUIRE))
		return FLOW_UP_EXPIRED;
	if (flow->flags & FLOW_LIMITED) {
		if (__atomic_load_n(&flow->credit, __ATOMIC_RELAXED) < (int64_t)len)
			return FLOW_UP_NO_CREDIT;
		__atomic_fetch_sub(&flow->credit, len, __ATOMIC_RELAXED);
	}
	PLAIN_PAUSE();

	uint64_t before =
		__atomic_fetch_add(&flow->counted, FLOW_PACKET + len, __ATOMIC_ACQ_REL);
	return before & FLOW_CLOSED ? FLOW_UP_EXPIRED : FLOW_UP_COUNT;
}

#endif
