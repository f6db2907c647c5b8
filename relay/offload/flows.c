/*
 * flows.c - see flows.h. Flows go in pairs, see pairs.h.
 */
#include "relay/offload/flows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/debug_assert.h"
#include "relay/core/allocation_table.h"
#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/turn.h"
#include "relay/offload/flow_credit.h"
#include "relay/offload/flow_of.h"
#include "relay/offload/flow_table.h"
#include "relay/offload/offload.h"
#include "relay/offload/pairs.h"

enum {
	IDLE_MS = 10000, /* taken out after so long without a packet */
	/* A look touches memory that the programs use, so other work comes in between. */
	LOOKS_AT_ONCE = 256,
	PAIRS_EACH = 4, /* room for so many of an allocation, on average */
	PHASES = 10,
	PREFETCH_AHEAD =
		4 * PHASES, /* of the same phase, where slots follow each other */
	GRAIN_MS = 20,      /* of looks that come soon, so that one wake-up serves many */
};

#define NS_PER_MS UINT64_C(1000000)

struct flows {
	struct turn *turn;
	struct offload *offload;
	struct flow_table *table; /* NULL: there is no kernel plane */
	flows_by_balancer_fn *by_balancer;
	void *arg;
	uint32_t owner;
	struct pairs pairs;
	uint32_t in_force; /* flows; read by other threads */
	uint32_t cursor;   /* the pair to look at next */
};

struct flows *flows_new(struct turn *turn, struct offload *offload, uint32_t owner,
			flows_by_balancer_fn *by_balancer, void *arg)
{
	struct flows *flows = calloc(1, sizeof(*flows));
	uint32_t slots = turn->table->allocations.size;

	if (flows == NULL)
		return NULL;
	assert(owner != 0);
	flows->turn = turn;
	flows->offload = offload;
	flows->owner = owner;
	flows->by_balancer = by_balancer;
	flows->arg = arg;
	if (pairs_init(&flows->pairs, PAIRS_EACH * slots, slots))
		return flows;
	free(flows);
	return NULL;
}

void flows_free(struct flows *flows)
{
	if (flows == NULL)
		return;
	hot_release(&flows->turn->hot);
	pairs_release(&flows->pairs);
	free(flows);
}

bool flows_directions(const struct flows *flows, const struct allocation *al,
		      uint32_t channel, bool *to_peer, bool *to_client)
{
	uint32_t index = pairs_find(&flows->pairs, al->slot, channel);

	if (index == PAIR_NONE)
		return false;
	*to_peer = pairs_at(&flows->pairs, index)->flows[TO_PEER] != FLOW_NONE;
	*to_client = pairs_at(&flows->pairs, index)->flows[TO_CLIENT] != FLOW_NONE;
	return true;
}

bool flows_is_empty(const struct flows *flows)
{
	return flows->pairs.count == 0;
}

size_t flows_count(const struct flows *flows)
{
	return __atomic_load_n(&flows->in_force, __ATOMIC_RELAXED);
}

static void count_in_force(struct flows *flows, int by)
{
	assert(by > 0 || flows->in_force > 0);
	__atomic_store_n(&flows->in_force, flows->in_force + (uint32_t)by,
			 __ATOMIC_RELAXED);
}

/* --- one flow --------------------------------------------------------------------------------- */

static struct ip_addr ip_of(uint8_t family, const uint8_t bytes[16])
{
	struct ip_addr ip = {.family = family == 4 ? IP_V4 : IP_V6};

	memcpy(ip.bytes, bytes, sizeof(ip.bytes));
	return ip;
}

static bool is_paid(const struct pair *pair, enum direction direction)
{
	return direction == TO_CLIENT && pair->paid;
}

static const struct flow *flow_at(const struct flows *flows, uint32_t flow)
{
	return flow_table_at(flows->table, flow);
}

/* The hops by which it leaves and comes; false: one is not known, so it stays on sockets. */
static bool find_hops(const struct flows *flows, struct flow *flow)
{
	const struct ip_addr at = ip_of(flow->key.family, flow->key.destination);
	const struct ip_addr source = ip_of(flow->key.family, flow->key.source);
	const struct ip_addr from = ip_of(flow->family, flow->from);
	const struct ip_addr to = ip_of(flow->family, flow->to);

	if (!offload_covers(flows->offload, &at))
		return false;
	if ((flow->flags & FLOW_AGAIN) == 0 &&
	    !offload_hop(flows->offload, &from, &to, &flow->hop))
		return false;
	if ((flow->flags & FLOW_SECOND) != 0 ||
	    offload_hop(flows->offload, &at, &source, &flow->back))
		return true;
	if ((flow->flags & FLOW_AGAIN) == 0)
		offload_hop_release(flows->offload, flow->hop);
	return false;
}

static void release_hops(const struct flows *flows, const struct flow *flow)
{
	if ((flow->flags & FLOW_AGAIN) == 0)
		offload_hop_release(flows->offload, flow->hop);
	if ((flow->flags & FLOW_SECOND) == 0)
		offload_hop_release(flows->offload, flow->back);
}

/* Its devices may have lost their programs, or are not to be used any more. */
static bool has_way(const struct flows *flows, const struct flow *flow)
{
	struct flow again = {
		.key = flow->key, .family = flow->family, .flags = flow->flags};

	memcpy(again.from, flow->from, sizeof(again.from));
	memcpy(again.to, flow->to, sizeof(again.to));
	if (!find_hops(flows, &again))
		return false;
	release_hops(flows, &again);
	return true;
}

/* Put that direction in force, if there is a way for it. */
static void put(struct flows *flows, struct allocation *al, struct pair *pair,
		enum direction direction, const struct flow *wanted, uint64_t now_ms)
{
	struct flow_credit *credit = &pair->credits[direction];
	bool paid = is_paid(pair, direction);
	struct flow flow = *wanted;

	pair->flows[direction] = FLOW_NONE;
	if (!find_hops(flows, &flow))
		return;
	flow.owner = flows->owner;
	if ((flow.flags & FLOW_LIMITED) != 0)
		flow.credit = flow_credit_begin(credit, flows->turn, al, paid, now_ms);
	pair->flows[direction] = flow_table_put(flows->table, &flow, now_ms);
	if (pair->flows[direction] != FLOW_NONE) {
		count_in_force(flows, 1);
		return;
	}
	release_hops(flows, &flow);
	flow_credit_end(al, paid, flow.credit);
}

/* Bring what has passed into the allocation, the counters of its worker, and bandwidth. */
static void count_traffic(struct flows *flows, struct allocation *al, struct pair *pair,
			  enum direction direction, const struct traffic *passed,
			  bool limited, uint64_t now_ms)
{
	struct counters *counters = &flows->turn->counters;
	struct traffic *of_side = direction == TO_PEER
					  ? &counters->to_peer[al->side][al->transport]
					  : &counters->to_client[al->side][al->transport];
	struct traffic *of_allocation = direction == TO_PEER ? &al->to_peer
							     : &al->to_client;

	if (passed->packets == 0)
		return;
	pair->moved_ms = now_ms;
	of_allocation->packets += passed->packets;
	of_allocation->bytes += passed->bytes;
	counter_add(&of_side->packets, passed->packets);
	counter_add(&of_side->bytes, passed->bytes);
	/* What has a credit was measured when it got that. */
	if (!limited)
		bandwidth_measure(flows->turn, al, passed->bytes,
				  is_paid(pair, direction), now_ms);
	/* Unlike RFC 8656, what the client sends keeps its allocation alive (core/forward_ms.c). */
	if (al->dialect == DIALECT_MS && direction == TO_PEER)
		allocation_touch(al, now_ms);
}

static bool is_limited(const struct flow *flow)
{
	return (flow->flags & FLOW_LIMITED) != 0;
}

static void end_flow(struct flows *flows, struct allocation *al, struct pair *pair,
		     enum direction direction, uint64_t now_ms)
{
	uint32_t index = pair->flows[direction];

	if (index == FLOW_NONE)
		return;
	const struct flow *flow = flow_at(flows, index);
	struct traffic last = flow_table_end(flows->table, index, now_ms);

	/* Its place rests, so what it had is still there. */
	count_traffic(flows, al, pair, direction, &last, is_limited(flow), now_ms);
	if (is_limited(flow))
		flow_credit_end(al, is_paid(pair, direction),
				__atomic_load_n(&flow->credit, __ATOMIC_RELAXED));
	release_hops(flows, flow);
	pair->flows[direction] = FLOW_NONE;
	count_in_force(flows, -1);
}

static void read_flow(struct flows *flows, struct allocation *al, struct pair *pair,
		      enum direction direction, uint64_t now_ms)
{
	uint32_t index = pair->flows[direction];

	if (index == FLOW_NONE)
		return;
	struct traffic some = flow_table_read(flows->table, index);

	count_traffic(flows, al, pair, direction, &some,
		      is_limited(flow_at(flows, index)), now_ms);
}

/* --- a pair, and what it stands on -------------------------------------------------------------- */

static struct allocation *owner_of(const struct flows *flows, const struct pair *pair)
{
	struct allocation *al = allocation_at(flows->turn->table, pair->slot);

	assert(al != NULL); /* flows_ended() comes first */
	return al;
}

static void end_pair(struct flows *flows, uint32_t index, uint64_t now_ms)
{
	struct pair *pair = pairs_at(&flows->pairs, index);
	struct allocation *al = owner_of(flows, pair);

	for (unsigned i = 0; i < DIRECTIONS; i++)
		end_flow(flows, al, pair, i, now_ms);
	pairs_remove(&flows->pairs, index);
}

/*
 * Once in each second of the clock, always at the same time in it: what it has carried is then in the right
 * second of the meters, and never in one with that of the second before. Slots differ, so that not all are due
 * at once.
 */
static uint64_t next_look(uint32_t slot, uint64_t now_ms, uint32_t wait_ms)
{
	uint64_t due_ms = now_ms / FLOW_LOOK_MS * FLOW_LOOK_MS +
			  slot % PHASES * (FLOW_LOOK_MS / PHASES);

	if (wait_ms < FLOW_LOOK_MS)
		return (now_ms + wait_ms) / GRAIN_MS * GRAIN_MS;
	return due_ms > now_ms ? due_ms : due_ms + FLOW_LOOK_MS;
}

static enum flow_stays what_of(const struct flows *flows, struct allocation *al,
			       uint32_t channel, uint64_t now_ms, struct flow_pair *is)
{
	struct channel *ch =
		channel != SLOT_NONE ? channel_at(flows->turn->table, channel) : NULL;

	if (ch != NULL && ch->expires_ms == 0)
		return FLOW_STAYS_OVER;
	return flow_of(flows->turn, al, ch, flows->by_balancer(flows->arg, al), now_ms,
		       is);
}

/* Whatever of it is in force says what is so by now, and the rest is tried. */
static void bring_up_to_date(struct flows *flows, struct allocation *al,
			     struct pair *pair, const struct flow_pair *is,
			     uint64_t now_ms)
{
	const struct flow *wanted[DIRECTIONS] = {&is->to_peer, &is->to_client};

	assert(is->to_peer.deadline_ns == is->to_client.deadline_ns);
	for (unsigned i = 0; i < DIRECTIONS; i++) {
		if (pair->flows[i] != FLOW_NONE &&
		    (!flow_says(flow_at(flows, pair->flows[i]), wanted[i]) ||
		     !has_way(flows, flow_at(flows, pair->flows[i])) ||
		     (i == TO_CLIENT && pair->paid != is->to_client_is_paid)))
			end_flow(flows, al, pair, i, now_ms);
	}
	pair->paid = is->to_client_is_paid;
	pair->ends_ns = is->to_peer.deadline_ns;
	for (unsigned i = 0; i < DIRECTIONS; i++) {
		if (pair->flows[i] == FLOW_NONE)
			put(flows, al, pair, i, wanted[i], now_ms);
		else
			flow_table_renew(flows->table, pair->flows[i], pair->ends_ns,
					 now_ms);
	}
}

static bool has_flows(const struct pair *pair)
{
	return pair->flows[TO_PEER] != FLOW_NONE || pair->flows[TO_CLIENT] != FLOW_NONE;
}

/* False: it has ended, and another pair may have its index. */
static bool judge(struct flows *flows, uint32_t index, uint64_t now_ms)
{
	struct pair *pair = pairs_at(&flows->pairs, index);
	struct allocation *al = owner_of(flows, pair);
	struct flow_pair is;

	if (what_of(flows, al, pair->channel, now_ms, &is) == FLOW_GOES) {
		bring_up_to_date(flows, al, pair, &is, now_ms);
		if (has_flows(pair))
			return true;
	}
	end_pair(flows, index, now_ms);
	return false;
}

static struct pair new_pair(uint32_t slot, uint32_t channel, uint64_t now_ms)
{
	return (struct pair){
		.slot = slot,
		.channel = channel,
		.flows = {FLOW_NONE, FLOW_NONE},
		.due_ms = next_look(slot, now_ms, FLOWS_FIRST_LOOK_MS),
		.looked_ms = now_ms,
		.moved_ms = now_ms,
	};
}

/* Put both directions of that one in force, as far as it may be. */
static void take(struct flows *flows, struct allocation *al, uint32_t channel,
		 uint64_t now_ms)
{
	struct pair pair = new_pair(al->slot, channel, now_ms);
	struct flow_pair is;

	if (flows->pairs.count == flows->pairs.room ||
	    what_of(flows, al, channel, now_ms, &is) != FLOW_GOES)
		return;
	/* Without flows, too: where they leave may be known by the next look. */
	bring_up_to_date(flows, al, &pair, &is, now_ms);
	pairs_add(&flows->pairs, &pair);
}

/* Is it still one of that allocation? Its place may have become another's. */
static bool has_channel(const struct flows *flows, const struct allocation *al,
			uint32_t channel)
{
	uint32_t entry = al->channels;

	while (entry != SLOT_NONE && entry != channel)
		entry = channel_after(flows->turn->table, entry);
	return entry != SLOT_NONE;
}

static void take_one(struct flows *flows, const struct hot_one *one, uint64_t now_ms)
{
	struct allocation *al = allocation_at(flows->turn->table, one->slot);
	uint32_t index;

	if (al == NULL ||
	    (one->channel != SLOT_NONE && !has_channel(flows, al, one->channel)))
		return;
	index = pairs_find(&flows->pairs, one->slot, one->channel);
	/* One direction may be without a way so far, or something keeps coming up. */
	if (index != PAIR_NONE)
		judge(flows, index, now_ms);
	else
		take(flows, al, one->channel, now_ms);
}

void flows_take_hot(struct flows *flows, uint64_t now_ms)
{
	struct hot *hot = &flows->turn->hot;

	assert(hot->count <= HOT_LIST_MAX);
	for (unsigned i = 0; i < hot->count && flows->table != NULL; i++)
		take_one(flows, &hot->list[i], now_ms);
	hot->count = 0;
}

void flows_changed(struct flows *flows, uint32_t slot, uint64_t now_ms)
{
	uint32_t index = pairs_first(&flows->pairs, slot);

	while (index != PAIR_NONE) {
		uint32_t next = pairs_at(&flows->pairs, index)->next;

		/* The last pair has moved to where this one was. */
		if (!judge(flows, index, now_ms) && next == flows->pairs.count)
			next = index;
		index = next;
	}
}

void flows_ended(struct flows *flows, const struct allocation *al, uint64_t now_ms)
{
	while (pairs_first(&flows->pairs, al->slot) != PAIR_NONE)
		end_pair(flows, pairs_first(&flows->pairs, al->slot), now_ms);
}

void flows_use(struct flows *flows, uint64_t now_ms)
{
	/* From the end: what takes the place of one that has ended was judged. */
	for (uint32_t index = flows->pairs.count; index-- > 0;)
		judge(flows, index, now_ms);
}

/* --- looks ------------------------------------------------------------------------------------ */

static uint32_t renew_credit(struct flows *flows, struct allocation *al,
			     struct pair *pair, enum direction direction,
			     uint32_t elapsed_ms, uint64_t now_ms)
{
	uint32_t index = pair->flows[direction], more;

	if (index == FLOW_NONE || !is_limited(flow_at(flows, index)))
		return FLOW_LOOK_MS;
	uint32_t wait_ms = flow_credit_renew(&pair->credits[direction], flows->turn, al,
					     is_paid(pair, direction),
					     flow_table_credit(flows->table, index),
					     elapsed_ms, now_ms, &more);

	if (more > 0)
		flow_table_grant(flows->table, index, more);
	return wait_ms;
}

static void renew(struct flows *flows, struct allocation *al, struct pair *pair,
		  uint64_t now_ms)
{
	uint32_t elapsed_ms = (uint32_t)(now_ms - pair->looked_ms);
	uint32_t wait_ms = FLOW_LOOK_MS;

	for (unsigned i = 0; i < DIRECTIONS; i++) {
		uint32_t look_ms;

		if (pair->flows[i] != FLOW_NONE)
			flow_table_renew(flows->table, pair->flows[i], pair->ends_ns,
					 now_ms);
		if (elapsed_ms == 0)
			continue;
		look_ms = renew_credit(flows, al, pair, i, elapsed_ms, now_ms);
		if (look_ms < wait_ms)
			wait_ms = look_ms;
	}
	pair->looked_ms = now_ms;
	pair->due_ms = next_look(pair->slot, now_ms, wait_ms);
}

/* False: it has ended, and another pair may have its index. */
static bool look(struct flows *flows, uint32_t index, uint64_t now_ms)
{
	struct pair *pair = pairs_at(&flows->pairs, index);
	struct allocation *al = owner_of(flows, pair);
	uint64_t expires_ms = al->expires_ms;
	bool is_stale;

	for (unsigned i = 0; i < DIRECTIONS; i++)
		read_flow(flows, al, pair, i, now_ms);
	if (now_ms - pair->moved_ms >= IDLE_MS || now_ms * NS_PER_MS >= pair->ends_ns) {
		end_pair(flows, index, now_ms);
		return false;
	}
	/* Its data may have moved its own end; and a way may be known that was not. */
	is_stale = al->expires_ms != expires_ms || pair->flows[TO_PEER] == FLOW_NONE ||
		   pair->flows[TO_CLIENT] == FLOW_NONE;
	if (is_stale && !judge(flows, index, now_ms))
		return false;
	renew(flows, al, pair, now_ms);
	return true;
}

/*
 * What a look reads was written by the CPU that forwards, so it is in that one's cache: with thousands of
 * flows that wait is most of the price, unless it passes while others are looked at.
 */
static void prefetch(const struct flows *flows, uint32_t index, uint64_t now_ms)
{
	if (index >= flows->pairs.count)
		return;
	const struct pair *pair = pairs_at(&flows->pairs, index);

	for (unsigned i = 0; pair->due_ms <= now_ms && i < DIRECTIONS; i++) {
		if (pair->flows[i] != FLOW_NONE)
			__builtin_prefetch(&flow_at(flows, pair->flows[i])->counted, 1);
	}
}

uint32_t flows_look(struct flows *flows, uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;
	unsigned looks = 0;

	for (uint32_t steps = flows->pairs.count; steps > 0 && flows->pairs.count > 0;
	     steps--) {
		if (flows->cursor >= flows->pairs.count)
			flows->cursor = 0;
		const struct pair *pair = pairs_at(&flows->pairs, flows->cursor);

		if (pair->due_ms <= now_ms) {
			if (looks++ == LOOKS_AT_ONCE)
				return 1;
			prefetch(flows, flows->cursor + PREFETCH_AHEAD, now_ms);
			if (!look(flows, flows->cursor, now_ms))
				continue;
		}
		if (pair->due_ms < next_ms)
			next_ms = pair->due_ms;
		flows->cursor++;
	}
	if (flows->pairs.count == 0)
		return UINT32_MAX;
	return next_ms > now_ms ? (uint32_t)(next_ms - now_ms) : 1;
}

void flows_look_all(struct flows *flows, uint64_t now_ms)
{
	for (uint32_t index = flows->pairs.count; index-- > 0;)
		look(flows, index, now_ms);
}

void flows_read(struct flows *flows, const struct allocation *al, uint64_t now_ms)
{
	uint32_t index = pairs_first(&flows->pairs, al->slot);
	struct allocation *own = allocation_at(flows->turn->table, al->slot);

	assert(own == al);
	for (; index != PAIR_NONE; index = pairs_at(&flows->pairs, index)->next) {
		for (unsigned i = 0; i < DIRECTIONS; i++)
			read_flow(flows, own, pairs_at(&flows->pairs, index), i, now_ms);
	}
}

/* --- the table comes and goes ------------------------------------------------------------------ */

/* One direction of the process before, if it says what is so by now; else it ends. */
static void adopt(struct flows *flows, struct allocation *al, struct pair *pair,
		  enum direction direction, const struct flow *wanted, uint64_t now_ms)
{
	uint32_t index = flow_table_find(flows->table, &wanted->key);
	struct flow flow = *wanted;

	if (index == FLOW_NONE)
		return;
	if (flow_says(flow_at(flows, index), wanted) && find_hops(flows, &flow)) {
		flow_table_adopt(flows->table, index, flow.hop, flow.back, flows->owner);
		pair->flows[direction] = index;
		pair->credits[direction].had = 0;
		count_in_force(flows, 1);
		read_flow(flows, al, pair, direction, now_ms);
		return;
	}
	bool limited = is_limited(flow_at(flows, index));
	struct traffic last = flow_table_end(flows->table, index, now_ms);

	count_traffic(flows, al, pair, direction, &last, limited, now_ms);
}

static void take_up(struct flows *flows, struct allocation *al, uint32_t channel,
		    uint64_t now_ms)
{
	struct pair pair = new_pair(al->slot, channel, now_ms);
	struct flow_pair is;

	if (flows->pairs.count == flows->pairs.room ||
	    what_of(flows, al, channel, now_ms, &is) != FLOW_GOES)
		return;
	pair.paid = is.to_client_is_paid;
	adopt(flows, al, &pair, TO_PEER, &is.to_peer, now_ms);
	adopt(flows, al, &pair, TO_CLIENT, &is.to_client, now_ms);
	if (!has_flows(&pair))
		return;
	bring_up_to_date(flows, al, &pair, &is, now_ms);
	pairs_add(&flows->pairs, &pair);
}

static void take_up_all(struct flows *flows, uint64_t now_ms)
{
	struct allocation_table *table = flows->turn->table;
	struct allocation *al;

	for (uint32_t slot = 0; (al = allocation_next(table, slot)) != NULL;
	     slot = al->slot + 1) {
		uint32_t entry = al->channels;

		for (; entry != SLOT_NONE; entry = channel_after(table, entry))
			take_up(flows, al, entry, now_ms);
		if (al->dialect == DIALECT_MS)
			take_up(flows, al, SLOT_NONE, now_ms);
	}
}

void flows_change_table(struct flows *flows, uint64_t now_ms)
{
	struct flow_table *table = offload_table(flows->offload);
	struct allocation_table *allocations = flows->turn->table;

	if (table == flows->table) {
		if (table != NULL)
			flows_use(flows, now_ms);
		return;
	}
	while (flows->pairs.count > 0)
		end_pair(flows, flows->pairs.count - 1, now_ms);
	hot_release(&flows->turn->hot);
	flows->table = table;
	if (table == NULL)
		return;
	/* Without memory for it nothing gets hot, and all stays on sockets. */
	(void)hot_init(&flows->turn->hot,
		       (size_t)allocations->channels.size * CHAIN_CHUNK,
		       allocations->allocations.size);
	if (flow_table_count(table) > 0)
		take_up_all(flows, now_ms);
}
