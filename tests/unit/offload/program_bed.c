/*
 * program_bed.c - see program_bed.h.
 */
#include "tests/unit/offload/program_bed.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/lib/unit.h"

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

bool program_bed_may(char *why, size_t why_size)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 8,
		.max_entries = 1,
		.map_flags = BPF_F_MMAPABLE,
	};
	int fd = bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0) {
		snprintf(why, why_size, "this process may not use bpf(2): %s",
			 strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

static void *map(const struct flow_program *program, enum flow_program_table table)
{
	void *memory = mmap(NULL, flow_program_table_size(program, table),
			    PROT_READ | PROT_WRITE, MAP_SHARED,
			    flow_program_table(program, table), 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

static void unmap(const struct flow_program *program, enum flow_program_table table,
		  void *memory)
{
	munmap(memory, flow_program_table_size(program, table));
}

void program_bed_open(struct program_bed *bed, uint32_t buckets)
{
	char why[256] = "";

	bed->program = flow_program_load(buckets, why, sizeof(why));
	ck_assert_msg(bed->program != NULL, "%s", why);
	ck_assert_msg(flow_program_xdp(bed->program) >= 0, "XDP is refused");
	bed->memory = (struct flow_memory){
		.settings = map(bed->program, FLOW_PROGRAM_SETTINGS),
		.buckets = map(bed->program, FLOW_PROGRAM_BUCKETS),
		.flows = map(bed->program, FLOW_PROGRAM_FLOWS),
		.bucket_count = buckets,
		.hops = map(bed->program, FLOW_PROGRAM_HOPS),
		.counts = map(bed->program, FLOW_PROGRAM_COUNTS),
	};
	program_bed_clear(bed);
}

void program_bed_close(struct program_bed *bed)
{
	unmap(bed->program, FLOW_PROGRAM_SETTINGS, bed->memory.settings);
	unmap(bed->program, FLOW_PROGRAM_BUCKETS, bed->memory.buckets);
	unmap(bed->program, FLOW_PROGRAM_FLOWS, bed->memory.flows);
	unmap(bed->program, FLOW_PROGRAM_HOPS, bed->memory.hops);
	unmap(bed->program, FLOW_PROGRAM_COUNTS, bed->memory.counts);
	flow_program_free(bed->program);
	bed->program = NULL;
}

struct flow *program_bed_put(struct program_bed *bed, const struct flow *flow)
{
	uint64_t hash = flow_hash(&flow->key, bed->memory.settings->seed);
	size_t at = (size_t)(hash & (bed->memory.bucket_count - 1));
	struct flow_bucket *bucket = &bed->memory.buckets[at];
	size_t way = 0;

	while (way < FLOW_WAYS && bucket->tags[way] != 0)
		way++;
	ck_assert_uint_lt(way, FLOW_WAYS);
	struct flow *place = &bed->memory.flows[at * FLOW_WAYS + way];
	*place = *flow;
	__atomic_store_n(&bucket->tags[way], flow_tag(hash), __ATOMIC_RELEASE);
	return place;
}

void program_bed_clear(struct program_bed *bed)
{
	*bed->memory.settings = (struct flow_settings){
		.version = FLOW_LAYOUT_VERSION,
		.on = 1,
		.seed = 0x243F6A8885A308D3,
		.relay_port_first = 50000,
		.relay_port_last = 59999,
		.front_ports = {3478},
	};
	memset(bed->memory.buckets, 0,
	       bed->memory.bucket_count * sizeof(*bed->memory.buckets));
	memset(bed->memory.flows, 0,
	       bed->memory.bucket_count * FLOW_WAYS * sizeof(*bed->memory.flows));
	memset(bed->memory.counts, 0, FLOW_CPUS_MAX * sizeof(*bed->memory.counts));
}

static struct flow_counts sum_of(const struct program_bed *bed)
{
	struct flow_counts sum = {0};

	for (int cpu = 0; cpu < FLOW_CPUS_MAX; cpu++) {
		const struct flow_counts *row = &bed->memory.counts[cpu];

		sum.packets += row->packets;
		for (int up = 0; up < FLOW_UP_COUNT; up++)
			sum.ups[up] += row->ups[up];
	}
	return sum;
}

void program_bed_run(struct program_bed *bed, enum program_kind kind, const void *frame,
		     size_t len, uint32_t gso_size, struct program_result *result)
{
	bool xdp = kind == PROGRAM_XDP;
	struct __sk_buff context = {.gso_size = gso_size};
	struct flow_counts before = sum_of(bed);
	union bpf_attr attr = {0};

	memset(result, 0, sizeof(*result));
	attr.test.prog_fd = (uint32_t)(xdp ? flow_program_xdp(bed->program)
					   : flow_program_tc(bed->program));
	attr.test.data_in = (uintptr_t)frame;
	attr.test.data_size_in = (uint32_t)len;
	attr.test.data_out = (uintptr_t)result->bytes;
	attr.test.data_size_out = sizeof(result->bytes);
	if (!xdp) {
		attr.test.ctx_in = (uintptr_t)&context;
		attr.test.ctx_size_in = sizeof(context);
	}
	ck_assert_msg(bpf(BPF_PROG_TEST_RUN, &attr) == 0, "%s", strerror(errno));
	result->code = attr.test.retval;
	result->len = attr.test.data_size_out;
	result->goes = xdp ? result->code == XDP_TX || result->code == XDP_REDIRECT
			   : result->code == TC_ACT_REDIRECT;
	result->is_lost = result->code == (xdp ? XDP_DROP : (uint32_t)TC_ACT_SHOT);
	ck_assert_msg(result->goes || result->is_lost ||
			      result->code == (xdp ? XDP_PASS : (uint32_t)TC_ACT_UNSPEC),
		      "code %u", result->code);

	struct flow_counts after = sum_of(bed);
	uint64_t counted = after.packets - before.packets;
	ck_assert_uint_eq(counted, result->goes);
	result->up = FLOW_UP_COUNT;
	for (int up = 0; up < FLOW_UP_COUNT; up++) {
		if (after.ups[up] != before.ups[up]) {
			ck_assert_uint_eq(after.ups[up] - before.ups[up], 1);
			ck_assert_msg(result->up == FLOW_UP_COUNT, "two reasons");
			result->up = (enum flow_up)up;
		}
	}
	ck_assert_msg(!result->goes || result->up == FLOW_UP_COUNT,
		      "it goes, and counts as %d", result->up);
}

uint64_t program_bed_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
