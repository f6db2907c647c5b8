/*
 * flow_program.h - the programs of the kernel plane and their tables, loaded into the kernel; for
 * avedge-offload and for tests. Nothing is attached or pinned: what nobody has open any more is gone.
 *
 * Needs CAP_BPF, CAP_NET_ADMIN, and CAP_PERFMON: without the latter the verifier refuses places in a packet that
 * are not known in advance, and makes programs slower. Attach them to Ethernet devices only, and at ingress.
 *
 * Owner    the caller.
 * Threads  one.
 */
#ifndef RELAY_OFFLOAD_BPF_FLOW_PROGRAM_H
#define RELAY_OFFLOAD_BPF_FLOW_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

struct flow_program;

/* The tables, each to be mapped as a whole (BPF_F_MMAPABLE), in the order of enum loader_descriptor. */
enum flow_program_table {
	FLOW_PROGRAM_SETTINGS, /* one struct flow_settings; zeros, so that every packet passes up */
	FLOW_PROGRAM_BUCKETS, /* struct flow_bucket */
	FLOW_PROGRAM_FLOWS,   /* struct flow, FLOW_WAYS of each bucket */
	FLOW_PROGRAM_HOPS,    /* FLOW_HOPS of struct flow_hop */
	FLOW_PROGRAM_COUNTS,  /* FLOW_CPUS_MAX of struct flow_counts */
	FLOW_PROGRAM_TABLES
};

/*
 * Make the tables, all zero, and load the programs.
 *
 * buckets  a power of two, 1..FLOW_PROGRAM_BUCKETS_MAX
 * why      filled on failure: a sentence without a full stop
 *
 * NULL: out of memory, not permitted, or the kernel refuses.
 */
enum { FLOW_PROGRAM_BUCKETS_MAX = 1 << 20 };
struct flow_program *flow_program_load(uint32_t buckets, char *why, size_t why_size);
void flow_program_free(struct flow_program *program); /* NULL is allowed */

/* Descriptors, borrowed. A table lives as long as any descriptor or mapping of it, or a program that uses it. */
int flow_program_table(const struct flow_program *program, enum flow_program_table table);
/* Bytes to map: a multiple of the page size. */
size_t flow_program_table_size(const struct flow_program *program,
			       enum flow_program_table table);

/* BPF_PROG_TYPE_SCHED_CLS, for tcx or clsact with direct-action, at ingress. Borrowed. */
int flow_program_tc(const struct flow_program *program);
/* BPF_PROG_TYPE_XDP, for native XDP. Borrowed; -1: this kernel takes only the other. */
int flow_program_xdp(const struct flow_program *program);

#endif
