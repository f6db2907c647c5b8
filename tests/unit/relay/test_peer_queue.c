/*
 * test_peer_queue.c - TCP relayed addresses with a slow peer or client: nothing is lost,
 * queues are bounded, and neither side waits indefinitely (T-433).
 */
#include "relay/peer/peer_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/relay/relay_fixture.h"

enum { MOST = 256 << 20 }; /* a queue that takes this much has no bound */

static struct relay_fixture fixture;
static struct relay_client alice;

static void begin(void)
{
	relay_fixture_start(&fixture, NULL, NULL);
}

static void quick(struct relay_settings *settings)
{
	settings->peer.timeout_ms = 400;
}

static void begin_narrow(void)
{
	relay_fixture_start(&fixture, "peer_queue = 64K", NULL);
}

static void begin_impatient(void)
{
	relay_fixture_start(&fixture, "peer_queue = 64K", quick);
}

static void end(void)
{
	relay_fixture_stop(&fixture);
}

static uint64_t events(enum peer_event event)
{
	return relay_fixture_events(&fixture, event);
}

/* The stream that both sides send in these tests: its byte n. */
static uint8_t stream_byte(size_t n)
{
	return (uint8_t)(n * 7 + n / 251);
}

static void fill(uint8_t *data, size_t len, size_t from)
{
	for (size_t i = 0; i < len; i++)
		data[i] = stream_byte(from + i);
}

/* One check for all: libcheck writes a record for each. */
static void expect_stream(const uint8_t *data, size_t len, size_t from)
{
	size_t i = 0;

	while (i < len && data[i] == stream_byte(from + i))
		i++;
	ck_assert_msg(i == len, "byte %zu differs", from + i);
}

/* The peer sends as long as anything is accepted; returns the number of bytes. */
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
	ck_assert_msg(sent < MOST, "the peer is never stopped");
	return sent;
}

START_TEST(a_client_that_does_not_read_slows_its_peer_down)
{
	static uint8_t data[PEER_PIECE_MAX];
	struct endpoint peer, from;
	size_t taken = 0;

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	int fd = peer_connect(&fixture, &alice.local, &peer);
	size_t sent = flood(fd);
	/* All of it is in queues now: the system's and ours, which is bounded. */
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
	ck_assert_uint_eq(relay_fixture_drops(&fixture, DROP_CLIENT_SLOW), 0);
	EVENTUALLY(events(PEER_CLOSED) == 1);
	close(fd);
	client_close(&alice);
}
END_TEST

/* Small frames, and large ones that are buffered before they are handled. */
static const size_t sizes[] = {100, 1000, 30000, 65000};

/*
 * The client sends Send indications as long as they are accepted; returns the bytes of
 * data.
 */
static size_t flood_indications(struct relay_client *client, const struct endpoint *peer,
				size_t size)
{
	static uint8_t message[66000], data[65000];
	size_t sent = 0, len = 0, at = 0;
	uint64_t last = wall_ms();

	fcntl(client->fd, F_SETFL, O_NONBLOCK);
	while (wall_ms() - last < 250 && sent < MOST) {
		if (at == len) {
			fill(data, size, sent);
			sent += size;
			len = client_indication(peer, data, size, message,
						sizeof(message));
			at = 0;
		}
		ssize_t n = send(client->fd, message + at, len - at, MSG_NOSIGNAL);
		if (n > 0) {
			at += (size_t)n;
			last = wall_ms();
		} else {
			nap();
		}
	}
	fcntl(client->fd, F_SETFL, 0);
	ck_assert_msg(sent < MOST, "the client is never stopped");
	return at == len ? sent : sent - size;
}

START_TEST(a_peer_that_does_not_read_slows_its_client_down)
{
	static uint8_t got[65536];
	struct endpoint peer;
	size_t taken = 0;

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	int fd = peer_connect(&fixture, &alice.local, &peer);
	EVENTUALLY(client_connections(&alice) == 1);
	size_t sent = flood_indications(&alice, &peer, sizes[_i]);
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
	int listener = peer_listen(&fixture, &other);

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	int fd = peer_connect(&fixture, &alice.local, &peer);
	EVENTUALLY(client_connections(&alice) == 1);
	/* Only whole messages, as many as wait: the last one is for another peer. */
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
	ck_assert_msg(n < 0 && errno == ECONNRESET,
		      "an abort that looks like a normal end");
	close(fd);
	close(listener);
	client_close(&alice);
}
END_TEST

/*
 * The queue fills in the middle of one read, and no more data follows: the rest must not
 * wait for further bytes. The peer's accept queue is full, so it answers late.
 */
START_TEST(data_read_before_a_pause_is_handled_after_it)
{
	enum { MESSAGES = 100, SIZE = 1000, FILLERS = 2 };
	static uint8_t message[MESSAGES * (SIZE + 64)], data[SIZE];
	static uint8_t got[MESSAGES * SIZE];
	struct endpoint peer, from;
	int listener = peer_listen(&fixture, &peer), filler[FILLERS];
	size_t len = 0;

	ck_assert_int_eq(listen(listener, 0), 0);
	for (int i = 0; i < FILLERS; i++) {
		struct sockaddr_storage sa;
		socklen_t sa_len = sockaddr_from_endpoint(&peer, &sa);
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(filler[i], (struct sockaddr *)&sa, sa_len);
	}
	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	for (size_t i = 0; i < MESSAGES; i++) {
		fill(data, SIZE, i * SIZE);
		len += client_indication(&peer, data, SIZE, message + len,
					 sizeof(message) - len);
	}
	peer_send(alice.fd, message, len);
	EVENTUALLY(client_connections(&alice) == 1);
	ck_assert_int_eq(listen(listener, 16), 0);
	close(peer_accept(listener, &from));
	int fd = peer_accept(listener, &from);
	if (!endpoint_equal(&from, &alice.local)) {
		close(fd);
		fd = peer_accept(listener, &from);
	}
	ck_assert(endpoint_equal(&from, &alice.local));
	ck_assert_int_eq(recv(fd, got, sizeof(got), MSG_WAITALL), (ssize_t)sizeof(got));
	expect_stream(got, sizeof(got), 0);
	for (int i = 0; i < FILLERS; i++)
		close(filler[i]);
	close(fd);
	close(listener);
	client_close(&alice);
}
END_TEST

/* From a client that releases, and to a peer that has closed its own direction. */
START_TEST(last_data_reaches_a_slow_peer)
{
	static uint8_t got[65536];
	struct endpoint peer;
	size_t taken = 0;
	ssize_t n;

	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &fixture.peers);
	int fd = peer_connect(&fixture, &alice.local, &peer);
	EVENTUALLY(client_connections(&alice) == 1);
	/* More than the system accepts; this sender is not told to wait. */
	static uint8_t data[10000];
	size_t sent = 0;
	while (sent < 24 << 20) {
		fill(data, sizeof(data), sent);
		client_relay(&alice, &peer, data, sizeof(data));
		sent += sizeof(data);
	}
	if (_i == 0) {
		client_release(&alice);
		ck_assert_uint_eq(events(PEER_ENDED), 1);
	} else {
		shutdown(fd, SHUT_WR);
		EVENTUALLY(events(PEER_CLOSED) == 1);
		ck_assert_uint_eq(client_connections(&alice), 0);
	}
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

static void peer_queue_suite(Suite *suite)
{
	TCase *tc = tcase_create("peer queue");
	TCase *narrow = tcase_create("narrow"), *impatient = tcase_create("impatient");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, a_client_that_does_not_read_slows_its_peer_down);
	tcase_add_loop_test(tc, a_peer_that_does_not_read_slows_its_client_down, 0,
			    ROWS(sizes));
	tcase_add_test(narrow, data_read_before_a_pause_is_handled_after_it);
	tcase_add_loop_test(tc, last_data_reaches_a_slow_peer, 0, 2);
	suite_add_tcase(suite, tc);

	tcase_set_timeout(narrow, 60);
	tcase_add_checked_fixture(narrow, begin_narrow, end);
	suite_add_tcase(suite, narrow);

	tcase_set_timeout(impatient, 60);
	tcase_add_checked_fixture(impatient, begin_impatient, end);
	tcase_add_test(impatient,
		       a_peer_that_never_reads_is_reset_and_its_client_goes_on);
	suite_add_tcase(suite, impatient);
}

UNIT_MAIN("peer_queue", peer_queue_suite)
