/*
 * packet.h - a frame as the programs see it: is it UDP to one of our ports, whole and plain, and what does it
 * say? For programs in the kernel only.
 */
#ifndef RELAY_OFFLOAD_BPF_PACKET_H
#define RELAY_OFFLOAD_BPF_PACKET_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "relay/offload/bpf/sum.h"
#include "relay/offload/flow_layout.h"

enum {
	CHANNEL_HEADER = 4,
	/* Padding of ChannelData is not needed over UDP, but some clients send it (RFC 8656 section 12.5). */
	EXCESS_MAX = 3,
	/* Otherwise a reason of enum flow_up. */
	PACKET_IS_PLAIN = FLOW_UP_COUNT,
	PACKET_IS_NOT_OURS,
};

struct packet {
	struct flow_key key;
	__u32 length; /* of the UDP payload */
	__u32 body;   /* of that, what ChannelData or, without, the datagram carries */
	__u8 first;   /* byte of it; 0 if there are fewer than four */
	__u8 tos;     /* DSCP and ECN */
	__u8 hop_limit;
	__sum16 check;
};

static __always_inline __u32 ip_header_of(bool v6)
{
	return v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

/* Where the UDP payload begins in a frame. */
static __always_inline __u32 headers_of(bool v6)
{
	return sizeof(struct ethhdr) + ip_header_of(v6) + sizeof(struct udphdr);
}

static __always_inline bool is_relayed(const volatile struct flow_settings *settings,
				       __u16 port)
{
	return port >= settings->relay_port_first && port <= settings->relay_port_last;
}

static __always_inline bool is_front(const volatile struct flow_settings *settings,
				     __u16 port)
{
	for (int i = 0; i < FLOW_FRONT_PORTS; i++) {
		if (settings->front_ports[i] == port)
			return port != 0;
		if (settings->front_ports[i] == 0)
			break;
	}
	return false;
}

/* Of what is no plain packet: is UDP at that place, to one of our ports? */
static __always_inline int if_ours(const volatile struct flow_settings *settings,
				   void *data, void *end, __u32 at, int reason)
{
	const struct udphdr *udp = data + at;

	if ((void *)(udp + 1) > end)
		return PACKET_IS_NOT_OURS;
	__u16 port = bpf_ntohs(udp->dest);
	return is_relayed(settings, port) || is_front(settings, port)
		       ? reason
		       : PACKET_IS_NOT_OURS;
}

/* Up to the UDP header; *total becomes the length of header and payload. */
static __always_inline int packet_parse_v4(const volatile struct flow_settings *settings,
					   void *data, void *end, struct packet *packet,
					   __u32 *total)
{
	const struct iphdr *ip = data + sizeof(struct ethhdr);

	if ((void *)(ip + 1) > end || ip->version != 4 || ip->protocol != IPPROTO_UDP)
		return PACKET_IS_NOT_OURS;
	/* Only the first fragment has ports. */
	if ((ip->frag_off & bpf_htons(0x3FFF)) != 0)
		return (ip->frag_off & bpf_htons(0x1FFF)) != 0
			       ? PACKET_IS_NOT_OURS
			       : if_ours(settings, data, end,
					 sizeof(struct ethhdr) + ip->ihl * 4,
					 FLOW_UP_FRAGMENT);
	if (ip->ihl != 5)
		return if_ours(settings, data, end, sizeof(struct ethhdr) + ip->ihl * 4,
			       ip->ihl < 5 ? FLOW_UP_MALFORMED : FLOW_UP_OPTIONS);
	__builtin_memcpy(packet->key.source, &ip->saddr, 4);
	__builtin_memcpy(packet->key.destination, &ip->daddr, 4);
	packet->key.family = 4;
	packet->tos = ip->tos;
	packet->hop_limit = ip->ttl;
	*total = bpf_ntohs(ip->tot_len);
	/* A new one would hide that the old one was wrong. */
	return sum_fold(sum_words((const __u32 *)ip, 5)) == 0xFFFF ? PACKET_IS_PLAIN
								   : FLOW_UP_MALFORMED;
}

static __always_inline int packet_parse_v6(const volatile struct flow_settings *settings,
					   void *data, void *end, struct packet *packet,
					   __u32 *total)
{
	const struct ipv6hdr *ip = data + sizeof(struct ethhdr);
	const __u8 *next = (const __u8 *)(ip + 1);

	if ((void *)(ip + 1) > end || ip->version != 6)
		return PACKET_IS_NOT_OURS;
	switch (ip->nexthdr) {
	case IPPROTO_UDP:
		break;
	case IPPROTO_FRAGMENT: /* next header, reserved, offset and flags, identification */
		if ((void *)(next + 8) > end || next[0] != IPPROTO_UDP ||
		    (*(const __be16 *)(next + 2) & bpf_htons(0xFFF8)) != 0)
			return PACKET_IS_NOT_OURS;
		return if_ours(settings, data, end,
			       sizeof(struct ethhdr) + sizeof(*ip) + 8, FLOW_UP_FRAGMENT);
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		if ((void *)(next + 8) > end || next[0] != IPPROTO_UDP)
			return PACKET_IS_NOT_OURS;
		return if_ours(settings, data, end,
			       sizeof(struct ethhdr) + sizeof(*ip) + 8 + next[1] * 8,
			       FLOW_UP_OPTIONS);
	default:
		return PACKET_IS_NOT_OURS;
	}
	__builtin_memcpy(packet->key.source, &ip->saddr, 16);
	__builtin_memcpy(packet->key.destination, &ip->daddr, 16);
	packet->key.family = 6;
	packet->tos = (__u8)(bpf_ntohs(*(const __be16 *)ip) >> 4);
	packet->hop_limit = ip->hop_limit;
	*total = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	return PACKET_IS_PLAIN;
}

/* A payload from a client: ChannelData, bare data, or something for the relay itself. */
static __always_inline int packet_parse_front(const __be16 *payload, void *end,
					      struct packet *packet)
{
	if (packet->length < CHANNEL_HEADER || (void *)(payload + 2) > end)
		return FLOW_UP_CONTROL;
	packet->first = *(const __u8 *)payload;
	/* Clients of RFC 5766 have channels up to 0x7FFF. */
	if ((packet->first & 0xC0) == 0x40) {
		packet->key.channel = bpf_ntohs(payload[0]);
		packet->body = bpf_ntohs(payload[1]);
		return packet->body + CHANNEL_HEADER > packet->length ||
				       packet->body + CHANNEL_HEADER + EXCESS_MAX <
					       packet->length
			       ? FLOW_UP_MALFORMED
			       : PACKET_IS_PLAIN;
	}
	return packet->first & 0x80 ? PACKET_IS_PLAIN : FLOW_UP_CONTROL;
}

/*
 * data, end  the first headers_of() + CHANNEL_HEADER bytes of the frame, or all if it is shorter
 * frame      bytes of all of it
 * packet     zeros; filled if PACKET_IS_PLAIN
 */
static __always_inline int packet_parse(const volatile struct flow_settings *settings,
					void *data, void *end, __u32 frame, bool v6,
					struct packet *packet)
{
	__u32 total = 0;
	int result = v6 ? packet_parse_v6(settings, data, end, packet, &total)
			: packet_parse_v4(settings, data, end, packet, &total);
	const struct udphdr *udp = data + sizeof(struct ethhdr) + ip_header_of(v6);

	if (result != PACKET_IS_PLAIN && result != FLOW_UP_MALFORMED)
		return result;
	if ((void *)(udp + 1) > end)
		return PACKET_IS_NOT_OURS;
	__u16 port = bpf_ntohs(udp->dest);
	bool relayed = is_relayed(settings, port);
	if (!relayed && !is_front(settings, port))
		return PACKET_IS_NOT_OURS;
	if (result != PACKET_IS_PLAIN)
		return result;

	__u32 length = bpf_ntohs(udp->len);
	if (length < sizeof(*udp) || total != ip_header_of(v6) + length ||
	    sizeof(struct ethhdr) + total > frame)
		return FLOW_UP_MALFORMED;
	packet->check = udp->check;
	if (packet->check == 0)
		return v6 ? FLOW_UP_MALFORMED : FLOW_UP_NO_CHECKSUM;
	packet->key.source_port = udp->source;
	packet->key.destination_port = udp->dest;
	packet->length = packet->body = length - sizeof(*udp);
	return relayed ? PACKET_IS_PLAIN
		       : packet_parse_front((const __be16 *)(udp + 1), end, packet);
}

#endif
