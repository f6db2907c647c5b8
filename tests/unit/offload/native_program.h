/*
 * native_program.h - the programs of relay/offload/bpf compiled for this machine, and their tables.
 */
#ifndef TESTS_UNIT_OFFLOAD_NATIVE_PROGRAM_H
#define TESTS_UNIT_OFFLOAD_NATIVE_PROGRAM_H

#include <linux/bpf.h>

#include "relay/offload/flow_layout.h"

int flow_tc(struct __sk_buff *skb);
int flow_xdp(struct xdp_md *xdp);

/* Maps as the program names them, and its variables. */
struct native_tables {
	const void *buckets, *flows, *hops;
	struct flow_settings *settings;
	struct flow_counts *counts;
};
struct native_tables native_program_tables(void);
/* Of buckets, less one. */
void native_program_set_mask(__u32 mask);

#endif
