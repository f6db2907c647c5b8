/*
 * bare_forwarder.h - what bare_forwarder.c and its program for the kernel, bare_tc.bpf.c, share:
 * a table of flows, addresses and ports in network order.
 */
#ifndef TESTS_BENCH_BARE_FORWARDER_H
#define TESTS_BENCH_BARE_FORWARDER_H

#include <linux/types.h>

enum { BARE_FLOWS_MAX = 1 << 16 };

struct bare_key {
	__be32 source, destination;
	__be16 source_port, destination_port;
};

struct bare_flow {
	__be32 from, to;
	__be16 from_port, to_port;
	__be16 channel; /* whose header is put in front; 0: one is taken off */
	__u8 macs[12];  /* of the next hop, and of the device */
	__u16 zero;
	__u32 ifindex;
};

#endif
