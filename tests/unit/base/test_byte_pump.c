/*
 * test_byte_pump.c - bytes from one connection to another: all of them in order, no more in
 * between than is allowed, and the ends; plain with and without pipes, and TLS. On real sockets.
 */
#include "base/net/byte_pump.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/lib/unit.h"

enum { MIB = 1 << 20, LOT = 16 * MIB, EVERYTHING = 1 << 30 };

/* far is what the test holds of a connection, near is the pump's. */
struct connection {
	int far;
	SSL *far_ssl;
	struct byte_pump_end near;
};

static SSL_CTX *server_ctx, *client_ctx;
static struct byte_pumps *pumps;
static struct connection in, out;
static struct byte_pump pump;
static uint8_t *sent, *got;
static size_t sent_len, got_len;

static void make_contexts(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	ck_assert(key != NULL && cert != NULL);
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

static SSL *new_ssl(SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);

	ck_assert_ptr_nonnull(ssl);
	ck_assert_int_eq(SSL_set_fd(ssl, fd), 1);
	SSL_set_mode(ssl,
		     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return ssl;
}

static void shake_hands(struct connection *c)
{
	bool far_done = false, near_done = false;

	c->far_ssl = new_ssl(client_ctx, c->far);
	c->near.ssl = new_ssl(server_ctx, c->near.fd);
	for (int i = 0; i < 1000 && !(far_done && near_done); i++) {
		far_done = far_done || SSL_connect(c->far_ssl) == 1;
		near_done = near_done || SSL_accept(c->near.ssl) == 1;
	}
	ck_assert(far_done && near_done);
}

/* Fixed, or the kernel holds a lot of it. */
static void limit_buffers(int fd)
{
	int size = 128 << 10;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* TCP over loopback: other sockets know less of splice() and MSG_TRUNC. */
static struct connection open_connection(bool tls)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(to);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct connection c = {.far = socket(AF_INET, SOCK_STREAM, 0)};

	limit_buffers(listener); /* and so those that it accepts */
	limit_buffers(c.far);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&to, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&to, &len), 0);
	ck_assert_int_eq(connect(c.far, (struct sockaddr *)&to, len), 0);
	c.near.fd = accept(listener, NULL, NULL);
	ck_assert_int_ge(c.near.fd, 0);
	close(listener);
	fcntl(c.far, F_SETFL, O_NONBLOCK);
	fcntl(c.near.fd, F_SETFL, O_NONBLOCK);
	if (tls)
		shake_hands(&c);
	return c;
}

static void close_connection(struct connection *c)
{
	SSL_free(c->far_ssl);
	SSL_free(c->near.ssl);
	close(c->far);
	close(c->near.fd);
}

/* Bits of the loop index: which of the two has TLS. */
static void open_both(int which)
{
	in = open_connection(which & 1);
	out = open_connection(which & 2);
}

static void begin(void)
{
	signal(SIGPIPE, SIG_IGN);
	make_contexts();
	pumps = byte_pumps_new();
	ck_assert_ptr_nonnull(pumps);
	memset(&pump, 0, sizeof(pump));
	sent = malloc(LOT);
	got = malloc(LOT);
	ck_assert(sent != NULL && got != NULL);
	for (size_t i = 0; i < LOT; i++)
		sent[i] = (uint8_t)(i * 2654435761u >> 13);
	sent_len = got_len = 0;
}

static void end(void)
{
	byte_pump_release(&pump, pumps);
	ck_assert_uint_eq(byte_pumps_pipes(pumps), 0);
	byte_pumps_free(pumps);
	close_connection(&in);
	close_connection(&out);
	SSL_CTX_free(server_ctx);
	SSL_CTX_free(client_ctx);
	free(sent);
	free(got);
}

/* As much as fits of what is left up to that. */
static void feed(size_t until)
{
	while (sent_len < until) {
		ssize_t n = in.far_ssl != NULL
				    ? SSL_write(in.far_ssl, sent + sent_len,
						(int)(until - sent_len))
				    : send(in.far, sent + sent_len, until - sent_len, 0);
		if (n <= 0)
			return;
		sent_len += (size_t)n;
	}
}

/* All that is there. True: it has ended. */
static bool drain(size_t at_most)
{
	while (got_len < LOT && at_most > 0) {
		size_t room = LOT - got_len < at_most ? LOT - got_len : at_most;
		ssize_t n = out.far_ssl != NULL
				    ? SSL_read(out.far_ssl, got + got_len, (int)room)
				    : recv(out.far, got + got_len, room, 0);
		if (n == 0 && out.far_ssl == NULL)
			return true;
		if (n <= 0)
			return out.far_ssl != NULL &&
			       SSL_get_error(out.far_ssl, (int)n) ==
				       SSL_ERROR_ZERO_RETURN;
		got_len += (size_t)n;
		at_most -= (size_t)n;
	}
	return false;
}

static enum byte_pump_result run(size_t budget, size_t *taken)
{
	return byte_pump_run(&pump, pumps, &in.near, &out.near, budget, taken);
}

START_TEST(everything_arrives_and_then_the_end)
{
	enum byte_pump_result result = BYTE_PUMP_EMPTY;
	size_t counted = 0, taken;
	bool ended = false;

	open_both(_i);
	for (int i = 0; i < 1000000 && !ended; i++) {
		feed(LOT);
		if (sent_len == LOT) {
			if (in.far_ssl != NULL)
				SSL_shutdown(in.far_ssl);
			shutdown(in.far, SHUT_WR);
		}
		result = run(100000, &taken);
		ck_assert_int_ne(result, BYTE_PUMP_BROKEN);
		counted += taken;
		ended = drain(LOT);
		if (got_len == LOT && result == BYTE_PUMP_DONE) {
			uint8_t byte;
			ended = out.far_ssl != NULL ? SSL_read(out.far_ssl, &byte, 1) <= 0
						    : recv(out.far, &byte, 1, 0) == 0;
		}
	}
	ck_assert(ended);
	ck_assert_int_eq(result, BYTE_PUMP_DONE);
	ck_assert_uint_eq(counted, LOT);
	ck_assert_uint_eq(got_len, LOT);
	ck_assert(memcmp(sent, got, LOT) == 0);
	ck_assert(!byte_pump_holds(&pump));
	/* The other direction is still there. */
	ck_assert_int_eq(send(out.far, "x", 1, 0), 1);
}
END_TEST

static size_t held(void)
{
	return pump.in_pipe + (pump.held != NULL ? pump.held_len - pump.held_sent : 0);
}

START_TEST(no_more_is_read_than_the_budget)
{
	size_t taken, left = LOT;

	open_both(_i);
	for (int i = 0; i < 100; i++) {
		feed(LOT);
		run(1000, &taken);
		ck_assert_uint_le(taken + held(), 1000);
		ck_assert_uint_le(taken, left);
		left -= taken;
		drain(LOT);
	}
	ck_assert_uint_lt(left, LOT);
}
END_TEST

START_TEST(a_sink_that_stalls_stops_the_source)
{
	size_t taken, before;

	open_both(_i);
	/* The kernel may give more room for a while. */
	for (unsigned i = 0, quiet = 0; i < 100000 && quiet < 100; i++) {
		before = sent_len;
		feed(LOT);
		ck_assert_int_ne(run(EVERYTHING, &taken), BYTE_PUMP_BROKEN);
		ck_assert_uint_le(held(), _i == 0 ? MIB : BYTE_PUMP_PIECE);
		quiet = taken == 0 && sent_len == before ? quiet + 1 : 0;
		if (quiet > 0)
			usleep(1000);
	}
	feed(LOT);
	ck_assert_int_eq(run(EVERYTHING, &taken), BYTE_PUMP_FULL);
	ck_assert_uint_eq(taken, 0);
	ck_assert_uint_lt(sent_len, LOT);
	for (int i = 0; i < 1000000 && got_len < LOT; i++) {
		feed(LOT);
		run(EVERYTHING, &taken);
		drain(50000);
	}
	ck_assert_uint_eq(got_len, LOT);
	ck_assert(memcmp(sent, got, LOT) == 0);
}
END_TEST

START_TEST(without_a_pipe_nothing_is_held)
{
	static struct byte_pump others[BYTE_PUMP_PIPES_MAX];
	static struct connection ins[BYTE_PUMP_PIPES_MAX], outs[BYTE_PUMP_PIPES_MAX];
	static uint8_t piece[BYTE_PUMP_PIECE];
	enum byte_pump_result result = BYTE_PUMP_EMPTY;
	size_t taken;

	for (int i = 0; i < BYTE_PUMP_PIPES_MAX; i++) {
		ins[i] = open_connection(false);
		outs[i] = open_connection(false);
		memset(&others[i], 0, sizeof(others[i]));
		do {
			while (send(ins[i].far, piece, sizeof(piece), 0) > 0)
				;
			result = byte_pump_run(&others[i], pumps, &ins[i].near,
					       &outs[i].near, EVERYTHING, &taken);
		} while (result != BYTE_PUMP_FULL);
		ck_assert(byte_pump_holds(&others[i]));
	}
	ck_assert_uint_eq(byte_pumps_pipes(pumps), BYTE_PUMP_PIPES_MAX);

	open_both(0);
	for (int i = 0; i < 1000000 && got_len < LOT; i++) {
		feed(LOT);
		result = run(EVERYTHING, &taken);
		ck_assert_int_ne(result, BYTE_PUMP_BROKEN);
		ck_assert_uint_eq(held(), 0);
		if (i > 2000 || result != BYTE_PUMP_FULL)
			drain(MIB);
	}
	ck_assert_uint_eq(got_len, LOT);
	ck_assert(memcmp(sent, got, LOT) == 0);
	for (int i = 0; i < BYTE_PUMP_PIPES_MAX; i++) {
		byte_pump_release(&others[i], pumps);
		close_connection(&ins[i]);
		close_connection(&outs[i]);
	}
}
END_TEST

static struct {
	unsigned made, changes;
	bool ready;
	uint64_t id;
	int fds[2];
} watched;

static void made(void *arg, const int fds[2])
{
	ck_assert_ptr_eq(arg, &watched);
	watched.made++;
	memcpy(watched.fds, fds, sizeof(watched.fds));
}

static bool is_ready(void *arg)
{
	ck_assert_ptr_eq(arg, &watched);
	return watched.ready;
}

static void used(void *arg, struct byte_pump *by, uint64_t id)
{
	ck_assert(arg == &watched && by == &pump);
	watched.changes++;
	watched.id = id;
}

static size_t in_pipe(const int fds[2])
{
	int there = 0;

	ck_assert_int_eq(ioctl(fds[0], FIONREAD, &there), 0);
	return (size_t)there;
}

START_TEST(whose_bytes_are_in_a_pipe_is_told)
{
	const struct byte_pumps_watch watch = {&watched, made, is_ready, used};
	size_t taken;

	memset(&watched, 0, sizeof(watched));
	byte_pumps_watch(pumps, &watch);
	open_both(0);
	/* Made, but not to be used yet: bytes pass without it. */
	for (int i = 0; i < 1000000 && got_len < MIB; i++) {
		feed(MIB);
		run(EVERYTHING, &taken);
		drain(MIB);
	}
	ck_assert_uint_eq(got_len, MIB);
	ck_assert_uint_eq(watched.made, 1);
	ck_assert_uint_eq(watched.changes, 0);

	watched.ready = true;
	for (int i = 0; i < 1000000 && held() == 0; i++) {
		feed(LOT);
		run(EVERYTHING, &taken);
	}
	ck_assert_uint_eq(watched.made, 1);
	ck_assert_uint_eq(watched.id, byte_pump_pipe_id(watched.fds[0]));
	ck_assert_uint_eq(in_pipe(watched.fds), held());

	/* Others may have copies of it: it is emptied and kept. */
	byte_pump_release(&pump, pumps);
	ck_assert_uint_eq(watched.id, 0);
	ck_assert_uint_eq(in_pipe(watched.fds), 0);
}
END_TEST

START_TEST(a_pump_goes_on_from_a_pipe)
{
	int fds[2];
	size_t taken;

	open_both(0);
	ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	ck_assert_int_eq(write(fds[1], sent, 1000), 1000);
	byte_pump_restore(&pump, pumps, fds, 1000);
	ck_assert_uint_eq(byte_pumps_pipes(pumps), 1);
	sent_len = 1000;
	for (int i = 0; i < 1000000 && got_len < MIB; i++) {
		feed(MIB);
		run(EVERYTHING, &taken);
		drain(MIB);
	}
	ck_assert_uint_eq(got_len, MIB);
	ck_assert(memcmp(sent, got, MIB) == 0);
	ck_assert_uint_eq(byte_pump_pipe_id(in.far), 0);
}
END_TEST

START_TEST(first_bytes_come_first)
{
	size_t taken;

	open_both(_i);
	feed(MIB);
	ck_assert(byte_pump_first(&pump, (struct slice){(const uint8_t *)"first", 5}));
	ck_assert(byte_pump_holds(&pump));
	for (int i = 0; i < 1000000 && got_len < MIB; i++) {
		feed(MIB);
		run(EVERYTHING, &taken);
		drain(MIB);
	}
	ck_assert_uint_ge(got_len, MIB);
	ck_assert_mem_eq(got, "first", 5);
	ck_assert(memcmp(got + 5, sent, MIB - 5) == 0);
}
END_TEST

/* The process before has passed them on, and was killed before it read them. */
START_TEST(repeated_bytes_are_skipped)
{
	size_t taken;

	open_both(0);
	feed(MIB);
	byte_pump_skip(&pump, 1000);
	for (int i = 0; i < 1000000 && got_len < MIB - 1000; i++) {
		feed(MIB);
		run(EVERYTHING, &taken);
		drain(MIB);
	}
	ck_assert_uint_ge(got_len, MIB - 1000);
	ck_assert(memcmp(got, sent + 1000, MIB - 1000) == 0);
}
END_TEST

START_TEST(no_first_bytes_are_none)
{
	size_t taken;

	open_both(0);
	ck_assert(byte_pump_first(&pump, (struct slice){NULL, 0}));
	ck_assert(!byte_pump_holds(&pump));
	ck_assert_int_eq(run(EVERYTHING, &taken), BYTE_PUMP_EMPTY);
	ck_assert_uint_eq(byte_pumps_pipes(pumps), 0);
}
END_TEST

/* The source reads urgent bytes in line, as those of the relay do. */
static void send_urgent(const char *text)
{
	int one = 1;
	size_t len = strlen(text);

	setsockopt(in.near.fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	ck_assert_int_eq(send(in.far, text, len, MSG_OOB), (int)len);
}

START_TEST(an_urgent_byte_is_one_of_the_stream)
{
	static const char *const texts[] = {"abcd", "e", "fgh"};
	char arrived[16] = "";
	size_t taken, len = 0;
	ssize_t more;

	open_both(0);
	for (size_t i = 0; i < 3; i++)
		send_urgent(texts[i]);
	ck_assert_int_eq(send(in.far, "ij", 2, 0), 2);
	for (int i = 0; i < 1000 && len < 10; i++) {
		ck_assert_int_eq(run(EVERYTHING, &taken), BYTE_PUMP_EMPTY);
		while ((more = recv(out.far, arrived + len, sizeof(arrived) - len, 0)) >
		       0)
			len += (size_t)more;
	}
	ck_assert_str_eq(arrived, "abcdefghij");
	/* Nothing is left that would wake it again and again. */
	ck_assert_int_eq(run(EVERYTHING, &taken), BYTE_PUMP_EMPTY);
	ck_assert_uint_eq(taken, 0);
}
END_TEST

static void reset(int *fd)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(*fd);
	*fd = -1;
}

START_TEST(a_reset_breaks_it)
{
	enum byte_pump_result result = BYTE_PUMP_EMPTY;
	size_t taken;

	open_both(_i / 2);
	if (_i % 2 == 0) {
		reset(&in.far);
		result = run(EVERYTHING, &taken);
	} else {
		reset(&out.far);
		for (int i = 0; i < 100 && result != BYTE_PUMP_BROKEN; i++) {
			feed(LOT);
			result = run(EVERYTHING, &taken);
		}
	}
	ck_assert_int_eq(result, BYTE_PUMP_BROKEN);
}
END_TEST

START_TEST(tls_that_ends_without_a_word_is_an_end)
{
	size_t taken;

	open_both(1);
	feed(1000);
	shutdown(in.far, SHUT_WR);
	ck_assert_int_eq(run(EVERYTHING, &taken), BYTE_PUMP_DONE);
	ck_assert_uint_eq(taken, 1000);
	ck_assert(drain(LOT));
}
END_TEST

static void byte_pump_suite(Suite *suite)
{
	TCase *tc = tcase_create("byte_pump");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, everything_arrives_and_then_the_end, 0, 4);
	tcase_add_loop_test(tc, no_more_is_read_than_the_budget, 0, 4);
	tcase_add_loop_test(tc, a_sink_that_stalls_stops_the_source, 0, 4);
	tcase_add_test(tc, without_a_pipe_nothing_is_held);
	tcase_add_test(tc, whose_bytes_are_in_a_pipe_is_told);
	tcase_add_test(tc, a_pump_goes_on_from_a_pipe);
	tcase_add_loop_test(tc, first_bytes_come_first, 0, 4);
	tcase_add_test(tc, repeated_bytes_are_skipped);
	tcase_add_test(tc, no_first_bytes_are_none);
	tcase_add_test(tc, an_urgent_byte_is_one_of_the_stream);
	tcase_add_loop_test(tc, a_reset_breaks_it, 0, 8);
	tcase_add_test(tc, tls_that_ends_without_a_word_is_an_end);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("byte_pump", byte_pump_suite)
