/*
 * udp_pair.h - two UDP sockets on loopback, and a batch that sends from the one and receives from the
 * other; for tests of base/udp/udp_batch.
 */
#ifndef TESTS_UNIT_BASE_UDP_PAIR_H
#define TESTS_UNIT_BASE_UDP_PAIR_H

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "base/udp/udp_batch.h"
#include "base/udp/udp_queue.h"
#include "tests/unit/lib/unit.h"

enum { BUFFER = 70000, HEADROOM = 60 };

static const char *const families[] = {"127.0.0.1", "::1"};

static struct pair {
	int from, to;
	struct endpoint destination;
} pair;
static struct udp_batch batch;
static struct udp_queue queue;
static uint8_t bytes[BUFFER];

static int bound(const char *address, struct endpoint *local)
{
	struct endpoint ep = {.port = 0};
	struct sockaddr_storage sa;

	ck_assert(ip_addr_parse(address, &ep.ip));
	socklen_t len = sockaddr_from_endpoint(&ep, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(fd, 0);
	int size = 4 << 20;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	len = sizeof(sa);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	ck_assert(sockaddr_to_endpoint(&sa, local));
	return fd;
}

static void open_pair(const char *address)
{
	struct endpoint source;

	pair.from = bound(address, &source);
	pair.to = bound(address, &pair.destination);
	ck_assert(udp_batch_init(&batch, HEADROOM));
	memset(&queue, 0, sizeof(queue));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + (i >> 8));
}

static void close_pair(void)
{
	ck_assert_uint_eq(queue.waiting, 0);
	udp_batch_destroy(&batch);
	close(pair.from);
	close(pair.to);
}

static void add(const struct endpoint *to, size_t offset, size_t len)
{
	struct udp_datagram datagram = {.payload = {bytes + offset, len}};

	udp_queue_add(&queue, pair.from, to, &datagram);
}

static struct udp_message message_of(unsigned i)
{
	struct endpoint source, sender;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	ck_assert_int_eq(getsockname(pair.from, (struct sockaddr *)&sa, &len), 0);
	ck_assert(sockaddr_to_endpoint(&sa, &sender));
	ck_assert(udp_batch_source(&batch, i, &source));
	ck_assert(endpoint_equal(&source, &sender));
	ck_assert(!udp_batch_is_truncated(&batch, i));
	return udp_batch_message(&batch, i);
}

#endif
