/*
 * parity.c - see parity.h.
 */
#include "tests/unit/offload/parity.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/offload/flow_of.h"
#include "stun/chandata.h"
#include "tests/unit/offload/socket_plane.h"

#define MS_NS UINT64_C(1000000)

static const uint8_t to_mac[] = {2, 0, 0, 0, 0, 7}, from_mac[] = {2, 0, 0, 0, 0, 8};

/* The first fault stays. */
__attribute__((format(printf, 2, 3))) static void fault(struct parity *parity,
							const char *format, ...)
{
	va_list args;

	if (parity->fault[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(parity->fault, sizeof(parity->fault), format, args);
	va_end(args);
}

/* --- state --------------------------------------------------------------------------------------- */

static uint64_t clock_ms(const struct parity *parity)
{
	return parity->fixture.now_ms - parity->ahead_ms;
}

/* As the clock of the program has it, which nobody stops. */
static void catch_up(struct parity *parity)
{
	uint64_t now_ms = kernel_plane_now_ms(parity->plane) + parity->ahead_ms;

	if (now_ms > parity->fixture.now_ms)
		parity->fixture.now_ms = now_ms;
}

bool parity_start(struct parity *parity, const struct fixture_options *options,
		  const char **why)
{
	const struct flow_memory *memory;

	memset(parity, 0, sizeof(*parity));
	*why = "out of memory";
	parity->plane = kernel_plane_new(PARITY_BUCKETS, why);
	if (parity->plane == NULL || !fixture_start(&parity->fixture, options))
		goto fail;
	memory = kernel_plane_memory(parity->plane);
	*memory->settings = (struct flow_settings){
		.version = FLOW_LAYOUT_VERSION,
		.on = 1,
		.seed = 0x243F6A8885A308D3,
		.relay_port_first = 50000,
		.relay_port_last = 50099,
		.front_ports = {3478},
	};
	memory->hops[PARITY_HOP] = (struct flow_hop){
		.ifindex = 1,
		.mtu = PARITY_MTU,
		.has_macs = 1,
		.hop_limit = SOCKET_PLANE_HOP_LIMIT,
	};
	/* The loopback device, by which frames come; its address is zero. */
	memory->hops[PARITY_BACK] =
		(struct flow_hop){.ifindex = 1, .mtu = PARITY_MTU, .has_macs = 1};
	memcpy(memory->hops[PARITY_HOP].to_mac, to_mac, sizeof(to_mac));
	memcpy(memory->hops[PARITY_HOP].from_mac, from_mac, sizeof(from_mac));
	parity->table = flow_table_new(memory);
	if (parity->table == NULL)
		goto fail;
	if (!kernel_plane_set_clock(parity->plane, parity->fixture.now_ms)) {
		parity->fixture.now_ms = kernel_plane_now_ms(parity->plane);
		/* Far from 0. */
		parity_pass(parity, 1000000);
	}
	parity->credit = 1 << 30;
	return true;

fail:
	parity_stop(parity);
	return false;
}

void parity_stop(struct parity *parity)
{
	flow_table_free(parity->table);
	kernel_plane_free(parity->plane);
	fixture_stop(&parity->fixture);
	memset(parity, 0, sizeof(*parity));
}

static void end_flow(struct parity *parity, uint32_t *flow)
{
	if (*flow != FLOW_NONE)
		flow_table_end(parity->table, *flow, clock_ms(parity));
	*flow = FLOW_NONE;
}

static bool says(const struct flow *flow, const struct flow *wanted)
{
	struct flow same = *wanted;

	same.deadline_ns = flow->deadline_ns;
	same.counted = flow->counted;
	same.credit = flow->credit;
	same.hop = flow->hop;
	same.back = flow->back;
	return memcmp(&same, flow, sizeof(same)) == 0;
}

static void put_flow(struct parity *parity, uint32_t *in_force, struct flow flow)
{
	uint64_t ahead_ns = parity->ahead_ms * MS_NS;

	/* As the clock of the program has it. */
	if (flow.deadline_ns != UINT64_MAX)
		flow.deadline_ns -= ahead_ns;
	if (*in_force != FLOW_NONE &&
	    !says(flow_table_at(parity->table, *in_force), &flow))
		end_flow(parity, in_force);
	if (*in_force != FLOW_NONE) {
		flow_table_renew(parity->table, *in_force, flow.deadline_ns,
				 clock_ms(parity));
		return;
	}
	flow.hop = flow.flags & FLOW_AGAIN ? 0 : PARITY_HOP;
	flow.back = flow.flags & FLOW_SECOND ? 0 : PARITY_BACK;
	flow.credit = flow.flags & FLOW_LIMITED ? parity->credit : 0;
	*in_force = flow_table_put(parity->table, &flow, clock_ms(parity));
}

static void judge(struct parity *parity, struct parity_pair *pair)
{
	struct turn *turn = &parity->fixture.turn;
	struct allocation *al = allocation_by_id(turn->table, pair->id);
	const struct channel *ch = pair->channel != SLOT_NONE
					   ? channel_at(turn->table, pair->channel)
					   : NULL;
	struct flow_pair flows;

	if (al == NULL || (ch != NULL && ch->expires_ms == 0) ||
	    flow_of(turn, al, ch, false, parity->fixture.now_ms, &flows) != FLOW_GOES) {
		end_flow(parity, &pair->flows[0]);
		end_flow(parity, &pair->flows[1]);
		return;
	}
	put_flow(parity, &pair->flows[0], flows.to_peer);
	put_flow(parity, &pair->flows[1], flows.to_client);
}

/* A pair whose allocation is gone, and has no flows. */
static struct parity_pair *pair_for(struct parity *parity, const struct allocation *al,
				    uint32_t channel)
{
	struct parity_pair *empty = NULL;

	for (size_t i = 0; i < parity->pair_count; i++) {
		struct parity_pair *pair = &parity->pairs[i];

		if (pair->id == al->id && pair->channel == channel)
			return pair;
		if (allocation_by_id(parity->fixture.turn.table, pair->id) == NULL)
			empty = pair;
	}
	if (empty == NULL && parity->pair_count < PARITY_PAIRS)
		empty = &parity->pairs[parity->pair_count++];
	if (empty != NULL)
		*empty = (struct parity_pair){al->id, channel, {FLOW_NONE, FLOW_NONE}};
	return empty;
}

bool parity_add(struct parity *parity, const struct allocation *al, uint32_t channel)
{
	struct parity_pair *pair;

	/* What is over is over before something new begins. */
	parity_judge(parity);
	pair = pair_for(parity, al, channel);
	if (pair != NULL)
		judge(parity, pair);
	return pair != NULL;
}

void parity_judge(struct parity *parity)
{
	catch_up(parity);
	for (size_t i = 0; i < parity->pair_count; i++)
		judge(parity, &parity->pairs[i]);
}

void parity_pass(struct parity *parity, uint64_t ms)
{
	const struct flow_memory *memory = kernel_plane_memory(parity->plane);

	parity->fixture.now_ms += ms;
	if (kernel_plane_set_clock(parity->plane, parity->fixture.now_ms))
		return;
	/* The program's clock stays, so what it compares with comes nearer. */
	parity->ahead_ms += ms;
	for (size_t i = 0; i < parity->pair_count; i++) {
		for (int j = 0; j < 2; j++) {
			uint32_t flow = parity->pairs[i].flows[j];
			uint64_t *deadline_ns;

			if (flow == FLOW_NONE)
				continue;
			deadline_ns = (uint64_t *)&memory->flows[flow].deadline_ns;
			*deadline_ns =
				*deadline_ns > ms * MS_NS ? *deadline_ns - ms * MS_NS : 1;
		}
	}
}

/* --- counts -------------------------------------------------------------------------------------- */

/* What the flows of a pair have counted, and its allocation. */
struct counted {
	uint64_t packets[2], bytes[2];
};

static void read_flow(const struct parity *parity, uint32_t flow, uint64_t *packets,
		      uint64_t *bytes)
{
	uint64_t word;

	if (flow == FLOW_NONE)
		return;
	word = kernel_plane_memory(parity->plane)->flows[flow].counted;
	*packets += word >> FLOW_BYTES_BITS;
	*bytes += word & FLOW_BYTES_MASK;
}

/* By the flows of all pairs of that allocation. */
static struct counted by_flows(const struct parity *parity, uint64_t id)
{
	struct counted counted = {{0}, {0}};

	for (size_t i = 0; i < parity->pair_count; i++) {
		if (parity->pairs[i].id != id)
			continue;
		for (int j = 0; j < 2; j++)
			read_flow(parity, parity->pairs[i].flows[j], &counted.packets[j],
				  &counted.bytes[j]);
	}
	return counted;
}

static struct counted by_sockets(struct parity *parity, uint64_t id)
{
	const struct allocation *al = allocation_by_id(parity->fixture.turn.table, id);

	return al == NULL ? (struct counted){{0}, {0}}
			  : (struct counted){{al->to_peer.packets, al->to_client.packets},
					     {al->to_peer.bytes, al->to_client.bytes}};
}

static void take_counts(struct parity *parity, struct counted *flows,
			struct counted *sockets)
{
	for (size_t i = 0; i < parity->pair_count; i++) {
		flows[i] = by_flows(parity, parity->pairs[i].id);
		sockets[i] = by_sockets(parity, parity->pairs[i].id);
	}
}

/* Between the two looks: what the sockets counted, if it was forwarded; else nothing. */
static void compare_counts(struct parity *parity, bool forwarded,
			   const struct counted before[2][PARITY_PAIRS],
			   const struct counted after[2][PARITY_PAIRS])
{
	for (size_t i = 0; i < parity->pair_count; i++) {
		for (int j = 0; j < 2; j++) {
			uint64_t packets =
				after[0][i].packets[j] - before[0][i].packets[j];
			uint64_t bytes = after[0][i].bytes[j] - before[0][i].bytes[j];
			uint64_t want_packets =
				after[1][i].packets[j] - before[1][i].packets[j];
			uint64_t want_bytes =
				after[1][i].bytes[j] - before[1][i].bytes[j];

			if (!forwarded)
				want_packets = want_bytes = 0;
			if (packets != want_packets || bytes != want_bytes)
				fault(parity,
				      "pair %zu, to %s: %lu packets, %lu bytes counted, not "
				      "%lu, %lu",
				      i, j == 0 ? "peer" : "client",
				      (unsigned long)packets, (unsigned long)bytes,
				      (unsigned long)want_packets,
				      (unsigned long)want_bytes);
		}
	}
}

/* --- frames -------------------------------------------------------------------------------------- */

static void compare(struct parity *parity, const struct datagram *got,
		    const struct datagram *want)
{
	if (!endpoint_equal(&got->source, &want->source) ||
	    !endpoint_equal(&got->destination, &want->destination))
		fault(parity, "it leaves from or to another address");
	if (got->tos != want->tos)
		fault(parity, "TOS 0x%02x, not 0x%02x", got->tos, want->tos);
	if (got->hop_limit != want->hop_limit)
		fault(parity, "hop limit %u, not %u", got->hop_limit, want->hop_limit);
	if (got->df != want->df)
		fault(parity, "DF %d", got->df);
	if (got->payload.len != want->payload.len ||
	    memcmp(got->payload.data, want->payload.data, got->payload.len) != 0)
		fault(parity, "another payload: %zu bytes, not %zu", got->payload.len,
		      want->payload.len);
}

static void check_forwarded(struct parity *parity, enum kernel_hook hook,
			    const struct kernel_verdict *verdict, enum frame_is came,
			    bool relays, const struct datagram *want)
{
	struct datagram got;
	enum frame_is is = frame_read(verdict->frame, verdict->len, &got);

	/* Whoever gets it throws it away, as the system would have here. */
	if (came == FRAME_BAD_CHECKSUM) {
		if (is != FRAME_BAD_CHECKSUM)
			fault(parity, "a bad checksum has become a good one");
		return;
	}
	if (came != FRAME_WHOLE || !relays) {
		fault(parity, "forwarded, which sockets would not");
		return;
	}
	if (is != FRAME_WHOLE) {
		fault(parity, "what leaves is broken: %d", is);
		return;
	}
	if (frame_is_unsummed(verdict->frame, verdict->len))
		fault(parity, "it leaves without a checksum");
	if (hook == KERNEL_XDP &&
	    (memcmp(verdict->frame, to_mac, sizeof(to_mac)) != 0 ||
	     memcmp(verdict->frame + 6, from_mac, sizeof(from_mac)) != 0))
		fault(parity, "Ethernet addresses");
	compare(parity, &got, want);
}

/* In TC room may have been made behind the IP packet, which nobody looks at. */
static void check_up(struct parity *parity, enum kernel_hook hook,
		     const struct kernel_frame *frame,
		     const struct kernel_verdict *verdict)
{
	size_t room = hook == KERNEL_TC ? CHANDATA_HEADER_LEN : 0;

	if (verdict->dropped)
		fault(parity, "dropped");
	if (verdict->len < frame->len || verdict->len > frame->len + room ||
	    memcmp(verdict->frame, frame->bytes, frame->len) != 0)
		fault(parity, "changed on its way up");
}

enum parity_result parity_check(struct parity *parity, enum kernel_hook hook,
				const struct kernel_frame *frame)
{
	/* Of flows, of sockets. */
	static _Thread_local struct counted before[2][PARITY_PAIRS],
		after[2][PARITY_PAIRS];
	static _Thread_local struct kernel_verdict verdict;
	static _Thread_local uint8_t bytes[FRAME_MAX];
	struct datagram datagram, want;
	enum frame_is came = frame_read(frame->bytes, frame->len, &datagram);
	bool relays = false;

	/* Sockets do not look at the checksum of such. */
	if (frame->is_partial && came == FRAME_BAD_CHECKSUM)
		came = FRAME_WHOLE;

	assert(frame->len <= FRAME_MAX);
	catch_up(parity);
	parity->fault[0] = '\0';
	take_counts(parity, before[0], before[1]);
	kernel_plane_run(parity->plane, hook, frame, &verdict);
	if (came == FRAME_WHOLE && !frame->is_super)
		relays = socket_plane_relays(&parity->fixture, &datagram, &want, bytes);
	take_counts(parity, after[0], after[1]);

	if (verdict.forwarded && frame->is_partial)
		frame_complete(verdict.frame);
	if (verdict.forwarded)
		check_forwarded(parity, hook, &verdict, came, relays, &want);
	else
		check_up(parity, hook, frame, &verdict);
	if (came != FRAME_BAD_CHECKSUM)
		compare_counts(parity, verdict.forwarded, (const void *)before,
			       (const void *)after);
	return parity->fault[0] != '\0' ? PARITY_FAULT
	       : verdict.forwarded      ? PARITY_FORWARDED
					: PARITY_UP;
}
