/*
 * forward_parts.h - what the verdicts of both dialects have in common; for forward.c, forward_ms.c
 * and what says the same to the kernel (relay/offload/flow_of.c) only.
 */
#ifndef RELAY_CORE_FORWARD_PARTS_H
#define RELAY_CORE_FORWARD_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/debug_assert.h"
#include "relay/core/allocation_table.h"
#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/forward_verdict.h"
#include "relay/core/turn.h"

enum {
	/* The largest UDP payloads: 65535 less the headers that this number counts. */
	UDP_V4_MAX = 65535 - 20 - 8,
	UDP_V6_MAX = 65535 - 8,
	/* One DTLS record, one message (RFC 7350 section 4). */
	DTLS_MAX = 16384,
	STUN_BODY_MAX = 65532,
};

static inline void forward_drop(struct turn *turn, enum drop_reason reason,
				struct forward *out)
{
	debug_assert(reason > DROP_NONE && reason < DROP_REASON_COUNT);
	out->kind = FORWARD_DROP;
	out->reason = reason;
	counter_add(&turn->counters.drops[reason], 1);
}

/* The verdict on a datagram of a channel, or of the active destination (NULL); see hot.h. */
static inline void forward_note(struct turn *turn, const struct allocation *al,
				const struct channel *ch, uint64_t now_ms,
				const struct forward *out)
{
	if (__builtin_expect(turn->hot.channels == NULL, 1) || out->kind == FORWARD_DROP)
		return;
	/* The kernel can do nothing for others. */
	if (al->transport == TRANSPORT_UDP && al->relay_transport == TRANSPORT_UDP)
		hot_note(&turn->hot, al->slot,
			 ch != NULL ? channel_entry(turn->table, ch) : SLOT_NONE, now_ms);
}

static inline size_t udp_max(uint8_t family)
{
	return family == IP_V4 ? UDP_V4_MAX : UDP_V6_MAX;
}

/* The longest message that reaches this client in one piece. */
static inline size_t forward_client_max(const struct allocation *al)
{
	switch (al->transport) {
	case TRANSPORT_UDP:
		return udp_max(al->tuple.client.ip.family);
	case TRANSPORT_DTLS:
		return DTLS_MAX;
	case TRANSPORT_TCP:
	case TRANSPORT_TLS:
	case TRANSPORT_COUNT:
		break;
	}
	return SIZE_MAX;
}

static inline void forward_count(struct traffic *of_allocation, struct traffic *of_side,
				 size_t bytes)
{
	of_allocation->packets++;
	of_allocation->bytes += bytes;
	counter_add(&of_side->packets, 1);
	counter_add(&of_side->bytes, bytes);
}

/* Is it within the bandwidth limits? lossy: it may be dropped, not only delayed. */
static inline bool forward_pays(struct turn *turn, struct allocation *al, size_t len,
				bool lossy, uint64_t now_ms, struct forward *out)
{
	enum drop_reason reason;

	if (!lossy) {
		out->wait_ms = bandwidth_owes(turn, al, len, now_ms);
		return true;
	}
	if (bandwidth_pays(turn, al, len, now_ms, &reason))
		return true;
	forward_drop(turn, reason, out);
	return false;
}

/* The same for what another allocation of ours has paid for. */
static inline bool forward_pays_again(struct turn *turn, struct allocation *al,
				      size_t len, bool lossy, uint64_t now_ms,
				      struct forward *out)
{
	enum drop_reason reason;

	if (!lossy) {
		out->wait_ms = bandwidth_owes_again(turn, al, len, now_ms);
		return true;
	}
	if (bandwidth_pays_again(turn, al, len, now_ms, &reason))
		return true;
	forward_drop(turn, reason, out);
	return false;
}

static inline struct marking forward_marking(const struct turn *turn,
					     const struct allocation *al,
					     enum marking_leg leg)
{
	/* Only MS clients say what they send; the others need not touch that part of it. */
	unsigned stream = al->dialect == DIALECT_MS ? al->ms.stream_type : 0;

	return turn->settings
		->markings[al->group][leg][stream < MARKING_STREAM_COUNT ? stream : 0];
}

static inline enum marking_leg forward_client_leg(const struct allocation *al)
{
	enum marking_leg first = al->transport == TRANSPORT_DTLS ? MARKING_INSIDE_DTLS
								 : MARKING_INSIDE;

	debug_assert(al->side < SIDE_COUNT);
	return (enum marking_leg)((unsigned)first + (unsigned)al->side);
}

static inline void forward_to_peer(struct turn *turn, struct allocation *al,
				   const struct endpoint *peer, struct slice payload,
				   uint64_t now_ms, struct forward *out)
{
	if (al->relay_transport == TRANSPORT_UDP &&
	    payload.len > udp_max(peer->ip.family)) {
		forward_drop(turn, DROP_TOO_LARGE, out);
		return;
	}
	if (!forward_pays(turn, al, payload.len, !transport_is_stream(al->transport),
			  now_ms, out))
		return;
	debug_assert(peer->port != 0 && allocation_has_family(al, peer->ip.family));
	out->kind = FORWARD_TO_PEER;
	out->slot = al->slot;
	out->payload = payload;
	out->peer = *peer;
	out->marking = forward_marking(turn, al, MARKING_PEERS);
	forward_count(&al->to_peer, &turn->counters.to_peer[al->side][al->transport],
		      payload.len);
}

/*
 * Header and padding are in place; named is the source as the client knows it, and paid says that it
 * is a relayed address of ours, whose allocation has paid for this.
 */
static inline void forward_to_client(struct turn *turn, struct allocation *al,
				     const struct endpoint *named, bool paid,
				     struct slice payload, uint64_t now_ms,
				     struct forward *out)
{
	bool lossy = al->relay_transport == TRANSPORT_UDP;

	if (paid ? !forward_pays_again(turn, al, payload.len, lossy, now_ms, out)
		 : !forward_pays(turn, al, payload.len, lossy, now_ms, out))
		return;
	debug_assert(out->header_len <= FORWARD_HEADER_MAX && out->padding_len < 4);
	out->kind = FORWARD_TO_CLIENT;
	out->peer = *named;
	out->payload = payload;
	out->marking = forward_marking(turn, al, forward_client_leg(al));
	forward_count(&al->to_client, &turn->counters.to_client[al->side][al->transport],
		      payload.len);
}

#endif
