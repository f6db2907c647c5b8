/*
 * test_flow_of.c - what the kernel may do for a channel or an active destination, row by row. That this is what
 * core/forward does is shown by test_parity.c.
 */
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/destination.h"
#include "relay/core/permission.h"
#include "relay/offload/flow_of.h"
#include "stun/wire.h"

#define ONE_FIXTURE_ALLOCATION
#define ONE_FIXTURE_BY_HAND
#include "tests/unit/core/one_fixture.h"

#define MS_NS UINT64_C(1000000)

static struct flow_pair pair;
static struct channel *ch;

static void bind_to(struct allocation *of, uint16_t number, struct endpoint peer)
{
	ck_assert_int_eq(
		channel_bind(&fixture.turn, of, number, &peer, fixture.now_ms, NULL), 0);
	ch = channel_by_number(&fixture.turn, of, number, fixture.now_ms);
}

static void setup_with(const struct fixture_options *options)
{
	begin_with(options);
	bind_to(al, 0x4000, ep("192.0.2.1:9"));
}

static void setup(void)
{
	begin();
	bind_to(al, 0x4000, ep("192.0.2.1:9"));
}

/* Of MS tests, as long as those of the core are done. */
static void teardown(void)
{
	if (al != NULL)
		al->dialect = DIALECT_IETF;
	end();
}

static void make_ms(struct endpoint peer)
{
	al->dialect = DIALECT_MS;
	ck_assert_int_eq(
		permission_install(&fixture.turn, al, &peer, 1, fixture.now_ms, NULL), 0);
	ck_assert(destination_set(&fixture.turn, al, &peer, fixture.now_ms));
}

static enum flow_stays judge(const struct channel *channel)
{
	return flow_of(&fixture.turn, al, channel, false, fixture.now_ms, &pair);
}

static void goes(const struct channel *channel)
{
	enum flow_stays stays = judge(channel);

	ck_assert_msg(stays == FLOW_GOES, "stays: %s", flow_stays_name(stays));
}

static void check_endpoint(const char *what, const uint8_t address[16], uint16_t port,
			   struct endpoint want)
{
	ck_assert_msg(memcmp(address, want.ip.bytes, 16) == 0, "%s: address", what);
	ck_assert_msg(load_be16((const uint8_t *)&port) == want.port, "%s: port", what);
}

static void check_flow(const struct flow *flow, struct endpoint source,
		       struct endpoint destination, struct endpoint from,
		       struct endpoint to)
{
	uint8_t family = source.ip.family == IP_V4 ? 4 : 6;

	check_endpoint("source", flow->key.source, flow->key.source_port, source);
	check_endpoint("destination", flow->key.destination, flow->key.destination_port,
		       destination);
	check_endpoint("from", flow->from, flow->from_port, from);
	check_endpoint("to", flow->to, flow->to_port, to);
	ck_assert_uint_eq(flow->key.family, family);
	ck_assert_uint_eq(flow->family, family);
	ck_assert_uint_eq(flow->key.zero, 0);
	ck_assert_uint_eq(flow->counted, 0);
	ck_assert_int_eq(flow->credit, 0);
	ck_assert_uint_eq(flow->hop, 0);
	ck_assert_uint_eq(flow->owner, 0);
}

START_TEST(a_channel_is_two_flows)
{
	const struct endpoint client = al->tuple.client, peer = ep("192.0.2.1:9");
	const struct endpoint front = fixture.fronts[al->tuple.front].local;
	const struct endpoint relayed = allocation_relayed_local(&fixture.turn, al);

	goes(ch);
	check_flow(&pair.to_peer, client, front, relayed, peer);
	ck_assert_uint_eq(pair.to_peer.key.channel, 0x4000);
	ck_assert_uint_eq(pair.to_peer.flags, FLOW_STRIPS);
	check_flow(&pair.to_client, peer, relayed, front, client);
	ck_assert_uint_eq(pair.to_client.key.channel, 0);
	ck_assert_uint_eq(pair.to_client.flags, FLOW_WRAPS);
	ck_assert_uint_eq(pair.to_client.channel, 0x4000);
	ck_assert(!pair.to_client_is_paid);
}
END_TEST

START_TEST(an_active_destination_is_two_flows)
{
	const struct endpoint client = al->tuple.client, peer = ep("192.0.2.7:9");
	const struct endpoint front = fixture.fronts[al->tuple.front].local;
	const struct endpoint relayed = allocation_relayed_local(&fixture.turn, al);

	make_ms(peer);
	goes(NULL);
	check_flow(&pair.to_peer, client, front, relayed, peer);
	ck_assert_uint_eq(pair.to_peer.key.channel, 0);
	ck_assert_uint_eq(pair.to_peer.flags, FLOW_RAW);
	check_flow(&pair.to_client, peer, relayed, front, client);
	ck_assert_uint_eq(pair.to_client.flags, 0);
	ck_assert_uint_eq(pair.to_client.channel, 0);
	ck_assert_uint_eq(pair.to_client.deadline_ns, al->expires_ms * MS_NS);
}
END_TEST

/* Of a dual allocation, and over IPv6. */
START_TEST(ipv6_has_the_ipv6_relayed_address)
{
	const struct allocation_request dual = {
		.tuple = fixture_tuple("[2001:db8:7::7]:7", 4),
		.family = IP_V4,
		.dual = true,

	};

	ck_assert_int_eq(fixture_create(&fixture, "alice", dual, &al), 0);
	bind_to(al, 0x4001, ep("[2001:db8:9::9]:9"));
	goes(ch);
	check_flow(&pair.to_peer, al->tuple.client, fixture.fronts[4].local,
		   allocation_second_local(&fixture.turn, al), ep("[2001:db8:9::9]:9"));
	check_flow(&pair.to_client, ep("[2001:db8:9::9]:9"),
		   allocation_second_local(&fixture.turn, al), fixture.fronts[4].local,
		   al->tuple.client);

	bind_to(al, 0x4002, ep("192.0.2.9:9"));
	ck_assert_int_eq(judge(ch), FLOW_STAYS_FAMILY);
}
END_TEST

START_TEST(a_peer_of_ours_goes_on_with_its_own_flow)
{
	const struct fixture_options nat = {.nat = true};
	struct allocation *other;

	setup_with(&nat);
	other = fixture_allocate(&fixture, "bob", 2, NULL);
	bind_to(al, 0x4001, allocation_relayed_public(&fixture.turn, other));
	goes(ch);
	check_flow(&pair.to_peer, al->tuple.client, fixture.fronts[al->tuple.front].local,
		   allocation_relayed_local(&fixture.turn, al),
		   allocation_relayed_local(&fixture.turn, other));
	ck_assert_uint_eq(pair.to_peer.flags, FLOW_STRIPS | FLOW_AGAIN);
	check_flow(&pair.to_client, allocation_relayed_local(&fixture.turn, other),
		   allocation_relayed_local(&fixture.turn, al),
		   fixture.fronts[al->tuple.front].local, al->tuple.client);
	ck_assert_uint_eq(pair.to_client.flags, FLOW_WRAPS | FLOW_SECOND);
	ck_assert(pair.to_client_is_paid);

	/* The first flow of one leads to the second of the other. */
	const struct flow first = pair.to_peer;
	struct channel *back;
	struct endpoint named = allocation_relayed_public(&fixture.turn, al);
	ck_assert_int_eq(channel_bind(&fixture.turn, other, 0x4000, &named,
				      fixture.now_ms, NULL),
			 0);
	back = channel_by_number(&fixture.turn, other, 0x4000, fixture.now_ms);
	ck_assert_int_eq(flow_of(&fixture.turn, other, back, false, fixture.now_ms,
				 &pair),
			 FLOW_GOES);
	ck_assert_mem_eq(first.from, pair.to_client.key.source, 16);
	ck_assert_mem_eq(first.to, pair.to_client.key.destination, 16);
	ck_assert_uint_eq(first.from_port, pair.to_client.key.source_port);
	ck_assert_uint_eq(first.to_port, pair.to_client.key.destination_port);

	/* Its port is given back. */
	allocation_delete(&fixture.turn, other, END_RELEASED, fixture.now_ms);
	ck_assert_int_eq(judge(ch), FLOW_STAYS_FORBIDDEN);
}
END_TEST

/* --- time ---------------------------------------------------------------------------------------- */

START_TEST(attack_56_the_deadline_is_that_of_the_permission)
{
	goes(ch);
	ck_assert_uint_eq(pair.to_peer.deadline_ns, (fixture.now_ms + 300000) * MS_NS);
	ck_assert_uint_eq(pair.to_client.deadline_ns, pair.to_peer.deadline_ns);
	fixture.now_ms += 299999;
	goes(ch);
	fixture.now_ms++;
	ck_assert_int_eq(judge(ch), FLOW_STAYS_OVER);
}
END_TEST

START_TEST(attack_56_the_deadline_is_that_of_the_channel)
{
	const struct endpoint peer = ep("192.0.2.1:0");
	uint64_t ends_ms = fixture.now_ms + 600000;

	al->expires_ms = UINT64_MAX;
	fixture.now_ms += 599999;
	ck_assert_int_eq(
		permission_install(&fixture.turn, al, &peer, 1, fixture.now_ms, NULL), 0);
	goes(ch);
	ck_assert_uint_eq(pair.to_peer.deadline_ns, ends_ms * MS_NS);
	fixture.now_ms++;
	ck_assert_int_eq(judge(ch), FLOW_STAYS_OVER);
}
END_TEST

START_TEST(attack_56_the_deadline_is_that_of_the_allocation)
{
	al->expires_ms = fixture.now_ms + 5000;
	goes(ch);
	ck_assert_uint_eq(pair.to_client.deadline_ns, al->expires_ms * MS_NS);
	fixture.now_ms += 5000;
	ck_assert_int_eq(judge(ch), FLOW_STAYS_OVER);
}
END_TEST

START_TEST(what_never_ends_has_no_deadline)
{
	make_ms(ep("192.0.2.7:9"));
	al->expires_ms = UINT64_MAX;
	goes(NULL);
	ck_assert_uint_eq(pair.to_peer.deadline_ns, UINT64_MAX);
}
END_TEST

/* --- the IP header ------------------------------------------------------------------------------- */

START_TEST(marking_is_that_of_leg_group_and_stream)
{
	struct marking(*of_group)[MARKING_STREAM_COUNT] = fixture.settings.markings[2];

	for (int leg = 0; leg < MARKING_LEG_COUNT; leg++) {
		for (int stream = 0; stream < MARKING_STREAM_COUNT; stream++)
			of_group[leg][stream] =
				(struct marking){(uint8_t)(16 * leg + stream), 3};
	}
	al->group = 2;
	al->ms.stream_type = 4;
	goes(ch);
	ck_assert_uint_eq(pair.to_peer.keep, 16 * MARKING_PEERS);
	ck_assert_uint_eq(pair.to_peer.set, 3);
	ck_assert_uint_eq(pair.to_client.keep, 16 * MARKING_OUTSIDE);
	al->side = SIDE_INSIDE;
	goes(ch);
	ck_assert_uint_eq(pair.to_client.keep, 16 * MARKING_INSIDE);
	al->side = SIDE_OUTSIDE;

	/* Of an MS client the stream type counts. */
	make_ms(ep("192.0.2.7:9"));
	goes(NULL);
	ck_assert_uint_eq(pair.to_peer.keep, 16 * MARKING_PEERS + 4);
	ck_assert_uint_eq(pair.to_client.keep, 16 * MARKING_OUTSIDE + 4);
}
END_TEST

START_TEST(hop_limits_go_down_if_configured)
{
	goes(ch);
	ck_assert(!(pair.to_peer.flags & FLOW_DECREMENTS));
	fixture.settings.decrement_hop_limit = true;
	goes(ch);
	ck_assert(pair.to_peer.flags & FLOW_DECREMENTS);
	ck_assert(pair.to_client.flags & FLOW_DECREMENTS);
}
END_TEST

/* --- bandwidth ----------------------------------------------------------------------------------- */

START_TEST(a_limit_of_bandwidth_makes_it_limited)
{
	struct allocation *other = fixture_allocate(&fixture, "bob", 2, NULL);

	fixture.settings.limits.bandwidth.total = 1000000;
	goes(ch);
	ck_assert(pair.to_peer.flags & FLOW_LIMITED);
	ck_assert(pair.to_client.flags & FLOW_LIMITED);

	/* What a peer of ours sends has been paid for, but for the allocation's own limit. */
	bind_to(al, 0x4001, allocation_relayed_public(&fixture.turn, other));
	goes(ch);
	ck_assert(pair.to_peer.flags & FLOW_LIMITED);
	ck_assert(!(pair.to_client.flags & FLOW_LIMITED));
	fixture.settings.limits.bandwidth.per_allocation[DIALECT_IETF] = 1000000;
	goes(ch);
	ck_assert(pair.to_client.flags & FLOW_LIMITED);
}
END_TEST

/* --- who stays ----------------------------------------------------------------------------------- */

START_TEST(attack_56_what_policy_refuses_stays)
{
	goes(ch);
	fixture.settings.generation++;
	ck_assert(fixture_deny(&fixture, "192.0.2.1/32"));
	ck_assert_int_eq(judge(ch), FLOW_STAYS_FORBIDDEN);
}
END_TEST

START_TEST(an_active_destination_that_policy_refuses_stays)
{
	make_ms(ep("192.0.2.7:9"));
	goes(NULL);
	ck_assert(fixture_deny(&fixture, "192.0.2.7/32"));
	ck_assert_int_eq(judge(NULL), FLOW_STAYS_FORBIDDEN);
}
END_TEST

static enum transport client_transport[] = {TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_DTLS};

START_TEST(streams_and_dtls_stay)
{
	al->transport = client_transport[_i];
	ck_assert_int_eq(judge(ch), FLOW_STAYS_TRANSPORT);
	al->transport = TRANSPORT_UDP;
}
END_TEST

START_TEST(tcp_peers_stay)
{
	al->relay_transport = TRANSPORT_TCP;
	ck_assert_int_eq(judge(ch), FLOW_STAYS_TRANSPORT);
	al->relay_transport = TRANSPORT_UDP;
}
END_TEST

START_TEST(clients_of_balancers_stay)
{
	ck_assert_int_eq(flow_of(&fixture.turn, al, ch, true, fixture.now_ms, &pair),
			 FLOW_STAYS_BALANCER);
}
END_TEST

START_TEST(moving_clients_stay)
{
	al->moving = true;
	ck_assert_int_eq(judge(ch), FLOW_STAYS_MOVING);
	al->moving = false;
	al->client_gone = true;
	ck_assert_int_eq(judge(ch), FLOW_STAYS_MOVING);
	al->client_gone = false;
}
END_TEST

START_TEST(without_a_permission_or_a_destination_it_stays)
{
	ck_assert_int_eq(judge(NULL), FLOW_STAYS_OVER);
	al->dialect = DIALECT_MS;
	ck_assert_int_eq(judge(NULL), FLOW_STAYS_OVER);
	al->dialect = DIALECT_IETF;
	ch->permission = SLOT_NONE;
	ck_assert_int_eq(judge(ch), FLOW_STAYS_OVER);
}
END_TEST

START_TEST(reasons_have_names)
{
	for (int reason = 0; reason < FLOW_STAYS_COUNT; reason++)
		ck_assert_uint_gt(strlen(flow_stays_name((enum flow_stays)reason)), 0);
}
END_TEST

static void flow_of_suite(Suite *suite)
{
	TCase *tc = tcase_create("flow of");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_channel_is_two_flows);
	tcase_add_test(tc, an_active_destination_is_two_flows);
	tcase_add_test(tc, ipv6_has_the_ipv6_relayed_address);
	tcase_add_test(tc, a_peer_of_ours_goes_on_with_its_own_flow);
	tcase_add_test(tc, attack_56_the_deadline_is_that_of_the_permission);
	tcase_add_test(tc, attack_56_the_deadline_is_that_of_the_channel);
	tcase_add_test(tc, attack_56_the_deadline_is_that_of_the_allocation);
	tcase_add_test(tc, what_never_ends_has_no_deadline);
	tcase_add_test(tc, marking_is_that_of_leg_group_and_stream);
	tcase_add_test(tc, hop_limits_go_down_if_configured);
	tcase_add_test(tc, a_limit_of_bandwidth_makes_it_limited);
	tcase_add_test(tc, attack_56_what_policy_refuses_stays);
	tcase_add_test(tc, an_active_destination_that_policy_refuses_stays);
	tcase_add_loop_test(tc, streams_and_dtls_stay, 0, ROWS(client_transport));
	tcase_add_test(tc, tcp_peers_stay);
	tcase_add_test(tc, clients_of_balancers_stay);
	tcase_add_test(tc, moving_clients_stay);
	tcase_add_test(tc, without_a_permission_or_a_destination_it_stays);
	tcase_add_test(tc, reasons_have_names);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("flow_of", flow_of_suite)
