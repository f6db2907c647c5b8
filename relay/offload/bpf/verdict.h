/*
 * verdict.h - what becomes of a packet: which flow it belongs to, how it leaves, or why it passes up. For
 * programs in the kernel only.
 */
#ifndef RELAY_OFFLOAD_BPF_VERDICT_H
#define RELAY_OFFLOAD_BPF_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "relay/offload/bpf/packet.h"
#include "relay/offload/flow_layout.h"

/* How many of these is said when they are loaded. */
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
/* Set before loading. */
const volatile __u32 bucket_mask;

enum {
	VERDICT_GOES = FLOW_UP_COUNT, /* otherwise a reason of enum flow_up */
	/* Neither: the first flow has counted it, and the second is closed. */
	VERDICT_LOST = PACKET_IS_NOT_OURS + 1,
	/*
	 * Longest payload that is moved to make room or to close it. A device that takes longer frames
	 * than usual is rare, and media in such frames rarer.
	 */
	VERDICT_MOVED_MAX = 2048,
	/* Between two relayed addresses of ours no hop says what a packet starts with. */
	VERDICT_OWN_HOP_LIMIT = 64,
};

struct verdict {
	struct flow *first; /* whose key it has */
	struct flow
		*flow; /* that says how it leaves: the same, or the next of FLOW_AGAIN */
	struct flow_hop *hop,
		*back; /* the way out, and that back to where it came from */
	__u32 label; /* IPv6 flow label: of the flow, never copied (RFC 8656 section 13.2) */
	__u32 charged; /* payload of flow in bytes, as first has packet.body */
	__u32 length;  /* of the UDP payload that leaves */
	__u16 channel; /* in front of it; 0: none */
	bool strips, wraps;
	__u8 tos, hop_limit;
};

static __always_inline struct flow_counts *counts_of_cpu(__u32 cpu)
{
	return &counts[cpu & (FLOW_CPUS_MAX - 1)];
}

/* Rows are shared by CPUs beyond FLOW_CPUS_MAX. One index for all words of a row suits the verifier. */
static __always_inline void count_word(__u32 cpu, __u32 word)
{
	__u64 *words = (__u64 *)counts_of_cpu(cpu);

	if (cpu < FLOW_CPUS_MAX)
		words[word & 15]++;
	else
		__sync_fetch_and_add(&words[word & 15], 1);
}

static __always_inline void count_up(int reason)
{
	count_word(bpf_get_smp_processor_id(), 1 + (__u32)reason);
}

static __always_inline void count_forwarded(__u32 cpu)
{
	count_word(cpu, 0);
}

/*
 * Of the next packet of this CPU: not again for 65536 of them, and in another order on another CPU. What leaves
 * without DF, as the relay's sockets send, may be fragmented, so it has to repeat late (RFC 6864 section 4.3).
 */
static __always_inline __u16 identification(__u32 cpu)
{
	return (__u16)(((__u32)counts_of_cpu(cpu)->packets + cpu * 0x3779) * 0x9E37);
}

static __always_inline bool keys_equal(const struct flow_key *a, const struct flow_key *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) |
		(x[4] ^ y[4])) == 0;
}

static __always_inline struct flow *find(const struct flow_key *key, __u32 *tag)
{
	__u64 hash = flow_hash(key, settings.seed);
	__u32 at = (__u32)hash & bucket_mask;
	const struct flow_bucket *bucket = bpf_map_lookup_elem(&buckets, &at);

	*tag = flow_tag(hash);
	if (bucket == NULL)
		return NULL;
	for (int way = 0; way < FLOW_WAYS; way++) {
		if (bucket->tags[way] != *tag)
			continue;
		__u32 place = at * FLOW_WAYS + (__u32)way;
		struct flow *flow = bpf_map_lookup_elem(&flows, &place);
		if (flow != NULL && keys_equal(&flow->key, key))
			return flow;
	}
	return NULL;
}

/* Hop limit and marking as this flow changes them; false: the hop limit ends here. */
static __always_inline bool pass_flow(const struct flow *flow, __u8 otherwise,
				      struct verdict *verdict)
{
	verdict->tos = (verdict->tos & flow->keep) | flow->set;
	if ((flow->flags & FLOW_DECREMENTS) == 0)
		verdict->hop_limit = otherwise;
	else if (verdict->hop_limit > 1)
		verdict->hop_limit--;
	else
		return false;
	return true;
}

/* The next flow, from one relayed address of ours to another. */
static __always_inline int judge_again(const struct packet *packet, __u64 now_ns,
				       struct verdict *verdict)
{
	const struct flow *first = verdict->first;
	struct flow_key key = {
		.source_port = first->from_port,
		.destination_port = first->to_port,
		.family = packet->key.family,
	};

	__builtin_memcpy(key.source, first->from, sizeof(key.source));
	__builtin_memcpy(key.destination, first->to, sizeof(key.destination));
	if (!pass_flow(first, VERDICT_OWN_HOP_LIMIT, verdict))
		return FLOW_UP_HOP_LIMIT;
	struct flow *flow = find(&key, &verdict->label);
	if (flow == NULL || (flow->flags & FLOW_SECOND) == 0)
		return FLOW_UP_NO_SECOND;
	if (now_ns >= flow->deadline_ns)
		return FLOW_UP_EXPIRED;
	/* None of these happens to a relayed address; and there is room for one header. */
	if ((flow->flags & (FLOW_STRIPS | FLOW_RAW | FLOW_AGAIN)) != 0 ||
	    ((flow->flags & FLOW_WRAPS) != 0 && verdict->wraps))
		return FLOW_UP_NO_SECOND;
	verdict->flow = flow;
	verdict->charged = verdict->length;
	if ((flow->flags & FLOW_WRAPS) != 0) {
		verdict->wraps = true;
		verdict->channel = flow->channel;
		verdict->length += CHANNEL_HEADER;
	}
	return VERDICT_GOES;
}

/* ifindex: of the device that it came by. Changes nothing. */
static __always_inline int judge(const struct packet *packet, __u32 ifindex, bool v6,
				 struct verdict *verdict)
{
	/* Some ms coarse, and half the price. It is never early: a flow lasts a tick longer at most. */
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	struct flow *flow = find(&packet->key, &verdict->label);

	/* Its source is a relayed address of ours, which this one only pretends. */
	if (flow == NULL || (flow->flags & FLOW_SECOND) != 0)
		return FLOW_UP_NO_FLOW;
	if (now_ns >= flow->deadline_ns)
		return FLOW_UP_EXPIRED;
	if ((flow->flags & FLOW_RAW) != 0 && (packet->first & 0x80) == 0)
		return FLOW_UP_CONTROL;
	__u32 at = flow->back;
	verdict->back = bpf_map_lookup_elem(&hops, &at);
	if (verdict->back == NULL || verdict->back->ifindex != ifindex)
		return FLOW_UP_NO_FLOW;
	verdict->first = verdict->flow = flow;
	verdict->tos = packet->tos;
	verdict->hop_limit = packet->hop_limit;
	verdict->strips = packet->key.channel != 0;
	verdict->wraps = (flow->flags & FLOW_WRAPS) != 0;
	if (verdict->strips != ((flow->flags & FLOW_STRIPS) != 0))
		return FLOW_UP_FAILED;
	verdict->length = packet->body;
	if (verdict->wraps) {
		verdict->channel = flow->channel;
		verdict->length += CHANNEL_HEADER;
	}
	if ((flow->flags & FLOW_AGAIN) != 0) {
		int result = judge_again(packet, now_ns, verdict);

		if (result != VERDICT_GOES)
			return result;
		flow = verdict->flow;
	}
	if (flow->family != packet->key.family ||
	    verdict->first->family != packet->key.family)
		return FLOW_UP_FAMILY;

	at = flow->hop;
	struct flow_hop *hop = bpf_map_lookup_elem(&hops, &at);
	if (hop == NULL || hop->ifindex == 0)
		return FLOW_UP_NO_WAY;
	verdict->hop = hop;
	if (!pass_flow(flow, hop->hop_limit, verdict))
		return FLOW_UP_HOP_LIMIT;
	if (verdict->length + sizeof(struct udphdr) + ip_header_of(v6) > hop->mtu ||
	    (verdict->strips != verdict->wraps && packet->body > VERDICT_MOVED_MAX))
		return FLOW_UP_TOO_LONG;
	return VERDICT_GOES;
}

static __always_inline bool has_credit(const struct flow *flow, __u32 bytes)
{
	return (flow->flags & FLOW_LIMITED) == 0 ||
	       *(const volatile __s64 *)&flow->credit >= (__s64)bytes;
}

/* False: the relay has closed it, and knows nothing of this packet. */
static __always_inline bool charge(struct flow *flow, __u32 bytes)
{
	if ((flow->flags & FLOW_LIMITED) != 0)
		__sync_fetch_and_add(&flow->credit, -(__s64)bytes);
	return (__sync_fetch_and_add(&flow->counted, FLOW_PACKET + bytes) &
		FLOW_CLOSED) == 0;
}

/*
 * The packet is about to be changed and sent; call it when nothing else can fail. Of two flows either may be
 * closed in this very moment. If it is the second, the first has counted the packet, and to pass it up would
 * count it there again: it is lost, as on sockets when the second allocation ends between the two.
 */
static __always_inline int verdict_charge(const struct packet *packet,
					  const struct verdict *verdict)
{
	struct flow *first = verdict->first, *flow = verdict->flow;

	if (!has_credit(first, packet->body) ||
	    (flow != first && !has_credit(flow, verdict->charged)))
		return FLOW_UP_NO_CREDIT;
	if (!charge(first, packet->body))
		return FLOW_UP_EXPIRED;
	return flow == first || charge(flow, verdict->charged) ? VERDICT_GOES
							       : VERDICT_LOST;
}

#endif
