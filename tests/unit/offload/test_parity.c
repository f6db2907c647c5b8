/*
 * test_parity.c - the program of the kernel plane against core and dialects, both hooks, one corpus of packets
 * and states: what it forwards is what the sockets would have sent, and counted; all else passes up as it came.
 * Rows say what must not pass up, else a program that passes everything up would be right.
 *
 * Two programs: test_parity with the program compiled for this machine, test_parity_kernel with the one
 * in the kernel, skipped where this process may not load it.
 */
#include <stdio.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/permission.h"
#include "stun/ms_msg.h"
#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/offload/parity_relay.h"

static struct parity parity;
static uint8_t payload_bytes[FRAME_MAX], datagram_bytes[FRAME_MAX], frame[FRAME_MAX];

/* States of a relay, each with all ways. */
enum { STATE_PLAIN, STATE_DECREMENTS, STATE_MARKS, STATE_NAT, STATE_LIMITED, STATES };

static const char *const state_names[STATES] = {"plain", "decrements", "marks", "nat",
						"limited"};

static void start(int state)
{
	const struct fixture_options options = {.nat = state == STATE_NAT};
	struct turn_settings *settings = &parity.fixture.settings;
	const char *why = "";

	ck_assert_msg(parity_start(&parity, &options, &why), "%s", why);
	settings->decrement_hop_limit = state == STATE_DECREMENTS;
	for (int leg = 0; leg < MARKING_LEG_COUNT; leg++) {
		for (int stream = 0; stream < MARKING_STREAM_COUNT; stream++)
			settings->markings[0][leg][stream] =
				state == STATE_MARKS
					? (struct marking){(uint8_t)(0x0F << leg),
							   (uint8_t)(leg << 6)}
					: (struct marking){0xFF, 0};
	}
	if (state == STATE_LIMITED)
		settings->limits.bandwidth = (struct turn_bandwidth){
			.per_allocation = {UINT32_MAX, UINT32_MAX},
			.total = UINT32_MAX,
			.burst_ms = 5000,
			.peak_percent = 200,
		};
	ck_assert(parity_relay_make(&parity));
	for (size_t i = 0; i < sizeof(payload_bytes); i++)
		payload_bytes[i] = (uint8_t)(0x80 | i); /* bare data that is no message */
}

static void setup(void)
{
	start(STATE_PLAIN);
}

static void teardown(void)
{
	parity_stop(&parity);
}

/* --- one frame ----------------------------------------------------------------------------------- */

enum expect { ANY, FORWARD, UP };

static void check(const char *what, const char *how, enum kernel_hook hook,
		  const struct kernel_frame *input, enum expect expect)
{
	enum parity_result result = parity_check(&parity, hook, input);

	ck_assert_msg(result != PARITY_FAULT, "%s, %s, %s: %s", hook ? "XDP" : "TC", what,
		      how, parity.fault);
	ck_assert_msg(expect == ANY ||
			      (expect == FORWARD) == (result == PARITY_FORWARDED),
		      "%s, %s, %s: %s", hook ? "XDP" : "TC", what, how,
		      result == PARITY_UP ? "passes up" : "forwarded");
}

static void check_both(const char *what, const char *how, size_t len, enum expect expect)
{
	for (int hook = 0; hook < KERNEL_HOOKS; hook++)
		check(what, how, (enum kernel_hook)hook,
		      &(struct kernel_frame){.bytes = frame, .len = len}, expect);
}

static struct datagram datagram_of(const struct parity_way *way, size_t payload_len)
{
	return parity_relay_datagram(
		&parity, way, (struct slice){payload_bytes, payload_len}, datagram_bytes);
}

static size_t frame_of(const struct parity_way *way, size_t payload_len)
{
	const struct datagram datagram = datagram_of(way, payload_len);

	return frame_build(frame, &datagram);
}

/* What comes from a relayed address of ours does not come from a device. */
static enum expect forwarded(const struct parity_way *way)
{
	return way->is_second ? UP : FORWARD;
}

/* --- rows ---------------------------------------------------------------------------------------- */

START_TEST(every_way_is_forwarded)
{
	start(_i / (int)parity_way_count);
	const struct parity_way *way = &parity_ways[_i % (int)parity_way_count];
	const char *state = state_names[_i / (int)parity_way_count];

	/* Bare data that is shorter than a ChannelData header is rare. */
	for (size_t len = 0; len <= 180; len++)
		check_both(way->name, state, frame_of(way, len),
			   len < 4 && !way->to_client && way->number == 0
				   ? ANY
				   : forwarded(way));
	check_both(way->name, state, frame_of(way, 1200), forwarded(way));
}
END_TEST

START_TEST(header_fields_are_as_sockets_set_them)
{
	static const uint8_t toses[] = {0, 1, 2, 3, 0xB8, 0xB9, 0x7F, 0xFF};
	static const uint8_t hop_limits[] = {2, 3, 64, 65, 255};

	start(_i / (int)parity_way_count);
	const struct parity_way *way = &parity_ways[_i % (int)parity_way_count];
	struct datagram datagram = datagram_of(way, 160);

	for (size_t i = 0; i < ARRAY_LEN(toses); i++) {
		datagram.tos = toses[i];
		check_both(way->name, "TOS", frame_build(frame, &datagram),
			   forwarded(way));
	}
	for (size_t i = 0; i < ARRAY_LEN(hop_limits); i++) {
		datagram.hop_limit = hop_limits[i];
		/* Two hops may be one too many. */
		check_both(way->name, "hop limit", frame_build(frame, &datagram),
			   i == 0 && way->peer == NULL ? ANY : forwarded(way));
	}
	for (uint8_t hop_limit = 0; hop_limit < 2; hop_limit++) {
		datagram.hop_limit = hop_limit;
		check_both(way->name, "hop limit ends", frame_build(frame, &datagram),
			   ANY);
	}
	datagram.hop_limit = 64;
	datagram.df = true;
	check_both(way->name, "DF", frame_build(frame, &datagram), forwarded(way));
}
END_TEST

/* Up to the MTU, with ChannelData's header if there is to be one. */
START_TEST(the_mtu_holds)
{
	const struct parity_way *way = &parity_ways[_i];
	size_t ip = way->one == ONE_V6 ? FRAME_IPV6 : FRAME_IPV4;
	size_t max = PARITY_MTU - ip - FRAME_UDP - (way->number != 0 ? 4 : 0);

	check_both(way->name, "largest", frame_of(way, max), forwarded(way));
	check_both(way->name, "one more", frame_of(way, max + 1),
		   way->to_client || way->number == 0 ? UP : ANY);
}
END_TEST

START_TEST(channel_data_is_exact)
{
	const struct parity_way *way = &parity_ways[_i];
	size_t len = frame_of(way, 100), at;

	if (way->to_client || way->number == 0)
		return;
	at = frame_udp_at(frame) + FRAME_UDP;
	for (int claimed = 90; claimed <= 110; claimed++) {
		store_be16(frame + at + 2, (uint16_t)claimed);
		frame_sum(frame);
		check_both(way->name, "claimed", len, claimed == 100 ? FORWARD : ANY);
	}
	store_be16(frame + at + 2, 100);
	for (uint32_t number = 0; number < 0x10000; number += 0x101) {
		store_be16(frame + at, (uint16_t)number);
		frame_sum(frame);
		check_both(way->name, "number", len, ANY);
	}
}
END_TEST

/* A control message, what looks like one, DTLS: whatever an MS client may send is judged above. */
START_TEST(bare_data_is_told_from_messages)
{
	const struct parity_way *way = &parity_ways[_i];
	struct datagram datagram = datagram_of(way, 100);

	if (way->one != ONE_MS)
		return;
	for (int byte = 0; byte < 256; byte++) {
		datagram_bytes[0] = (uint8_t)byte;
		check_both(way->name, "first byte", frame_build(frame, &datagram),
			   way->to_client || byte >= 0x80 ? FORWARD : ANY);
	}
	/* MAGIC-COOKIE where MS-TURN has it. */
	memset(datagram_bytes, 0, 100);
	datagram_bytes[1] = 3;
	store_be16(datagram_bytes + 2, 80);
	store_be16(datagram_bytes + 20, 0x000F);
	store_be16(datagram_bytes + 22, 4);
	store_be32(datagram_bytes + 24, 0x72C64BC6);
	ck_assert(way->to_client || ms_msg_begins(datagram.payload));
	check_both(way->name, "message", frame_build(frame, &datagram),
		   way->to_client ? FORWARD : UP);
}
END_TEST

/* Whatever a peer sends is for the client. */
START_TEST(stun_of_peers_is_data)
{
	const struct parity_way *way = &parity_ways[_i];
	struct datagram datagram = datagram_of(way, 20);

	if (!way->to_client || way->is_second)
		return;
	memset(datagram_bytes, 0, 20);
	datagram_bytes[1] = 1;
	store_be32(datagram_bytes + 4, 0x2112A442);
	check_both(way->name, "Binding", frame_build(frame, &datagram), FORWARD);
}
END_TEST

START_TEST(what_is_cut_short_passes_up)
{
	const struct parity_way *way = &parity_ways[_i];
	size_t len = frame_of(way, 40);

	for (size_t cut = FRAME_ETHERNET; cut < len; cut++) {
		len = frame_of(way, 40);
		check_both(way->name, "cut short", cut, UP);
	}
}
END_TEST

/* What short frames are filled up with, up to 60 bytes, is none of the packet. */
START_TEST(trailers_are_no_payload)
{
	const struct parity_way *way = &parity_ways[_i];
	size_t len = frame_of(way, 3);

	for (size_t trailer = 1; trailer < 20; trailer++) {
		memset(frame + len, 0xEE, trailer);
		check_both(way->name, "trailer", len + trailer, ANY);
	}
}
END_TEST

/* Each bit of all headers, with checksums that fit and ones that do not. */
START_TEST(attack_56_no_bit_is_overlooked)
{
	const struct parity_way *way = &parity_ways[_i];
	size_t len = frame_of(way, 24);
	size_t headers = frame_udp_at(frame) + FRAME_UDP + 6;

	for (size_t bit = 12 * 8; bit < headers * 8; bit++) {
		char how[64];

		frame_of(way, 24);
		frame[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		snprintf(how, sizeof(how), "byte %zu bit %zu", bit / 8, bit % 8);
		check_both(way->name, how, len, ANY);
		/* A UDP length that leads out of the frame has no sum. */
		if (load_be16(frame + frame_udp_at(frame) + 4) >
			    len - frame_udp_at(frame) ||
		    bit < FRAME_ETHERNET * 8)
			continue;
		frame_sum(frame);
		check_both(way->name, how, len, ANY);
	}
}
END_TEST

START_TEST(a_packet_without_checksum_gets_one_or_passes_up)
{
	const struct parity_way *way = &parity_ways[_i];
	size_t len = frame_of(way, 33);

	store_be16(frame + frame_udp_at(frame) + 6, 0);
	check_both(way->name, "no checksum", len, ANY);
}
END_TEST

/* What comes from this host or a virtual machine on it. */
START_TEST(what_a_device_completes_is_right_then)
{
	const struct parity_way *way = &parity_ways[_i];

	if (!kernel_plane_can_be_partial(parity.plane))
		return;
	for (size_t len = 1; len < 300; len++) {
		const struct kernel_frame input = {
			.bytes = frame, .len = frame_of(way, len), .is_partial = true};

		frame_sum_partly(frame);
		check(way->name, "partial", KERNEL_TC, &input,
		      len < 4 ? ANY : forwarded(way));
	}
}
END_TEST

/*
 * A sum of 0 is sent as 0xFFFF (RFC 768). One of 65535 looks like that of a pseudo header alone, and may pass up
 * where nobody tells (XDP).
 */
START_TEST(no_sum_becomes_none)
{
	const struct parity_way *way = &parity_ways[_i];
	struct datagram datagram = datagram_of(way, 32);
	size_t at = datagram.payload.len - 2, len;

	for (uint32_t word = 0; word < 0x10000; word += way->is_second ? 0x1000 : 7) {
		store_be16(datagram_bytes + at, (uint16_t)word);
		len = frame_build(frame, &datagram);
		check(way->name, "sum", KERNEL_TC,
		      &(struct kernel_frame){.bytes = frame, .len = len}, forwarded(way));
		check(way->name, "sum", KERNEL_XDP,
		      &(struct kernel_frame){.bytes = frame, .len = len}, ANY);
	}
	/* Exactly there: the last word is what was missing to zero. */
	store_be16(datagram_bytes + at, 0);
	frame_build(frame, &datagram);
	store_be16(datagram_bytes + at, load_be16(frame + frame_udp_at(frame) + 6));
	len = frame_build(frame, &datagram);
	ck_assert_uint_eq(load_be16(frame + frame_udp_at(frame) + 6), 0xFFFF);
	check_both(way->name, "sum of zero", len, forwarded(way));
}
END_TEST

static size_t insert(size_t len, size_t at, size_t count)
{
	memmove(frame + at + count, frame + at, len - at);
	memset(frame + at, 0, count);
	return len + count;
}

START_TEST(options_and_fragments_pass_up)
{
	const struct parity_way *way = &parity_ways[_i];
	size_t len = frame_of(way, 64), udp = frame_udp_at(frame);
	uint8_t *ip = frame + FRAME_ETHERNET;

	if (way->one == ONE_V6) {
		static const uint8_t headers[] = {0, 43, 44, 60, 51, 135};

		for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
			len = insert(frame_of(way, 64), udp, 8);
			ip[6] = headers[i];
			frame[udp] = 17;
			store_be16(ip + 4, (uint16_t)(load_be16(ip + 4) + 8));
			check_both(way->name, "extension header", len, UP);
		}
		return;
	}
	len = insert(len, udp, 4);
	ip[0] = 0x46;
	memset(frame + udp, 1, 4); /* no operation */
	store_be16(ip + 2, (uint16_t)(load_be16(ip + 2) + 4));
	store_be16(ip + 10, 0);
	check_both(way->name, "options", len, UP);

	for (uint16_t offset = 0x2000; offset != 0; offset >>= 1) {
		len = frame_of(way, 64);
		store_be16(ip + 6, offset);
		frame_sum(frame);
		check_both(way->name, "fragment", len, UP);
	}
}
END_TEST

START_TEST(other_frames_pass_up)
{
	const struct parity_way *way = &parity_ways[_i];
	size_t len = frame_of(way, 64);
	uint16_t type = load_be16(frame + 12);

	/* Not for this host, if the device shows it all the same. */
	frame[5] = 9;
	check_both(way->name, "another host", len, UP);
	frame[5] = 0;
	check(way->name, "super-packet", KERNEL_TC,
	      &(struct kernel_frame){.bytes = frame, .len = len, .is_super = true}, UP);
	store_be16(frame + 12, 0x0806);
	check_both(way->name, "ARP", len, UP);
	store_be16(frame + 12, type == 0x0800 ? 0x86DD : 0x0800);
	check_both(way->name, "other IP version", len, UP);
	store_be16(frame + 12, 0x8100);
	len = insert(len, 14, 4);
	store_be16(frame + 14, 7);
	store_be16(frame + 16, type);
	check_both(way->name, "VLAN", len, UP);
}
END_TEST

/* RFC 8656 section 13: a label of the relay's own, or none. */
START_TEST(flow_labels_are_not_copied)
{
	static struct kernel_verdict verdicts[2];
	const struct parity_way *way = &parity_ways[_i];

	if (way->one != ONE_V6)
		return;
	for (int hook = 0; hook < KERNEL_HOOKS; hook++) {
		const struct kernel_frame input = {.bytes = frame,
						   .len = frame_of(way, 64)};

		for (int i = 0; i < 2; i++) {
			frame[FRAME_ETHERNET + 3] = (uint8_t)(i * 77);
			check(way->name, "flow label", (enum kernel_hook)hook, &input,
			      FORWARD);
			kernel_plane_run(parity.plane, (enum kernel_hook)hook, &input,
					 &verdicts[i]);
			ck_assert(verdicts[i].forwarded);
		}
		ck_assert_mem_eq(verdicts[0].frame, verdicts[1].frame, verdicts[0].len);
	}
}
END_TEST

/* --- states -------------------------------------------------------------------------------------- */

static void check_all_ways(const char *how, enum expect expect)
{
	for (size_t i = 0; i < parity_way_count; i++)
		check_both(parity_ways[i].name, how, frame_of(&parity_ways[i], 160),
			   expect == FORWARD ? forwarded(&parity_ways[i]) : expect);
}

/* Deadlines are before the lease ends, and nobody judges when they come. */
START_TEST(attack_56_expired_permissions_stop)
{
	for (int second = 0; second < 295; second += 5) {
		parity_pass(&parity, 5000);
		parity_judge(&parity);
	}
	parity_pass(&parity, 4000);
	check_all_ways("before 300 s", FORWARD);
	parity_pass(&parity, 1200);
	for (size_t i = 0; i < parity_way_count; i++)
		check_both(parity_ways[i].name, "at 300 s",
			   frame_of(&parity_ways[i], 160),
			   parity_ways[i].one == ONE_MS ? FORWARD : UP);
}
END_TEST

START_TEST(attack_56_a_dead_relay_forwards_nothing)
{
	parity_pass(&parity, FLOW_LEASE_MS - 500);
	check_all_ways("within the lease", FORWARD);
	/* The program's clock is some ms coarse. */
	parity_pass(&parity, 700);
	check_all_ways("after the lease", UP);
	parity_judge(&parity);
	check_all_ways("renewed", FORWARD);
}
END_TEST

START_TEST(attack_56_refused_peers_stop)
{
	ck_assert(fixture_deny(&parity.fixture, "192.0.2.1/32"));
	parity_judge(&parity);
	check_all_ways("refused", ANY);
	check_both("refused", "to peer", frame_of(&parity_ways[0], 160), UP);
	check_both("refused", "to client", frame_of(&parity_ways[1], 160), UP);
	check_both("allowed", "to peer", frame_of(&parity_ways[4], 160), FORWARD);
}
END_TEST

START_TEST(attack_56_ended_allocations_stop)
{
	static uint8_t frames[64][FRAME_MAX];
	static size_t lens[64];

	ck_assert_uint_lt(parity_way_count, 64);
	for (size_t i = 0; i < parity_way_count; i++) {
		lens[i] = frame_of(&parity_ways[i], 160);
		memcpy(frames[i], frame, lens[i]);
	}
	for (int one = 0; one < PARITY_ONES; one++) {
		allocation_delete(&parity.fixture.turn,
				  parity_relay_one(&parity, (enum parity_one)one),
				  END_KILLED, parity.fixture.now_ms);
		parity_judge(&parity);
		for (size_t i = 0; i < parity_way_count; i++) {
			bool ended = (int)parity_ways[i].one <= one ||
				     (parity_ways[i].peer == NULL && one >= ONE_TWIN);

			memcpy(frame, frames[i], lens[i]);
			check_both(parity_ways[i].name, "ended", lens[i],
				   ended ? UP : forwarded(&parity_ways[i]));
		}
	}
}
END_TEST

START_TEST(a_peer_of_ours_without_a_channel_back_passes_up)
{
	const struct parity_way alone = {"alone", ONE_ALONE, false, 0x4000, NULL, false};

	check_both("alone", "permission only", frame_of(&alone, 160), UP);
}
END_TEST

/* A flow that ends between the look at its deadline and the count. */
START_TEST(attack_56_of_two_flows_each_counts_once)
{
	static struct kernel_verdict verdict;
	const struct flow_memory *memory = kernel_plane_memory(parity.plane);
	const struct kernel_frame input = {.bytes = frame,
					   .len = frame_of(&parity_ways[_i], 160)};
	struct flow *first = NULL, *second = NULL;

	for (size_t i = 0; i < parity.pair_count; i++) {
		const struct parity_pair *pair = &parity.pairs[i];

		if (pair->id == parity_relay_one(&parity, parity_ways[_i].one)->id)
			first = &memory->flows[pair->flows[0]];
		else if (parity_ways[_i].peer == NULL &&
			 (pair->id == parity_relay_one(&parity, ONE_TWIN)->id ||
			  pair->id == parity_relay_one(&parity, ONE_OTHER_TWIN)->id))
			second = &memory->flows[pair->flows[1]];
	}
	if (parity_ways[_i].peer != NULL || parity_ways[_i].to_client)
		return;
	for (int hook = 0; hook < KERNEL_HOOKS; hook++) {
		first->counted = second->counted = 0;
		second->counted = FLOW_CLOSED;
		kernel_plane_run(parity.plane, (enum kernel_hook)hook, &input, &verdict);
		ck_assert(verdict.dropped && !verdict.forwarded);
		ck_assert_uint_eq(first->counted, FLOW_PACKET + 160);

		first->counted = FLOW_CLOSED;
		second->counted = 0;
		kernel_plane_run(parity.plane, (enum kernel_hook)hook, &input, &verdict);
		ck_assert(!verdict.dropped && !verdict.forwarded);
		ck_assert_uint_eq(second->counted, 0);
	}
}
END_TEST

START_TEST(without_credit_it_passes_up)
{
	parity_stop(&parity);
	start(STATE_LIMITED);
	check_all_ways("credit", FORWARD);
	parity_stop(&parity);
	start(STATE_PLAIN);
	parity.credit = 159;
	parity.fixture.settings.limits.bandwidth = (struct turn_bandwidth){
		.per_allocation = {UINT32_MAX, UINT32_MAX},
		.burst_ms = 5000,
		.peak_percent = 200,
	};
	parity_judge(&parity);
	check_all_ways("159 bytes", UP);
	for (size_t i = 0; i < parity_way_count; i++)
		check_both(parity_ways[i].name, "a packet", frame_of(&parity_ways[i], 70),
			   forwarded(&parity_ways[i]));
}
END_TEST

START_TEST(turned_off_all_pass_up)
{
	kernel_plane_memory(parity.plane)->settings->on = 0;
	check_all_ways("off", UP);
	kernel_plane_memory(parity.plane)->settings->on = 1;
	check_all_ways("on", FORWARD);
}
END_TEST

START_TEST(without_a_hop_all_pass_up)
{
	struct flow_hop *hop = &kernel_plane_memory(parity.plane)->hops[PARITY_HOP];

	hop->ifindex = 0;
	check_all_ways("no way", UP);
	hop->ifindex = 1;
	check_all_ways("a way", FORWARD);
	hop->has_macs = 0;
	for (size_t i = 0; i < parity_way_count; i++) {
		size_t len = frame_of(&parity_ways[i], 160);

		check(parity_ways[i].name, "no neighbour", KERNEL_XDP,
		      &(struct kernel_frame){.bytes = frame, .len = len}, UP);
	}
}
END_TEST

/* Addresses and ports of nobody, and of ours the wrong way round. */
START_TEST(strangers_pass_up)
{
	for (size_t i = 0; i < parity_way_count; i++) {
		struct datagram datagram = datagram_of(&parity_ways[i], 160);
		struct endpoint source = datagram.source;

		datagram.source.port = (uint16_t)(datagram.source.port + 100);
		check_both(parity_ways[i].name, "another port",
			   frame_build(frame, &datagram), UP);
		datagram.source = source;
		datagram.source.ip.bytes[3] ^= 64;
		check_both(parity_ways[i].name, "another address",
			   frame_build(frame, &datagram), UP);
		datagram.source = datagram.destination;
		datagram.destination = source;
		check_both(parity_ways[i].name, "back", frame_build(frame, &datagram),
			   UP);
	}
}
END_TEST

static void parity_suite(Suite *suite)
{
	TCase *states = tcase_create("states");
	TCase *ways = tcase_create("ways");
	int count = (int)parity_way_count;

	tcase_add_checked_fixture(states, NULL, teardown);
	tcase_add_loop_test(states, every_way_is_forwarded, 0, STATES * count);
	tcase_add_loop_test(states, header_fields_are_as_sockets_set_them, 0,
			    STATES * count);
	tcase_add_checked_fixture(ways, setup, teardown);
	tcase_add_loop_test(ways, the_mtu_holds, 0, count);
	tcase_add_loop_test(ways, channel_data_is_exact, 0, count);
	tcase_add_loop_test(ways, bare_data_is_told_from_messages, 0, count);
	tcase_add_loop_test(ways, stun_of_peers_is_data, 0, count);
	tcase_add_loop_test(ways, what_is_cut_short_passes_up, 0, count);
	tcase_add_loop_test(ways, trailers_are_no_payload, 0, count);
	tcase_add_loop_test(ways, attack_56_no_bit_is_overlooked, 0, count);
	tcase_add_loop_test(ways, a_packet_without_checksum_gets_one_or_passes_up, 0,
			    count);
	tcase_add_loop_test(ways, what_a_device_completes_is_right_then, 0, count);
	tcase_add_loop_test(ways, no_sum_becomes_none, 0, count);
	tcase_add_loop_test(ways, options_and_fragments_pass_up, 0, count);
	tcase_add_loop_test(ways, other_frames_pass_up, 0, count);
	tcase_add_loop_test(ways, flow_labels_are_not_copied, 0, count);
	tcase_add_test(ways, attack_56_expired_permissions_stop);
	tcase_add_test(ways, attack_56_a_dead_relay_forwards_nothing);
	tcase_add_test(ways, attack_56_refused_peers_stop);
	tcase_add_test(ways, attack_56_ended_allocations_stop);
	tcase_add_test(ways, a_peer_of_ours_without_a_channel_back_passes_up);
	tcase_add_loop_test(ways, attack_56_of_two_flows_each_counts_once, 0, count);
	tcase_add_test(ways, without_credit_it_passes_up);
	tcase_add_test(ways, turned_off_all_pass_up);
	tcase_add_test(ways, without_a_hop_all_pass_up);
	tcase_add_test(ways, strangers_pass_up);
	tcase_set_timeout(states, 120);
	tcase_set_timeout(ways, 120);
	suite_add_tcase(suite, states);
	suite_add_tcase(suite, ways);
}

int main(void)
{
	const char *why;
	struct kernel_plane *plane = kernel_plane_new(PARITY_BUCKETS, &why);

	if (plane == NULL) {
		printf("no program here: %s\n", why);
		return 77;
	}
	kernel_plane_free(plane);
	return unit_run("parity", parity_suite);
}
