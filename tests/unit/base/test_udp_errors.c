/*
 * test_udp_errors.c - the error queue over loopback: a closed port is told with the peer's
 * address, and costs neither the next datagram nor what waits to be read.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "base/udp/udp_batch.h"
#include "base/udp/udp_errors.h"
#include "base/udp/udp_queue.h"
#include "tests/unit/lib/unit.h"

static const struct {
	const char *any;
	uint8_t family, type, code;
} families[] = {
	{"127.0.0.1", IP_V4, 3, 3},
	{"::1", IP_V6, 1, 4},
};

static int sender, receiver;
static struct endpoint open_port, closed_port;
static struct udp_queue queue;

static struct endpoint name_of(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct endpoint local;

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	ck_assert(sockaddr_to_endpoint(&sa, &local));
	return local;
}

static int bound(const char *local)
{
	struct endpoint any = {.port = 0};

	ck_assert(ip_addr_parse(local, &any.ip));
	int fd = udp_batch_bind(&any, &(const struct udp_bind_options){0});

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void open_sockets(int row)
{
	sender = bound(families[row].any);
	receiver = bound(families[row].any);
	open_port = name_of(receiver);
	int fd = bound(families[row].any);
	closed_port = name_of(fd);
	close(fd);
	ck_assert_int_eq(udp_errors_enable(sender, families[row].family), 0);
	memset(&queue, 0, sizeof(queue));
}

static void close_sockets(void)
{
	ck_assert_uint_eq(queue.waiting, 0);
	close(sender);
	close(receiver);
}

static void send_to(const struct endpoint *to, unsigned count)
{
	const struct udp_datagram datagram = {.payload = {(const uint8_t *)"hello", 5}};

	for (unsigned i = 0; i < count; i++)
		udp_queue_add(&queue, sender, to, &datagram);
	ck_assert_uint_eq(udp_queue_flush(&queue), 0);
}

static void wait_for_error(void)
{
	struct pollfd one = {.fd = sender, .events = 0};

	ck_assert_int_eq(poll(&one, 1, 5000), 1);
	ck_assert_int_ne(one.revents & POLLERR, 0);
}

START_TEST(closed_port_is_told)
{
	struct udp_error error;

	open_sockets(_i);
	ck_assert(!udp_errors_next(sender, &error));
	send_to(&closed_port, 1);
	wait_for_error();
	ck_assert(udp_errors_next(sender, &error));
	ck_assert(endpoint_equal(&error.destination, &closed_port));
	ck_assert_uint_eq(error.type, families[_i].type);
	ck_assert_uint_eq(error.code, families[_i].code);
	ck_assert_uint_eq(error.mtu, 0);
	ck_assert(!udp_errors_next(sender, &error));
	close_sockets();
}
END_TEST

/* By one call, by three, and by a segmented one. */
static const unsigned counts[] = {1, 2, 5};

START_TEST(error_does_not_cost_the_next_datagram) /* T-347 */
{
	const unsigned count = counts[_i / (int)ROWS(families)];
	char got[16];

	open_sockets(_i % (int)ROWS(families));
	for (int round = 0; round < 3; round++) {
		send_to(&closed_port, 1);
		wait_for_error();
		send_to(&open_port, count);
		for (unsigned i = 0; i < count; i++)
			ck_assert_int_eq(recv(receiver, got, sizeof(got), 0), 5);
	}
	close_sockets();
}
END_TEST

static void udp_errors_suite(Suite *suite)
{
	TCase *tc = tcase_create("udp_errors");
	tcase_add_loop_test(tc, closed_port_is_told, 0, ROWS(families));
	tcase_add_loop_test(tc, error_does_not_cost_the_next_datagram, 0,
			    ROWS(families) * ROWS(counts));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("udp_errors", udp_errors_suite)
