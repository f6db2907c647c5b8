/*
 * test_tcp_restore.c - data connections (RFC 6062) of the process before: back under their
 * CONNECTION-ID, charged, and found by any worker, also when there are more workers or fewer.
 */
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/connection_homes.h"
#include "relay/core/tcp_connection.h"
#include "tests/unit/core/tcp_fixture.h"
#include "tests/unit/lib/unit.h"

static struct allocation *data_allocation(void)
{
	static uint16_t port = 20000;
	const struct allocation_request request = {
		.tuple = {.client = {.ip = ep("10.0.0.9:1").ip, .port = port++},
			  .front = INSIDE_TCP},
		.dialect = DIALECT_IETF,
		.relay_transport = TRANSPORT_TCP,
		.data_connections = true,
	};
	struct allocation *al;

	ck_assert_int_eq(fixture_create(&fixture, "alice", request, &al), 0);
	return al;
}

/* As the process before had it; its id names that worker. */
static struct tcp_connection was(const char *peer, unsigned worker)
{
	return (struct tcp_connection){
		.id = 8000 * FAKE_WORKERS + worker,
		.state = TCP_CONNECTION_PENDING,
		.is_incoming = true,
		.peer = ep(peer),
		.created_ms = 900000,
		.until_ms = 1020000,
		.to_peer = {.bytes = 17},
	};
}

START_TEST(it_is_what_it_was)
{
	struct allocation *al = data_allocation();
	const struct tcp_connection before = was("192.0.2.1:5000", fixture.turn.worker);
	uint32_t index = tcp_connection_restore(&fixture.turn, al, &before);

	ck_assert_uint_ne(index, TCP_CONNECTION_NONE);
	const struct tcp_connection *c = tcp_connection_at(&fixture.turn, index);
	ck_assert_uint_eq(c->id, before.id);
	ck_assert_int_eq(c->state, TCP_CONNECTION_PENDING);
	ck_assert(c->is_incoming && endpoint_equal(&c->peer, &before.peer));
	ck_assert_uint_eq(c->created_ms, before.created_ms);
	ck_assert_uint_eq(c->until_ms, before.until_ms);
	ck_assert_uint_eq(c->to_peer.bytes, 17);
	ck_assert_uint_eq(tcp_connection_find(&fixture.turn, before.id), index);
	ck_assert_uint_eq(events(PEER_TAKEN_UP), 1);
	ck_assert(tcp_connections_check(&fixture.turn));
	tcp_connection_gone(&fixture.turn, index, PEER_CLOSED);
	allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(it_counts_for_its_user)
{
	struct allocation *al = data_allocation();
	struct tcp_connection before = was("192.0.2.1:5000", fixture.turn.worker);

	fixture.settings.limits.peer_connections_per_user = 1;
	uint32_t index = tcp_connection_restore(&fixture.turn, al, &before);
	ck_assert_uint_ne(index, TCP_CONNECTION_NONE);
	before.id += FAKE_WORKERS;
	before.peer = ep("192.0.2.2:5000");
	ck_assert_uint_eq(tcp_connection_restore(&fixture.turn, al, &before),
			  TCP_CONNECTION_NONE);
	tcp_connection_gone(&fixture.turn, index, PEER_CLOSED);
	index = tcp_connection_restore(&fixture.turn, al, &before);
	ck_assert_uint_ne(index, TCP_CONNECTION_NONE);
	tcp_connection_gone(&fixture.turn, index, PEER_CLOSED);
	allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(what_contradicts_others_does_not_come_back)
{
	struct allocation *al = data_allocation(), *ms = tcp_allocation(DIALECT_MS);
	struct tcp_connection before = was("192.0.2.1:5000", fixture.turn.worker);
	uint32_t index = tcp_connection_restore(&fixture.turn, al, &before);

	ck_assert_uint_ne(index, TCP_CONNECTION_NONE);
	/* The same id with another peer, and the same peer with another id. */
	before.peer = ep("192.0.2.2:5000");
	ck_assert_uint_eq(tcp_connection_restore(&fixture.turn, al, &before),
			  TCP_CONNECTION_NONE);
	before = was("192.0.2.1:5000", fixture.turn.worker);
	before.id += FAKE_WORKERS;
	ck_assert_uint_eq(tcp_connection_restore(&fixture.turn, al, &before),
			  TCP_CONNECTION_NONE);
	/* A family that is not relayed, and an allocation that has none. */
	before.peer = ep("[2001:db8::7]:5000");
	ck_assert_uint_eq(tcp_connection_restore(&fixture.turn, al, &before),
			  TCP_CONNECTION_NONE);
	before.peer = ep("192.0.2.3:5000");
	ck_assert_uint_eq(tcp_connection_restore(&fixture.turn, ms, &before),
			  TCP_CONNECTION_NONE);
	ck_assert(tcp_connections_check(&fixture.turn));
	tcp_connection_gone(&fixture.turn, index, PEER_CLOSED);
	allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	allocation_delete(&fixture.turn, ms, END_RELEASED, fixture.now_ms);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(its_id_leads_to_its_worker_whatever_their_number)
{
	struct allocation *al = data_allocation();
	unsigned here = fixture.turn.worker, there = here + 1;
	const struct tcp_connection before = was("192.0.2.1:5000", there);

	ck_assert_uint_eq(tcp_connection_worker(&fixture.turn, before.id), there);
	ck_assert_uint_eq(tcp_connection_restore(&fixture.turn, al, &before),
			  TCP_CONNECTION_NONE);
	ck_assert(connection_homes_add(fixture.shared.connection_homes, before.id, here));
	ck_assert_uint_eq(tcp_connection_worker(&fixture.turn, before.id), here);
	uint32_t index = tcp_connection_restore(&fixture.turn, al, &before);
	ck_assert_uint_ne(index, TCP_CONNECTION_NONE);
	ck_assert_uint_eq(tcp_connection_find(&fixture.turn, before.id), index);
	ck_assert(tcp_connections_check(&fixture.turn));
	tcp_connection_gone(&fixture.turn, index, PEER_CLOSED);
	allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(each_id_has_one_home)
{
	struct connection_homes *homes = connection_homes_new();

	ck_assert_ptr_nonnull(homes);
	for (uint32_t i = 0; i < 1000; i++)
		ck_assert(connection_homes_add(homes, i * 2654435761u, i % 5));
	for (uint32_t i = 0; i < 1000; i++) {
		ck_assert(!connection_homes_add(homes, i * 2654435761u, 7));
		ck_assert_uint_eq(connection_homes_find(homes, i * 2654435761u, 9),
				  i % 5);
		ck_assert_uint_eq(connection_homes_find(homes, i * 2654435761u + 1, 9),
				  9);
	}
	connection_homes_free(homes);
	connection_homes_free(NULL);
}
END_TEST

static void tcp_restore_suite(Suite *suite)
{
	TCase *tc = tcase_create("tcp_restore");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, it_is_what_it_was);
	tcase_add_test(tc, it_counts_for_its_user);
	tcase_add_test(tc, what_contradicts_others_does_not_come_back);
	tcase_add_test(tc, its_id_leads_to_its_worker_whatever_their_number);
	tcase_add_test(tc, each_id_has_one_home);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("tcp_restore", tcp_restore_suite)
