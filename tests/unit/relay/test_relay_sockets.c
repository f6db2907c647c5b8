/*
 * test_relay_sockets.c - sockets that the process before has left are found by where they are bound.
 */
#include "relay/peer/relay_sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptors/inherited.h"
#include "base/sockaddr.h"
#include "base/udp/udp_batch.h"
#include "relay/peer/tcp_socket.h"
#include "tests/unit/lib/unit.h"

static struct inherited *inherited;

static void setup(void)
{
	unsetenv("NOTIFY_SOCKET");
	inherited = inherited_new();
	ck_assert_ptr_nonnull(inherited);
}

static void teardown(void)
{
	inherited_free(inherited);
}

static const struct endpoint v4 = {.ip = {IP_V4, {127, 0, 0, 1}}};
static const struct endpoint v6 = {
	.ip = {IP_V6, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};

static int udp(const struct endpoint *at, struct endpoint *local)
{
	int fd = udp_batch_bind(at, &(struct udp_bind_options){.receive_tos = true});

	ck_assert_int_ge(fd, 0);
	ck_assert(sockaddr_of(fd, local));
	ck_assert_uint_ne(local->port, 0);
	return fd;
}

static int tcp(bool listens, struct endpoint *local)
{
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&v4, &sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	ck_assert_int_eq(listens ? listen(fd, 1) : 0, 0);
	ck_assert(sockaddr_of(fd, local));
	return fd;
}

START_TEST(each_is_found_where_it_is_bound)
{
	enum { COUNT = 300 };
	struct endpoint at[COUNT], listens, closed, other = v4;
	struct relay_sockets *sockets;
	int fds[COUNT], listener, closed_fd;

	for (size_t i = 0; i < COUNT; i++) {
		fds[i] = udp(i % 2 == 0 ? &v4 : &v6, &at[i]);
		ck_assert(inherited_add(inherited, RELAY_SOCKETS_NAME, fds[i]));
	}
	listener = tcp(true, &listens);
	closed_fd = tcp(false, &closed);
	ck_assert(inherited_add(inherited, RELAY_SOCKETS_NAME, listener));
	ck_assert(inherited_add(inherited, RELAY_SOCKETS_NAME, closed_fd));
	ck_assert(inherited_add(inherited, "tcp", dup(STDIN_FILENO)));
	sockets = relay_sockets_new(inherited);
	ck_assert_ptr_nonnull(sockets);
	ck_assert_uint_eq(inherited_count(inherited), 1);
	/* One that does not listen is of no use. */
	ck_assert_uint_eq(relay_sockets_left(sockets), COUNT + 1);
	ck_assert_int_lt(fcntl(closed_fd, F_GETFD), 0);
	for (size_t i = 0; i < COUNT; i += 3) {
		ck_assert_int_eq(relay_sockets_take(sockets, &at[i], true), -1);
		ck_assert_int_eq(relay_sockets_take(sockets, &at[i], false), fds[i]);
		ck_assert_int_eq(relay_sockets_take(sockets, &at[i], false), -1);
	}
	other.port = listens.port;
	other.ip.bytes[3] = 2;
	ck_assert_int_eq(relay_sockets_take(sockets, &other, true), -1);
	ck_assert_int_eq(relay_sockets_take(sockets, &listens, true), listener);
	ck_assert_uint_eq(relay_sockets_left(sockets), COUNT - COUNT / 3);
	relay_sockets_free(sockets);
	for (size_t i = 0; i < COUNT; i++) {
		ck_assert_int_eq(fcntl(fds[i], F_GETFD) >= 0, i % 3 == 0);
		if (i % 3 == 0)
			close(fds[i]);
	}
	close(listener);
}
END_TEST

START_TEST(without_any_nothing_is_found)
{
	struct endpoint at;
	int fd = udp(&v4, &at);
	struct relay_sockets *sockets = relay_sockets_new(inherited);

	ck_assert_int_eq(relay_sockets_take(sockets, &at, false), -1);
	ck_assert_uint_eq(relay_sockets_left(sockets), 0);
	relay_sockets_free(sockets);
	close(fd);
}
END_TEST

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

START_TEST(options_are_set_again)
{
	const struct udp_bind_options options = {.receive_tos = true,
						 .receive_buffer = 65536};
	struct endpoint at;
	int fd = udp_batch_bind(&v4, &(struct udp_bind_options){0});

	ck_assert(sockaddr_of(fd, &at));
	udp_batch_set_df(fd, IP_V4, true);
	fcntl(fd, F_SETFL, 0);
	ck_assert_int_eq(udp_batch_adopt(fd, &at, &options), 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(option(fd, IPPROTO_IP, IP_RECVTOS), 1);
	ck_assert_int_eq(option(fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DONT);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_RCVBUF), 2 * 65536);
	ck_assert(!udp_batch_has_gro(fd));
	ck_assert_int_eq(udp_batch_enable_gro(fd), udp_batch_has_gro(fd));
	close(fd);

	fd = tcp(true, &at);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_REUSEPORT), 0);
	ck_assert_int_eq(tcp_socket_relisten(fd), 0);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_REUSEPORT), 1);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	ck_assert_int_lt(tcp_socket_relisten(fd), 0);
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("relay_sockets");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_is_found_where_it_is_bound);
	tcase_add_test(tc, without_any_nothing_is_found);
	tcase_add_test(tc, options_are_set_again);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("relay_sockets", add_cases)
