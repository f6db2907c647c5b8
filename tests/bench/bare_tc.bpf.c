/*
 * bare_tc.bpf.c - the least that a relay below the sockets has to do: one look into a hash, a
 * ChannelData header taken off or put in front, new addresses, a new checksum, redirect. It
 * checks only that the packet is no STUN, counts nothing and knows no time, so it is no relay: it
 * is the yardstick for one. bare_forwarder.c fills the table; whole-system compiles and attaches
 * it.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tests/bench/bare_forwarder.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BARE_FLOWS_MAX);
	__type(key, struct bare_key);
	__type(value, struct bare_flow);
} bare_flows SEC(".maps");

struct headers {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	__be16 channel, length; /* of ChannelData, or already payload */
} __attribute__((packed, aligned(2)));

static __always_inline __u32 halves(__u32 word)
{
	return (word & 0xFFFF) + (word >> 16);
}

static __always_inline __u16 fold(__u32 sum)
{
	sum = halves(sum);
	return (__u16)halves(sum);
}

/* What the UDP checksum covers of the headers; the length is in it twice. */
static __always_inline __u32 sum_of(const struct headers *packet)
{
	return halves(packet->ip.saddr) + halves(packet->ip.daddr) + packet->udp.source +
	       packet->udp.dest + 2 * (__u32)packet->udp.len;
}

SEC("tc")
int bare_tc(struct __sk_buff *skb)
{
	struct headers *packet = (void *)(long)skb->data;

	if ((void *)(packet + 1) > (void *)(long)skb->data_end)
		return TC_ACT_OK;
	struct headers old = *packet;
	struct bare_key key = {old.ip.saddr, old.ip.daddr, old.udp.source, old.udp.dest};
	const struct bare_flow *flow = bpf_map_lookup_elem(&bare_flows, &key);
	if (flow == 0)
		return TC_ACT_OK;

	/* STUN begins with two zero bits: without this look no allocation would end. */
	if (flow->channel == 0 && (bpf_ntohs(old.channel) & 0xC000) == 0)
		return TC_ACT_OK;
	int growth = flow->channel != 0 ? 4 : -4;
	if (bpf_skb_adjust_room(skb, growth, BPF_ADJ_ROOM_MAC,
				BPF_F_ADJ_ROOM_FIXED_GSO |
					BPF_F_ADJ_ROOM_NO_CSUM_RESET) != 0)
		return TC_ACT_OK;
	packet = (void *)(long)skb->data;
	if ((void *)(packet + 1) > (void *)(long)skb->data_end)
		return TC_ACT_SHOT;

	struct headers out = old;
	__u32 before = sum_of(&old);

	__builtin_memcpy(&out.eth, flow->macs, sizeof(flow->macs));
	out.ip.saddr = flow->from;
	out.ip.daddr = flow->to;
	out.ip.tot_len = bpf_htons((__u16)(bpf_ntohs(old.ip.tot_len) + growth));
	out.ip.ttl = 64;
	out.ip.check = 0;
	out.udp.source = flow->from_port;
	out.udp.dest = flow->to_port;
	out.udp.len = bpf_htons((__u16)(bpf_ntohs(old.udp.len) + growth));

	const __u16 *words = (const __u16 *)&out.ip;
	__u32 header = 0;
	for (int i = 0; i < 10; i++)
		header += words[i];
	out.ip.check = (__u16)~fold(header);

	__u32 after = sum_of(&out);
	if (flow->channel != 0) {
		out.channel = flow->channel;
		out.length = bpf_htons((__u16)(bpf_ntohs(old.udp.len) - sizeof(old.udp)));
		after += out.channel + out.length;
	} else {
		before += old.channel + old.length;
	}
	__u32 sum = (__u16)~old.udp.check + after + (__u16)~fold(before);
	out.udp.check = (__u16)~fold(sum);

	if (flow->channel != 0)
		*packet = out;
	else
		__builtin_memcpy(packet, &out, sizeof(out) - 4);
	return (int)bpf_redirect(flow->ifindex, 0);
}

char bare_license[] SEC("license") = "GPL";
