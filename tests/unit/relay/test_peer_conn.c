/*
 * test_peer_conn.c - TCP relayed addresses on real sockets: connections both ways, early
 * peers, strangers, relays that connect to each other. For slow peers and clients see
 * test_peer_queue.c.
 */
#include "relay/peer/peer_conn.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "relay/core/destination.h"
#include "relay/peer/tcp_socket.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/relay/relay_fixture.h"

static struct relay_fixture fixture;
static struct relay_client alice, bob;

static void quick(struct relay_settings *settings)
{
	settings->peer.timeout_ms = 400;
	settings->turn.limits.early_peer_hold_ms = 300;
}

static void begin(void)
{
	relay_fixture_start(&fixture, NULL, NULL);
}

static void begin_quick(void)
{
	relay_fixture_start(&fixture, NULL, quick);
}

static void end(void)
{
	relay_fixture_stop(&fixture);
}

static uint64_t events(enum peer_event event)
{
	return relay_fixture_events(&fixture, event);
}

static void expect_taken(struct relay_client *client, const struct endpoint *peer,
			 const char *text)
{
	struct endpoint from;
	uint8_t data[PEER_PIECE_MAX];
	size_t len = client_take(client, &from, data, sizeof(data));

	ck_assert_uint_eq(len, strlen(text));
	ck_assert_mem_eq(data, text, len);
	ck_assert(endpoint_equal(&from, peer));
}

START_TEST(connects_from_the_relayed_address)
{
	struct endpoint peer, from;
	int listener = peer_listen(&fixture, &peer);

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	client_relay(&alice, &peer, "one", 3);
	client_relay(&alice, &peer, "two", 3);
	int fd = peer_accept(listener, &from);
	ck_assert(endpoint_equal(&from, &alice.local));
	peer_expect(fd, "onetwo", 6);
	client_relay(&alice, &peer, "three", 5);
	peer_expect(fd, "three", 5);
	peer_send(fd, "back", 4);
	expect_taken(&alice, &peer, "back");
	ck_assert_uint_eq(client_connections(&alice), 1);
	ck_assert_uint_eq(events(PEER_CONNECTED), 1);

	client_release(&alice);
	peer_expect_end(fd);
	close(fd);
	close(listener);
	client_close(&alice);
}
END_TEST

START_TEST(a_connection_of_the_peer_serves_both_ways)
{
	struct endpoint peer;

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	int fd = peer_connect(&fixture, &alice.local, &peer);
	peer_send(fd, "hello", 5);
	expect_taken(&alice, &peer, "hello");
	client_relay(&alice, &peer, "answer", 6);
	peer_expect(fd, "answer", 6);
	ck_assert_uint_eq(client_connections(&alice), 1);
	ck_assert_uint_eq(events(PEER_ACCEPTED), 1);
	ck_assert_uint_eq(events(PEER_CONNECTED), 0);
	close(fd);
	client_close(&alice);
	EVENTUALLY(client_received(&alice) == UINT64_MAX);
}
END_TEST

/* The telnet test. */
START_TEST(strangers_are_reset_at_once)
{
	struct endpoint peer;

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	for (int i = 0; i < 10; i++) {
		int fd = peer_connect(&fixture, &alice.local, &peer);
		peer_expect_reset(fd);
		close(fd);
	}
	ck_assert_uint_eq(events(PEER_STRANGER), 10);
	client_close(&alice);
}
END_TEST

START_TEST(an_early_peer_is_accepted_when_its_permission_comes)
{
	struct endpoint peer;

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_MS);
	int fd = peer_connect(&fixture, &alice.local, &peer);
	peer_send(fd, "early", 5);
	EVENTUALLY(events(PEER_HELD) == 1);
	ck_assert_uint_eq(client_received(&alice), 0);
	ck_assert_uint_eq(client_connections(&alice), 0);
	client_permit(&alice, &fixture.peers);
	EVENTUALLY(client_received(&alice) == 5);
	ck_assert_uint_eq(events(PEER_ADMITTED), 1);
	ck_assert_uint_eq(client_connections(&alice), 1);
	client_relay(&alice, &peer, "same way", 8);
	peer_expect(fd, "same way", 8);
	ck_assert_uint_eq(events(PEER_CONNECTED), 0);
	close(fd);
	client_close(&alice);
}
END_TEST

START_TEST(an_early_peer_whose_permission_does_not_come_is_reset)
{
	struct endpoint peer;

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_MS);
	int fd = peer_connect(&fixture, &alice.local, &peer);
	uint64_t since = wall_ms();
	peer_send(fd, "early", 5);
	peer_expect_reset(fd);
	ck_assert_uint_ge(wall_ms() - since, 200);
	ck_assert_uint_eq(events(PEER_HELD_EXPIRED), 1);
	ck_assert_uint_eq(client_received(&alice), 0);
	close(fd);
	client_close(&alice);
}
END_TEST

START_TEST(a_held_connection_ends_with_the_allocation)
{
	struct endpoint peer;

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_MS);
	int fd = peer_connect(&fixture, &alice.local, &peer);
	EVENTUALLY(events(PEER_HELD) == 1);
	client_release(&alice);
	peer_expect_reset(fd);
	close(fd);
	client_close(&alice);
}
END_TEST

static void choose(void *arg)
{
	struct worker *worker = alice.worker;
	struct allocation *al = allocation_by_id(worker->turn.table, alice.id);

	ck_assert(destination_set(&worker->turn, al, arg, worker->loop.now_ms));
}

START_TEST(a_chosen_destination_ends_the_wait_for_others)
{
	struct endpoint peer, stranger;

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_MS);
	int fd = peer_connect(&fixture, &alice.local, &peer);
	const struct ip_addr its = fixture.peers;
	fixture.peers.bytes[3]++;
	int other = peer_connect(&fixture, &alice.local, &stranger);
	EVENTUALLY(events(PEER_HELD) == 2);
	client_permit(&alice, &its);
	EVENTUALLY(events(PEER_ADMITTED) == 1);
	ck_assert_uint_eq(events(PEER_HELD_EXPIRED), 0);
	ck_assert(inbox_call(alice.worker->inbox, choose, &peer));
	peer_expect_reset(other);
	close(other);
	other = peer_connect(&fixture, &alice.local, &stranger);
	peer_expect_reset(other);
	ck_assert_uint_eq(events(PEER_HELD), 2);
	peer_send(fd, "chosen", 6);
	EVENTUALLY(client_received(&alice) == 6);
	close(other);
	close(fd);
	client_close(&alice);
}
END_TEST

START_TEST(many_peers_and_no_more_than_allowed)
{
	enum { PEERS = 16 }; /* the default of peer_connections */
	struct endpoint peer[PEERS + 1], listening, from;
	int fd[PEERS + 1];
	uint8_t data[16];

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	for (int i = 0; i < PEERS; i++) {
		if (i % 2) {
			fd[i] = peer_connect(&fixture, &alice.local, &peer[i]);
			continue;
		}
		int listener = peer_listen(&fixture, &peer[i]);
		client_relay(&alice, &peer[i], "?", 1);
		fd[i] = peer_accept(listener, &from);
		peer_expect(fd[i], "?", 1);
		close(listener);
	}
	for (uint8_t i = 0; i < PEERS; i++)
		peer_send(fd[i], (uint8_t[]){'p', i}, 2);
	for (int seen = 0; seen < PEERS; seen++) {
		ck_assert_uint_eq(client_take(&alice, &from, data, sizeof(data)), 2);
		ck_assert_uint_lt(data[1], PEERS);
		ck_assert(endpoint_equal(&from, &peer[data[1]]));
	}
	for (uint8_t i = 0; i < PEERS; i++)
		client_relay(&alice, &peer[i], (uint8_t[]){'c', i}, 2);
	for (uint8_t i = 0; i < PEERS; i++)
		peer_expect(fd[i], (uint8_t[]){'c', i}, 2);

	fd[PEERS] = peer_connect(&fixture, &alice.local, &peer[PEERS]);
	peer_expect_reset(fd[PEERS]);
	int listener = peer_listen(&fixture, &listening);
	client_relay(&alice, &listening, "!", 1);
	ck_assert_uint_eq(events(PEER_FULL), 2);
	ck_assert_uint_eq(relay_fixture_drops(&fixture, DROP_NO_CONNECTION), 1);
	ck_assert_uint_eq(client_connections(&alice), PEERS);

	for (int i = 0; i <= PEERS; i++)
		close(fd[i]);
	close(listener);
	EVENTUALLY(client_connections(&alice) == 0);
	ck_assert_uint_eq(events(PEER_CLOSED), PEERS);
	client_close(&alice);
}
END_TEST

static void send_to_other(void *arg)
{
	struct relay_client *from = arg;
	struct worker *worker = from->worker;
	const struct forward forward = {
		.kind = FORWARD_TO_PEER,
		.slot = from->slot,
		.peer = (from == &alice ? &bob : &alice)->local,
		.payload = {(const uint8_t *)"from me", 7},
	};

	loop_turn(&worker->loop);
	worker->delivery.to_peer(worker, &forward);
}

/* Both at once: on one worker in one turn of its loop, on two workers in parallel. */
START_TEST(relayed_addresses_connect_to_each_other)
{
	for (int i = 0; i < 50; i++) {
		client_connect(&alice, &fixture, 0);
		client_connect(&bob, &fixture, (unsigned)_i);
		client_allocate(&alice, DIALECT_IETF);
		client_allocate(&bob, DIALECT_IETF);
		client_permit(&alice, &fixture.address.public);
		client_permit(&bob, &fixture.address.public);
		inbox_post(alice.worker->inbox, send_to_other, &alice);
		inbox_post(bob.worker->inbox, send_to_other, &bob);
		expect_taken(&alice, &bob.public, "from me");
		expect_taken(&bob, &alice.public, "from me");
		ck_assert_uint_eq(client_connections(&alice), 1);
		ck_assert_uint_eq(client_connections(&bob), 1);
		client_release(&alice);
		client_release(&bob);
		client_close(&alice);
		client_close(&bob);
	}
	ck_assert_uint_eq(events(PEER_CONNECT_FAILED), 0);
	ck_assert_uint_eq(relay_fixture_drops(&fixture, DROP_NO_CONNECTION), 0);
}
END_TEST

START_TEST(a_peer_that_closes_is_forgotten_and_can_come_back)
{
	struct endpoint peer, from;
	int listener = peer_listen(&fixture, &peer);

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	for (int i = 0; i < 3; i++) {
		client_relay(&alice, &peer, "again", 5);
		int fd = peer_accept(listener, &from);
		peer_expect(fd, "again", 5);
		peer_send(fd, "bye", 3);
		close(fd);
		expect_taken(&alice, &peer, "bye");
		EVENTUALLY(client_connections(&alice) == 0);
	}
	ck_assert_uint_eq(events(PEER_CLOSED), 3);
	client_close(&alice);
	close(listener);
}
END_TEST

START_TEST(a_reset_of_the_peer_ends_the_connection_only)
{
	const struct linger at_once = {.l_onoff = 1};
	struct endpoint peer;

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	int fd = peer_connect(&fixture, &alice.local, &peer);
	peer_send(fd, "x", 1);
	expect_taken(&alice, &peer, "x");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	EVENTUALLY(client_connections(&alice) == 0);
	ck_assert_uint_eq(events(PEER_BROKEN), 1);
	ck_assert_uint_eq(client_received(&alice), 1);
	client_close(&alice);
}
END_TEST

START_TEST(a_client_that_closes_closes_its_peers)
{
	struct endpoint peer[2];
	int fd[2];

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	for (int i = 0; i < 2; i++)
		fd[i] = peer_connect(&fixture, &alice.local, &peer[i]);
	EVENTUALLY(client_connections(&alice) == 2);
	client_close(&alice);
	for (int i = 0; i < 2; i++) {
		peer_expect_end(fd[i]);
		close(fd[i]);
	}
	ck_assert_uint_eq(events(PEER_ENDED), 2);
}
END_TEST

START_TEST(a_peer_that_refuses_costs_that_message)
{
	struct endpoint peer;
	int listener = peer_listen(&fixture, &peer);

	close(listener);
	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	client_relay(&alice, &peer, "hello?", 6);
	EVENTUALLY(events(PEER_CONNECT_FAILED) == 1);
	ck_assert_uint_eq(client_connections(&alice), 0);
	ck_assert_uint_eq(client_received(&alice), 0);
	client_close(&alice);
}
END_TEST

/* A listener whose queue is full does not answer. */
START_TEST(an_attempt_without_answer_is_abandoned)
{
	struct endpoint peer, from;
	int listener = peer_listen(&fixture, &peer), filler[2];

	ck_assert_int_eq(listen(listener, 0), 0);
	for (int i = 0; i < 2; i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		struct sockaddr_storage sa;
		socklen_t len = sockaddr_from_endpoint(&peer, &sa);
		connect(filler[i], (struct sockaddr *)&sa, len);
	}
	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	uint64_t since = wall_ms();
	client_relay(&alice, &peer, "hello?", 6);
	ck_assert_uint_eq(client_connections(&alice), 1);
	EVENTUALLY(events(PEER_CONNECT_TIMEOUT) == 1);
	ck_assert_uint_ge(wall_ms() - since, 300);
	ck_assert_uint_eq(client_connections(&alice), 0);
	(void)from;
	for (int i = 0; i < 2; i++)
		close(filler[i]);
	close(listener);
	client_close(&alice);
}
END_TEST

START_TEST(a_change_of_policy_ends_connections)
{
	struct endpoint peer;

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	int fd = peer_connect(&fixture, &alice.local, &peer);
	peer_send(fd, "x", 1);
	expect_taken(&alice, &peer, "x");
	char deny[ENDPOINT_TEXT_LEN + 4];
	ip_addr_format(&fixture.peers, deny, ENDPOINT_TEXT_LEN);
	strcat(deny, "/32");
	relay_fixture_deny(&fixture, deny);
	peer_send(fd, "y", 1);
	peer_expect_reset(fd);
	ck_assert_uint_eq(events(PEER_REVOKED), 1);
	ck_assert_uint_eq(client_received(&alice), 1);
	close(fd);
	client_close(&alice);
}
END_TEST

START_TEST(peers_wait_when_there_are_no_descriptors)
{
	struct rlimit limit, none;
	struct endpoint peer;

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	none = limit;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&alice.local, &sa);
	int result = connect(fd, (struct sockaddr *)&sa, len);
	for (int i = 0; i < 50; i++)
		nap();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(result, 0);
	EVENTUALLY(events(PEER_STRANGER) + events(PEER_ACCEPTED) == 1);
	close(fd);

	fd = peer_connect(&fixture, &alice.local, &peer);
	peer_send(fd, "now", 3);
	expect_taken(&alice, &peer, "now");
	close(fd);
	client_close(&alice);
}
END_TEST

START_TEST(a_connection_over_ipv6)
{
	struct endpoint one, two, from;

	ck_assert(endpoint_parse("[::1]:50443", 0, &one));
	ck_assert(endpoint_parse("[::1]:50445", 0, &two));
	int a = tcp_socket_listen(&one), b = tcp_socket_listen(&two), got;
	if (a == -EADDRNOTAVAIL)
		return; /* no IPv6 here */
	ck_assert_int_ge(a, 0);
	ck_assert_int_ge(b, 0);
	int fd = tcp_socket_connect(&one, &two, 1000);
	ck_assert_int_ge(fd, 0);
	for (int i = 0; (got = tcp_socket_accept(b, &from, 1000)) == -EAGAIN && i < 500;
	     i++)
		nap();
	ck_assert_int_ge(got, 0);
	ck_assert(endpoint_equal(&from, &one));
	ck_assert_int_eq(tcp_socket_connected(fd), 0);
	ck_assert_int_eq(tcp_socket_connect(&two, &one, 1000), -EADDRNOTAVAIL);
	tcp_socket_reset(fd);
	peer_expect_reset(got);
	close(got);
	close(a);
	close(b);
}
END_TEST

START_TEST(a_relayed_port_has_one_listener)
{
	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	ck_assert_int_eq(tcp_socket_listen(&alice.local), -EADDRINUSE);
	client_close(&alice);
}
END_TEST

static void peer_conn_suite(Suite *suite)
{
	TCase *tc = tcase_create("peer conn");
	TCase *impatient = tcase_create("impatient");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, connects_from_the_relayed_address);
	tcase_add_test(tc, a_connection_of_the_peer_serves_both_ways);
	tcase_add_test(tc, strangers_are_reset_at_once);
	tcase_add_test(tc, an_early_peer_is_accepted_when_its_permission_comes);
	tcase_add_test(tc, a_held_connection_ends_with_the_allocation);
	tcase_add_test(tc, a_chosen_destination_ends_the_wait_for_others);
	tcase_add_test(tc, many_peers_and_no_more_than_allowed);
	tcase_add_loop_test(tc, relayed_addresses_connect_to_each_other, 0,
			    FIXTURE_WORKERS);
	tcase_add_test(tc, a_peer_that_closes_is_forgotten_and_can_come_back);
	tcase_add_test(tc, a_reset_of_the_peer_ends_the_connection_only);
	tcase_add_test(tc, a_client_that_closes_closes_its_peers);
	tcase_add_test(tc, a_peer_that_refuses_costs_that_message);
	tcase_add_test(tc, a_change_of_policy_ends_connections);
	tcase_add_test(tc, peers_wait_when_there_are_no_descriptors);
	tcase_add_test(tc, a_connection_over_ipv6);
	tcase_add_test(tc, a_relayed_port_has_one_listener);
	suite_add_tcase(suite, tc);

	tcase_set_timeout(impatient, 60);
	tcase_add_checked_fixture(impatient, begin_quick, end);
	tcase_add_test(impatient, an_early_peer_whose_permission_does_not_come_is_reset);
	tcase_add_test(impatient, an_attempt_without_answer_is_abandoned);
	suite_add_tcase(suite, impatient);
}

UNIT_MAIN("peer_conn", peer_conn_suite)
