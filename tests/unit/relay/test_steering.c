/*
 * test_steering.c - the kernel gives a datagram to the worker that steering_worker() says.
 */
#include "base/udp/steering.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "relay/front/udp_socket.h"
#include "tests/unit/lib/unit.h"

enum { SOCKETS_MAX = 8, SENDERS = 2000, WAIT_MS = 5000 };

static int sockets[SOCKETS_MAX];
static unsigned socket_count;
static struct endpoint front;
static unsigned got[SOCKETS_MAX];

static void set_up(void)
{
	socket_count = 0;
	memset(got, 0, sizeof(got));
}

static void close_last(void)
{
	ck_assert_uint_gt(socket_count, 0);
	close(sockets[--socket_count]);
}

static void tear_down(void)
{
	while (socket_count > 0)
		close_last();
}

/* One more socket of the group. */
static void bind_one(void)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd = udp_socket_bind(&front);

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_lt(socket_count, SOCKETS_MAX);
	sockets[socket_count++] = fd;
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	ck_assert(sockaddr_to_endpoint(&sa, &front));
}

static void bind_group(const char *address, unsigned count)
{
	front.port = 0;
	ck_assert(ip_addr_parse(address, &front.ip));
	while (count-- > 0)
		bind_one();
}

/* The number of the socket that a datagram has come to. */
static unsigned arrival(void)
{
	struct pollfd polled[SOCKETS_MAX];
	unsigned found = SOCKETS_MAX;
	char byte;

	for (unsigned i = 0; i < socket_count; i++)
		polled[i] = (struct pollfd){.fd = sockets[i], .events = POLLIN};
	ck_assert_int_eq(poll(polled, socket_count, WAIT_MS), 1);
	for (unsigned i = 0; i < socket_count; i++) {
		if (polled[i].revents != 0)
			found = i;
	}
	ck_assert_uint_lt(found, socket_count);
	ck_assert_int_eq(recv(sockets[found], &byte, 1, 0), 1);
	got[found]++;
	return found;
}

static int sender(const char *address, struct endpoint *source)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int fd;

	source->port = 0;
	ck_assert(ip_addr_parse(address, &source->ip));
	len = sockaddr_from_endpoint(source, &sa);
	fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	/* An address of IPv6 can be used a moment after it was added. */
	for (int i = 0; bind(fd, (struct sockaddr *)&sa, len) != 0; i++) {
		ck_assert_int_eq(errno, EADDRNOTAVAIL);
		ck_assert_int_lt(i, WAIT_MS);
		poll(NULL, 0, 1);
	}
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	ck_assert(sockaddr_to_endpoint(&sa, source));
	return fd;
}

static void send_byte(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&front, &sa);

	ck_assert_int_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)&sa, len), 1);
}

/* A datagram from another port of that address: it comes where it should. */
static void expect_steered(const char *address, unsigned workers)
{
	struct endpoint source;
	int fd = sender(address, &source);

	send_byte(fd);
	ck_assert_uint_eq(arrival(), steering_worker(&source, workers));
	close(fd);
}

/* Each of the first ones has got about its share, the others nothing. */
static void expect_even(unsigned workers, unsigned sent)
{
	for (unsigned i = 0; i < workers; i++) {
		ck_assert_uint_gt(got[i], sent / workers * 3 / 4);
		ck_assert_uint_lt(got[i], sent / workers * 5 / 4);
	}
	for (unsigned i = workers; i < SOCKETS_MAX; i++)
		ck_assert_uint_eq(got[i], 0);
}

/* --- tests ------------------------------------------------------------------------------------ */

static const unsigned numbers[] = {1, 2, 3, 4, 8};

START_TEST(datagrams_of_ipv4_go_where_it_says)
{
	char address[INET_ADDRSTRLEN];

	bind_group("127.0.0.1", numbers[_i]);
	ck_assert_int_eq(steering_attach(sockets[0], numbers[_i]), 0);
	for (unsigned i = 0; i < SENDERS; i++) {
		snprintf(address, sizeof(address), "127.%u.%u.%u", i % 200, i % 7,
			 1 + i % 250);
		expect_steered(address, numbers[_i]);
	}
	expect_even(numbers[_i], SENDERS);
}
END_TEST

/* They move the port in the packet. */
START_TEST(options_of_ipv4_change_nothing)
{
	static const uint8_t options[8] = {1, 1, 1, 1, 1, 1, 1, 0};

	bind_group("127.0.0.1", 4);
	ck_assert_int_eq(steering_attach(sockets[0], 4), 0);
	for (unsigned i = 0; i < SENDERS; i++) {
		struct endpoint source;
		int fd = sender("127.0.0.9", &source);

		ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, options,
					    i % 2 == 0 ? 4 : sizeof(options)),
				 0);
		send_byte(fd);
		ck_assert_uint_eq(arrival(), steering_worker(&source, 4));
		close(fd);
	}
}
END_TEST

/*
 * Addresses that differ in each word, in a network of our own. False where the system does not allow
 * that.
 */
static bool add_addresses(const char *const *addresses, size_t count)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	bool ok = unshare(CLONE_NEWNET) == 0 ||
		  unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
	int fd = ok ? socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;

	if (fd < 0)
		return false;
	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	ck_assert_int_eq(ioctl(fd, SIOCGIFINDEX, &lo), 0);
	for (size_t i = 0; i < count; i++) {
		struct in6_ifreq wanted = {.ifr6_prefixlen = 128,
					   .ifr6_ifindex = lo.ifr_ifindex};

		ck_assert_int_eq(inet_pton(AF_INET6, addresses[i], &wanted.ifr6_addr), 1);
		ck_assert_int_eq(ioctl(fd, SIOCSIFADDR, &wanted), 0);
	}
	close(fd);
	return true;
}

START_TEST(datagrams_of_ipv6_go_where_it_says)
{
	static const char *const addresses[] = {
		"2001:db8::1",           "2001:db8:1:2:3:4:5:6", "fd12:3456:789a::1",
		"2001:db8:ffff:ffff::1", "2001:db8::ffff:0:0:1", "::1",
	};
	size_t count = ARRAY_LEN(addresses);
	bool has_all = add_addresses(addresses, count - 1);

	bind_group("::1", numbers[_i]);
	ck_assert_int_eq(steering_attach(sockets[0], numbers[_i]), 0);
	for (unsigned i = 0; i < SENDERS; i++)
		expect_steered(addresses[has_all ? i % count : count - 1], numbers[_i]);
	expect_even(numbers[_i], SENDERS);
}
END_TEST

/* Not where it says, but somewhere; and not all to one. */
START_TEST(extension_headers_of_ipv6_leave_it_to_the_kernel)
{
	static const uint8_t options[8] = {0, 0, 1, 4, 0, 0, 0, 0};

	/* They need a capability, which we have in a network of our own. */
	if (!add_addresses(NULL, 0))
		return;
	bind_group("::1", 2);
	ck_assert_int_eq(steering_attach(sockets[0], 2), 0);
	for (unsigned i = 0; i < 200; i++) {
		struct endpoint source;
		int fd = sender("::1", &source);

		ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_DSTOPTS, options,
					    sizeof(options)),
				 0);
		send_byte(fd);
		arrival();
		close(fd);
	}
	ck_assert_uint_gt(got[0], 50);
	ck_assert_uint_gt(got[1], 50);
}
END_TEST

static void send_many(unsigned workers)
{
	memset(got, 0, sizeof(got));
	for (unsigned i = 0; i < SENDERS; i++)
		expect_steered("127.0.0.1", workers);
	expect_even(workers, SENDERS);
}

/* Any socket of the group will do, and surplus ones get nothing before and after they are closed. */
START_TEST(the_number_of_workers_can_change)
{
	bind_group("127.0.0.1", 1);
	ck_assert_int_eq(steering_attach(sockets[0], 1), 0);
	send_many(1);
	bind_one();
	ck_assert_int_eq(steering_attach(sockets[1], 2), 0);
	send_many(2);
	bind_one();
	bind_one();
	send_many(2);
	ck_assert_int_eq(steering_attach(sockets[0], 4), 0);
	send_many(4);
	ck_assert_int_eq(steering_attach(sockets[3], 3), 0);
	send_many(3);
	close_last();
	send_many(3);
	ck_assert_int_eq(steering_attach(sockets[0], 1), 0);
	send_many(1);
	close_last();
	close_last();
	send_many(1);
}
END_TEST

START_TEST(a_socket_without_a_group_cannot_be_steered)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_lt(steering_attach(fd, 2), 0);
	close(fd);
}
END_TEST

static void steering_suite(Suite *suite)
{
	TCase *tc = tcase_create("steering");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, datagrams_of_ipv4_go_where_it_says, 0,
			    ARRAY_LEN(numbers));
	tcase_add_test(tc, options_of_ipv4_change_nothing);
	tcase_add_loop_test(tc, datagrams_of_ipv6_go_where_it_says, 0,
			    ARRAY_LEN(numbers));
	tcase_add_test(tc, extension_headers_of_ipv6_leave_it_to_the_kernel);
	tcase_add_test(tc, the_number_of_workers_can_change);
	tcase_add_test(tc, a_socket_without_a_group_cannot_be_steered);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("steering", steering_suite)
