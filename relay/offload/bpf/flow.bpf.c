/*
 * flow.bpf.c - the programs of the kernel plane.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "relay/offload/flow_layout.h"

/* How many is said when they are loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_bucket);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FLOW_WAYS);
	__type(key, __u32);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FLOW_HOPS);
	__type(key, __u32);
	__type(value, struct flow_hop);
} hops SEC(".maps");

/* Variables are maps of one entry, which a program reads without looking them up. */
volatile struct flow_settings settings SEC(".data.settings");
struct flow_counts counts[FLOW_CPUS_MAX];

SEC("tc")
int flow_tc(struct __sk_buff *skb)
{
	(void)skb;
	if (settings.on == 0)
		return TC_ACT_UNSPEC;
	return TC_ACT_UNSPEC;
}

SEC("xdp")
int flow_xdp(struct xdp_md *xdp)
{
	(void)xdp;
	if (settings.on == 0)
		return XDP_PASS;
	return XDP_PASS;
}

const char flow_license[] SEC("license") = "GPL";
