/*
 * flow_of.c - see flow_of.h. Follow it side by side with forward_channel_data() and forward_from_peer()
 * of core/forward, and with their likes of core/forward_ms; tests/unit/offload/test_parity.c compares what
 * they do.
 */
#include "relay/offload/flow_of.h"

#include <assert.h>
#include <string.h>

#include "relay/core/allocation.h"
#include "relay/core/allocation_table.h"
#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/forward_parts.h"
#include "relay/core/peer_policy.h"
#include "relay/core/permission.h"
#include "relay/core/turn.h"

enum { NS_PER_MS = 1000000 };

/* What both directions stand on. */
struct grounds {
	struct endpoint client, front;
	struct endpoint peer, relayed; /* in local form, as packets have it */
	uint64_t ends_ms;
	uint16_t channel; /* 0: bare data */
	bool own;         /* the peer is a relayed address of ours */
};

const char *flow_stays_name(enum flow_stays reason)
{
	static const char *const names[FLOW_STAYS_COUNT] = {[FLOW_GOES] = "goes",
#define X(id, name, text) [FLOW_STAYS_##id] = name,
							    FLOW_STAYS(X)
#undef X
	};

	assert(reason < FLOW_STAYS_COUNT);
	return names[reason];
}

/* --- may the kernel have it? --------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The allocation itself, whoever its peer is. */
static enum flow_stays of_allocation(const struct turn *turn, const struct allocation *al,
				     bool by_balancer, uint64_t now_ms,
				     struct grounds *grounds)
{
	if (al->transport != TRANSPORT_UDP || al->relay_transport != TRANSPORT_UDP)
		return FLOW_STAYS_TRANSPORT;
	if (al->moving || al->client_gone)
		return FLOW_STAYS_MOVING;
	if (by_balancer)
		return FLOW_STAYS_BALANCER;
	if (allocation_has_expired(al, now_ms))
		return FLOW_STAYS_OVER;
	assert(al->tuple.front < turn->shared->front_count);
	grounds->client = al->tuple.client;
	grounds->front = turn->shared->fronts[al->tuple.front].local;
	/* Of a dual one the half that ends first: the other is judged again then. */
	grounds->ends_ms = al->expires_ms;
	return FLOW_GOES;
}

/* channel_refuses() of core/forward. */
static enum flow_stays of_channel(const struct turn *turn, const struct channel *ch,
				  uint64_t now_ms, struct grounds *grounds)
{
	const struct permission *permission;

	if (ch->expires_ms <= now_ms || ch->permission == SLOT_NONE)
		return FLOW_STAYS_OVER;
	permission = permission_at(turn->table, ch->permission);
	if (permission->expires_ms <= now_ms)
		return FLOW_STAYS_OVER;
	grounds->ends_ms = earlier(grounds->ends_ms,
				   earlier(ch->expires_ms, permission->expires_ms));
	grounds->peer = ch->peer;
	grounds->channel = ch->number;
	return FLOW_GOES;
}

/* The way of core/forward_ms, which asks for no permission. */
static enum flow_stays of_destination(const struct allocation *al,
				      struct grounds *grounds)
{
	if (al->dialect != DIALECT_MS || !destination_is_set(&al->active))
		return FLOW_STAYS_OVER;
	grounds->peer = al->active.peer;
	return FLOW_GOES;
}

/*
 * Policy, and the addresses that packets have. A relayed address of ours is told to clients in public
 * form; packets from it have the local one, which must lead back to the same.
 */
static enum flow_stays of_peer(const struct turn *turn, const struct allocation *al,
			       struct grounds *grounds)
{
	const struct endpoint named = grounds->peer;

	if (named.ip.family != grounds->client.ip.family)
		return FLOW_STAYS_FAMILY;
	if (peer_refused_by(turn, TRANSPORT_UDP, &named) != NULL)
		return FLOW_STAYS_FORBIDDEN;
	grounds->own = peer_is_own(turn, &named.ip);
	if (grounds->own)
		peer_policy_to_local(turn->settings->policy, &grounds->peer);

	const struct endpoint back = peer_as_named(turn, &grounds->peer);
	if (!endpoint_equal(&back, &named))
		return FLOW_STAYS_FORBIDDEN;
	grounds->relayed = allocation_relayed_local(turn, al);
	if (grounds->relayed.ip.family != named.ip.family)
		grounds->relayed = allocation_second_local(turn, al);
	assert(grounds->relayed.ip.family == named.ip.family);
	return FLOW_GOES;
}

/* --- how it goes --------------------------------------------------------------------------------- */

static void put_address(__u8 to[16], const struct endpoint *endpoint)
{
	static_assert(sizeof(endpoint->ip.bytes) == 16, "copied whole");
	memcpy(to, endpoint->ip.bytes, sizeof(endpoint->ip.bytes));
}

static __be16 be16(uint16_t port)
{
	__be16 network;

	store_be16((uint8_t *)&network, port);
	return network;
}

static __u8 family_of(const struct endpoint *endpoint)
{
	return endpoint->ip.family == IP_V4 ? 4 : 6;
}

/* Packets from source to local go on as packets from from to to. */
static struct flow direction(const struct turn *turn, const struct grounds *grounds,
			     const struct endpoint *source, const struct endpoint *local,
			     const struct endpoint *from, const struct endpoint *to,
			     struct marking marking)
{
	struct flow flow = {
		.key =
			{
				.source_port = be16(source->port),
				.destination_port = be16(local->port),
				.family = family_of(source),
			},
		.deadline_ns = grounds->ends_ms < UINT64_MAX / NS_PER_MS
				       ? grounds->ends_ms * NS_PER_MS
				       : UINT64_MAX,
		.to_port = be16(to->port),
		.from_port = be16(from->port),
		.family = family_of(to),
		.flags = turn->settings->decrement_hop_limit ? FLOW_DECREMENTS : 0,
		.keep = marking.keep,
		.set = marking.set,
	};

	put_address(flow.key.source, source);
	put_address(flow.key.destination, local);
	put_address(flow.to, to);
	put_address(flow.from, from);
	return flow;
}

static struct flow to_peer(const struct turn *turn, const struct allocation *al,
			   const struct grounds *grounds)
{
	struct flow flow = direction(turn, grounds, &grounds->client, &grounds->front,
				     &grounds->relayed, &grounds->peer,
				     forward_marking(turn, al, MARKING_PEERS));

	flow.key.channel = grounds->channel;
	flow.flags |= grounds->channel != 0 ? FLOW_STRIPS : FLOW_RAW;
	if (grounds->own)
		flow.flags |= FLOW_AGAIN;
	if (bandwidth_is_limited(turn, al, false))
		flow.flags |= FLOW_LIMITED;
	return flow;
}

static struct flow to_client(const struct turn *turn, const struct allocation *al,
			     const struct grounds *grounds)
{
	struct flow flow = direction(turn, grounds, &grounds->peer, &grounds->relayed,
				     &grounds->front, &grounds->client,
				     forward_marking(turn, al, forward_client_leg(al)));

	if (grounds->channel != 0) {
		flow.channel = grounds->channel;
		flow.flags |= FLOW_WRAPS;
	}
	if (grounds->own)
		flow.flags |= FLOW_SECOND;
	if (bandwidth_is_limited(turn, al, grounds->own))
		flow.flags |= FLOW_LIMITED;
	return flow;
}

enum flow_stays flow_of(const struct turn *turn, const struct allocation *al,
			const struct channel *channel, bool by_balancer, uint64_t now_ms,
			struct flow_pair *pair)
{
	struct grounds grounds = {.ends_ms = 0};
	enum flow_stays stays = of_allocation(turn, al, by_balancer, now_ms, &grounds);

	if (stays == FLOW_GOES)
		stays = channel != NULL ? of_channel(turn, channel, now_ms, &grounds)
					: of_destination(al, &grounds);
	if (stays == FLOW_GOES)
		stays = of_peer(turn, al, &grounds);
	if (stays != FLOW_GOES)
		return stays;
	assert(grounds.ends_ms > now_ms && (channel == NULL || grounds.channel != 0));
	*pair = (struct flow_pair){
		.to_peer = to_peer(turn, al, &grounds),
		.to_client = to_client(turn, al, &grounds),
		.to_client_is_paid = grounds.own,
	};
	return FLOW_GOES;
}

bool flow_says(const struct flow *flow, const struct flow *wanted)
{
	return memcmp(&flow->key, &wanted->key, sizeof(flow->key)) == 0 &&
	       memcmp(flow->to, wanted->to, sizeof(flow->to)) == 0 &&
	       memcmp(flow->from, wanted->from, sizeof(flow->from)) == 0 &&
	       flow->to_port == wanted->to_port && flow->from_port == wanted->from_port &&
	       flow->channel == wanted->channel && flow->family == wanted->family &&
	       flow->flags == wanted->flags && flow->keep == wanted->keep &&
	       flow->set == wanted->set;
}
