/*
 * test_flow_packets.c - what the kernel's programs do with a packet: each reason to pass it up, unchanged, and
 * each way to change it, compared byte by byte with a frame that is built here from what it should say.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/lib/unit.h"
#include "tests/unit/offload/program_bed.h"

enum { ETH = 14, UDP = 8, SECOND = 1000000000, FRONT = 3478, RELAYED = 50001 };

static struct program_bed bed;
static struct program_result result;

/* --- frames -------------------------------------------------------------------------------------- */

struct spec {
	int family; /* 4 or 6 */
	uint8_t from[16], to[16];
	uint16_t from_port, to_port;
	uint8_t tos, hop_limit;
	uint16_t id, fragment; /* IPv4 */
	uint32_t label;        /* IPv6 */
	const uint8_t *payload;
	size_t len;
	size_t trailer; /* bytes behind the packet */
};

static void put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static size_t get16(const uint8_t *at)
{
	return (size_t)at[0] << 8 | at[1];
}

/* RFC 1071, byte by byte. */
static uint32_t add(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xFFFF) + (sum >> 16);
	return sum;
}

static size_t ip_len(int family)
{
	return family == 6 ? 40 : 20;
}

static size_t address_len(int family)
{
	return family == 6 ? 16 : 4;
}

/* Of pseudo header and the datagram whose checksum field is 0. */
static uint16_t udp_check(const struct spec *spec, const uint8_t *datagram, size_t len)
{
	uint8_t tail[4] = {0, 17};
	uint32_t sum = add(0, spec->from, address_len(spec->family));

	put16(tail + 2, len);
	sum = add(sum, spec->to, address_len(spec->family));
	sum = add(sum, tail, sizeof(tail));
	sum = ~add(sum, datagram, len) & 0xFFFF;
	return (uint16_t)(sum == 0 ? 0xFFFF : sum);
}

static size_t build(const struct spec *spec, uint8_t *frame)
{
	size_t udp_len = UDP + spec->len;
	uint8_t *ip = frame + ETH, *udp = ip + ip_len(spec->family);

	memset(frame, 0, ETH);
	frame[11] = 1; /* from 00:00:00:00:00:01 */
	if (spec->family == 6) {
		put16(frame + 12, 0x86DD);
		put16(ip, 0x6000u | (size_t)spec->tos << 4 | spec->label >> 16);
		put16(ip + 2, spec->label & 0xFFFF);
		put16(ip + 4, udp_len);
		ip[6] = 17;
		ip[7] = spec->hop_limit;
		memcpy(ip + 8, spec->from, 16);
		memcpy(ip + 24, spec->to, 16);
	} else {
		put16(frame + 12, 0x0800);
		ip[0] = 0x45;
		ip[1] = spec->tos;
		put16(ip + 2, 20 + udp_len);
		put16(ip + 4, spec->id);
		put16(ip + 6, spec->fragment);
		ip[8] = spec->hop_limit;
		ip[9] = 17;
		put16(ip + 10, 0);
		memcpy(ip + 12, spec->from, 4);
		memcpy(ip + 16, spec->to, 4);
		put16(ip + 10, ~add(0, ip, 20) & 0xFFFF);
	}
	put16(udp, spec->from_port);
	put16(udp + 2, spec->to_port);
	put16(udp + 4, udp_len);
	put16(udp + 6, 0);
	if (spec->len > 0)
		memcpy(udp + UDP, spec->payload, spec->len);
	put16(udp + 6, udp_check(spec, udp, udp_len));
	memset(udp + udp_len, 0xEE, spec->trailer);
	return ETH + ip_len(spec->family) + udp_len + spec->trailer;
}

static const uint8_t addresses[2][4][16] = {
	{{192, 0, 2, 10}, {192, 0, 2, 1}, {198, 51, 100, 1}, {198, 51, 100, 7}},
	{{0x20, 1, 0xD, 0xB8, 1, [15] = 10},
	 {0x20, 1, 0xD, 0xB8, 1, [15] = 1},
	 {0x20, 1, 0xD, 0xB8, 2, [15] = 1},
	 {0x20, 1, 0xD, 0xB8, 2, [15] = 7}},
};
enum who { CLIENT, AT_FRONT, AT_RELAYED, PEER };
static const uint16_t ports[] = {40000, FRONT, RELAYED, 7000};

static struct spec between(int family, enum who from, enum who to, const uint8_t *payload,
			   size_t len)
{
	struct spec spec = {
		.family = family,
		.from_port = ports[from],
		.to_port = ports[to],
		.tos = 0xB9,
		.hop_limit = 61,
		.id = 0x1234,
		.fragment = 0x4000,
		.payload = payload,
		.len = len,
	};

	memcpy(spec.from, addresses[family == 6][from], 16);
	memcpy(spec.to, addresses[family == 6][to], 16);
	return spec;
}

/* --- flows --------------------------------------------------------------------------------------- */

static struct flow flow_for(const struct spec *in, const struct spec *out)
{
	struct flow flow = {
		.key =
			{
				.source_port = htons(in->from_port),
				.destination_port = htons(in->to_port),
				.family = (uint8_t)in->family,
			},
		.deadline_ns = program_bed_now_ns() + 10ULL * SECOND,
		.to_port = htons(out->to_port),
		.from_port = htons(out->from_port),
		.family = (uint8_t)out->family,
		.keep = 0xFF,
		.hop = 7,
		.back = 9,
	};

	memcpy(flow.key.source, in->from, 16);
	memcpy(flow.key.destination, in->to, 16);
	memcpy(flow.to, out->to, 16);
	memcpy(flow.from, out->from, 16);
	return flow;
}

static struct flow_hop *hop(void)
{
	return &bed.memory.hops[7];
}

/* That to the device that frames come by. */
static struct flow_hop *back(void)
{
	return &bed.memory.hops[9];
}

/* Once for all tests, which are processes that share the tables: the verifier takes its time. */
static void load(void)
{
	program_bed_open(&bed, 64);
}

static void unload(void)
{
	program_bed_close(&bed);
}

static void start(void)
{
	program_bed_clear(&bed);
	*hop() = (struct flow_hop){
		.ifindex = 1,
		.mtu = 1500,
		.has_macs = 1,
		.to_mac = {2, 0, 0, 0, 0, 7},
		.from_mac = {2, 0, 0, 0, 0, 1},
		.hop_limit = 64,
	};
	/* The address that frames here are for is zero, as that of the loopback device. */
	*back() = (struct flow_hop){.ifindex = 1, .mtu = 1500, .has_macs = 1};
}

static uint8_t frame[PROGRAM_FRAME_MAX];

static void run_frame(enum program_kind kind, size_t len)
{
	program_bed_run(&bed, kind, frame, len, 0, &result);
}

static void run(enum program_kind kind, const struct spec *spec)
{
	run_frame(kind, build(spec, frame));
}

/* It passes up for that reason; the IP packet is as it came. */
#define PASSES_UP(len_, want)                                                         \
	do {                                                                          \
		ck_assert_msg(!result.goes && !result.is_lost && result.up == (want), \
			      "goes %d, reason %d, not %d", result.goes, result.up,   \
			      (want));                                                \
		ck_assert_uint_ge(result.len, len_);                                  \
		ck_assert_mem_eq(result.bytes, frame, len_);                          \
	} while (0)

/* It leaves as spec says, but for what only the program knows. */
static void leaves_as(enum program_kind kind, const struct spec *want)
{
	static uint8_t built[PROGRAM_FRAME_MAX];
	struct spec spec = *want;
	const uint8_t *ip = result.bytes + ETH;

	ck_assert_msg(result.goes, "%u bytes pass up: %d", (unsigned)want->len,
		      result.up);
	spec.fragment = 0;
	spec.trailer = 0;
	if (spec.family == 6) {
		spec.label = (uint32_t)((ip[1] & 0xFU) << 16 | get16(ip + 2));
		ck_assert_uint_ne(spec.label, want->label);
	} else {
		spec.id = (uint16_t)get16(ip + 4);
	}
	size_t len = build(&spec, built);
	ck_assert_uint_eq(result.len, len);
	if (kind == PROGRAM_XDP) {
		ck_assert_mem_eq(result.bytes, hop()->to_mac, 6);
		ck_assert_mem_eq(result.bytes + 6, hop()->from_mac, 6);
		ck_assert_mem_eq(result.bytes + 12, built + 12, 2);
		ck_assert_uint_eq(result.code, XDP_TX);
	}
	for (size_t i = ETH; i < len; i++)
		ck_assert_msg(result.bytes[i] == built[i],
			      "%u bytes of payload: byte %u is %02x, not %02x",
			      (unsigned)want->len, (unsigned)i, result.bytes[i],
			      built[i]);
}

/* --- changes ------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int family;
	enum program_kind kind;
} ways[] = {
	{"IPv4 TC", 4, PROGRAM_TC},
	{"IPv4 XDP", 4, PROGRAM_XDP},
	{"IPv6 TC", 6, PROGRAM_TC},
	{"IPv6 XDP", 6, PROGRAM_XDP},
};

/* All short ones, around the steps in which payloads are moved, and what links take. */
static size_t next_len(size_t len)
{
	return len < 70 ? len + 1 : len < 1400 ? len + 61 : len + 1;
}

enum { LEN_MAX = 1440 };

static uint8_t bytes[PROGRAM_FRAME_MAX];

static void fill(size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 37 + len * 11 + 5);
	bytes[0] = first;
}

static void channel_header(uint8_t *at, uint16_t channel, size_t len)
{
	put16(at, channel);
	put16(at + 2, len);
}

START_TEST(channel_data_is_stripped)
{
	int family = ways[_i].family;

	for (size_t len = 0; len <= LEN_MAX; len = next_len(len)) {
		for (size_t padding = 0; padding < 4; padding++) {
			fill(4 + len + padding, 0);
			channel_header(bytes, 0x4123, len);
			struct spec in = between(family, CLIENT, AT_FRONT, bytes,
						 4 + len + padding);
			struct spec out =
				between(family, AT_RELAYED, PEER, bytes + 4, len);
			struct flow flow = flow_for(&in, &out);
			flow.key.channel = 0x4123;
			flow.flags = FLOW_STRIPS | FLOW_DECREMENTS;
			out.hop_limit = 60;
			program_bed_clear(&bed);
			struct flow *put = program_bed_put(&bed, &flow);
			run(ways[_i].kind, &in);
			leaves_as(ways[_i].kind, &out);
			ck_assert_uint_eq(put->counted, FLOW_PACKET + len);
		}
	}
}
END_TEST

START_TEST(channel_data_is_wrapped)
{
	int family = ways[_i].family;

	for (size_t len = 0; len <= LEN_MAX; len = next_len(len)) {
		fill(4 + len, 0);
		channel_header(bytes, 0x4FFF, len);
		struct spec in = between(family, PEER, AT_RELAYED, bytes + 4, len);
		struct spec out = between(family, AT_FRONT, CLIENT, bytes, 4 + len);
		struct flow flow = flow_for(&in, &out);
		flow.flags = FLOW_WRAPS;
		flow.channel = 0x4FFF;
		out.hop_limit = 64;
		program_bed_clear(&bed);
		struct flow *put = program_bed_put(&bed, &flow);
		run(ways[_i].kind, &in);
		leaves_as(ways[_i].kind, &out);
		ck_assert_uint_eq(put->counted, FLOW_PACKET + len);
	}
}
END_TEST

START_TEST(bare_data_keeps_its_place)
{
	int family = ways[_i].family;

	for (size_t len = 4; len <= LEN_MAX; len = next_len(len)) {
		fill(len, 0x80);
		struct spec in = between(family, CLIENT, AT_FRONT, bytes, len);
		struct spec out = between(family, AT_RELAYED, PEER, bytes, len);
		struct flow flow = flow_for(&in, &out);
		flow.flags = FLOW_RAW;
		out.hop_limit = 64;
		program_bed_clear(&bed);
		struct flow *put = program_bed_put(&bed, &flow);
		run(ways[_i].kind, &in);
		leaves_as(ways[_i].kind, &out);
		ck_assert_uint_eq(put->counted, FLOW_PACKET + len);
	}
}
END_TEST

/* A frame is 60 bytes at least; what fills it up does not leave with the packet. */
START_TEST(trailers_stay_behind)
{
	int family = ways[_i].family;

	for (size_t trailer = 1; trailer < 30; trailer++) {
		for (int flags = 0; flags < 3; flags++) {
			bool strips = flags == 1, wraps = flags == 2;

			fill(12, strips ? 0x40 : 0x80);
			if (strips)
				channel_header(bytes, 0x4000, 5);
			struct spec in =
				strips ? between(family, CLIENT, AT_FRONT, bytes, 9)
				       : between(family, PEER, AT_RELAYED, bytes + 4, 5);
			in.trailer = trailer;
			if (wraps)
				channel_header(bytes, 0x4001, 5);
			struct spec out = between(family, AT_RELAYED, PEER,
						  wraps ? bytes : bytes + 4,
						  wraps ? 9 : 5);
			struct flow flow = flow_for(&in, &out);
			flow.key.channel = strips ? 0x4000 : 0;
			flow.channel = 0x4001;
			flow.flags = (uint8_t)(strips  ? FLOW_STRIPS
					       : wraps ? FLOW_WRAPS
						       : 0);
			out.hop_limit = 64;
			program_bed_clear(&bed);
			program_bed_put(&bed, &flow);
			run(ways[_i].kind, &in);
			leaves_as(ways[_i].kind, &out);
		}
	}
}
END_TEST

/* What the second flow makes of what the first one does. */
static const struct {
	uint8_t first, second; /* flags */
} pairs[] = {
	{FLOW_STRIPS | FLOW_DECREMENTS, FLOW_WRAPS | FLOW_DECREMENTS},
	{FLOW_STRIPS | FLOW_DECREMENTS, FLOW_DECREMENTS},
	{FLOW_RAW, FLOW_WRAPS | FLOW_DECREMENTS},
	{FLOW_RAW, 0},
	{FLOW_RAW | FLOW_DECREMENTS, 0},
};

START_TEST(two_flows_are_one_step)
{
	int family = ways[_i].family;

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		for (size_t len = 4; len <= 200; len = next_len(len)) {
			bool strips = pairs[i].first & FLOW_STRIPS;
			bool wraps = pairs[i].second & FLOW_WRAPS;

			fill(4 + len, 0);
			bytes[4] = 0x80;
			channel_header(bytes, 0x4123, len);
			struct spec in = between(family, CLIENT, AT_FRONT,
						 strips ? bytes : bytes + 4,
						 strips ? 4 + len : len);
			struct spec middle =
				between(family, AT_RELAYED, AT_RELAYED, bytes + 4, len);
			middle.to_port = RELAYED + 1;
			static uint8_t leaving[PROGRAM_FRAME_MAX];
			memcpy(leaving + 4, bytes + 4, len);
			channel_header(leaving, 0x4567, len);
			struct spec out = between(family, AT_FRONT, PEER,
						  wraps ? leaving : leaving + 4,
						  wraps ? 4 + len : len);
			struct flow first = flow_for(&in, &middle);
			struct flow second = flow_for(&middle, &out);
			first.key.channel = strips ? 0x4123 : 0;
			first.flags = pairs[i].first | FLOW_AGAIN;
			first.hop = 0;
			first.keep = 0xF3;
			first.set = 0x04;
			second.flags = pairs[i].second | FLOW_SECOND;
			second.channel = 0x4567;
			second.keep = 0x0F;
			second.set = 0x80;
			out.tos = (uint8_t)((((in.tos & 0xF3) | 0x04) & 0x0F) | 0x80);
			out.hop_limit = (uint8_t)(pairs[i].first & FLOW_DECREMENTS
							  ? in.hop_limit - 1
							  : 64);
			out.hop_limit = (uint8_t)(pairs[i].second & FLOW_DECREMENTS
							  ? out.hop_limit - 1
							  : 64);
			program_bed_clear(&bed);
			struct flow *a = program_bed_put(&bed, &first);
			struct flow *b = program_bed_put(&bed, &second);
			run(ways[_i].kind, &in);
			leaves_as(ways[_i].kind, &out);
			ck_assert_uint_eq(a->counted, FLOW_PACKET + len);
			ck_assert_uint_eq(b->counted, FLOW_PACKET + len);
		}
	}
}
END_TEST

/* --- one packet, and what makes it pass up ------------------------------------------------------- */

/* ChannelData of 20 bytes from the client to the peer, by a flow that takes it. */
static struct spec in, out;
static struct flow *taken;

static struct flow usual(int family)
{
	fill(24, 0x40);
	channel_header(bytes, 0x4123, 20);
	in = between(family, CLIENT, AT_FRONT, bytes, 24);
	out = between(family, AT_RELAYED, PEER, bytes + 4, 20);
	out.hop_limit = 64;
	struct flow flow = flow_for(&in, &out);
	flow.key.channel = 0x4123;
	flow.flags = FLOW_STRIPS;
	program_bed_clear(&bed);
	return flow;
}

static void put_usual(int family)
{
	struct flow flow = usual(family);

	taken = program_bed_put(&bed, &flow);
}

static void passes_up(enum program_kind kind, enum flow_up want)
{
	size_t len = build(&in, frame);

	run_frame(kind, len);
	PASSES_UP(len, want);
}

START_TEST(dscp_and_ecn_are_kept_and_set)
{
	for (unsigned tos = 0; tos < 256; tos += 5) {
		put_usual(ways[_i].family);
		in.tos = (uint8_t)tos;
		taken->keep = 0x5A;
		taken->set = 0x21;
		out.tos = (uint8_t)((tos & 0x5A) | 0x21);
		run(ways[_i].kind, &in);
		leaves_as(ways[_i].kind, &out);
	}
}
END_TEST

START_TEST(hop_limits_end)
{
	for (unsigned hops = 0; hops < 256; hops++) {
		put_usual(ways[_i].family);
		taken->flags |= FLOW_DECREMENTS;
		in.hop_limit = (uint8_t)hops;
		if (hops <= 1) {
			passes_up(ways[_i].kind, FLOW_UP_HOP_LIMIT);
			continue;
		}
		run(ways[_i].kind, &in);
		out.hop_limit = (uint8_t)(hops - 1);
		leaves_as(ways[_i].kind, &out);
	}
	put_usual(ways[_i].family);
	hop()->hop_limit = out.hop_limit = 200;
	in.hop_limit = 1;
	run(ways[_i].kind, &in);
	leaves_as(ways[_i].kind, &out);
}
END_TEST

START_TEST(no_flow)
{
	int family = ways[_i].family;

	usual(family);
	passes_up(ways[_i].kind, FLOW_UP_NO_FLOW);
	for (int i = 0; i < 5; i++) {
		put_usual(family);
		switch (i) {
		case 0:
			in.from[family == 6 ? 15 : 3]++;
			break;
		case 1:
			in.to[family == 6 ? 8 : 2]++;
			break;
		case 2:
			in.from_port++;
			break;
		case 3:
			put16(bytes, 0x4124);
			break;
		case 4:
			in.to_port = RELAYED;
			break;
		}
		passes_up(ways[_i].kind, FLOW_UP_NO_FLOW);
		ck_assert_uint_eq(taken->counted, 0);
	}
}
END_TEST

/* Nobody else has a relayed address of ours, whatever a packet from a device says. */
START_TEST(second_flow_only_after_a_first)
{
	put_usual(ways[_i].family);
	taken->flags |= FLOW_SECOND;
	passes_up(ways[_i].kind, FLOW_UP_NO_FLOW);
	ck_assert_uint_eq(taken->counted, 0);
}
END_TEST

/* Two flows of a bucket with one tag are told apart. */
START_TEST(a_tag_is_not_a_key)
{
	struct flow flow = usual(ways[_i].family);
	uint64_t hash = flow_hash(&flow.key, bed.memory.settings->seed);
	struct flow other = flow;

	other.key.channel = 0x4FFF;
	size_t at = (size_t)(hash & (bed.memory.bucket_count - 1));
	bed.memory.flows[at * FLOW_WAYS] = other;
	bed.memory.buckets[at].tags[0] = flow_tag(hash);
	passes_up(ways[_i].kind, FLOW_UP_NO_FLOW);
	for (int i = 1; i < FLOW_WAYS; i++)
		taken = program_bed_put(&bed, i == FLOW_WAYS - 1 ? &flow : &other);
	/* program_bed_put() of other went where its own hash leads. */
	run(ways[_i].kind, &in);
	leaves_as(ways[_i].kind, &out);
	ck_assert_uint_eq(bed.memory.flows[at * FLOW_WAYS].counted, 0);
}
END_TEST

START_TEST(others_ports_are_not_counted)
{
	put_usual(ways[_i].family);
	in.to_port = 3479;
	passes_up(ways[_i].kind, FLOW_UP_COUNT);
	bed.memory.settings->front_ports[1] = 3479;
	passes_up(ways[_i].kind, FLOW_UP_NO_FLOW);
	in.to_port = 49999;
	passes_up(ways[_i].kind, FLOW_UP_COUNT);
	in.to_port = 60000;
	passes_up(ways[_i].kind, FLOW_UP_COUNT);
	in.to_port = 0;
	passes_up(ways[_i].kind, FLOW_UP_COUNT);
	in.to_port = 59999;
	passes_up(ways[_i].kind, FLOW_UP_NO_FLOW);
}
END_TEST

START_TEST(it_can_be_off)
{
	put_usual(ways[_i].family);
	bed.memory.settings->on = 0;
	passes_up(ways[_i].kind, FLOW_UP_COUNT);
	ck_assert_uint_eq(taken->counted, 0);
}
END_TEST

START_TEST(messages_are_for_the_relay)
{
	/* First bytes of STUN, DTLS, and what MS clients may mean otherwise. */
	static const uint8_t firsts[] = {0, 1, 3, 4, 20, 22, 63};

	for (size_t i = 0; i < ARRAY_LEN(firsts); i++) {
		struct flow flow = usual(ways[_i].family);
		flow.key.channel = 0;
		flow.flags = FLOW_RAW;
		program_bed_put(&bed, &flow);
		bytes[0] = firsts[i];
		passes_up(ways[_i].kind, FLOW_UP_CONTROL);
	}
	put_usual(ways[_i].family);
	for (in.len = 0; in.len < 4; in.len++)
		passes_up(ways[_i].kind, FLOW_UP_CONTROL);
}
END_TEST

/* Clients of RFC 5766 bind channels up to 0x7FFF. */
START_TEST(channels_of_rfc_5766)
{
	static const uint16_t numbers[] = {0x5000, 0x6ABC, 0x7FFF};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct flow flow = usual(ways[_i].family);

		channel_header(bytes, numbers[i], 20);
		passes_up(ways[_i].kind, FLOW_UP_NO_FLOW);
		flow.key.channel = numbers[i];
		program_bed_put(&bed, &flow);
		run(ways[_i].kind, &in);
		leaves_as(ways[_i].kind, &out);
	}
}
END_TEST

START_TEST(expired)
{
	put_usual(ways[_i].family);
	taken->deadline_ns = program_bed_now_ns() - 20000000;
	passes_up(ways[_i].kind, FLOW_UP_EXPIRED);
	taken->deadline_ns = 0;
	passes_up(ways[_i].kind, FLOW_UP_EXPIRED);
	ck_assert_uint_eq(taken->counted, 0);
	taken->deadline_ns = UINT64_MAX;
	run(ways[_i].kind, &in);
	leaves_as(ways[_i].kind, &out);
}
END_TEST

/* The relay has closed it after the program found it: what it counted there is nobody's. */
START_TEST(closed_at_the_last_moment)
{
	put_usual(ways[_i].family);
	taken->counted = FLOW_CLOSED | 5;
	passes_up(ways[_i].kind, FLOW_UP_EXPIRED);
	/* The same where the frame has already grown. */
	struct flow flow;
	fill(24, 0x80);
	in = between(ways[_i].family, PEER, AT_RELAYED, bytes, 24);
	out = between(ways[_i].family, AT_FRONT, CLIENT, bytes, 28);
	flow = flow_for(&in, &out);
	flow.flags = FLOW_WRAPS;
	flow.channel = 0x4000;
	flow.counted = FLOW_CLOSED;
	program_bed_put(&bed, &flow);
	passes_up(ways[_i].kind, FLOW_UP_EXPIRED);
}
END_TEST

START_TEST(credit_is_used_up)
{
	put_usual(ways[_i].family);
	taken->flags |= FLOW_LIMITED;
	taken->credit = 39;
	run(ways[_i].kind, &in);
	leaves_as(ways[_i].kind, &out);
	ck_assert_int_eq(taken->credit, 19);
	passes_up(ways[_i].kind, FLOW_UP_NO_CREDIT);
	ck_assert_int_eq(taken->credit, 19);
	ck_assert_uint_eq(taken->counted, FLOW_PACKET + 20);
	taken->credit = 20;
	run(ways[_i].kind, &in);
	leaves_as(ways[_i].kind, &out);
	ck_assert_int_eq(taken->credit, 0);
	taken->credit = -5;
	passes_up(ways[_i].kind, FLOW_UP_NO_CREDIT);
}
END_TEST

/* Both pay, or neither. */
START_TEST(second_flow_decides_as_well)
{
	struct flow first = usual(ways[_i].family);
	struct spec middle = between(ways[_i].family, AT_RELAYED, AT_RELAYED, bytes, 1);
	struct flow second = flow_for(&middle, &out);

	middle.to_port = second.key.destination_port = RELAYED + 1;
	second.key.destination_port = htons(RELAYED + 1);
	memcpy(first.to, middle.to, 16);
	memcpy(first.from, middle.from, 16);
	first.to_port = htons(RELAYED + 1);
	first.from_port = htons(RELAYED);
	first.flags |= FLOW_AGAIN | FLOW_LIMITED;
	first.credit = 1000;
	struct flow *a = program_bed_put(&bed, &first);
	passes_up(ways[_i].kind, FLOW_UP_NO_SECOND);

	struct flow *b = program_bed_put(&bed, &second);
	/* A flow with that key that is no second one. */
	passes_up(ways[_i].kind, FLOW_UP_NO_SECOND);
	b->flags = FLOW_SECOND | FLOW_LIMITED;
	b->credit = 19;
	passes_up(ways[_i].kind, FLOW_UP_NO_CREDIT);
	b->credit = 20;
	a->credit = 19;
	passes_up(ways[_i].kind, FLOW_UP_NO_CREDIT);
	ck_assert_int_eq(b->credit, 20);
	a->credit = 1000;
	b->deadline_ns = 1;
	passes_up(ways[_i].kind, FLOW_UP_EXPIRED);
	b->deadline_ns = UINT64_MAX;
	b->flags = FLOW_SECOND | FLOW_AGAIN;
	passes_up(ways[_i].kind, FLOW_UP_NO_SECOND);
	b->flags = FLOW_SECOND | FLOW_STRIPS;
	passes_up(ways[_i].kind, FLOW_UP_NO_SECOND);
	b->flags = FLOW_SECOND | FLOW_RAW;
	passes_up(ways[_i].kind, FLOW_UP_NO_SECOND);
	b->flags = FLOW_SECOND | FLOW_LIMITED;
	b->family = ways[_i].family == 4 ? 6 : 4;
	passes_up(ways[_i].kind, FLOW_UP_FAMILY);
	b->family = (uint8_t)ways[_i].family;
	ck_assert_uint_eq(a->counted | b->counted, 0);
	ck_assert_int_eq(a->credit, 1000);
	b->hop = 8;
	passes_up(ways[_i].kind, FLOW_UP_NO_WAY);
	b->hop = 7;
	/* Closed while the packet is between the two. */
	b->counted = FLOW_CLOSED;
	run(ways[_i].kind, &in);
	ck_assert(result.is_lost && result.up == FLOW_UP_COUNT);
	ck_assert_uint_eq(a->counted, FLOW_PACKET + 20);
	b->counted = a->counted = 0;
	a->credit = 1000;
	b->credit = 20;
	/* 61 hops left: two here, and none for the first. */
	a->flags |= FLOW_DECREMENTS;
	b->flags |= FLOW_DECREMENTS;
	in.hop_limit = 2;
	passes_up(ways[_i].kind, FLOW_UP_HOP_LIMIT);
	in.hop_limit = 3;
	out.hop_limit = 1;
	run(ways[_i].kind, &in);
	leaves_as(ways[_i].kind, &out);
	ck_assert_int_eq(a->credit, 980);
	ck_assert_int_eq(b->credit, 0);
}
END_TEST

START_TEST(malformed)
{
	size_t ip_at = ETH, udp_at = ETH + ip_len(ways[_i].family);

	/* ChannelData that claims more than there is, or far less. */
	put_usual(ways[_i].family);
	put16(bytes + 2, 21);
	passes_up(ways[_i].kind, FLOW_UP_MALFORMED);
	put16(bytes + 2, 0xFFFF);
	passes_up(ways[_i].kind, FLOW_UP_MALFORMED);
	put16(bytes + 2, 16);
	passes_up(ways[_i].kind, FLOW_UP_MALFORMED);
	put16(bytes + 2, 20);

	/* UDP shorter or longer than IP says; IP longer than the frame. */
	for (int i = 0; i < 4; i++) {
		static const int udp_by[] = {-1, 1, 0, -40}, cut[] = {0, 0, 1, 0};
		size_t len = build(&in, frame) - (size_t)cut[i];

		put16(frame + udp_at + 4, get16(frame + udp_at + 4) + (size_t)udp_by[i]);
		run_frame(ways[_i].kind, len);
		PASSES_UP(len, FLOW_UP_MALFORMED);
	}
	if (ways[_i].family == 4) {
		/* A wrong header checksum must not become a right one. */
		size_t len = build(&in, frame);
		frame[ip_at + 10] ^= 1;
		run_frame(ways[_i].kind, len);
		PASSES_UP(len, FLOW_UP_MALFORMED);
	}
	ck_assert_uint_eq(taken->counted, 0);
}
END_TEST

/* A wrong UDP checksum stays wrong, by as much: whoever receives it sees that. */
START_TEST(faults_are_not_hidden)
{
	put_usual(ways[_i].family);
	size_t len = build(&in, frame), at = ETH + ip_len(ways[_i].family) + 6;

	put16(frame + at, get16(frame + at) ^ 0x0101);
	run_frame(ways[_i].kind, len);
	ck_assert(result.goes);
	uint8_t built[PROGRAM_FRAME_MAX];
	build(&out, built);
	ck_assert_uint_ne(get16(result.bytes + at), get16(built + at));
}
END_TEST

START_TEST(without_a_checksum)
{
	put_usual(ways[_i].family);
	size_t len = build(&in, frame);
	put16(frame + ETH + ip_len(ways[_i].family) + 6, 0);
	run_frame(ways[_i].kind, len);
	/* IPv6 forbids it (RFC 8200 section 8.1). */
	PASSES_UP(len, ways[_i].family == 4 ? FLOW_UP_NO_CHECKSUM : FLOW_UP_MALFORMED);
}
END_TEST

/*
 * The checksum of this packet happens to be the sum of its pseudo header, as a packet has that a device is
 * to complete. TC asks the kernel; XDP cannot.
 */
START_TEST(looks_like_half_a_checksum)
{
	put_usual(ways[_i].family);
	size_t len = build(&in, frame), at = ETH + ip_len(ways[_i].family) + 6;
	uint8_t tail[4] = {0, 17};
	uint32_t pseudo = add(0, in.from, address_len(in.family));

	put16(tail + 2, UDP + in.len);
	pseudo = add(pseudo, in.to, address_len(in.family));
	pseudo = add(pseudo, tail, 4);
	/* The last two bytes of payload make up for the difference. */
	put16(bytes + 22, 0);
	build(&in, frame);
	uint32_t rest = (uint32_t)get16(frame + at) + 0xFFFF - pseudo;
	put16(bytes + 22, rest % 0xFFFF);
	len = build(&in, frame);
	ck_assert_uint_eq(get16(frame + at), pseudo);
	run_frame(ways[_i].kind, len);
	if (ways[_i].kind == PROGRAM_TC)
		leaves_as(PROGRAM_TC, &out);
	else
		PASSES_UP(len, FLOW_UP_NO_CHECKSUM);
}
END_TEST

/* In ones' complement a sum of 0 is sent as 0xFFFF: 0 would say that there is none (RFC 768). */
START_TEST(a_sum_of_zero)
{
	put_usual(ways[_i].family);
	size_t at = ETH + ip_len(ways[_i].family) + 6;
	uint8_t built[PROGRAM_FRAME_MAX];

	put16(bytes + 22, 0);
	build(&out, built);
	put16(bytes + 22, get16(built + at));
	build(&out, built);
	ck_assert_uint_eq(get16(built + at), 0xFFFF);
	run(ways[_i].kind, &in);
	leaves_as(ways[_i].kind, &out);
}
END_TEST

START_TEST(options_and_headers)
{
	put_usual(ways[_i].family);
	size_t len = build(&in, frame), at = ETH + ip_len(ways[_i].family);
	size_t more = ways[_i].family == 6 ? 8 : 4;

	memmove(frame + at + more, frame + at, len - at);
	memset(frame + at, 0, more);
	len += more;
	if (ways[_i].family == 4) {
		frame[ETH] = 0x46;
		put16(frame + ETH + 2, get16(frame + ETH + 2) + more);
	} else {
		frame[at] = 17;
		frame[ETH + 6] = 60; /* destination options */
		put16(frame + ETH + 4, get16(frame + ETH + 4) + more);
	}
	run_frame(ways[_i].kind, len);
	PASSES_UP(len, FLOW_UP_OPTIONS);
	/* Not to us: not counted. */
	put16(frame + at + more + 2, 9);
	run_frame(ways[_i].kind, len);
	PASSES_UP(len, FLOW_UP_COUNT);
}
END_TEST

START_TEST(fragments)
{
	put_usual(ways[_i].family);
	if (ways[_i].family == 4) {
		in.fragment = 0x2000;
		passes_up(ways[_i].kind, FLOW_UP_FRAGMENT);
		/* No later one says whose it is. */
		in.fragment = 0x2010;
		passes_up(ways[_i].kind, FLOW_UP_COUNT);
		in.fragment = 0x0010;
		passes_up(ways[_i].kind, FLOW_UP_COUNT);
		return;
	}
	size_t len = build(&in, frame), at = ETH + 40;
	memmove(frame + at + 8, frame + at, len - at);
	memset(frame + at, 0, 8);
	frame[at] = 17;
	frame[at + 3] = 1;
	frame[ETH + 6] = 44;
	put16(frame + ETH + 4, get16(frame + ETH + 4) + 8);
	run_frame(ways[_i].kind, len + 8);
	PASSES_UP(len + 8, FLOW_UP_FRAGMENT);
	put16(frame + at + 2, 64);
	run_frame(ways[_i].kind, len + 8);
	PASSES_UP(len + 8, FLOW_UP_COUNT);
}
END_TEST

START_TEST(super_packets)
{
	put_usual(ways[_i].family);
	size_t len = build(&in, frame);

	if (ways[_i].kind != PROGRAM_TC)
		return;
	program_bed_run(&bed, PROGRAM_TC, frame, len, 12, &result);
	PASSES_UP(len, FLOW_UP_SUPER_PACKET);
}
END_TEST

START_TEST(too_long_for_the_way)
{
	size_t headers = ip_len(ways[_i].family) + UDP;

	put_usual(ways[_i].family);
	hop()->mtu = (uint32_t)headers + 19;
	passes_up(ways[_i].kind, FLOW_UP_TOO_LONG);
	hop()->mtu++;
	run(ways[_i].kind, &in);
	leaves_as(ways[_i].kind, &out);

	/* The header that comes on top counts. */
	fill(100, 0x80);
	in = between(ways[_i].family, PEER, AT_RELAYED, bytes, 100);
	struct flow flow = flow_for(&in, &in);
	flow.flags = FLOW_WRAPS;
	program_bed_put(&bed, &flow);
	hop()->mtu = (uint32_t)headers + 103;
	passes_up(ways[_i].kind, FLOW_UP_TOO_LONG);
	hop()->mtu++;
	run(ways[_i].kind, &in);
	ck_assert(result.goes);
}
END_TEST

/* Longer than what the program moves, on a link that would take it. */
START_TEST(too_long_to_be_moved)
{
	for (size_t len = 2047; len < 2051; len++) {
		fill(4 + len, 0x40);
		channel_header(bytes, 0x4123, len);
		in = between(ways[_i].family, CLIENT, AT_FRONT, bytes, 4 + len);
		out = between(ways[_i].family, AT_RELAYED, PEER, bytes + 4, len);
		out.hop_limit = 64;
		struct flow flow = flow_for(&in, &out);
		flow.key.channel = 0x4123;
		flow.flags = FLOW_STRIPS;
		program_bed_clear(&bed);
		program_bed_put(&bed, &flow);
		hop()->mtu = 9000;
		if (len > 2048) {
			passes_up(ways[_i].kind, FLOW_UP_TOO_LONG);
			continue;
		}
		run(ways[_i].kind, &in);
		leaves_as(ways[_i].kind, &out);
	}
}
END_TEST

/* What a reverse-path filter, or the stack itself, would not let in. */
START_TEST(by_another_device_or_for_another_host)
{
	enum program_kind kind = ways[_i].kind;

	put_usual(ways[_i].family);
	back()->ifindex = 2;
	passes_up(kind, FLOW_UP_NO_FLOW);
	back()->ifindex = 0;
	passes_up(kind, FLOW_UP_NO_FLOW);
	back()->ifindex = 1;
	if (kind == PROGRAM_XDP) {
		back()->has_macs = 0;
		passes_up(kind, FLOW_UP_NO_WAY);
		back()->has_macs = 1;
		for (size_t i = 0; i < 6; i++) {
			back()->from_mac[i] = 2;
			run(kind, &in);
			ck_assert_msg(result.code == XDP_PASS, "byte %zu", i);
			back()->from_mac[i] = 0;
		}
	}
	run(kind, &in);
	leaves_as(kind, &out);
}
END_TEST

START_TEST(no_way)
{
	put_usual(ways[_i].family);
	taken->hop = 8;
	passes_up(ways[_i].kind, FLOW_UP_NO_WAY);
	taken->hop = UINT16_MAX;
	passes_up(ways[_i].kind, FLOW_UP_NO_WAY);
	taken->hop = 7;
	hop()->ifindex = 0;
	passes_up(ways[_i].kind, FLOW_UP_NO_WAY);
	hop()->ifindex = 1;
	hop()->has_macs = 0;
	if (ways[_i].kind == PROGRAM_XDP) {
		passes_up(ways[_i].kind, FLOW_UP_NO_WAY);
		return;
	}
	/* By a gateway; TC has no use for Ethernet addresses. */
	hop()->family = (uint8_t)ways[_i].family;
	run(ways[_i].kind, &in);
	leaves_as(ways[_i].kind, &out);
	hop()->family = 6;
	run(ways[_i].kind, &in);
	leaves_as(ways[_i].kind, &out);
}
END_TEST

START_TEST(between_families)
{
	put_usual(ways[_i].family);
	taken->family = ways[_i].family == 4 ? 6 : 4;
	passes_up(ways[_i].kind, FLOW_UP_FAMILY);
}
END_TEST

/* No flow that the relay writes: in doubt it passes up. */
START_TEST(flow_without_sense)
{
	put_usual(ways[_i].family);
	taken->flags = 0;
	passes_up(ways[_i].kind, FLOW_UP_FAILED);
}
END_TEST

START_TEST(other_protocols)
{
	put_usual(ways[_i].family);
	static const uint16_t types[] = {0x0806, 0x8100, 0x88CC, 0x0800, 0x86DD};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		size_t len = build(&in, frame);
		if (get16(frame + 12) == types[i])
			frame[ETH + (ways[_i].family == 6 ? 6 : 9)] = 6; /* TCP */
		put16(frame + 12, types[i]);
		run_frame(ways[_i].kind, len);
		PASSES_UP(len, FLOW_UP_COUNT);
	}
	/* Cut short anywhere. */
	size_t len = build(&in, frame);
	/* No test run takes less than an IP header. */
	for (size_t part = ETH + ip_len(ways[_i].family); part < len; part++) {
		run_frame(ways[_i].kind, part);
		ck_assert(!result.goes);
	}
}
END_TEST

/* For another host, as a device in promiscuous mode tells it. */
START_TEST(other_hosts)
{
	put_usual(ways[_i].family);
	if (ways[_i].kind != PROGRAM_TC)
		return;
	size_t len = build(&in, frame);
	frame[5] = 9;
	run_frame(PROGRAM_TC, len);
	PASSES_UP(len, FLOW_UP_COUNT);
}
END_TEST

/* Packets without DF may be fragmented later, so no identification comes back soon (RFC 6864 section 4.3). */
START_TEST(identifications_differ)
{
	enum { PACKETS = 2000 };
	static uint8_t seen[65536];
	unsigned again = 0;

	put_usual(4);
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < PACKETS; i++) {
		run(PROGRAM_TC, &in);
		ck_assert(result.goes);
		size_t id = get16(result.bytes + ETH + 4);
		again += seen[id]++;
	}
	/* Each CPU has its own sequence. */
	ck_assert_uint_lt(again, PACKETS / 10);
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tcase = tcase_create("packets");

	tcase_add_unchecked_fixture(tcase, load, unload);
	tcase_add_checked_fixture(tcase, start, NULL);
#define EACH_WAY(test) tcase_add_loop_test(tcase, test, 0, ROWS(ways))
	EACH_WAY(channel_data_is_stripped);
	EACH_WAY(channel_data_is_wrapped);
	EACH_WAY(bare_data_keeps_its_place);
	EACH_WAY(trailers_stay_behind);
	EACH_WAY(two_flows_are_one_step);
	EACH_WAY(dscp_and_ecn_are_kept_and_set);
	EACH_WAY(hop_limits_end);
	EACH_WAY(no_flow);
	EACH_WAY(second_flow_only_after_a_first);
	EACH_WAY(a_tag_is_not_a_key);
	EACH_WAY(others_ports_are_not_counted);
	EACH_WAY(it_can_be_off);
	EACH_WAY(messages_are_for_the_relay);
	EACH_WAY(channels_of_rfc_5766);
	EACH_WAY(expired);
	EACH_WAY(closed_at_the_last_moment);
	EACH_WAY(credit_is_used_up);
	EACH_WAY(second_flow_decides_as_well);
	EACH_WAY(malformed);
	EACH_WAY(faults_are_not_hidden);
	EACH_WAY(without_a_checksum);
	EACH_WAY(looks_like_half_a_checksum);
	EACH_WAY(a_sum_of_zero);
	EACH_WAY(options_and_headers);
	EACH_WAY(fragments);
	EACH_WAY(super_packets);
	EACH_WAY(too_long_for_the_way);
	EACH_WAY(too_long_to_be_moved);
	EACH_WAY(by_another_device_or_for_another_host);
	EACH_WAY(no_way);
	EACH_WAY(between_families);
	EACH_WAY(flow_without_sense);
	EACH_WAY(other_protocols);
	EACH_WAY(other_hosts);
	tcase_add_test(tcase, identifications_differ);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	char why[128];

	if (!program_bed_may(why, sizeof(why))) {
		printf("%s\n", why);
		return 77;
	}
	return unit_run("flow_packets", add_cases);
}
