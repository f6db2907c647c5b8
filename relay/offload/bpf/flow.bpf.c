/*
 * flow.bpf.c - the programs of the kernel plane: what passes at ingress of a device and belongs to a flow leaves
 * by another, or the same, without any socket.
 *
 *	packet.h    is it plain UDP to one of our ports?        else not ours, or it passes up
 *	verdict.h   its flow, how it leaves, what it is charged  else it passes up, unchanged
 *	rewrite.h   its new headers and checksum
 *
 * Passing up is always right: the sockets judge again. So everything that can fail comes before the flow is
 * charged, and nothing that a later hop can see has changed by then.
 *
 * The two programs differ in how they make room. XDP has a bare frame with a complete checksum, and moves
 * the headers. TC has an sk_buff that remembers where its checksum begins, if a device is to complete it
 * (CHECKSUM_PARTIAL: what comes from this host, over veth or virtio): no program can change that place,
 * so there the headers stay, and the payload moves. For some hundred bytes it is not dearer than moving headers
 * (bpf_skb_adjust_room()).
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "relay/offload/bpf/packet.h"
#include "relay/offload/bpf/rewrite.h"
#include "relay/offload/bpf/verdict.h"
#include "relay/offload/flow_layout.h"

enum {
	HOST = 0,   /* PACKET_HOST: not for another MAC address */
	INET = 2,   /* AF_INET */
	INET6 = 10, /* AF_INET6 */
	FRAME_MAX =
		0x3FFF, /* the verifier knows no place behind 0xFFFF, and no link has such frames */
};

/* Bytes of padding behind ChannelData. */
static __always_inline __u32 excess_of(const struct packet *packet)
{
	return packet->key.channel != 0 ? packet->length - CHANNEL_HEADER - packet->body
					: 0;
}

/* False: it is not there. */
static __always_inline bool sum_excess(void *data, void *end, const struct packet *packet,
				       bool v6, __u64 *sum)
{
	__u32 excess = excess_of(packet);

	*sum = 0;
	if (packet->body > FRAME_MAX)
		return false;
	for (__u32 i = 0; i < EXCESS_MAX && i < excess; i++) {
		__u32 place = CHANNEL_HEADER + (packet->body & FRAME_MAX) + i;
		const __u8 *byte = data + headers_of(v6) + place;

		barrier_var(
			byte); /* as it is, or the compiler calculates with end, which is forbidden */
		if ((void *)(byte + 1) > end)
			return false;
		*sum += sum_byte(*byte, place);
	}
	return true;
}

/* --- TC ------------------------------------------------------------------------------------------ */

/*
 * Move what is behind that place and CHANNEL_HEADER bytes to that place. Global functions are verified once,
 * not for each way that leads there.
 */
__noinline int move_down(struct __sk_buff *skb, __u32 to)
{
	void *end = (void *)(long)skb->data_end;
	__u32 length = skb->len - CHANNEL_HEADER - to;

	if (to > 128)
		return -1;
	void *p = (void *)(long)skb->data + to;
	if (length < 8) {
		for (int i = 0; i < 7 && p + CHANNEL_HEADER + 1 <= end; i++, p++)
			*(__u8 *)p = *(__u8 *)(p + CHANNEL_HEADER);
		return 0;
	}
	if (length > FRAME_MAX)
		return -1;
	/* The last eight bytes overlap with what is moved before. */
	void *last = p + (length - 8);
	if (last + CHANNEL_HEADER + 8 > end)
		return -1;
	__u64 bytes = *(__u64 *)(last + CHANNEL_HEADER);
	for (int i = 0; i < VERDICT_MOVED_MAX / 32 + 4; i++, p += 32) {
		if (p + CHANNEL_HEADER + 32 > end)
			break;
		const __u64 *from = p + CHANNEL_HEADER;
		__u64 a = from[0], b = from[1], c = from[2], d = from[3];
		__u64 *at = p;
		at[0] = a;
		at[1] = b;
		at[2] = c;
		at[3] = d;
	}
	for (int i = 0; i < 3 && p + CHANNEL_HEADER + 8 <= end; i++, p += 8)
		*(__u64 *)p = *(__u64 *)(p + CHANNEL_HEADER);
	*(__u64 *)last = bytes;
	return 0;
}

/* Move so many bytes at that place up by CHANNEL_HEADER. */
__noinline int move_up(struct __sk_buff *skb, __u32 from, __u32 length)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (from > 128 || length > VERDICT_MOVED_MAX)
		return -1;
	void *start = data + from;
	if (length < 8) {
		for (int i = 6; i >= 0; i--) {
			__u8 *p = start + i;

			if ((__u32)i >= length)
				continue;
			if ((void *)(p + CHANNEL_HEADER + 1) > end)
				return -1;
			p[CHANNEL_HEADER] = p[0];
		}
		return 0;
	}
	if (start + 12 > end)
		return -1;
	__u64 bytes = *(__u64 *)start;
	__u32 at = length;
	for (int i = 0; i < VERDICT_MOVED_MAX / 32 && at >= 32; i++) {
		at -= 32;
		__u64 *p = start + (at & 0xFFF);
		if ((void *)p + CHANNEL_HEADER + 32 > end)
			return -1;
		__u64 a = p[0], b = p[1], c = p[2], d = p[3];
		p = (void *)p + CHANNEL_HEADER;
		p[0] = a;
		p[1] = b;
		p[2] = c;
		p[3] = d;
	}
	for (int i = 0; i < 3 && at >= 8; i++) {
		at -= 8;
		void *p = start + (at & 0xFFF);
		if (p + CHANNEL_HEADER + 8 > end)
			return -1;
		__u64 a = *(__u64 *)p;
		*(__u64 *)(p + CHANNEL_HEADER) = a;
	}
	*(__u64 *)(start + CHANNEL_HEADER) = bytes;
	return 0;
}

/*
 * Is a device to complete the checksum? The kernel changes only a complete one for a change that is not in the
 * pseudo header. The field is written anew afterwards.
 */
static __always_inline bool is_partial(struct __sk_buff *skb, __sum16 check, bool v6)
{
	__u32 at =
		sizeof(struct ethhdr) + ip_header_of(v6) + offsetof(struct udphdr, check);
	__sum16 now = 0;

	if (bpf_l4_csum_replace(skb, at, 0, 1, 0) != 0 ||
	    bpf_skb_load_bytes(skb, at, &now, sizeof(now)) != 0)
		return false;
	return now == check;
}

/*
 * All bytes of a frame in one piece, with room for those that come on top. A device may have summed the whole
 * frame (CHECKSUM_COMPLETE); that sum would be wrong afterwards, and bpf_redirect_neigh() does not keep it right
 * for new Ethernet addresses either. Growing a frame forgets it. Trailing bytes behind the IP packet are
 * nothing to the stack, should the packet pass up after this.
 */
static __always_inline int make_room(struct __sk_buff *skb, __u32 frame)
{
	__u32 length = skb->len;

	if (frame > length)
		return bpf_skb_change_tail(skb, frame, 0);
	if (bpf_csum_update(skb, 0) >= 0)
		return bpf_skb_change_tail(skb, length + 1, 0);
	if (length > FRAME_MAX)
		return -1;
	if ((void *)(long)skb->data + (length & FRAME_MAX) > (void *)(long)skb->data_end)
		return bpf_skb_pull_data(skb, length);
	return 0;
}

static __always_inline int tc_send(const struct verdict *verdict, bool v6)
{
	const struct flow_hop *hop = verdict->hop;
	struct bpf_redir_neigh next = {.nh_family = v6 ? INET6 : INET};

	if (hop->family == 0) {
		if (v6)
			__builtin_memcpy(next.ipv6_nh, verdict->flow->to, 16);
		else
			__builtin_memcpy(&next.ipv4_nh, verdict->flow->to, 4);
	} else if (hop->family == 6) {
		next.nh_family = INET6;
		__builtin_memcpy(next.ipv6_nh, hop->gateway, 16);
	} else {
		__builtin_memcpy(&next.ipv4_nh, hop->gateway, 4);
	}
	return (int)bpf_redirect_neigh(hop->ifindex, &next, sizeof(next), 0);
}

/* Less than 0: what the program returns, with the other sign. Else why not. */
static __always_inline int tc_relay(struct __sk_buff *skb, bool v6)
{
	struct packet packet = {0};
	struct verdict verdict = {0};
	__u32 wanted = headers_of(v6) + CHANNEL_HEADER;
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (data + wanted > end) {
		if (bpf_skb_pull_data(skb, skb->len < wanted ? skb->len : wanted) != 0)
			return PACKET_IS_NOT_OURS;
		data = (void *)(long)skb->data;
		end = (void *)(long)skb->data_end;
	}
	int result = packet_parse(&settings, data, end, skb->len, v6, &packet);
	if (result != PACKET_IS_PLAIN)
		return result;
	if (skb->gso_size != 0)
		return FLOW_UP_SUPER_PACKET;
	result = judge(&packet, skb->ifindex, v6, &verdict);
	if (result != VERDICT_GOES)
		return result;

	__u32 frame = headers_of(v6) + verdict.length;
	__u64 excess;
	if (make_room(skb, frame) != 0)
		return FLOW_UP_FAILED;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (data + headers_of(v6) > end || !sum_excess(data, end, &packet, v6, &excess))
		return FLOW_UP_FAILED;
	result = verdict_charge(&packet, &verdict);
	if (result == VERDICT_LOST)
		return -TC_ACT_SHOT;
	if (result != VERDICT_GOES)
		return result;

	/* From here on nothing fails. */
	bool partial = looks_partial(&packet, v6) && is_partial(skb, packet.check, v6);
	__u32 cpu = bpf_get_smp_processor_id();
	if (verdict.strips && !verdict.wraps)
		move_down(skb, headers_of(v6));
	else if (verdict.wraps && !verdict.strips)
		move_up(skb, headers_of(v6), packet.body);
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	__sum16 check = new_check(&packet, &verdict, excess, v6, partial);
	write_headers(data + sizeof(struct ethhdr), end, &verdict, v6, check,
		      identification(cpu));
	count_forwarded(cpu);
	if (skb->len != frame)
		bpf_skb_change_tail(skb, frame, 0);
	return -tc_send(&verdict, v6);
}

SEC("tc")
int flow_tc(struct __sk_buff *skb)
{
	int result = PACKET_IS_NOT_OURS;

	/* A tag that the device has taken off: the frame comes again on the VLAN's own device. */
	if (settings.on == 0 || skb->pkt_type != HOST || skb->vlan_present)
		return TC_ACT_UNSPEC;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		result = tc_relay(skb, false);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		result = tc_relay(skb, true);
	if (result < 0)
		return -result;
	if (result < FLOW_UP_COUNT)
		count_up(result);
	return TC_ACT_UNSPEC;
}

/* --- XDP ----------------------------------------------------------------------------------------- */

static __always_inline int xdp_send(const struct xdp_md *xdp, const struct flow_hop *hop)
{
	return hop->ifindex == xdp->ingress_ifindex ? XDP_TX
						    : (int)bpf_redirect(hop->ifindex, 0);
}

/* Both are aligned to two bytes. */
static __always_inline bool is_to(const void *frame, const __u8 mac[ETH_ALEN])
{
	const __u16 *a = frame, *b = (const __u16 *)mac;

	return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2])) == 0;
}

static __always_inline int xdp_relay(struct xdp_md *xdp, bool v6)
{
	struct packet packet = {0};
	struct verdict verdict = {0};
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	__u32 length = (__u32)(end - data);
	__u64 excess;

	int result = packet_parse(&settings, data, end, length, v6, &packet);
	if (result != PACKET_IS_PLAIN)
		return result;
	/* No frame tells what its sender left to a device. */
	if (looks_partial(&packet, v6))
		return FLOW_UP_NO_CHECKSUM;
	result = judge(&packet, xdp->ingress_ifindex, v6, &verdict);
	if (result != VERDICT_GOES)
		return result;
	if (!verdict.hop->has_macs || !verdict.back->has_macs)
		return FLOW_UP_NO_WAY;
	/* For another host, or for all of the link: no driver has sorted that out yet. */
	if (!is_to(data, verdict.back->from_mac))
		return PACKET_IS_NOT_OURS;

	int growth = (verdict.wraps ? CHANNEL_HEADER : 0) -
		     (verdict.strips ? CHANNEL_HEADER : 0);
	if (!sum_excess(data, end, &packet, v6, &excess) ||
	    (growth > 0 && bpf_xdp_adjust_head(xdp, -growth) != 0))
		return FLOW_UP_FAILED;
	result = verdict_charge(&packet, &verdict);
	if (result == VERDICT_LOST)
		return -XDP_DROP;
	if (result != VERDICT_GOES) {
		if (growth > 0)
			bpf_xdp_adjust_head(xdp, growth);
		return result;
	}

	/* From here on nothing fails. */
	if (growth < 0)
		bpf_xdp_adjust_head(xdp, -growth);
	data = (void *)(long)xdp->data;
	end = (void *)(long)xdp->data_end;
	struct ethhdr *ethernet = data;
	if ((void *)(ethernet + 1) > end)
		return FLOW_UP_FAILED;
	__builtin_memcpy(ethernet->h_dest, verdict.hop->to_mac, ETH_ALEN);
	__builtin_memcpy(ethernet->h_source, verdict.hop->from_mac, ETH_ALEN);
	ethernet->h_proto = bpf_htons(v6 ? ETH_P_IPV6 : ETH_P_IP);
	__u32 cpu = bpf_get_smp_processor_id();
	write_headers(ethernet + 1, end, &verdict, v6,
		      new_check(&packet, &verdict, excess, v6, false),
		      identification(cpu));
	count_forwarded(cpu);
	int trailer = (int)(length + (__u32)growth - headers_of(v6) - verdict.length);
	if (trailer > 0)
		bpf_xdp_adjust_tail(xdp, -trailer);
	return -xdp_send(xdp, verdict.hop);
}

SEC("xdp")
int flow_xdp(struct xdp_md *xdp)
{
	const struct ethhdr *ethernet = (void *)(long)xdp->data;
	int result = PACKET_IS_NOT_OURS;

	if (settings.on == 0 || (void *)(ethernet + 1) > (void *)(long)xdp->data_end)
		return XDP_PASS;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP))
		result = xdp_relay(xdp, false);
	else if (ethernet->h_proto == bpf_htons(ETH_P_IPV6))
		result = xdp_relay(xdp, true);
	if (result < 0)
		return -result;
	if (result < FLOW_UP_COUNT)
		count_up(result);
	return XDP_PASS;
}

const char flow_license[] SEC("license") = "GPL";
