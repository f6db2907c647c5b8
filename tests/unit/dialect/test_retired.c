/*
 * test_retired.c - fronts and outside addresses that a reload has taken out of the
 * configuration: nothing new begins there, and existing clients and allocations stay.
 */
#include "relay/core/channel.h"
#include "tests/unit/dialect/dialect_check.h"
#include "tests/unit/dialect/ms_client.h"

static struct ms_client carol;

static void begin_both(const struct fixture_options *options)
{
	begin_with(options);
	ms_fixture_enable(&fixture);
	ms_client_init(&carol, &fixture, "192.0.2.202:5000", FRONT_OUTSIDE_UDP, "carol");
}

/* From now on new relayed addresses are only here. */
static void serve_only(uint16_t address)
{
	for (uint16_t i = 0; i < fixture.shared.relay_count; i++)
		fixture.relay[i].retired = i != address;
	fixture.settings.relay[0] = address;
	fixture.settings.relay_count = 1;
	ck_assert(fixture_deny(&fixture, NULL));
}

START_TEST(a_retired_front_accepts_no_new_client)
{
	begin_both(NULL);
	fixture.settings.retired_fronts[FRONT_OUTSIDE_UDP] = true;
	client_allocate(&alice);
	expect(&alice, 486, "an IETF client");
	ck_assert_int_eq(ms_client_allocate(&carol), MS_SERVER_ERROR);
	ck_assert_uint_eq(fixture.turn.counters.refusals[REFUSAL_DRAINING], 2);

	client_init(&bob, &fixture, "10.0.0.9:5000", FRONT_INSIDE_UDP, "bob");
	ck_assert_int_eq(client_allocate(&bob), 0);
	ck_assert_uint_eq(fixture.turn.front_allocations[FRONT_OUTSIDE_UDP], 0);
	ck_assert_uint_eq(fixture.turn.front_allocations[FRONT_INSIDE_UDP], 1);
	end();
}
END_TEST

START_TEST(a_retired_front_keeps_its_clients)
{
	begin_both(NULL);
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(ms_client_allocate(&carol), 0);
	ck_assert_uint_eq(fixture.turn.front_allocations[FRONT_OUTSIDE_UDP], 2);
	fixture.settings.retired_fronts[FRONT_OUTSIDE_UDP] = true;

	ck_assert_int_eq(client_refresh(&alice, 1200), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	ck_assert(client_channel_data(&alice, 0x4000, "x", 1));
	ck_assert(ms_client_send(&carol, PEER, "x", 1));
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert_uint_eq(fixture.turn.front_allocations[FRONT_OUTSIDE_UDP], 1);
	ck_assert_int_eq(ms_client_lifetime(&carol, 0), 0);
	ck_assert_uint_eq(fixture.turn.front_allocations[FRONT_OUTSIDE_UDP], 0);
	end();
}
END_TEST

/* Data from al's client on that channel. */
static struct forward sends(struct allocation *al, uint16_t number)
{
	uint8_t data[] = {(uint8_t)(number >> 8), (uint8_t)number, 0, 1, 'x', 0, 0, 0};
	struct forward out;

	forward_channel_data(&fixture.turn, al, (struct slice){data, sizeof(data)},
			     fixture.now_ms, &out);
	return out;
}

/* And where it goes. */
static struct endpoint goes_to(struct allocation *al, uint16_t number)
{
	struct forward out = sends(al, number);

	ck_assert_int_eq(out.kind, FORWARD_TO_PEER);
	return out.peer;
}

/*
 * A datagram from that source; returns the channel on which al's client gets it, 0 if
 * none.
 */
static uint16_t comes_on(struct allocation *al, const struct endpoint *source)
{
	struct forward out;

	forward_from_peer(&fixture.turn, al, source,
			  (struct slice){(const uint8_t *)"x", 1}, fixture.now_ms, &out);
	if (out.kind != FORWARD_TO_CLIENT || out.header_len != FORWARD_CHANNEL_HEADER)
		return 0;
	return load_be16(out.header);
}

static struct allocation *allocation(uint16_t client_port)
{
	int code = 0;
	struct allocation *al = fixture_allocate(&fixture, "alice", client_port, &code);

	ck_assert_msg(al != NULL, "code %d", code);
	return al;
}

/* Two clients of ours, one on an address that is removed and one on its successor. */
static void must_talk(struct allocation *a, struct allocation *b)
{
	const struct endpoint a_public = allocation_relayed_public(&fixture.turn, a);
	const struct endpoint b_public = allocation_relayed_public(&fixture.turn, b);
	const struct endpoint a_local = allocation_relayed_local(&fixture.turn, a);
	const struct endpoint b_local = allocation_relayed_local(&fixture.turn, b);

	ck_assert_int_eq(channel_bind(&fixture.turn, a, 0x4001, &b_public, fixture.now_ms,
				      NULL),
			 0);
	ck_assert_int_eq(channel_bind(&fixture.turn, b, 0x4002, &a_public, fixture.now_ms,
				      NULL),
			 0);
	struct endpoint to_b = goes_to(a, 0x4001), to_a = goes_to(b, 0x4002);
	ck_assert(endpoint_equal(&to_b, &b_local));
	ck_assert(endpoint_equal(&to_a, &a_local));
	ck_assert_uint_eq(comes_on(b, &a_local), 0x4002);
	ck_assert_uint_eq(comes_on(a, &b_local), 0x4001);
}

START_TEST(a_retired_address_serves_existing_allocations)
{
	begin_both(&(struct fixture_options){.second_v4 = true, .no_v6 = true});
	serve_only(0);

	struct allocation *old = allocation(1);
	serve_only(1);
	struct allocation *new = allocation(2);
	ck_assert_uint_eq(old->relay_address, 0);
	ck_assert_uint_eq(new->relay_address, 1);
	for (uint16_t i = 0; i < 20; i++)
		ck_assert_uint_eq(allocation((uint16_t)(100 + i))->relay_address, 1);
	must_talk(old, new);
	ck_assert_uint_eq(port_pool_held(fixture.shared.ports, 0), 1);
	end();
}
END_TEST

START_TEST(no_address_of_a_family_is_left)
{
	int code = 0;

	begin_both(NULL);
	serve_only(1);
	ck_assert_ptr_null(fixture_allocate(&fixture, "alice", 1, &code));
	ck_assert_int_eq(code, 440);
	client_allocate(&alice);
	expect(&alice, 440, "IPv4, the default family");
	end();
}
END_TEST

/* Behind 1:1 NAT: one local address, whose public form has changed. */
START_TEST(a_public_address_is_kept_by_existing_allocations)
{
	begin_both(&(struct fixture_options){.nat = true, .no_v6 = true});

	struct allocation *old = allocation(1), *also_old = allocation(2);
	fixture.relay[1] = fixture.relay[0];
	fixture.relay[1].public = ep("203.0.113.2:0").ip;
	fixture.shared.relay_count = 2;
	ck_assert(port_pool_add(fixture.shared.ports, 1, 0));
	ck_assert(port_pool_add(fixture.shared.tcp_ports, 1, 0));
	serve_only(1);

	struct allocation *new = allocation(3), *also_new = allocation(4);
	struct endpoint was = allocation_relayed_public(&fixture.turn, old);
	struct endpoint is = allocation_relayed_public(&fixture.turn, new);
	ck_assert(ip_addr_equal(&was.ip, &fixture.relay[0].public));
	ck_assert(ip_addr_equal(&is.ip, &fixture.relay[1].public));
	must_talk(old, new);
	must_talk(also_old, old);
	must_talk(new, also_new);
	end();
}
END_TEST

/* A peer with a channel to it becomes one of our own addresses, and gets nothing more. */
START_TEST(a_channel_notices_when_its_peer_becomes_ours)
{
	const struct endpoint peer = ep("192.0.2.77:50000");
	const struct endpoint local = ep("198.18.0.2:50000");

	begin_both(&(struct fixture_options){
		.no_v6 = true, .first_port = 50000, .last_port = 50000});

	struct allocation *al = allocation(1);
	ck_assert_int_eq(
		channel_bind(&fixture.turn, al, 0x4001, &peer, fixture.now_ms, NULL), 0);
	struct endpoint to = goes_to(al, 0x4001);
	ck_assert(endpoint_equal(&to, &peer));

	fixture.relay[1] = (struct relay_address){.local = local.ip, .public = peer.ip};
	fixture.shared.relay_count = 2;
	ck_assert(port_pool_add(fixture.shared.ports, 1, 1));
	ck_assert(port_pool_add(fixture.shared.tcp_ports, 1, 1));
	serve_only(1);
	ck_assert_uint_eq(allocation(2)->relay_address, 1);
	to = goes_to(al, 0x4001);
	ck_assert(endpoint_equal(&to, &local));

	fixture.shared.relay_count = 1;
	ck_assert(fixture_deny(&fixture, NULL));
	to = goes_to(al, 0x4001);
	ck_assert(endpoint_equal(&to, &peer));
	fixture.shared.relay_count = 2;
	end();
}
END_TEST

static void retired_suite(Suite *suite)
{
	TCase *tc = tcase_create("retired");

	tcase_add_test(tc, a_retired_front_accepts_no_new_client);
	tcase_add_test(tc, a_retired_front_keeps_its_clients);
	tcase_add_test(tc, a_retired_address_serves_existing_allocations);
	tcase_add_test(tc, no_address_of_a_family_is_left);
	tcase_add_test(tc, a_public_address_is_kept_by_existing_allocations);
	tcase_add_test(tc, a_channel_notices_when_its_peer_becomes_ours);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("retired", retired_suite)
