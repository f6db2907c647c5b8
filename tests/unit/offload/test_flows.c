/*
 * test_flows.c - what the relay keeps in force below the sockets, on plain memory, with the core's own
 * allocations and a clock moved by hand. Every packet is offered to the table first, as the kernel does,
 * and to the socket plane if that passes it up.
 */
#include "relay/offload/flows.h"

#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/changes.h"
#include "relay/core/channel.h"
#include "relay/core/forward.h"
#include "relay/core/forward_ms.h"
#include "relay/core/permission.h"
#include "relay/offload/flow_of.h"
#include "relay/offload/offload.h"
#include "stun/chandata.h"
#include "tests/unit/core/fake_edge.h"
#include "tests/unit/dialect/ms_client.h"
#include "tests/unit/dialect/turn_client.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/offload/plain_memory.h"

#define PEER "192.0.2.1:7000"
#define PEER_B "192.0.2.2:7000"
#define KBIT UINT64_C(1000)
#define MBIT UINT64_C(1000000)

enum { CHANNEL = 0x4000, BUCKETS = 64, OWNER = 77 };

/* --- the kernel plane, without a kernel ---------------------------------------------------------- */

struct offload {
	struct flow_table *table;
	bool knows_no_way, covers_nothing;
	unsigned hops; /* given out */
};

static struct offload offload;
static struct flow_memory memory;

struct flow_table *offload_table(const struct offload *at)
{
	return at->table;
}

bool offload_hop(struct offload *at, const struct ip_addr *from, const struct ip_addr *to,
		 uint16_t *hop)
{
	ck_assert(from->family == to->family && from->family != IP_NONE);
	if (at->knows_no_way)
		return false;
	*hop = 3;
	at->hops++;
	return true;
}

void offload_hop_release(struct offload *at, uint16_t hop)
{
	ck_assert(hop == 3 && at->hops > 0);
	at->hops--;
}

bool offload_covers(struct offload *at, const struct ip_addr *local)
{
	ck_assert(local->family != IP_NONE);
	return !at->covers_nothing;
}

/* --- the relay ------------------------------------------------------------------------------------ */

static struct fixture fixture;
static struct client alice;
static struct ms_client mary;
static struct allocation *al;
static struct flows *flows;
static struct edge inner, edge;
static bool by_balancer;
static uint64_t look_ms;
static uint8_t bytes[2000];

static bool is_by_balancer(void *arg, const struct allocation *one)
{
	ck_assert(arg == &fixture && one != NULL);
	return by_balancer;
}

/* As worker_edge.c has them. */
static void save(void *self, uint64_t now_ms)
{
	struct change_list *changes = &fixture.turn.changes;

	for (uint32_t i = 0; i < changes->count; i++)
		flows_changed(flows, changes->slots[i], now_ms);
	inner.save(self, now_ms);
}

static void ended(void *self, const struct allocation *one)
{
	flows_ended(flows, one, fixture.now_ms);
	inner.allocation_ended(self, one);
}

static void leaves(void *self, const struct allocation *one)
{
	flows_ended(flows, one, fixture.now_ms);
	inner.client_leaves(self, one);
}

static void make_flows(uint32_t owner)
{
	flows = flows_new(&fixture.turn, &offload, owner, is_by_balancer, &fixture);
	ck_assert_ptr_nonnull(flows);
	ck_assert(flows_is_empty(flows));
	flows_change_table(flows, fixture.now_ms);
}

static void setup(void)
{
	by_balancer = false;
	offload = (struct offload){.table = NULL};
	memory = plain_memory_new(BUCKETS);
	ck_assert(fixture_start(&fixture, &(struct fixture_options){.mobility = true}));
	ms_fixture_enable(&fixture);
	fixture.settings.limits.bandwidth.burst_ms = 5000;
	fixture.settings.limits.bandwidth.peak_percent = 200;
	inner = edge = fixture.edge.edge;
	edge.save = save;
	edge.allocation_ended = ended;
	edge.client_leaves = leaves;
	fixture.turn.edge = &edge;
	offload.table = flow_table_new(&memory);
	make_flows(OWNER);
	client_init(&alice, &fixture, "192.0.2.200:5000", FRONT_OUTSIDE_UDP, "alice");
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_bind(&alice, CHANNEL, PEER), 0);
	al = client_allocation(&alice);
}

static void teardown(void)
{
	struct allocation *one;

	while ((one = allocation_next(fixture.turn.table, 0)) != NULL)
		allocation_delete(&fixture.turn, one, END_SHUTDOWN, fixture.now_ms);
	changes_save(&fixture.turn, fixture.now_ms);
	ck_assert(flows_is_empty(flows) && flows_count(flows) == 0);
	ck_assert_uint_eq(flow_table_count(offload.table), 0);
	ck_assert_uint_eq(offload.hops, 0);
	flows_free(flows);
	fixture.turn.edge = &fixture.edge.edge;
	fixture_stop(&fixture);
	flow_table_free(offload.table);
	plain_memory_free(&memory);
}

/* --- packets --------------------------------------------------------------------------------------- */

enum way { TO_PEER, TO_CLIENT, WAYS };

/* One conversation; what it is keyed by on the wire never changes here. */
struct call {
	struct allocation *al;
	uint16_t channel;
	struct flow_key keys[WAYS];
	uint64_t kernel[WAYS], sockets[WAYS]; /* packets that passed */
	uint64_t kernel_bytes, socket_bytes;
	uint64_t drops[DROP_REASON_COUNT];
};

static struct call call;

static struct channel *channel_of(const struct call *one)
{
	return channel_by_number(&fixture.turn, one->al, one->channel, fixture.now_ms);
}

static struct call call_on(struct allocation *one, uint16_t number)
{
	struct call new = {.al = one, .channel = number};
	struct channel *channel = one->dialect == DIALECT_MS ? NULL : channel_of(&new);
	struct flow_pair pair;

	ck_assert_int_eq(flow_of(&fixture.turn, one, channel, false, fixture.now_ms,
				 &pair),
			 FLOW_GOES);
	new.keys[TO_PEER] = pair.to_peer.key;
	new.keys[TO_CLIENT] = pair.to_client.key;
	return new;
}

static struct call call_of(struct allocation *one)
{
	return call_on(one, CHANNEL);
}

static bool kernel_passes(struct call *one, enum way way, uint32_t len)
{
	struct flow *flow = plain_find(&memory, &one->keys[way]);

	return flow != NULL &&
	       plain_count(flow, fixture.now_ms * 1000000, len) == FLOW_UP_COUNT;
}

static bool sockets_pass(struct call *one, enum way way, uint32_t len)
{
	const struct endpoint peer = one->al->dialect == DIALECT_MS ? one->al->active.peer
				     : channel_of(one) != NULL ? channel_of(one)->peer
							       : ep(PEER);
	struct slice payload = {bytes + 4, len};
	struct forward out;

	memset(bytes, 0xFF, sizeof(bytes));
	chandata_write_header(bytes, one->channel, len);
	if (way == TO_CLIENT)
		forward_from_peer(&fixture.turn, one->al, &peer, payload, fixture.now_ms,
				  &out);
	else if (one->al->dialect == DIALECT_MS)
		forward_ms_raw(&fixture.turn, one->al, payload, fixture.now_ms, &out);
	else
		forward_channel_data(&fixture.turn, one->al,
				     (struct slice){bytes, 4 + len}, fixture.now_ms,
				     &out);
	if (out.kind == FORWARD_DROP)
		one->drops[out.reason]++;
	return out.kind != FORWARD_DROP;
}

static void offer(struct call *one, enum way way, uint32_t len)
{
	if (kernel_passes(one, way, len)) {
		one->kernel[way]++;
		one->kernel_bytes += len;
	} else if (sockets_pass(one, way, len)) {
		one->sockets[way]++;
		one->socket_bytes += len;
	}
}

static void offer_many(struct call *one, unsigned count, uint32_t len)
{
	for (unsigned i = 0; i < count; i++) {
		offer(one, TO_PEER, len);
		offer(one, TO_CLIENT, len);
	}
}

/* The loop of the worker turns. */
static void turn_loop(void)
{
	uint32_t wait_ms;

	if (fixture.turn.hot.count > 0) {
		flows_take_hot(flows, fixture.now_ms);
		if (!flows_is_empty(flows) &&
		    look_ms > fixture.now_ms + FLOWS_FIRST_LOOK_MS)
			look_ms = fixture.now_ms + FLOWS_FIRST_LOOK_MS;
	}
	if (fixture.now_ms < look_ms)
		return;
	wait_ms = flows_look(flows, fixture.now_ms);
	look_ms = wait_ms != UINT32_MAX ? fixture.now_ms + wait_ms : UINT64_MAX;
}

static void wait_for(uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i++) {
		fixture.now_ms++;
		turn_loop();
	}
}

/* All that passed is counted, where it has to be. */
static void check_counts(const struct call *one)
{
	const struct counters *counters = &fixture.turn.counters;

	ck_assert_uint_eq(one->al->to_peer.packets,
			  one->kernel[TO_PEER] + one->sockets[TO_PEER]);
	ck_assert_uint_eq(one->al->to_client.packets,
			  one->kernel[TO_CLIENT] + one->sockets[TO_CLIENT]);
	ck_assert_uint_eq(one->al->to_peer.bytes + one->al->to_client.bytes,
			  one->kernel_bytes + one->socket_bytes);
	ck_assert_uint_eq(counters->to_peer[one->al->side][one->al->transport].packets,
			  one->al->to_peer.packets);
	ck_assert_uint_eq(counters->to_client[one->al->side][one->al->transport].bytes,
			  one->al->to_client.bytes);
}

/* A call of alice whose packets the kernel forwards. */
static void start_call(void)
{
	look_ms = UINT64_MAX;
	call = call_of(al);
	offer_many(&call, 4, 160);
	turn_loop();
	ck_assert_uint_eq(flows_count(flows), 2);
	offer_many(&call, 10, 160);
	ck_assert_uint_eq(call.kernel[TO_PEER], 10);
	ck_assert_uint_eq(call.kernel[TO_CLIENT], 10);
}

/* Nothing passes in the kernel any more. */
static void check_stopped(const char *why)
{
	uint64_t before = call.kernel[TO_PEER] + call.kernel[TO_CLIENT];

	offer_many(&call, 5, 160);
	ck_assert_msg(call.kernel[TO_PEER] + call.kernel[TO_CLIENT] == before,
		      "%s: the kernel goes on", why);
}

/* --- what is put in force -------------------------------------------------------------------------- */

START_TEST(what_is_hot_goes_below_the_sockets)
{
	call = call_of(al);
	look_ms = UINT64_MAX;
	offer_many(&call, 3, 160);
	offer(&call, TO_PEER, 160);
	turn_loop();
	ck_assert(flows_is_empty(flows));
	offer(&call, TO_CLIENT, 160); /* the eighth within a second */
	turn_loop();
	ck_assert_uint_eq(flows_count(flows), 2);
	ck_assert_uint_eq(flow_table_count(offload.table), 2);
	/* Each direction has its way out and the way back. */
	ck_assert_uint_eq(offload.hops, 4);
	offer_many(&call, 100, 160);
	ck_assert_uint_eq(call.kernel[TO_PEER], 100);
	ck_assert_uint_eq(call.kernel[TO_CLIENT], 100);
	flows_read(flows, al, fixture.now_ms);
	check_counts(&call);
	ck_assert_uint_eq(
		flow_table_owner(offload.table,
				 flow_table_find(offload.table, &call.keys[TO_PEER])),
		OWNER);
}
END_TEST

START_TEST(what_comes_through_a_balancer_stays)
{
	call = call_of(al);
	by_balancer = true;
	offer_many(&call, 20, 160);
	turn_loop();
	ck_assert(flows_is_empty(flows));
}
END_TEST

START_TEST(without_a_program_on_its_device_it_stays)
{
	call = call_of(al);
	look_ms = UINT64_MAX;
	offload.covers_nothing = true;
	offer_many(&call, 20, 160);
	turn_loop();
	wait_for(200);
	ck_assert(flows_is_empty(flows));
	ck_assert_uint_eq(offload.hops, 0);
}
END_TEST

/* offload_hop() may have to ask main first. */
START_TEST(a_way_that_is_known_later_is_found_soon)
{
	call = call_of(al);
	look_ms = UINT64_MAX;
	offload.knows_no_way = true;
	offer_many(&call, 20, 160);
	turn_loop();
	ck_assert_uint_eq(flows_count(flows), 0);
	wait_for(50);
	offload.knows_no_way = false;
	wait_for(FLOWS_FIRST_LOOK_MS);
	ck_assert_uint_eq(flows_count(flows), 2);
}
END_TEST

START_TEST(an_idle_one_is_taken_out_after_ten_seconds)
{
	start_call();
	for (int i = 0; i < 9; i++)
		wait_for(1000);
	ck_assert_uint_eq(flows_count(flows), 2);
	offer(&call, TO_CLIENT, 160);
	for (int i = 0; i < 10; i++)
		wait_for(1000);
	ck_assert_uint_eq(flows_count(flows), 2);
	wait_for(1100);
	ck_assert(flows_is_empty(flows) && look_ms == UINT64_MAX);
	check_counts(&call);
	/* And goes again as soon as it is hot again. */
	offer_many(&call, 4, 160);
	wait_for(1);
	ck_assert_uint_eq(flows_count(flows), 2);
}
END_TEST

START_TEST(a_relay_that_does_not_look_loses_its_flows_to_the_sockets)
{
	start_call();
	fixture.now_ms += FLOW_LEASE_MS - 1;
	offer(&call, TO_PEER, 160);
	ck_assert_uint_eq(call.kernel[TO_PEER], 11);
	fixture.now_ms += 1;
	check_stopped("the lease is over");
	flows_read(flows, al, fixture.now_ms);
	check_counts(&call);
}
END_TEST

START_TEST(looks_renew_the_lease)
{
	start_call();
	for (int i = 0; i < 60; i++) {
		wait_for(1000);
		offer_many(&call, 1, 160);
	}
	ck_assert_uint_eq(call.sockets[TO_PEER], 4);
	ck_assert_uint_eq(call.kernel[TO_PEER], 70);
	flows_read(flows, al, fixture.now_ms);
	check_counts(&call);
}
END_TEST

/* --- what ends them -------------------------------------------------------------------------------- */

START_TEST(a_flow_ends_with_its_permission) /* RFC 8656 section 9 */
{
	uint64_t start_ms = fixture.now_ms;

	start_call();
	while (fixture.now_ms < start_ms + 299999) {
		wait_for(1);
		if (fixture.now_ms % 1000 == 0)
			offer_many(&call, 1, 160);
	}
	offer_many(&call, 5, 160);
	ck_assert_uint_eq(call.sockets[TO_PEER], 4);
	wait_for(1);
	check_stopped("no permission");
	ck_assert_uint_eq(call.drops[DROP_NO_PERMISSION], 10);
	wait_for(1100);
	ck_assert(flows_is_empty(flows));
	check_counts(&call);
}
END_TEST

START_TEST(a_refreshed_permission_carries_it_on)
{
	uint64_t start_ms = fixture.now_ms;

	start_call();
	while (fixture.now_ms < start_ms + 598000) {
		wait_for(10);
		if (fixture.now_ms % 100 == 0)
			offer_many(&call, 1, 160);
		if (fixture.now_ms == start_ms + 200000 ||
		    fixture.now_ms == start_ms + 400000)
			ck_assert_int_eq(client_permit(&alice, PEER), 0);
	}
	/* None came up, until the channel ends (RFC 8656 section 12). */
	ck_assert_uint_eq(call.sockets[TO_PEER], 4);
	ck_assert_int_eq(client_refresh(&alice, 600), 0);
	while (fixture.now_ms < start_ms + 600000)
		wait_for(1);
	check_stopped("no channel");
}
END_TEST

START_TEST(a_refreshed_channel_carries_it_on)
{
	uint64_t start_ms = fixture.now_ms;

	start_call();
	while (fixture.now_ms < start_ms + 1200000) {
		wait_for(100);
		offer_many(&call, 1, 160);
		if ((fixture.now_ms - start_ms) % 250000 == 0) {
			ck_assert_int_eq(client_bind(&alice, CHANNEL, PEER), 0);
			ck_assert_int_eq(client_refresh(&alice, 600), 0);
		}
	}
	ck_assert_uint_eq(call.sockets[TO_PEER], 4);
	flows_read(flows, al, fixture.now_ms);
	check_counts(&call);
}
END_TEST

START_TEST(a_deleted_allocation_has_no_flow_when_the_answer_leaves)
{
	struct call last;

	start_call();
	last = call;
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert(flows_is_empty(flows));
	ck_assert(!kernel_passes(&call, TO_PEER, 1) &&
		  !kernel_passes(&call, TO_CLIENT, 1));
	/* Its record has all. */
	ck_assert_uint_eq(fixture.edge.last.to_peer.packets,
			  last.kernel[TO_PEER] + last.sockets[TO_PEER]);
	ck_assert_uint_eq(fixture.edge.last.to_client.packets,
			  last.kernel[TO_CLIENT] + last.sockets[TO_CLIENT]);
	ck_assert_uint_eq(fixture.turn.counters.allocation_bytes.sum,
			  last.kernel_bytes + last.socket_bytes);
}
END_TEST

START_TEST(a_policy_that_refuses_the_peer_ends_it)
{
	start_call();
	ck_assert(fixture_deny(&fixture, "192.0.2.1"));
	flows_use(flows, fixture.now_ms);
	check_stopped("policy");
	ck_assert_uint_eq(call.drops[DROP_POLICY], 10);
	check_counts(&call);
}
END_TEST

START_TEST(a_policy_that_does_not_touch_it_leaves_it)
{
	uint32_t before;

	start_call();
	before = flow_table_find(offload.table, &call.keys[TO_PEER]);
	ck_assert(fixture_deny(&fixture, "192.0.2.99"));
	flows_use(flows, fixture.now_ms);
	ck_assert_uint_eq(flow_table_find(offload.table, &call.keys[TO_PEER]), before);
}
END_TEST

START_TEST(new_markings_are_in_force_at_once)
{
	const struct flow *flow;

	start_call();
	for (int leg = 0; leg < MARKING_LEG_COUNT; leg++)
		fixture.settings.markings[0][leg][0] =
			(struct marking){.keep = 0x03, .set = 46 << 2};
	fixture.settings.generation++;
	flows_use(flows, fixture.now_ms);
	ck_assert_uint_eq(flows_count(flows), 2);
	flow = flow_table_at(offload.table,
			     flow_table_find(offload.table, &call.keys[TO_PEER]));
	ck_assert_uint_eq(flow->set, 46 << 2);
	flows_read(flows, al, fixture.now_ms);
	check_counts(&call);
}
END_TEST

START_TEST(a_client_that_moves_takes_its_flows_along) /* RFC 8016 */
{
	start_call();
	al->mobile = al->moving = true; /* a ticket was shown from elsewhere */
	flows_changed(flows, al->slot, fixture.now_ms);
	check_stopped("moving");
	al->mobile = al->moving = false;
	check_counts(&call);
}
END_TEST

START_TEST(each_channel_of_an_allocation_is_judged)
{
	/* Those from .8 on go, whichever way they lie. */
	static const char *const peers[][4] = {
		{"192.0.2.1:7", "192.0.2.2:7", "192.0.2.8:7", "192.0.2.9:7"},
		{"192.0.2.8:7", "192.0.2.9:7", "192.0.2.1:7", "192.0.2.2:7"},
		{"192.0.2.8:7", "192.0.2.1:7", "192.0.2.9:7", "192.0.2.2:7"},
		{"192.0.2.1:7", "192.0.2.8:7", "192.0.2.9:7", "192.0.2.10:7"},
		{"192.0.2.8:7", "192.0.2.9:7", "192.0.2.10:7", "192.0.2.11:7"},
	};
	unsigned stay = 0;
	struct call calls[4];

	look_ms = UINT64_MAX;
	for (uint16_t i = 0; i < 4; i++) {
		ck_assert_int_eq(client_bind(&alice, CHANNEL + 1 + i, peers[_i][i]), 0);
		calls[i] = call_on(al, CHANNEL + 1 + i);
		offer_many(&calls[i], 4, 160);
	}
	turn_loop();
	ck_assert_uint_eq(flows_count(flows), 2 * 4);
	ck_assert(fixture_deny(&fixture, "192.0.2.8/30"));
	flows_changed(flows, al->slot, fixture.now_ms);
	for (uint16_t i = 0; i < 4; i++) {
		bool goes = plain_find(&memory, &calls[i].keys[TO_PEER]) != NULL;

		stay += goes;
		ck_assert_int_eq(goes, channel_is_allowed(&fixture.turn,
							  channel_of(&calls[i])));
	}
	ck_assert_uint_eq(flows_count(flows), 2 * stay);
	al->mobile = al->moving = true;
	flows_changed(flows, al->slot, fixture.now_ms);
	al->mobile = al->moving = false;
	ck_assert(flows_is_empty(flows));
}
END_TEST

START_TEST(a_change_of_one_leaves_the_others)
{
	static struct client bob;
	struct call other;

	start_call();
	client_init(&bob, &fixture, "192.0.2.201:5000", FRONT_OUTSIDE_UDP, "bob");
	ck_assert_int_eq(client_allocate(&bob), 0);
	ck_assert_int_eq(client_bind(&bob, CHANNEL, PEER_B), 0);
	other = call_of(client_allocation(&bob));
	offer_many(&other, 10, 100);
	turn_loop();
	ck_assert_uint_eq(flows_count(flows), 4);
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert_uint_eq(flows_count(flows), 2);
	ck_assert(kernel_passes(&other, TO_PEER, 1) &&
		  kernel_passes(&other, TO_CLIENT, 1));
}
END_TEST

/* --- the MS dialect -------------------------------------------------------------------------------- */

static void start_ms_call(void)
{
	look_ms = UINT64_MAX;
	ms_client_init(&mary, &fixture, "192.0.2.210:5000", FRONT_OUTSIDE_UDP, "mary");
	ck_assert_int_eq(ms_client_allocate(&mary), 0);
	ck_assert(ms_client_send(&mary, PEER, "x", 1));
	ck_assert(ms_client_send(&mary, PEER_B, "x", 1));
	ck_assert_int_eq(ms_client_activate(&mary, PEER), 0);
	call = call_of(ms_client_allocation(&mary));
	call.sockets[TO_PEER] = 2;
	call.socket_bytes = 2;
	offer_many(&call, 4, 160);
	turn_loop();
	ck_assert_uint_eq(flows_count(flows), 2);
}

START_TEST(an_active_destination_goes_and_ends_when_it_changes)
{
	start_ms_call();
	offer_many(&call, 10, 160);
	ck_assert_uint_eq(call.kernel[TO_PEER], 10);
	ck_assert_int_eq(ms_client_activate(&mary, PEER_B), 0);
	/* What was to the old one goes on to the new one, in the kernel as well. */
	offer(&call, TO_PEER, 160);
	ck_assert_uint_eq(call.kernel[TO_PEER], 11);
	ck_assert(!kernel_passes(&call, TO_CLIENT, 1));
	struct flow *flow = plain_find(&memory, &call.keys[TO_PEER]);
	const struct endpoint peer = ep(PEER_B);

	ck_assert(memcmp(flow->to, peer.ip.bytes, 4) == 0);
	flows_read(flows, call.al, fixture.now_ms);
	check_counts(&call);
}
END_TEST

/* A client exists that never refreshes. */
START_TEST(what_the_client_sends_below_the_sockets_keeps_its_allocation_alive)
{
	uint64_t expires_ms, start_ms = fixture.now_ms;

	start_ms_call();
	expires_ms = call.al->expires_ms;
	while (fixture.now_ms < start_ms + 3600000) {
		fixture.now_ms += 100;
		turn_loop();
		offer(&call, TO_PEER, 160);
	}
	ck_assert_uint_eq(call.sockets[TO_PEER], 2 + 4);
	ck_assert_uint_gt(call.al->expires_ms, expires_ms + 3500000);
	/* What a peer sends does not. */
	expires_ms = call.al->expires_ms;
	while (fixture.now_ms + 5000 < expires_ms) {
		fixture.now_ms += 100;
		turn_loop();
		offer(&call, TO_CLIENT, 160);
	}
	ck_assert_uint_le(call.al->expires_ms, expires_ms + 1000);
}
END_TEST

/* --- the table comes and goes ---------------------------------------------------------------------- */

START_TEST(turned_off_and_on_nothing_is_lost_or_counted_twice)
{
	struct flow_table *table = offload.table;

	start_call();
	for (int i = 0; i < 3; i++) {
		offload.table = NULL;
		flows_change_table(flows, fixture.now_ms);
		ck_assert(flows_is_empty(flows));
		ck_assert_uint_eq(offload.hops, 0);
		check_counts(&call);
		check_stopped("off");
		offload.table = table;
		flows_change_table(flows, fixture.now_ms);
		fixture.now_ms += 1500;
		offer_many(&call, 4, 160);
		turn_loop();
		ck_assert_uint_eq(flows_count(flows), 2);
		offer_many(&call, 10, 160);
	}
	ck_assert_uint_eq(call.kernel[TO_PEER], 40);
	flows_read(flows, al, fixture.now_ms);
	check_counts(&call);
}
END_TEST

START_TEST(without_a_table_nobody_asks_what_is_hot)
{
	struct flow_table *table = offload.table;

	offload.table = NULL;
	flows_change_table(flows, fixture.now_ms);
	offer_many(&(struct call){.al = al, .channel = CHANNEL}, 100, 10);
	ck_assert_uint_eq(fixture.turn.hot.count, 0);
	flows_take_hot(flows, fixture.now_ms);
	offload.table = table;
}
END_TEST

static bool keep_own(void *arg, uint32_t flow)
{
	return flow_table_owner(offload.table, flow) == *(const uint32_t *)arg;
}

/* The process is killed, and the next one has the same allocations (core/allocation_restore.h). */
static void next_process(uint32_t owner)
{
	flows_free(flows);
	flow_table_free(offload.table);
	offload.hops = 0;
	offload.table = flow_table_new(&memory);
	make_flows(owner);
	flow_table_sweep(offload.table, keep_own, &owner, fixture.now_ms);
}

START_TEST(the_next_process_takes_them_up)
{
	start_call();
	flows_read(flows, al, fixture.now_ms);
	/* While nobody is there. */
	offer_many(&call, 33, 160);
	ck_assert_uint_eq(call.kernel[TO_PEER], 43);
	next_process(78);
	ck_assert_uint_eq(flows_count(flows), 2);
	ck_assert_uint_eq(offload.hops, 4);
	check_counts(&call);
	offer_many(&call, 10, 160);
	ck_assert_uint_eq(call.kernel[TO_PEER], 53);
	look_ms = fixture.now_ms;
	for (int i = 0; i < 30; i++) {
		wait_for(1000);
		offer_many(&call, 1, 160);
	}
	ck_assert_uint_eq(call.sockets[TO_PEER], 4);
	flows_read(flows, al, fixture.now_ms);
	check_counts(&call);
}
END_TEST

START_TEST(an_active_destination_is_taken_up)
{
	start_ms_call();
	flows_read(flows, call.al, fixture.now_ms);
	offer_many(&call, 33, 160);
	next_process(78);
	ck_assert_uint_eq(flows_count(flows), 2);
	check_counts(&call);
}
END_TEST

/* What has changed meanwhile: the policy. */
START_TEST(the_next_process_ends_what_holds_no_longer)
{
	start_call();
	flows_read(flows, al, fixture.now_ms);
	offer_many(&call, 33, 160);
	ck_assert(fixture_deny(&fixture, "192.0.2.1"));
	next_process(78);
	ck_assert(flows_is_empty(flows));
	ck_assert_uint_eq(flow_table_count(offload.table), 0);
	check_stopped("policy of the next process");
}
END_TEST

START_TEST(the_next_process_changes_what_differs)
{
	start_call();
	flows_read(flows, al, fixture.now_ms);
	offer_many(&call, 33, 160);
	for (int leg = 0; leg < MARKING_LEG_COUNT; leg++)
		fixture.settings.markings[0][leg][0] =
			(struct marking){.keep = 0x03, .set = 46 << 2};
	fixture.settings.generation++;
	next_process(78);
	/* What the old ones have carried is not lost. */
	check_counts(&call);
}
END_TEST

START_TEST(flows_of_a_lost_allocation_are_swept)
{
	struct flow stranger = {
		.key = {.source = {1}, .destination = {2}, .family = 4},
		.deadline_ns = UINT64_MAX,
		.family = 4,
		.owner = OWNER,
	};

	start_call();
	flows_read(flows, al, fixture.now_ms);
	ck_assert_uint_ne(flow_table_put(offload.table, &stranger, fixture.now_ms),
			  FLOW_NONE);
	next_process(78);
	ck_assert_uint_eq(flow_table_count(offload.table), 2);
	ck_assert_ptr_null(plain_find(&memory, &stranger.key));
}
END_TEST

/* --- bandwidth ------------------------------------------------------------------------------------- */

/* Both directions at that rate together, in packets of that size. */
static void talk(struct call *one, uint64_t bps, uint32_t len, uint64_t ms)
{
	static uint64_t owed;

	owed = 0;
	for (uint64_t i = 0; i < ms; i++) {
		owed += bps;
		for (; owed >= 2 * 8000 * (uint64_t)len;
		     owed -= 2 * 8000 * (uint64_t)len) {
			offer(one, TO_PEER, len);
			offer(one, TO_CLIENT, len);
		}
		wait_for(1);
	}
}

static uint64_t *limit_of(size_t offset)
{
	return (uint64_t *)((char *)&fixture.settings.limits.bandwidth + offset);
}

static const struct {
	const char *name;
	size_t offset;
	enum drop_reason reason;
} kinds[] = {
	{"allocation", offsetof(struct turn_bandwidth, per_allocation[DIALECT_IETF]),
	 DROP_BANDWIDTH_ALLOCATION},
	{"user", offsetof(struct turn_bandwidth, per_user[DIALECT_IETF]),
	 DROP_BANDWIDTH_USER},
	{"prefix", offsetof(struct turn_bandwidth, per_prefix), DROP_BANDWIDTH_PREFIX},
	{"side", offsetof(struct turn_bandwidth, per_side[SIDE_OUTSIDE]),
	 DROP_BANDWIDTH_SIDE},
	{"total", offsetof(struct turn_bandwidth, total), DROP_BANDWIDTH_TOTAL},
};

/* Rates, in hundredths of the limit, and packets: voice, video, what fills a path. */
static const struct {
	unsigned percent;
	uint32_t len;
} loads[] = {{5, 160}, {30, 160}, {30, 1200}, {80, 1200}, {95, 1200}};

enum { LOADS = ARRAY_LEN(loads) };

static uint64_t losses(const struct call *one)
{
	uint64_t sum = 0;

	for (int i = 0; i < DROP_REASON_COUNT; i++)
		sum += one->drops[i];
	return sum;
}

START_TEST(below_a_limit_credit_lasts_from_look_to_look)
{
	const unsigned percent = loads[_i % LOADS].percent;
	const uint32_t len = loads[_i % LOADS].len;
	const char *name = kinds[_i / LOADS].name;

	*limit_of(kinds[_i / LOADS].offset) = 2 * MBIT;
	call = call_of(al);
	look_ms = UINT64_MAX;
	talk(&call, 2 * MBIT * percent / 100, len, 3000);
	ck_assert_msg(losses(&call) == 0, "%s, %u %%: lost at the start", name, percent);
	call.sockets[TO_PEER] = call.sockets[TO_CLIENT] = 0;
	call.kernel[TO_PEER] = call.kernel[TO_CLIENT] = 0;
	talk(&call, 2 * MBIT * percent / 100, len, 60000);
	ck_assert_msg(losses(&call) == 0, "%s, %u %%: lost some", name, percent);
	uint64_t up = call.sockets[TO_PEER] + call.sockets[TO_CLIENT];
	uint64_t below = call.kernel[TO_PEER] + call.kernel[TO_CLIENT];

	ck_assert_msg(up * 1000 <= below, "%s, %u %%: %llu came up, %llu did not", name,
		      percent, (unsigned long long)up, (unsigned long long)below);
}
END_TEST

START_TEST(a_limit_holds_and_drops_by_name)
{
	uint64_t before;
	double mbit;

	*limit_of(kinds[_i].offset) = MBIT;
	call = call_of(al);
	look_ms = UINT64_MAX;
	talk(&call, 5 * MBIT, 600, 15000);
	before = call.kernel_bytes + call.socket_bytes;
	talk(&call, 5 * MBIT, 600, 30000);
	mbit = (double)(call.kernel_bytes + call.socket_bytes - before) * 8 / 30000 /
	       1000;
	ck_assert_msg(mbit > 0.9 && mbit < 1.05, "%s: %.3f Mbit/s instead of 1",
		      kinds[_i].name, mbit);
	ck_assert_uint_gt(call.drops[kinds[_i].reason], 1000);
}
END_TEST

START_TEST(above_its_limit_for_a_while_it_comes_back)
{
	*limit_of(kinds[0].offset) = 2 * MBIT;
	call = call_of(al);
	look_ms = UINT64_MAX;
	talk(&call, 6 * MBIT, 600, 10000);
	ck_assert_uint_gt(losses(&call), 0);
	talk(&call, MBIT, 600, 5000); /* pays its debts */
	call.sockets[TO_PEER] = call.sockets[TO_CLIENT] = 0;
	memset(call.drops, 0, sizeof(call.drops));
	talk(&call, MBIT, 600, 10000);
	ck_assert_uint_eq(losses(&call), 0);
	ck_assert_uint_eq(call.sockets[TO_PEER], 0);
}
END_TEST

START_TEST(two_of_a_user_share_its_limit)
{
	static struct client second;
	struct call other;
	uint64_t before = 0;
	double mbit;

	fixture.settings.limits.bandwidth.per_user[DIALECT_IETF] = MBIT;
	look_ms = UINT64_MAX;
	client_init(&second, &fixture, "192.0.2.201:5000", FRONT_OUTSIDE_UDP, "alice");
	ck_assert_int_eq(client_allocate(&second), 0);
	ck_assert_int_eq(client_bind(&second, CHANNEL, PEER_B), 0);
	call = call_of(al);
	other = call_of(client_allocation(&second));
	for (int i = 0; i < 10000; i++) {
		talk(&call, 3 * MBIT, 200, 2);
		talk(&other, 3 * MBIT, 200, 2);
		if (i == 5000)
			before = call.kernel_bytes + call.socket_bytes +
				 other.kernel_bytes + other.socket_bytes;
	}
	mbit = (double)(call.kernel_bytes + call.socket_bytes + other.kernel_bytes +
			other.socket_bytes - before) *
	       8 / 20000 / 1000;
	ck_assert_msg(mbit < 1.05, "%.3f Mbit/s instead of 1", mbit);
}
END_TEST

START_TEST(what_is_not_used_of_a_credit_is_not_lost)
{
	fixture.settings.limits.bandwidth.per_allocation[DIALECT_IETF] = MBIT;
	call = call_of(al);
	look_ms = UINT64_MAX;
	talk(&call, 500 * KBIT, 200, 2000);
	const struct flow *flow = plain_find(&memory, &call.keys[TO_PEER]);
	int64_t has = flow->credit + plain_find(&memory, &call.keys[TO_CLIENT])->credit;
	uint32_t before = al->credit;

	ck_assert_int_gt(has, 0);
	fixture.settings.limits.bandwidth.per_allocation[DIALECT_IETF] = 0;
	fixture.settings.generation++;
	flows_use(flows, fixture.now_ms);
	ck_assert_uint_eq(al->credit, before + (uint64_t)has);
	/* And they have no limit any more. */
	ck_assert_uint_eq(plain_find(&memory, &call.keys[TO_PEER])->flags & FLOW_LIMITED,
			  0);
}
END_TEST

/* Each second of a steady stream has what passed in one second, neither none nor twice. */
START_TEST(without_a_limit_it_is_measured_second_by_second)
{
	call = call_of(al);
	look_ms = UINT64_MAX;
	talk(&call, 800 * KBIT, 200, 4000);
	for (int i = 0; i < 20; i++) {
		talk(&call, 800 * KBIT, 200, 1000);
		double mbit = (double)bandwidth_of_all(fixture.shared.bandwidth,
						       fixture.now_ms) /
			      MBIT;

		ck_assert_msg(mbit > 0.7 && mbit < 0.9, "second %d: %.3f Mbit/s", i,
			      mbit);
	}
	double peak = (double)bandwidth_peak_of_all(fixture.shared.bandwidth) / MBIT;

	ck_assert_msg(peak < 1.0, "peak of %.3f Mbit/s", peak);
	peak = (double)bandwidth_peak_of_allocations(fixture.shared.bandwidth,
						     DIALECT_IETF) /
	       MBIT;
	ck_assert_msg(peak < 1.0, "peak of %.3f Mbit/s of one", peak);
}
END_TEST

static void flows_suite(Suite *suite)
{
	TCase *tc = tcase_create("flows");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, what_is_hot_goes_below_the_sockets);
	tcase_add_test(tc, what_comes_through_a_balancer_stays);
	tcase_add_test(tc, without_a_program_on_its_device_it_stays);
	tcase_add_test(tc, a_way_that_is_known_later_is_found_soon);
	tcase_add_test(tc, an_idle_one_is_taken_out_after_ten_seconds);
	tcase_add_test(tc, a_relay_that_does_not_look_loses_its_flows_to_the_sockets);
	tcase_add_test(tc, looks_renew_the_lease);
	tcase_add_test(tc, a_flow_ends_with_its_permission);
	tcase_add_test(tc, a_refreshed_permission_carries_it_on);
	tcase_add_test(tc, a_refreshed_channel_carries_it_on);
	tcase_add_test(tc, a_deleted_allocation_has_no_flow_when_the_answer_leaves);
	tcase_add_test(tc, a_policy_that_refuses_the_peer_ends_it);
	tcase_add_test(tc, a_policy_that_does_not_touch_it_leaves_it);
	tcase_add_test(tc, new_markings_are_in_force_at_once);
	tcase_add_test(tc, a_client_that_moves_takes_its_flows_along);
	tcase_add_loop_test(tc, each_channel_of_an_allocation_is_judged, 0, 5);
	tcase_add_test(tc, a_change_of_one_leaves_the_others);
	tcase_add_test(tc, an_active_destination_goes_and_ends_when_it_changes);
	tcase_add_test(
		tc, what_the_client_sends_below_the_sockets_keeps_its_allocation_alive);
	tcase_add_test(tc, turned_off_and_on_nothing_is_lost_or_counted_twice);
	tcase_add_test(tc, without_a_table_nobody_asks_what_is_hot);
	tcase_add_test(tc, the_next_process_takes_them_up);
	tcase_add_test(tc, an_active_destination_is_taken_up);
	tcase_add_test(tc, the_next_process_ends_what_holds_no_longer);
	tcase_add_test(tc, the_next_process_changes_what_differs);
	tcase_add_test(tc, flows_of_a_lost_allocation_are_swept);
	suite_add_tcase(suite, tc);

	tc = tcase_create("bandwidth");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, below_a_limit_credit_lasts_from_look_to_look, 0,
			    ROWS(kinds) * LOADS);
	tcase_add_loop_test(tc, a_limit_holds_and_drops_by_name, 0, ROWS(kinds));
	tcase_add_test(tc, above_its_limit_for_a_while_it_comes_back);
	tcase_add_test(tc, two_of_a_user_share_its_limit);
	tcase_add_test(tc, what_is_not_used_of_a_credit_is_not_lost);
	tcase_add_test(tc, without_a_limit_it_is_measured_second_by_second);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("flows", flows_suite)
