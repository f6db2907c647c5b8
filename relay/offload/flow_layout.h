/*
 * flow_layout.h - the memory that the relay and the kernel program share: which packets the kernel
 * forwards by itself, how, and what it counts. Both are compiled from this file; it knows nothing
 * else of either.
 *
 * A flow is one direction of a bound channel or of an MS active destination: packets of one 5-tuple
 * over UDP. The relay writes it, the program reads it; only counted and credit are written by both,
 * with atomic operations. Nothing is ever waited for, so neither can hold up the other, and a relay
 * that is killed leaves memory that the next one reads.
 *
 * Tables are BPF arrays that the relay maps into its memory, so it needs neither a capability nor
 * bpf(2). A key is found in a bucket of FLOW_WAYS places by its hash. A place:
 *
 *	free      tag 0, deadline 0
 *	published the relay writes the flow with deadline 0, then the deadline, then the tag
 *	closed    the relay sets deadline to 0 and FLOW_CLOSED in counted, then tag to 0; it does not
 *	          use the place again for FLOW_REST_MS, so that no program still reads it
 *
 * Numbers are of the host's order, but for what is in network order as in a packet.
 */
#ifndef RELAY_OFFLOAD_FLOW_LAYOUT_H
#define RELAY_OFFLOAD_FLOW_LAYOUT_H

#include <linux/types.h>

enum {
	FLOW_LAYOUT_VERSION = 1,
	FLOW_WAYS = 8,
	FLOW_REST_MS = 1000,
	/* A flow whose relay does not come back passes up after so long; see deadline_ns. */
	FLOW_LEASE_MS = 10000,
	FLOW_CPUS_MAX = 256,  /* rows of counters; CPUs beyond share them */
	FLOW_HOPS = 32768,    /* one for each pair of addresses, from and to */
	FLOW_FRONT_PORTS = 8, /* what comes to more ports than these passes up */
};

/* As in a packet, in network order; IPv4 in the first four bytes of an address, the rest zero. */
struct flow_key {
	__u8 source[16];
	__u8 destination[16];
	__be16 source_port;
	__be16 destination_port;
	/* Host order: what its ChannelData has; 0: the payload is not ChannelData, or not looked at. */
	__u16 channel;
	__u8 family; /* 4 or 6 */
	__u8 zero;
} __attribute__((aligned(8)));

enum flow_flags {
	/* The payload is ChannelData, whose header (4 bytes) is not forwarded. */
	FLOW_STRIPS = 1 << 0,
	/* A ChannelData header with the flow's channel is put in front of the payload. */
	FLOW_WRAPS = 1 << 1,
	/* Only payloads whose first bit is 1: all else may be a message to the relay (MS dialect). */
	FLOW_RAW = 1 << 2,
	/*
	 * to is a relayed address of this relay: the packet goes on with the flow from "from" to "to",
	 * or passes up if there is none. A packet passes at most two flows. If the second is closed by the time
	 * that counts the packet there, the first has counted it already and it is dropped, as on sockets when
	 * the second allocation ends between the two.
	 */
	FLOW_AGAIN = 1 << 3,
	/* Payload is charged to credit; without, there is no limit. */
	FLOW_LIMITED = 1 << 4,
	/* The hop limit goes out less one; without, it is that of the hop. */
	FLOW_DECREMENTS = 1 << 5,
	/*
	 * Only for what comes from a flow with FLOW_AGAIN. Its key has a relayed address of this relay as the
	 * source, which a packet from a device can only pretend: that passes up, where the system refuses it.
	 */
	FLOW_SECOND = 1 << 6,
};

/*
 * The word counted has what passed since the relay looked last: bytes of payload in the low
 * FLOW_BYTES_BITS, packets above, and FLOW_CLOSED. The program adds packet and payload in one operation
 * and looks at what was there: with FLOW_CLOSED its packet passes up, and counts nowhere here. So
 * the relay, which sets FLOW_CLOSED in one operation as well, knows all packets that ever passed. The
 * lease makes sure that neither field overflows before the relay looks.
 */
#define FLOW_BYTES_BITS 37
#define FLOW_PACKET (1ULL << FLOW_BYTES_BITS)
#define FLOW_BYTES_MASK (FLOW_PACKET - 1)
#define FLOW_CLOSED (1ULL << 63)

struct flow {
	struct flow_key key;
	/*
	 * CLOCK_MONOTONIC; 0: not in force. The earliest of all that ends the flow, and no later
	 * than FLOW_LEASE_MS from when the relay wrote it.
	 */
	__u64 deadline_ns;
	__u64 counted;
	__s64 credit; /* bytes of payload that may pass */

	/* How it leaves, addresses and ports in network order. */
	__u8 to[16];
	__u8 from[16];
	__be16 to_port;
	__be16 from_port;
	__u16 channel;  /* FLOW_WRAPS: host order */
	__u8 family;    /* of to and from: 4 or 6; another than the key's: passes up */
	__u8 flags;     /* enum flow_flags */
	__u8 keep, set; /* of DSCP and ECN: out = (in & keep) | set, see core/marking.h */
	__u16 hop;      /* index of struct flow_hop; not with FLOW_AGAIN */
	__u32 owner;    /* the worker's own; the program does not look */
	/*
	 * The hop from the key's destination back to its source; not with FLOW_SECOND. What comes by another
	 * device than that leaves by passes up: a reverse-path filter, if there is one, shall see it.
	 */
	__u16 back;
	__u16 reserved[7];
} __attribute__((aligned(8))); /* in the table at 64: its size, and a page */

/*
 * Where packets from one address of ours to one destination leave: a device, and whom of that link they are
 * given to. It is one pair's, so the relay changes it in place when routes change: ifindex becomes 0, then the
 * rest, then ifindex. A packet meanwhile may see some of both, and be lost as on any change of routes.
 */
struct flow_hop {
	__u32 ifindex; /* 0: none; packets pass up */
	__u32 mtu;     /* of the path so far known; longer packets pass up */
	__u8 gateway[16]; /* network order; family 0: the destination itself is on the link */
	__u8 family;
	/*
	 * For XDP only, which cannot ask for neighbours: both Ethernet addresses are known, and the device has XDP as
	 * well, so that it takes such frames.
	 */
	__u8 has_macs;
	__u8 to_mac[6], from_mac[6];
	/* Of what goes out without FLOW_DECREMENTS: of the route, the device, or the system. */
	__u8 hop_limit;
	__u8 reserved[25];
};

struct flow_settings {
	__u32 version; /* FLOW_LAYOUT_VERSION */
	__u32 on;      /* 0: every packet passes up */
	__u64 seed;    /* of flow_hash() */
	/* Host order. Packets to other ports are not ours. */
	__u16 relay_port_first, relay_port_last;
	/* Of fronts over UDP, where ChannelData comes from clients; 0 behind the last. A relayed port is none. */
	__u16 front_ports[FLOW_FRONT_PORTS];
	__u8 reserved[28];
};

/*
 * Why packets of our ports passed up to the sockets. Those of other ports are not counted. In a row
 * for each CPU, so nearly without atomic operations.
 */
#define FLOW_UPS(X)                                                                     \
	X(NO_FLOW, "no-flow", "no flow for its device, addresses, ports and channel")   \
	X(CONTROL, "control", "STUN, or what may be a message of the MS dialect")       \
	X(EXPIRED, "expired", "the flow is over, or the relay has not renewed it")      \
	X(NO_CREDIT, "no-credit", "its bandwidth in advance is used up")                \
	X(MALFORMED, "malformed", "ChannelData of a wrong length, IP or UDP not whole") \
	X(OPTIONS, "options", "IPv4 options, or extension headers")                     \
	X(FRAGMENT, "fragment", "an IP fragment")                                       \
	X(SUPER_PACKET, "super-packet", "several datagrams in one (GRO)")               \
	X(HOP_LIMIT, "hop-limit", "its hop limit ends here")                            \
	X(TOO_LONG, "too-long", "longer than the way out takes")                        \
	X(NO_WAY, "no-way", "no device or neighbour known for its destination")         \
	X(FAMILY, "family", "it would change between IPv4 and IPv6")                    \
	X(NO_SECOND, "no-second", "to a relayed address of this relay without a flow")  \
	X(NO_CHECKSUM, "no-checksum", "without a UDP checksum, or with half of one")    \
	X(FAILED, "failed", "the kernel refused to change or send it")

enum flow_up {
#define X(id, name, text) FLOW_UP_##id,
	FLOW_UPS(X)
#undef X
		FLOW_UP_COUNT
};

struct flow_counts {
	__u64 packets; /* forwarded */
	__u64 ups[FLOW_UP_COUNT];
} __attribute__((aligned(8)));

/*
 * Where a key belongs: buckets is a power of two; the bucket is the hash below it, the tag the high half
 * with the lowest bit set. Seeded, so that nobody outside can aim at a bucket; whoever has a key here has
 * authenticated.
 */
static inline __attribute__((always_inline)) __u64 flow_hash(const struct flow_key *key,
							     __u64 seed)
{
	const __u64 *words = (const __u64 *)key;
	__u64 hash = seed;

	for (int i = 0; i < (int)(sizeof(*key) / sizeof(*words)); i++) {
		hash ^= words[i];
		hash *= 0x9E3779B97F4A7C15ULL;
		hash ^= hash >> 29;
	}
	return hash;
}

static inline __attribute__((always_inline)) __u32 flow_tag(__u64 hash)
{
	return (__u32)(hash >> 32) | 1;
}

struct flow_bucket {
	__u32 tags[FLOW_WAYS]; /* of the flow at the same place; 0: none */
};

_Static_assert(sizeof(struct flow_key) == 40, "hashed and compared as words");
_Static_assert(sizeof(struct flow) == 128, "two cache lines");
_Static_assert(sizeof(struct flow_hop) == 64, "a cache line");
_Static_assert(sizeof(struct flow_counts) == 128, "16 words: the program masks an index");
_Static_assert(sizeof(struct flow_settings) == 64, "a cache line");

#endif
