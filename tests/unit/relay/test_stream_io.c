/*
 * test_stream_io.c - the bytes of a connection over a socket pair: the reader gets whole
 * messages in order, however slowly it reads.
 */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "relay/front/stream_io.h"
#include "tests/unit/lib/unit.h"

enum {
	LIMIT = 64 << 10,
	MESSAGE = 1000,
	MANY = 2000, /* more than socket and queue hold */
};

static struct stream_io io;
static int reader;
static SSL *client;
static SSL_CTX *server_ctx, *client_ctx;

static void open_pair(void)
{
	int fds[2], size = 32 << 10;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
			 0);
	stream_io_init(&io, fds[0]);
	reader = fds[1];
}

static void close_pair(void)
{
	SSL_free(client);
	client = NULL;
	SSL_CTX_free(server_ctx);
	SSL_CTX_free(client_ctx);
	server_ctx = client_ctx = NULL;
	stream_io_close(&io);
	close(reader);
}

static void make_server_ctx(void)
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
	SSL_CTX_set_num_tickets(server_ctx, 0);
	ck_assert_int_eq(SSL_CTX_use_certificate(server_ctx, cert), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(server_ctx, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void open_tls_pair(void)
{
	enum stream_io_result result = STREAM_IO_AGAIN;

	open_pair();
	make_server_ctx();
	ck_assert(stream_io_start_tls(&io, server_ctx));
	client = SSL_new(client_ctx);
	ck_assert_int_eq(SSL_set_fd(client, reader), 1);
	for (int i = 0; i < 10; i++) {
		int done = SSL_connect(client);
		if (result != STREAM_IO_OK)
			result = stream_io_handshake(&io);
		if (done == 1 && result == STREAM_IO_OK)
			return;
	}
	ck_abort_msg("no handshake");
}

static void open_either(int tls)
{
	if (tls)
		open_tls_pair();
	else
		open_pair();
}

/* Every word of a message is its number. */
static unsigned send_number(uint32_t number, enum stream_io_kind kind, size_t limit)
{
	uint32_t words[MESSAGE / sizeof(uint32_t)];

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		words[i] = number;
	return stream_io_send(&io, (struct slice){(uint8_t *)words, sizeof(words)}, kind,
			      limit);
}

static ssize_t read_some(uint8_t *buf, size_t size)
{
	if (client == NULL)
		return recv(reader, buf, size, 0);
	int got = SSL_read(client, buf, (int)size);
	return got > 0 ? got : -1;
}

/* Read all that is available; returns the count and numbers of the messages. */
static size_t read_numbers(uint32_t *numbers)
{
	static uint8_t bytes[MANY * MESSAGE];
	size_t len = 0, count = 0;
	ssize_t got;

	do {
		while ((got = read_some(bytes + len, sizeof(bytes) - len)) > 0)
			len += (size_t)got;
	} while (io.queued > 0 && stream_io_flush(&io) != STREAM_IO_FAILED);
	while (len < sizeof(bytes) &&
	       (got = read_some(bytes + len, sizeof(bytes) - len)) > 0)
		len += (size_t)got;

	ck_assert_uint_eq(len % MESSAGE, 0);
	for (size_t at = 0; at < len; at += MESSAGE) {
		memcpy(&numbers[count], bytes + at, sizeof(*numbers));
		for (size_t i = 0; i < MESSAGE; i += sizeof(*numbers))
			ck_assert_msg(memcmp(bytes + at + i, &numbers[count],
					     sizeof(*numbers)) == 0,
				      "message %zu is broken at byte %zu", count, i);
		count++;
	}
	return count;
}

START_TEST(data_that_the_socket_accepts_is_not_queued)
{
	uint32_t numbers[MANY];

	open_either(_i);
	for (uint32_t i = 0; i < 5; i++)
		ck_assert_uint_eq(send_number(i, STREAM_IO_MEDIA, LIMIT), 0);
	ck_assert_uint_eq(io.queued, 0);
	ck_assert(!stream_io_wants_write(&io));
	ck_assert_uint_eq(read_numbers(numbers), 5);
	close_pair();
}
END_TEST

START_TEST(old_media_is_dropped_first)
{
	static uint32_t numbers[MANY];
	unsigned dropped = 0;

	open_either(_i);
	for (uint32_t i = 0; i < MANY; i++) {
		dropped += send_number(i, STREAM_IO_MEDIA, LIMIT);
		ck_assert_uint_le(io.queued, LIMIT);
	}
	ck_assert_uint_gt(dropped, 0);
	ck_assert(stream_io_wants_write(&io));
	ck_assert(!io.failed);

	size_t count = read_numbers(numbers);
	ck_assert_uint_eq(count + dropped, MANY);
	for (size_t i = 1; i < count; i++)
		ck_assert_uint_lt(numbers[i - 1], numbers[i]);
	/* The first ones, which the socket held, and the last ones remain. */
	ck_assert_uint_eq(numbers[0], 0);
	ck_assert_uint_eq(numbers[count - 1], MANY - 1);
	ck_assert_uint_eq(numbers[count - 40], MANY - 40);
	ck_assert_uint_eq(io.queued, 0);
	close_pair();
}
END_TEST

START_TEST(a_reply_is_kept_when_media_is_dropped)
{
	static uint32_t numbers[MANY];
	uint32_t reply = MANY + 1;

	open_either(_i);
	for (uint32_t i = 0; i < 200; i++)
		send_number(i, STREAM_IO_MEDIA, LIMIT);
	ck_assert_uint_eq(send_number(reply, STREAM_IO_REPLY, LIMIT + 2 * MESSAGE), 0);
	for (uint32_t i = 200; i < MANY; i++)
		send_number(i, STREAM_IO_MEDIA, LIMIT);

	size_t count = read_numbers(numbers), replies = 0;
	for (size_t i = 0; i < count; i++)
		replies += numbers[i] == reply;
	ck_assert_uint_eq(replies, 1);
	close_pair();
}
END_TEST

START_TEST(replies_are_bounded_too)
{
	uint32_t i = 0;

	open_either(_i);
	while (!io.failed && i < MANY)
		send_number(i++, STREAM_IO_REPLY, LIMIT);
	ck_assert(io.failed);
	ck_assert_uint_le(io.queued, LIMIT);
	ck_assert_int_eq(stream_io_flush(&io), STREAM_IO_FAILED);
	close_pair();
}
END_TEST

/* A message larger than the queue is still completed once it has begun. */
START_TEST(a_begun_message_is_finished)
{
	static uint8_t message[300000], got[sizeof(message)];
	size_t len = 0;
	ssize_t more;

	open_either(_i);
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)(i * 13 + (i >> 8));
	struct slice all = {message, sizeof(message)};
	ck_assert_uint_eq(stream_io_send(&io, all, STREAM_IO_MEDIA, 1000), 0);
	ck_assert_uint_gt(io.queued, 0);
	ck_assert_uint_eq(send_number(1, STREAM_IO_MEDIA, 1000), 1);
	while (len < sizeof(got)) {
		while ((more = read_some(got + len, sizeof(got) - len)) > 0)
			len += (size_t)more;
		ck_assert_int_ne(stream_io_flush(&io), STREAM_IO_FAILED);
	}
	ck_assert(memcmp(got, message, sizeof(got)) == 0);
	ck_assert_uint_eq(io.queued, 0);
	close_pair();
}
END_TEST

/* turnutils_uclient expects one record per message. */
START_TEST(one_message_is_one_record)
{
	uint8_t got[4 * MESSAGE];

	open_tls_pair();
	for (uint32_t i = 0; i < 3; i++)
		send_number(i, STREAM_IO_MEDIA, LIMIT);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(SSL_read(client, got, sizeof(got)), MESSAGE);
	close_pair();
}
END_TEST

START_TEST(data_held_by_tls_is_reported)
{
	uint8_t bytes[500] = {0}, got[500];
	size_t len;

	open_tls_pair();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(SSL_write(client, bytes, sizeof(bytes)), sizeof(bytes));
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(stream_io_read(&io, got, sizeof(got), &len),
				 STREAM_IO_OK);
		ck_assert_uint_eq(len, sizeof(got));
		ck_assert(stream_io_has_more(&io) == (i < 2));
	}
	ck_assert_int_eq(stream_io_read(&io, got, sizeof(got), &len), STREAM_IO_AGAIN);
	close_pair();
}
END_TEST

/* STUN over TCP is known by its first bytes, but the first byte alone is ambiguous. */
START_TEST(first_bytes_are_only_peeked_at)
{
	static const uint8_t allocate[] = {0x00, 0x03, 0x00, 0x00,
					   0x21, 0x12, 0xa4, 0x42};
	enum stream_kind kind = STREAM_KIND_COUNT;
	uint8_t got[100];
	size_t len = 0;
	int enough = 0;
	socklen_t size = sizeof(enough);

	open_pair();
	ck_assert_int_eq(stream_io_peek(&io, &kind), STREAM_IO_AGAIN);
	ck_assert_int_eq(write(reader, allocate, 1), 1);
	ck_assert_int_eq(stream_io_peek(&io, &kind), STREAM_IO_AGAIN);
	ck_assert_int_eq(getsockopt(io.fd, SOL_SOCKET, SO_RCVLOWAT, &enough, &size), 0);
	ck_assert_int_eq(enough, 2);

	ck_assert_int_eq(write(reader, allocate + 1, sizeof(allocate) - 1),
			 sizeof(allocate) - 1);
	ck_assert_int_eq(stream_io_peek(&io, &kind), STREAM_IO_OK);
	ck_assert_int_eq(kind, STREAM_STUN);
	ck_assert_int_eq(getsockopt(io.fd, SOL_SOCKET, SO_RCVLOWAT, &enough, &size), 0);
	ck_assert_int_eq(enough, 1);
	ck_assert_int_eq(stream_io_read(&io, got, sizeof(got), &len), STREAM_IO_OK);
	ck_assert_uint_eq(len, sizeof(allocate));
	ck_assert_mem_eq(got, allocate, sizeof(allocate));
	shutdown(reader, SHUT_WR);
	ck_assert_int_eq(stream_io_peek(&io, &kind), STREAM_IO_ENDED);
	close_pair();
}
END_TEST

/* What came before the end keeps the socket readable: a wait for more would never end. */
START_TEST(an_end_before_what_is_awaited_is_the_end)
{
	enum stream_kind kind = STREAM_KIND_COUNT;
	uint8_t got[100];
	size_t len = 0;

	open_pair();
	ck_assert_int_eq(write(reader, "GE", 2), 2);
	ck_assert_int_eq(stream_io_peek(&io, &kind), STREAM_IO_AGAIN);
	ck_assert_int_eq(stream_io_look(&io, got, sizeof(got), &len), STREAM_IO_OK);
	ck_assert_uint_eq(len, 2);
	shutdown(reader, SHUT_WR);
	ck_assert_int_eq(stream_io_peek(&io, &kind), STREAM_IO_ENDED);
	ck_assert_int_eq(stream_io_look(&io, got, sizeof(got), &len), STREAM_IO_ENDED);
	close_pair();
}
END_TEST

START_TEST(what_has_been_looked_at_is_skipped)
{
	uint8_t sent[3000], got[4000];
	size_t len = 0;

	open_pair();
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)i;
	ck_assert_int_eq(write(reader, sent, sizeof(sent)), sizeof(sent));
	ck_assert_int_eq(stream_io_look(&io, got, sizeof(got), &len), STREAM_IO_OK);
	ck_assert_uint_eq(len, sizeof(sent));
	ck_assert(stream_io_skip(&io, 2900));
	ck_assert_int_eq(stream_io_read(&io, got, sizeof(got), &len), STREAM_IO_OK);
	ck_assert_uint_eq(len, 100);
	ck_assert_mem_eq(got, sent + 2900, 100);
	ck_assert(!stream_io_skip(&io, 1));
	close_pair();
}
END_TEST

START_TEST(the_end_of_a_direction_is_not_a_failure)
{
	uint8_t got[100];
	size_t len;

	open_either(_i);
	ck_assert_int_eq(stream_io_read(&io, got, sizeof(got), &len), STREAM_IO_AGAIN);
	if (client != NULL)
		SSL_shutdown(client);
	else
		shutdown(reader, SHUT_WR);
	ck_assert_int_eq(stream_io_read(&io, got, sizeof(got), &len), STREAM_IO_ENDED);
	ck_assert_uint_eq(send_number(7, STREAM_IO_REPLY, LIMIT), 0);
	ck_assert_int_eq(read_some(got, sizeof(got)), sizeof(got));
	close_pair();
}
END_TEST

START_TEST(a_closed_reader_is_a_failure)
{
	uint8_t got[100];
	size_t len;

	open_either(_i);
	close(reader);
	reader = -1;
	ck_assert_uint_eq(send_number(1, STREAM_IO_MEDIA, LIMIT), 1);
	ck_assert(io.failed);
	ck_assert_uint_eq(send_number(2, STREAM_IO_MEDIA, LIMIT), 1);
	ck_assert_int_eq(stream_io_read(&io, got, sizeof(got), &len), STREAM_IO_FAILED);
	ck_assert(!stream_io_has_more(&io));
	close_pair();
}
END_TEST

START_TEST(garbage_ends_a_handshake)
{
	static const char rubbish[] = "\x16\x03\x01\x00\x05rubbish, not a ClientHello";

	open_pair();
	make_server_ctx();
	ck_assert(stream_io_start_tls(&io, server_ctx));
	ck_assert_int_eq(stream_io_handshake(&io), STREAM_IO_AGAIN);
	ck_assert_int_eq(write(reader, rubbish, sizeof(rubbish)), sizeof(rubbish));
	ck_assert_int_eq(stream_io_handshake(&io), STREAM_IO_FAILED);
	ck_assert(io.failed);
	close_pair();
}
END_TEST

static void ignore_sigpipe(void)
{
	signal(SIGPIPE, SIG_IGN); /* as main does: TLS writes without MSG_NOSIGNAL */
}

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("stream_io");

	tcase_add_checked_fixture(tc, ignore_sigpipe, NULL);
	tcase_add_loop_test(tc, data_that_the_socket_accepts_is_not_queued, 0, 2);
	tcase_add_loop_test(tc, old_media_is_dropped_first, 0, 2);
	tcase_add_loop_test(tc, a_reply_is_kept_when_media_is_dropped, 0, 2);
	tcase_add_loop_test(tc, replies_are_bounded_too, 0, 2);
	tcase_add_loop_test(tc, a_begun_message_is_finished, 0, 2);
	tcase_add_test(tc, one_message_is_one_record);
	tcase_add_test(tc, data_held_by_tls_is_reported);
	tcase_add_test(tc, first_bytes_are_only_peeked_at);
	tcase_add_test(tc, an_end_before_what_is_awaited_is_the_end);
	tcase_add_test(tc, what_has_been_looked_at_is_skipped);
	tcase_add_loop_test(tc, the_end_of_a_direction_is_not_a_failure, 0, 2);
	tcase_add_loop_test(tc, a_closed_reader_is_a_failure, 0, 2);
	tcase_add_test(tc, garbage_ends_a_handshake);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stream_io", add_cases)
