/*
 * test_peer_conn.c - TCP relayed addresses on real sockets: connections both ways, early peers,
 * strangers, relays that connect to each other, and everybody who is too slow.
 */
#include "relay/peer/peer_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "relay/peer/tcp_socket.h"
#include "tests/unit/relay_world.h"
#include "tests/unit/unit.h"

enum { MOST = 256 << 20 }; /* whoever takes so much has no bound */

static struct relay_world world;
static struct relay_client alice, bob;

static void quick(struct settings *settings)
{
	settings->peer.timeout_ms = 400;
	settings->turn.limits.early_peer_hold_ms = 300;
}

static void begin(void)
{
	relay_world_start(&world, NULL, NULL);
}

static void begin_quick(void)
{
	relay_world_start(&world, "peer_queue = 64K", quick);
}

static void end(void)
{
	relay_world_stop(&world);
}

static uint64_t events(enum peer_event event)
{
	return relay_world_events(&world, event);
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
	int listener = peer_listen(&world, &peer);

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &world.peers);
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

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &world.peers);
	int fd = peer_connect(&world, &alice.local, &peer);
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

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	for (int i = 0; i < 10; i++) {
		int fd = peer_connect(&world, &alice.local, &peer);
		peer_expect_reset(fd);
		close(fd);
	}
	ck_assert_uint_eq(events(PEER_STRANGER), 10);
	client_close(&alice);
}
END_TEST

START_TEST(an_early_peer_is_let_in_when_its_permission_comes)
{
	struct endpoint peer;

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_MS);
	int fd = peer_connect(&world, &alice.local, &peer);
	peer_send(fd, "early", 5);
	EVENTUALLY(events(PEER_HELD) == 1);
	ck_assert_uint_eq(client_received(&alice), 0);
	ck_assert_uint_eq(client_connections(&alice), 0);
	client_permit(&alice, &world.peers);
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

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_MS);
	int fd = peer_connect(&world, &alice.local, &peer);
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

START_TEST(who_is_held_goes_with_the_allocation)
{
	struct endpoint peer;

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_MS);
	int fd = peer_connect(&world, &alice.local, &peer);
	EVENTUALLY(events(PEER_HELD) == 1);
	client_release(&alice);
	peer_expect_reset(fd);
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

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &world.peers);
	for (int i = 0; i < PEERS; i++) {
		if (i % 2) {
			fd[i] = peer_connect(&world, &alice.local, &peer[i]);
			continue;
		}
		int listener = peer_listen(&world, &peer[i]);
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

	fd[PEERS] = peer_connect(&world, &alice.local, &peer[PEERS]);
	peer_expect_reset(fd[PEERS]);
	int listener = peer_listen(&world, &listening);
	client_relay(&alice, &listening, "!", 1);
	ck_assert_uint_eq(events(PEER_FULL), 2);
	ck_assert_uint_eq(relay_world_drops(&world, DROP_NO_CONNECTION), 1);
	ck_assert_uint_eq(client_connections(&alice), PEERS);

	for (int i = 0; i <= PEERS; i++)
		close(fd[i]);
	close(listener);
	EVENTUALLY(client_connections(&alice) == 0);
	ck_assert_uint_eq(events(PEER_CLOSED), PEERS);
	client_close(&alice);
}
END_TEST

static void send_to_other(struct worker *worker, void *arg)
{
	struct relay_client *from = arg;
	const struct forward forward = {
		.kind = FORWARD_TO_PEER,
		.slot = from->slot,
		.peer = (from == &alice ? &bob : &alice)->local,
		.payload = {(const uint8_t *)"from me", 7},
	};

	worker_tick(worker);
	worker_to_peer(worker, &forward);
}

/* Both at once: on one worker in one turn of its loop, on two really at the same time. */
START_TEST(relayed_addresses_connect_to_each_other)
{
	for (int i = 0; i < 50; i++) {
		client_connect(&alice, &world, 0);
		client_connect(&bob, &world, (unsigned)_i);
		client_allocate(&alice, DIALECT_IETF);
		client_allocate(&bob, DIALECT_IETF);
		client_permit(&alice, &world.address.public);
		client_permit(&bob, &world.address.public);
		handoff_post(alice.worker->inbox, send_to_other, &alice);
		handoff_post(bob.worker->inbox, send_to_other, &bob);
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
	ck_assert_uint_eq(relay_world_drops(&world, DROP_NO_CONNECTION), 0);
}
END_TEST

START_TEST(a_peer_that_closes_is_forgotten_and_can_come_back)
{
	struct endpoint peer, from;
	int listener = peer_listen(&world, &peer);

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &world.peers);
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

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &world.peers);
	int fd = peer_connect(&world, &alice.local, &peer);
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

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &world.peers);
	for (int i = 0; i < 2; i++)
		fd[i] = peer_connect(&world, &alice.local, &peer[i]);
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
	int listener = peer_listen(&world, &peer);

	close(listener);
	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &world.peers);
	client_relay(&alice, &peer, "hello?", 6);
	EVENTUALLY(events(PEER_CONNECT_FAILED) == 1);
	ck_assert_uint_eq(client_connections(&alice), 0);
	ck_assert_uint_eq(client_received(&alice), 0);
	client_close(&alice);
}
END_TEST

/* A listener whose queue is full does not answer. */
START_TEST(a_peer_that_does_not_answer_is_given_up)
{
	struct endpoint peer, from;
	int listener = peer_listen(&world, &peer), filler[2];

	ck_assert_int_eq(listen(listener, 0), 0);
	for (int i = 0; i < 2; i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		struct sockaddr_storage sa;
		socklen_t len = sockaddr_from_endpoint(&peer, &sa);
		connect(filler[i], (struct sockaddr *)&sa, len);
	}
	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &world.peers);
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

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &world.peers);
	int fd = peer_connect(&world, &alice.local, &peer);
	peer_send(fd, "x", 1);
	expect_taken(&alice, &peer, "x");
	char deny[ENDPOINT_TEXT_LEN + 4];
	ip_addr_format(&world.peers, deny, ENDPOINT_TEXT_LEN);
	strcat(deny, "/32");
	relay_world_deny(&world, deny);
	peer_send(fd, "y", 1);
	peer_expect_reset(fd);
	ck_assert_uint_eq(events(PEER_REVOKED), 1);
	ck_assert_uint_eq(client_received(&alice), 1);
	close(fd);
	client_close(&alice);
}
END_TEST

START_TEST(a_relayed_port_has_one_listener)
{
	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	ck_assert_int_eq(tcp_socket_listen(&alice.local), -EADDRINUSE);
	client_close(&alice);
}
END_TEST

/* What both sides of the tests for slow ones send: byte n of the stream. */
static uint8_t stream_byte(size_t n)
{
	return (uint8_t)(n * 7 + n / 251);
}

static void fill(uint8_t *data, size_t len, size_t from)
{
	for (size_t i = 0; i < len; i++)
		data[i] = stream_byte(from + i);
}

/* One check for all: libcheck writes a line for each. */
static void expect_stream(const uint8_t *data, size_t len, size_t from)
{
	size_t i = 0;

	while (i < len && data[i] == stream_byte(from + i))
		i++;
	ck_assert_msg(i == len, "byte %zu is another", from + i);
}

/* The peer sends as long as anything is taken; how much that was. */
static size_t flood(int fd)
{
	static uint8_t data[8192];
	size_t sent = 0;
	uint64_t last = wall_ms();

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (wall_ms() - last < 300 && sent < MOST) {
		fill(data, sizeof(data), sent);
		ssize_t n = send(fd, data, sizeof(data), MSG_NOSIGNAL);
		if (n > 0) {
			sent += (size_t)n;
			last = wall_ms();
		} else {
			nap();
		}
	}
	fcntl(fd, F_SETFL, 0);
	ck_assert_msg(sent < MOST, "nothing stops a peer");
	return sent;
}

START_TEST(a_client_that_does_not_read_slows_its_peer_down)
{
	static uint8_t data[PEER_PIECE_MAX];
	struct endpoint peer, from;
	size_t taken = 0;

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &world.peers);
	int fd = peer_connect(&world, &alice.local, &peer);
	size_t sent = flood(fd);
	/* All of it lies in queues now: those of the system, and ours, which is bounded. */
	uint64_t handed = client_received(&alice);
	ck_assert_uint_lt(handed, sent);
	nap();
	ck_assert_uint_eq(client_received(&alice), handed);

	shutdown(fd, SHUT_WR);
	while (taken < sent) {
		size_t len = client_take(&alice, &from, data, sizeof(data));
		expect_stream(data, len, taken);
		taken += len;
	}
	ck_assert_uint_eq(taken, sent);
	ck_assert_uint_eq(relay_world_drops(&world, DROP_CLIENT_SLOW), 0);
	EVENTUALLY(events(PEER_CLOSED) == 1);
	close(fd);
	client_close(&alice);
}
END_TEST

/* The client sends Send indications as long as they are taken; how many bytes were in them. */
static size_t flood_indications(struct relay_client *client, const struct endpoint *peer)
{
	static uint8_t message[2048], data[1000];
	size_t sent = 0, len = 0, at = 0;
	uint64_t last = wall_ms();

	fcntl(client->fd, F_SETFL, O_NONBLOCK);
	while ((wall_ms() - last < 250 || at < len) && sent < MOST) {
		if (at == len) {
			fill(data, sizeof(data), sent);
			sent += sizeof(data);
			len = client_indication(peer, data, sizeof(data), message,
						sizeof(message));
			at = 0;
		}
		ssize_t n = send(client->fd, message + at, len - at, MSG_NOSIGNAL);
		if (n > 0) {
			at += (size_t)n;
			last = wall_ms();
		} else if (wall_ms() - last >= 250) {
			break;
		} else {
			nap();
		}
	}
	ck_assert_msg(sent < MOST, "nothing stops a client");
	fcntl(client->fd, F_SETFL, 0);
	return at == len ? sent : sent - sizeof(data);
}

START_TEST(a_peer_that_does_not_read_slows_its_client_down)
{
	static uint8_t got[65536];
	struct endpoint peer;
	size_t taken = 0;

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &world.peers);
	int fd = peer_connect(&world, &alice.local, &peer);
	EVENTUALLY(client_connections(&alice) == 1);
	size_t sent = flood_indications(&alice, &peer);
	ck_assert_uint_gt(sent, 256 << 10);
	while (taken < sent) {
		ssize_t n = recv(fd, got, sizeof(got), 0);
		ck_assert_msg(n > 0, "after %zu of %zu bytes", taken, sent);
		expect_stream(got, (size_t)n, taken);
		taken += (size_t)n;
	}
	ck_assert_uint_eq(events(PEER_STALLED), 0);
	close(fd);
	client_close(&alice);
}
END_TEST

START_TEST(a_peer_that_never_reads_is_reset_and_its_client_goes_on)
{
	static uint8_t big[65536], data[32000];
	struct endpoint peer, other, from;
	uint8_t message[256];
	ssize_t n;
	int listener = peer_listen(&world, &other);

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &world.peers);
	int fd = peer_connect(&world, &alice.local, &peer);
	EVENTUALLY(client_connections(&alice) == 1);
	/* Whole messages only, as many as wait: the last one is for somebody else. */
	for (int i = 0; events(PEER_STALLED) + events(PEER_BROKEN) == 0; i++) {
		size_t len =
			client_indication(&peer, data, sizeof(data), big, sizeof(big));
		peer_send(alice.fd, big, len);
		ck_assert_int_lt(i, 10000);
	}
	size_t len = client_indication(&other, "next", 4, message, sizeof(message));
	peer_send(alice.fd, message, len);
	int next = peer_accept(listener, &from);
	peer_expect(next, "next", 4);
	close(next);
	while ((n = recv(fd, data, sizeof(data), 0)) > 0)
		;
	ck_assert_msg(n < 0 && errno == ECONNRESET, "an end that looks like a good one");
	close(fd);
	close(listener);
	client_close(&alice);
}
END_TEST

START_TEST(last_words_reach_a_slow_peer)
{
	static uint8_t got[65536];
	struct endpoint peer;
	size_t taken = 0;
	ssize_t n;

	client_connect(&alice, &world, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &world.peers);
	int fd = peer_connect(&world, &alice.local, &peer);
	EVENTUALLY(client_connections(&alice) == 1);
	/* More than the system takes; who sends like this is not told to wait. */
	static uint8_t data[10000];
	size_t sent = 0;
	while (sent < 24 << 20) {
		fill(data, sizeof(data), sent);
		client_relay(&alice, &peer, data, sizeof(data));
		sent += sizeof(data);
	}
	client_release(&alice);
	ck_assert_uint_eq(events(PEER_ENDED), 1);
	while ((n = recv(fd, got, sizeof(got), 0)) > 0) {
		expect_stream(got, (size_t)n, taken);
		taken += (size_t)n;
	}
	ck_assert_int_eq(n, 0);
	ck_assert_uint_eq(taken, sent);
	close(fd);
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
	tcase_add_test(tc, an_early_peer_is_let_in_when_its_permission_comes);
	tcase_add_test(tc, who_is_held_goes_with_the_allocation);
	tcase_add_test(tc, many_peers_and_no_more_than_allowed);
	tcase_add_loop_test(tc, relayed_addresses_connect_to_each_other, 0,
			    WORLD_WORKERS);
	tcase_add_test(tc, a_peer_that_closes_is_forgotten_and_can_come_back);
	tcase_add_test(tc, a_reset_of_the_peer_ends_the_connection_only);
	tcase_add_test(tc, a_client_that_closes_closes_its_peers);
	tcase_add_test(tc, a_peer_that_refuses_costs_that_message);
	tcase_add_test(tc, a_change_of_policy_ends_connections);
	tcase_add_test(tc, a_relayed_port_has_one_listener);
	tcase_add_test(tc, a_client_that_does_not_read_slows_its_peer_down);
	tcase_add_test(tc, a_peer_that_does_not_read_slows_its_client_down);
	tcase_add_test(tc, last_words_reach_a_slow_peer);
	suite_add_tcase(suite, tc);

	tcase_set_timeout(impatient, 60);
	tcase_add_checked_fixture(impatient, begin_quick, end);
	tcase_add_test(impatient, an_early_peer_whose_permission_does_not_come_is_reset);
	tcase_add_test(impatient, a_peer_that_does_not_answer_is_given_up);
	tcase_add_test(impatient,
		       a_peer_that_never_reads_is_reset_and_its_client_goes_on);
	suite_add_tcase(suite, impatient);
}

UNIT_MAIN("peer_conn", peer_conn_suite)
