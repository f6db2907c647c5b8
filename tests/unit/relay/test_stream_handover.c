/*
 * test_stream_handover.c - streams that move from one worker to another: their bytes, TLS,
 * deadlines, and what they count for. On real sockets and threads.
 */
#include "relay/front/stream_handover.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "relay/core/quota.h"
#include "relay/front/clients.h"
#include "relay/front/stream.h"
#include "relay/front/stream_conn.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/relay/relay_fixture.h"
#include "tests/unit/stun/bytes.h"

#define BINDING "0001 0000 2112a442 000102030405060708090a0b"
#define BINDING_2 "0001 0000 2112a442 000102030405060708090a0c"

enum { BINDING_ANSWER = 32, NO_WORKER = 77, GREETING_MS = 1500 };

static struct relay_fixture fixture;
static struct relay_client alice;
static SSL_CTX *server_ctx, *client_ctx;
static bool is_short_lived; /* the deadline of authentication comes soon */

static void make_contexts(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	ck_assert(key != NULL && cert != NULL);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	ck_assert_int_eq(X509_set_pubkey(cert, key), 1);
	ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
	server_ctx = SSL_CTX_new(TLS_server_method());
	client_ctx = SSL_CTX_new(TLS_client_method());
	ck_assert(server_ctx != NULL && client_ctx != NULL);
	ck_assert_int_eq(SSL_CTX_use_certificate(server_ctx, cert), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(server_ctx, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void change(struct relay_settings *settings)
{
	settings->tls = server_ctx; /* borrowed */
	if (is_short_lived)
		settings->stream.authentication_ms = GREETING_MS;
}

static void begin_with(bool short_lived)
{
	is_short_lived = short_lived;
	make_contexts();
	relay_fixture_start(&fixture, NULL, change);
	client_connect(&alice, &fixture, 0);
}

static void begin(void)
{
	begin_with(false);
}

static void end(void)
{
	if (alice.fd >= 0)
		client_close(&alice);
	relay_fixture_stop(&fixture);
	SSL_CTX_free(server_ctx);
	SSL_CTX_free(client_ctx);
}

struct move {
	struct worker *from;
	struct five_tuple tuple;
	unsigned to;
	bool found;
};

static void move(void *arg)
{
	struct move *m = arg;

	loop_turn(&m->from->loop);
	struct stream *stream = stream_find(m->from->clients, &m->tuple);
	m->found = stream != NULL;
	if (m->found)
		stream_handover(stream, m->to);
}

/* Returns when it has left; where it arrives it may not have yet. */
static void hand_over(const struct five_tuple *tuple, unsigned from, unsigned to)
{
	struct move m = {.from = fixture.workers[from], .tuple = *tuple, .to = to};

	ck_assert(inbox_call(m.from->inbox, move, &m));
	ck_assert(m.found);
}

static void look(void *arg)
{
	struct move *m = arg;

	m->found = stream_find(m->from->clients, &m->tuple) != NULL;
}

static bool is_at(const struct five_tuple *tuple, unsigned worker)
{
	struct move m = {.from = fixture.workers[worker], .tuple = *tuple};

	ck_assert(inbox_call(m.from->inbox, look, &m));
	return m.found;
}

static uint64_t bindings(unsigned worker)
{
	const struct counters *counters = &fixture.workers[worker]->turn.counters;

	return counter_read(&counters->requests[REQUEST_BINDING][0]);
}

static struct counters counters(void)
{
	struct counters sum = {0};

	relay_counters(&fixture.relay, &sum);
	return sum;
}

static uint32_t half_open(void)
{
	return (uint32_t)quota_owners(fixture.relay.shared.half_open);
}

static void send_hex(const char *hex, size_t from, size_t to)
{
	struct slice bytes = bytes_hex(hex);

	peer_send(alice.fd, bytes.data + from, (to == 0 ? bytes.len : to) - from);
	bytes_free(bytes);
}

static void expect_answers(int count)
{
	uint8_t answer[BINDING_ANSWER];

	for (int i = 0; i < count; i++) {
		ck_assert_int_eq(recv(alice.fd, answer, sizeof(answer), MSG_WAITALL),
				 sizeof(answer));
		ck_assert_uint_eq(load_be16(answer), 0x0101);
	}
}

START_TEST(goes_on_at_the_other_worker_and_back)
{
	uint64_t before = bindings(0);

	hand_over(&alice.tuple, 0, 1);
	ck_assert(!is_at(&alice.tuple, 0));
	EVENTUALLY(is_at(&alice.tuple, 1));
	send_hex(BINDING, 0, 0);
	expect_answers(1);
	ck_assert_uint_eq(bindings(0), before);
	ck_assert_uint_eq(bindings(1), 1);
	ck_assert_uint_eq(relay_worker(&fixture.relay, 0).connections, 0);
	ck_assert_uint_eq(relay_worker(&fixture.relay, 1).connections, 1);

	hand_over(&alice.tuple, 1, 0);
	send_hex(BINDING, 0, 0);
	expect_answers(1);
	ck_assert_uint_eq(bindings(0), before + 1);
	ck_assert_uint_eq(counters().connections_arrived, 2);
	ck_assert_uint_eq(counters().connections_departed, 2);
	ck_assert_uint_eq(counters().connections_opened, 1);
	client_close(&alice);
	EVENTUALLY(counters().connections_closed == 1);
	ck_assert_uint_eq(half_open(), 0);
}
END_TEST

START_TEST(to_its_own_worker)
{
	hand_over(&alice.tuple, 0, 0);
	send_hex(BINDING, 0, 0);
	expect_answers(1);
	ck_assert_uint_eq(bindings(0), 2);
}
END_TEST

/* Cut within a frame at each byte, so that some of it moves and some comes later. */
START_TEST(takes_along_what_is_not_handled)
{
	send_hex(BINDING BINDING_2, 0, (size_t)_i);
	EVENTUALLY(bindings(0) == (_i >= 20 ? 2 : 1));
	for (int i = 0; i < 5; i++)
		nap();
	hand_over(&alice.tuple, 0, 1);
	send_hex(BINDING BINDING_2, (size_t)_i, 0);
	expect_answers(2);
	ck_assert_uint_eq(bindings(1), _i >= 20 ? 1 : 2);
}
END_TEST

START_TEST(bytes_that_come_in_between_wait)
{
	uint8_t answers[64 * BINDING_ANSWER];
	size_t got = 0;

	for (unsigned i = 0; i < 64; i++) {
		unsigned to = (i + 1) % 2;

		send_hex(BINDING, 0, 0);
		hand_over(&alice.tuple, i % 2, to);
		EVENTUALLY(is_at(&alice.tuple, to));
	}
	while (got < sizeof(answers)) {
		ssize_t n = recv(alice.fd, answers + got, sizeof(answers) - got, 0);
		ck_assert_int_gt(n, 0);
		got += (size_t)n;
	}
	ck_assert_uint_eq(bindings(0) + bindings(1), 1 + 64);
}
END_TEST

START_TEST(counts_as_half_open_all_the_way)
{
	static struct relay_client others[2];

	ck_assert_uint_eq(half_open(), 1);
	client_connect(&others[0], &fixture, 1);
	client_connect(&others[1], &fixture, 0);
	ck_assert_uint_eq(quota_peak(fixture.relay.shared.half_open), 3);
	hand_over(&alice.tuple, 0, 1);
	EVENTUALLY(is_at(&alice.tuple, 1));
	hand_over(&others[1].tuple, 0, 1);
	EVENTUALLY(is_at(&others[1].tuple, 1));
	ck_assert_uint_eq(quota_peak(fixture.relay.shared.half_open), 3);
	ck_assert_uint_eq(half_open(), 1);
	for (int i = 0; i < 2; i++)
		client_close(&others[i]);
	client_close(&alice);
	EVENTUALLY(half_open() == 0);
}
END_TEST

START_TEST(keeps_its_deadline)
{
	uint64_t since = wall_ms();
	char byte;

	end(); /* the one of the fixture, which has time */
	begin_with(true);
	since = wall_ms();
	for (int i = 0; i < 200; i++)
		nap(); /* 400 ms and more of its time are over */
	hand_over(&alice.tuple, 0, 1);
	ck_assert_int_eq(recv(alice.fd, &byte, 1, 0), 0);
	ck_assert_uint_ge(wall_ms() - since, GREETING_MS - 100);
	ck_assert_uint_le(wall_ms() - since, FIXTURE_PATIENCE_MS - 100);
	EVENTUALLY(counters().connections_ended[CONNECTION_END_AUTHENTICATION] == 1);
	ck_assert_uint_eq(half_open(), 0);
}
END_TEST

START_TEST(to_no_worker_is_the_end)
{
	char byte;

	hand_over(&alice.tuple, 0, NO_WORKER);
	ck_assert_int_eq(recv(alice.fd, &byte, 1, 0), 0);
	ck_assert_uint_eq(counters().connections_closed, 1);
	ck_assert_uint_eq(counters().connections_departed, 0);
	ck_assert_uint_eq(half_open(), 0);
}
END_TEST

START_TEST(to_a_worker_that_has_ended_is_the_end)
{
	char byte;

	worker_stop(fixture.workers[1]);
	hand_over(&alice.tuple, 0, 1);
	ck_assert_int_eq(recv(alice.fd, &byte, 1, 0), 0);
	ck_assert_uint_eq(half_open(), 0);
}
END_TEST

/* Of two with one 5-tuple, the end of one would end the allocation of the other. */
static void name_as(void *arg)
{
	struct move *m = arg;
	struct stream *stream = stream_find(m->from->clients, &m->tuple);

	if (stream != NULL)
		clients_move(m->from->clients, &stream->client, alice.tuple.front);
	m->found = stream != NULL &&
		   clients_rename(m->from->clients, &stream->client, &alice.tuple.client);
}

START_TEST(to_where_its_5_tuple_is_in_use_is_the_end) /* both came through balancers */
{
	static struct relay_client bob;
	char byte;

	client_connect(&bob, &fixture, 1);
	struct move m = {.from = fixture.workers[1], .tuple = bob.tuple};

	ck_assert(inbox_call(m.from->inbox, name_as, &m));
	ck_assert(m.found);
	hand_over(&alice.tuple, 0, 1);
	ck_assert_int_eq(recv(alice.fd, &byte, 1, 0), 0);
	ck_assert(is_at(&alice.tuple, 1));
	ck_assert_uint_eq(relay_worker(&fixture.relay, 1).connections, 1);
	client_close(&bob);
}
END_TEST

static void close_its_front(void *arg)
{
	bool fronts[FRONTS_MAX] = {[0] = true, [1] = true};

	loop_turn(&((struct worker *)arg)->loop);
	worker_close_fronts(arg, fronts);
}

START_TEST(nothing_arrives_at_a_front_that_has_closed)
{
	char byte;

	ck_assert(inbox_call(fixture.workers[1]->inbox, close_its_front,
			     fixture.workers[1]));
	hand_over(&alice.tuple, 0, 1);
	ck_assert_int_eq(recv(alice.fd, &byte, 1, 0), 0);
	EVENTUALLY(counters().connections_closed == 1);
	ck_assert_uint_eq(half_open(), 0);
}
END_TEST

START_TEST(the_end_of_the_clients_direction_is_read_there)
{
	hand_over(&alice.tuple, 0, 1);
	send_hex(BINDING, 0, 0);
	shutdown(alice.fd, SHUT_WR);
	expect_answers(1);
	peer_expect_end(alice.fd);
	EVENTUALLY(counters().connections_ended[CONNECTION_END_CLIENT] == 1);
}
END_TEST

/* --- TLS ------------------------------------------------------------------------------------- */

static void answer_over_tls(SSL *ssl)
{
	struct slice request = bytes_hex(BINDING);
	uint8_t answer[64];

	ck_assert_int_eq(SSL_write(ssl, request.data, (int)request.len),
			 (int)request.len);
	ck_assert_int_eq(SSL_read(ssl, answer, sizeof(answer)), BINDING_ANSWER);
	bytes_free(request);
}

START_TEST(tls_moves_along)
{
	SSL *ssl = SSL_new(client_ctx);
	struct five_tuple tuple;
	struct slice request = bytes_hex(BINDING BINDING_2);
	uint8_t answer[64];
	int got = 0;

	/* A new connection, whose first bytes are of TLS. */
	client_close(&alice);
	int fd = peer_connect(&fixture, &fixture.fronts[0].local, &tuple.client);
	tuple.front = 1;
	ck_assert_int_eq(SSL_set_fd(ssl, fd), 1);
	ck_assert_int_eq(SSL_connect(ssl), 1);
	answer_over_tls(ssl);
	for (unsigned i = 0; i < 10; i++) {
		unsigned to = (i + 1) % 2;

		/* One and a half frames in a record of their own. */
		ck_assert_int_eq(SSL_write(ssl, request.data, 30), 30);
		hand_over(&tuple, i % 2, to);
		EVENTUALLY(is_at(&tuple, to));
		ck_assert_int_eq(SSL_write(ssl, request.data + 30, 10), 10);
		for (got = 0; got < 2 * BINDING_ANSWER;)
			got += SSL_read(ssl, answer, BINDING_ANSWER);
	}
	ck_assert_uint_ge(bindings(1), 10);
	bytes_free(request);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);
	EVENTUALLY(counters().connections_closed == 2);
}
END_TEST

/* --- at the end of the process ------------------------------------------------------------------ */

/* Moves that are under way when the workers stop: nothing leaks (the fixture checks). */
START_TEST(the_workers_stop_meanwhile)
{
	static struct relay_client more[8];

	for (int i = 0; i < 8; i++)
		client_connect(&more[i], &fixture, 0);
	for (int i = 0; i < 8; i++) {
		struct move m = {
			.from = fixture.workers[0], .tuple = more[i].tuple, .to = 1};
		ck_assert(inbox_call(m.from->inbox, move, &m));
	}
	worker_stop(fixture.workers[0]);
	worker_stop(fixture.workers[1]);
	for (int i = 0; i < 8; i++)
		client_close(&more[i]);
}
END_TEST

static void stream_handover_suite(Suite *suite)
{
	TCase *tc = tcase_create("stream_handover");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, goes_on_at_the_other_worker_and_back);
	tcase_add_test(tc, to_its_own_worker);
	tcase_add_loop_test(tc, takes_along_what_is_not_handled, 1, 40);
	tcase_add_test(tc, bytes_that_come_in_between_wait);
	tcase_add_test(tc, counts_as_half_open_all_the_way);
	tcase_add_test(tc, keeps_its_deadline);
	tcase_add_test(tc, to_no_worker_is_the_end);
	tcase_add_test(tc, to_a_worker_that_has_ended_is_the_end);
	tcase_add_test(tc, to_where_its_5_tuple_is_in_use_is_the_end);
	tcase_add_test(tc, nothing_arrives_at_a_front_that_has_closed);
	tcase_add_test(tc, the_end_of_the_clients_direction_is_read_there);
	tcase_add_test(tc, tls_moves_along);
	tcase_add_test(tc, the_workers_stop_meanwhile);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stream_handover", stream_handover_suite)
