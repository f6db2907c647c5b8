/*
 * test_urgent.c - urgent bytes (RFC 9293 section 3.8.5) on the sockets of clients and of peers: they come
 * in order, like any other, and are counted.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/net/tcp_progress.h"
#include "base/sockaddr.h"
#include "relay/front/tcp.h"
#include "relay/peer/tcp_socket.h"
#include "tests/unit/lib/unit.h"

enum { TIMEOUT_MS = 10000 };

static struct endpoint where;
static int listener;

/* A port that was free a moment ago. */
static void choose_port(void)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	const struct endpoint any = {{.family = IP_V4, .bytes = {127, 0, 0, 1}}, 0};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	len = sockaddr_from_endpoint(&any, &sa);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	ck_assert(sockaddr_to_endpoint(&sa, &where));
	close(fd);
}

static int connect_stranger(void)
{
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&where, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static void await(int fd)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};

	ck_assert_int_eq(poll(&readable, 1, TIMEOUT_MS), 1);
}

/* Three texts, the last byte of the first two urgent. */
static void check_order(int from, int to)
{
	struct tcp_progress before, after;
	char got[16] = "";
	size_t len = 0;

	ck_assert(tcp_progress_read(to, &before));
	ck_assert_int_eq(send(from, "abc", 3, MSG_OOB), 3);
	ck_assert_int_eq(send(from, "de", 2, MSG_OOB), 2);
	ck_assert_int_eq(send(from, "fgh", 3, 0), 3);
	while (len < 8) {
		await(to);
		ssize_t more = recv(to, got + len, sizeof(got) - len, MSG_DONTWAIT);
		ck_assert_int_gt(more, 0);
		len += (size_t)more;
		ck_assert(tcp_progress_read(to, &after));
		ck_assert_uint_eq(after.taken - before.taken, len);
	}
	ck_assert_str_eq(got, "abcdefgh");
	close(from);
	close(to);
}

static int accept_now(void)
{
	await(listener);
	return accept(listener, NULL, NULL);
}

START_TEST(a_client_sends_them)
{
	choose_port();
	listener = tcp_front_bind(&where);
	ck_assert_int_ge(listener, 0);
	int client = connect_stranger();

	check_order(client, accept_now());
	close(listener);
}
END_TEST

START_TEST(a_client_sends_them_to_a_socket_of_the_process_before)
{
	int off = 0;

	choose_port();
	listener = tcp_front_bind(&where);
	ck_assert_int_eq(
		setsockopt(listener, SOL_SOCKET, SO_OOBINLINE, &off, sizeof(off)), 0);
	ck_assert(tcp_front_adopt(listener));
	int client = connect_stranger();

	check_order(client, accept_now());
	close(listener);
}
END_TEST

START_TEST(a_peer_that_connects_sends_them)
{
	struct endpoint peer;

	choose_port();
	listener = tcp_socket_listen(&where);
	ck_assert_int_ge(listener, 0);
	int stranger = connect_stranger();

	await(listener);
	int fd = tcp_socket_accept(listener, &peer, TIMEOUT_MS);
	ck_assert_int_ge(fd, 0);
	check_order(stranger, fd);
	close(listener);
}
END_TEST

START_TEST(a_peer_that_is_connected_sends_them)
{
	struct endpoint peer;

	choose_port();
	peer = where;
	listener = tcp_front_bind(&peer);
	ck_assert_int_ge(listener, 0);
	choose_port();
	int fd = tcp_socket_connect(&where, &peer, TIMEOUT_MS);
	ck_assert_int_ge(fd, 0);
	check_order(accept_now(), fd);
	close(listener);
}
END_TEST

static void urgent_suite(Suite *suite)
{
	TCase *tc = tcase_create("urgent");

	tcase_add_test(tc, a_client_sends_them);
	tcase_add_test(tc, a_client_sends_them_to_a_socket_of_the_process_before);
	tcase_add_test(tc, a_peer_that_connects_sends_them);
	tcase_add_test(tc, a_peer_that_is_connected_sends_them);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("urgent", urgent_suite)
