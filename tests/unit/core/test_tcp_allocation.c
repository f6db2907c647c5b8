/*
 * test_tcp_allocation.c - allocations with TCP relayed addresses: which clients get one,
 * their ports, and that they can be each other's peers.
 */
#include <errno.h>

#include "relay/core/allocation_table.h"
#include "relay/core/forward.h"
#include "relay/core/permission.h"
#include "relay/core/tcp_relay.h"
#include "stun/attr.h"
#include "tests/unit/core/tcp_fixture.h"
#include "tests/unit/lib/unit.h"

static const struct {
	const char *name;
	enum transport relay;
	uint16_t front;
	int want;
} transports[] = {
	{"UDP for a UDP client", TRANSPORT_UDP, INSIDE_UDP, 0},
	{"UDP for a TCP client", TRANSPORT_UDP, INSIDE_TCP, 0},
	{"TCP for a TCP client", TRANSPORT_TCP, INSIDE_TCP, 0},
	{"TCP for a TLS client", TRANSPORT_TCP, INSIDE_TLS, 0},
	{"TCP for a UDP client", TRANSPORT_TCP, INSIDE_UDP, STUN_UNSUPPORTED_TRANSPORT},
	{"TLS is never relayed", TRANSPORT_TLS, INSIDE_TLS, STUN_UNSUPPORTED_TRANSPORT},
};

START_TEST(tcp_is_relayed_for_stream_clients_only)
{
	struct allocation *al;
	int got = allocate(transports[_i].relay, transports[_i].front, DIALECT_IETF, &al);

	ck_assert_msg(got == transports[_i].want, "%s: got %d", transports[_i].name, got);
	if (got == 0) {
		ck_assert_int_eq(al->relay_transport, transports[_i].relay);
		allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	}
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(tcp_and_udp_have_all_ports_each)
{
	struct port_pool_figures udp, tcp;
	struct allocation *al;

	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(allocate(TRANSPORT_TCP, INSIDE_TCP, DIALECT_IETF, &al),
				 0);
		ck_assert(fixture.edge.tcp[al->slot]);
		ck_assert(port_pool_in_use(fixture.shared.tcp_ports, al->relay_address,
					   al->relay_port));
	}
	udp = port_pool_figures(fixture.shared.ports, 0, fixture.now_ms);
	tcp = port_pool_figures(fixture.shared.tcp_ports, 0, fixture.now_ms);
	ck_assert_uint_eq(udp.size, tcp.size);
	ck_assert_uint_eq(udp.used, 0);
	ck_assert_uint_eq(tcp.used, 20);
	while ((al = allocation_next(fixture.turn.table, 0)) != NULL)
		allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(a_port_in_use_is_skipped)
{
	struct allocation *al;

	fixture.edge.refuse = -EADDRINUSE;
	fixture.edge.refuse_times = 3;
	al = tcp_allocation(DIALECT_IETF);
	ck_assert_uint_eq(fixture.turn.counters.bind_failures, 3);
	ck_assert(turn_read_conflict(&fixture.turn).tcp);
	ck_assert_uint_eq(
		port_pool_figures(fixture.shared.tcp_ports, 0, fixture.now_ms).used, 1);
	allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(the_edge_is_told_of_permissions_for_tcp_only)
{
	struct allocation *udp = fixture_allocate(&fixture, "bob", 1, NULL);
	struct allocation *tcp = tcp_allocation(DIALECT_IETF);
	const struct endpoint refused = ep("10.0.0.7:1");

	permit(udp, "192.0.2.1:1");
	ck_assert_uint_eq(fixture.edge.permitted, 0);
	permit(tcp, "192.0.2.1:1");
	ck_assert_uint_eq(fixture.edge.permitted, 1);
	permit(tcp, "192.0.2.1:2");
	ck_assert_uint_eq(fixture.edge.permitted, 2);
	ck_assert_int_eq(permission_install(&fixture.turn, tcp, &refused, 1,
					    fixture.now_ms, NULL),
			 STUN_FORBIDDEN);
	ck_assert_uint_eq(fixture.edge.permitted, 2);
}
END_TEST

/*
 * A peer that is a relay port of ours is looked up in the pool of its own transport. With
 * three UDP allocations and two TCP ones, at least one port is taken for UDP alone.
 */
START_TEST(a_relayed_address_of_ours_is_a_peer_on_its_own_transport)
{
	struct allocation *a = tcp_allocation(DIALECT_MS),
			  *b = tcp_allocation(DIALECT_MS);
	const struct tcp_relay_load none = {0};
	struct endpoint idle = {.port = 0};
	uint64_t until_ms;

	for (uint16_t i = 0; i < 3; i++) {
		struct allocation *udp = fixture_allocate(&fixture, "bob", 100 + i, NULL);
		ck_assert_ptr_nonnull(udp);
		if (!port_pool_in_use(fixture.shared.tcp_ports, 0, udp->relay_port))
			idle = allocation_relayed_local(&fixture.turn, udp);
	}
	ck_assert_uint_ne(idle.port, 0);

	const struct endpoint public = allocation_relayed_public(&fixture.turn, b);
	const struct endpoint local = allocation_relayed_local(&fixture.turn, b);
	ck_assert_int_eq(permission_install(&fixture.turn, a, &public, 1, fixture.now_ms,
					    NULL),
			 0);
	ck_assert_int_eq(tcp_relay_incoming(&fixture.turn, a, &local, &none,
					    fixture.now_ms, &until_ms),
			 TCP_RELAY_ACCEPT);
	ck_assert_int_eq(tcp_relay_incoming(&fixture.turn, a, &idle, &none,
					    fixture.now_ms, &until_ms),
			 TCP_RELAY_RESET);
	ck_assert_uint_eq(events(PEER_REFUSED), 1);
}
END_TEST

/* A stream has no datagram limit. */
START_TEST(a_long_message_passes_to_tcp)
{
	static uint8_t message[20 + 65532];
	struct allocation *al = tcp_allocation(DIALECT_IETF);
	const struct endpoint peer = ep("192.0.2.1:7"), source = ep("192.0.2.1:8");
	struct stun_builder b;
	struct stun_msg msg;
	struct forward forward;
	static const uint8_t txid[STUN_TXID_LEN];
	static uint8_t data[65508]; /* one more than fits in an IPv4 datagram */

	permit(al, "192.0.2.1:7");
	stun_builder_start(&b, message, sizeof(message), TURN_SEND, STUN_INDICATION,
			   txid);
	stun_add_xor_address(&b, TURN_XOR_PEER_ADDRESS, &peer);
	stun_builder_add(&b, TURN_DATA_ATTR, data, sizeof(data));
	size_t len = stun_builder_finish(&b);
	ck_assert_uint_gt(len, 0);
	ck_assert_int_eq(stun_msg_parse((struct slice){message, len}, &msg),
			 STUN_PARSE_OK);
	forward_send(&fixture.turn, al, &msg, fixture.now_ms, &forward);
	ck_assert_int_eq(forward.kind, FORWARD_TO_PEER);
	ck_assert_uint_eq(forward.payload.len, sizeof(data));

	forward_from_peer(&fixture.turn, al, &source, (struct slice){data, 16384},
			  fixture.now_ms, &forward);
	ck_assert_int_eq(forward.kind, FORWARD_TO_CLIENT);
}
END_TEST

static void tcp_allocation_suite(Suite *suite)
{
	TCase *tc = tcase_create("tcp allocation");
	TCase *nat = tcase_create("behind NAT");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, tcp_is_relayed_for_stream_clients_only, 0,
			    ROWS(transports));
	tcase_add_test(tc, tcp_and_udp_have_all_ports_each);
	tcase_add_test(tc, a_port_in_use_is_skipped);
	tcase_add_test(tc, the_edge_is_told_of_permissions_for_tcp_only);
	tcase_add_test(tc, a_relayed_address_of_ours_is_a_peer_on_its_own_transport);
	tcase_add_test(tc, a_long_message_passes_to_tcp);
	suite_add_tcase(suite, tc);

	tcase_add_checked_fixture(nat, begin_behind_nat, end);
	tcase_add_test(nat, a_relayed_address_of_ours_is_a_peer_on_its_own_transport);
	suite_add_tcase(suite, nat);
}

UNIT_MAIN("tcp_allocation", tcp_allocation_suite)
