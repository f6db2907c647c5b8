/*
 * rewrite.h - headers of what leaves, and its checksum from that of what came. For programs in the kernel only.
 */
#ifndef RELAY_OFFLOAD_BPF_REWRITE_H
#define RELAY_OFFLOAD_BPF_REWRITE_H

#include <stdbool.h>

#include "relay/offload/bpf/packet.h"
#include "relay/offload/bpf/sum.h"
#include "relay/offload/bpf/verdict.h"

static __always_inline __u64 sum_addresses(const __u8 a[16], const __u8 b[16], bool v6)
{
	int words = v6 ? 4 : 1;

	return sum_words((const __u32 *)a, words) + sum_words((const __u32 *)b, words);
}

/* The pseudo header (RFC 768, RFC 8200 section 8.1). */
static __always_inline __u64 sum_pseudo(__u64 addresses, __u32 length)
{
	return addresses + bpf_htons(IPPROTO_UDP) +
	       bpf_htons((__u16)(sizeof(struct udphdr) + length));
}

/*
 * May this be the sum of the pseudo header alone, which a device completes (CHECKSUM_PARTIAL)? One
 * of 65535 complete ones looks the same.
 */
static __always_inline bool looks_partial(const struct packet *packet, bool v6)
{
	return packet->check ==
	       sum_fold(sum_pseudo(sum_addresses(packet->key.source,
						 packet->key.destination, v6),
				   packet->length));
}

/*
 * excess   sum of the padding that goes
 * partial  the sum of the new pseudo header, which a device completes
 */
static __always_inline __sum16 new_check(const struct packet *packet,
					 const struct verdict *verdict, __u64 excess,
					 bool v6, bool partial)
{
	const struct flow *flow = verdict->flow;
	__u64 before =
		sum_pseudo(sum_addresses(packet->key.source, packet->key.destination, v6),
			   packet->length);
	__u64 after =
		sum_pseudo(sum_addresses(flow->to, flow->from, v6), verdict->length);

	if (partial)
		return sum_fold(after);
	before += packet->key.source_port + packet->key.destination_port + excess +
		  bpf_htons((__u16)(sizeof(struct udphdr) + packet->length));
	if (verdict->strips)
		before += bpf_htons(packet->key.channel) + bpf_htons((__u16)packet->body);
	after += flow->from_port + flow->to_port +
		 bpf_htons((__u16)(sizeof(struct udphdr) + verdict->length));
	if (verdict->wraps)
		after += bpf_htons(verdict->channel) +
			 bpf_htons((__u16)(verdict->length - CHANNEL_HEADER));
	__u16 check = (__u16)~sum_fold((__u16)~packet->check + after +
				       (__u16)~sum_fold(before));
	return check != 0 ? check : 0xFFFF;
}

static __always_inline void write_ipv4(struct iphdr *ip, const struct verdict *verdict,
				       __u16 id)
{
	const struct flow *flow = verdict->flow;
	__u32 words[5];

	words[0] =
		bpf_htonl(0x45000000 | (__u32)verdict->tos << 16 |
			  (__u32)(sizeof(*ip) + sizeof(struct udphdr) + verdict->length));
	words[1] = bpf_htonl((__u32)(id ^ (__u16)verdict->label) << 16);
	words[2] = bpf_htonl((__u32)verdict->hop_limit << 24 | IPPROTO_UDP << 16);
	__builtin_memcpy(&words[3], flow->from, 4);
	__builtin_memcpy(&words[4], flow->to, 4);

	__u16 check = (__u16)~sum_fold(sum_words(words, 5));
	__u32 *out = (__u32 *)ip;
	out[0] = words[0];
	out[1] = words[1];
	out[2] = words[2];
	out[3] = words[3];
	out[4] = words[4];
	ip->check = check;
}

static __always_inline void write_ipv6(struct ipv6hdr *ip, const struct verdict *verdict)
{
	const struct flow *flow = verdict->flow;

	*(__be32 *)ip = bpf_htonl(6U << 28 | (__u32)verdict->tos << 20 |
				  (verdict->label & 0xFFFFF));
	ip->payload_len = bpf_htons((__u16)(sizeof(struct udphdr) + verdict->length));
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = verdict->hop_limit;
	__builtin_memcpy(&ip->saddr, flow->from, 16);
	__builtin_memcpy(&ip->daddr, flow->to, 16);
}

/*
 * Headers from IP to ChannelData; the Ethernet header is in front of ip. There is room for all of them up to
 * end, else it writes nothing and is false.
 */
static __always_inline bool write_headers(void *ip, void *end,
					  const struct verdict *verdict, bool v6,
					  __sum16 check, __u16 id)
{
	struct udphdr *udp = ip + ip_header_of(v6);
	__be16 *channel = (__be16 *)(udp + 1);

	if (verdict->wraps) {
		if ((void *)(channel + 2) > end)
			return false;
		channel[0] = bpf_htons(verdict->channel);
		channel[1] = bpf_htons((__u16)(verdict->length - CHANNEL_HEADER));
	}
	if ((void *)(udp + 1) > end)
		return false;
	if (v6)
		write_ipv6(ip, verdict);
	else
		write_ipv4(ip, verdict, id);
	udp->source = verdict->flow->from_port;
	udp->dest = verdict->flow->to_port;
	udp->len = bpf_htons((__u16)(sizeof(*udp) + verdict->length));
	udp->check = check;
	return true;
}

#endif
