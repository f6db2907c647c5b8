/*
 * Runs of datagrams over loopback sockets: what arrives is what was added, datagram by
 * datagram, whether the kernel segments or not.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "base/udp_run.h"
#include "tests/unit/lib/unit.h"

enum { BUFFER = 70000 };

static const char *const families[] = {"127.0.0.1", "::1"};

static struct pair {
	int from, to;
	struct endpoint destination;
} pair;
static struct udp_run run;
static uint8_t bytes[BUFFER], got[BUFFER];

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
	memset(&run, 0, sizeof(run));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + (i >> 8));
}

static void close_pair(void)
{
	close(pair.from);
	close(pair.to);
}

static void add(const struct endpoint *to, size_t offset, size_t len)
{
	struct udp_datagram datagram = {.payload = {bytes + offset, len}};

	udp_run_add(&run, pair.from, to, &datagram);
}

static void expect(size_t offset, size_t len)
{
	ssize_t received = recv(pair.to, got, sizeof(got), 0);

	ck_assert_msg(received == (ssize_t)len, "wanted %zu bytes, got %zd", len,
		      received);
	ck_assert(memcmp(got, bytes + offset, len) == 0);
}

static void expect_nothing(void)
{
	ck_assert_int_eq(recv(pair.to, got, sizeof(got), 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

static const struct {
	const char *name;
	size_t sizes[12]; /* ends with SIZE_MAX */
} bursts[] = {
	{"one", {160, SIZE_MAX}},
	{"two", {160, 160, SIZE_MAX}},
	{"eight of one size", {1200, 1200, 1200, 1200, 1200, 1200, 1200, 1200, SIZE_MAX}},
	{"a shorter last one", {1200, 1200, 1200, 1200, 17, SIZE_MAX}},
	{"a shorter one in between", {900, 900, 900, 100, 900, 900, 900, SIZE_MAX}},
	{"growing", {100, 200, 300, 400, 400, 400, 500, SIZE_MAX}},
	{"shrinking", {500, 400, 300, 200, 100, SIZE_MAX}},
	{"empty ones", {0, 0, 0, 100, 100, 100, 0, SIZE_MAX}},
	{"of one byte", {1, 1, 1, 1, SIZE_MAX}},
	{"too long together", {30000, 30000, 30000, 30000, SIZE_MAX}},
};

static void send_burst(const size_t *sizes)
{
	size_t offset = 0;

	for (size_t i = 0; sizes[i] != SIZE_MAX; i++) {
		add(&pair.destination, offset % 1000, sizes[i]);
		offset += sizes[i];
	}
	udp_run_flush(&run);
}

static void expect_burst(const size_t *sizes)
{
	size_t offset = 0;

	for (size_t i = 0; sizes[i] != SIZE_MAX; i++) {
		expect(offset % 1000, sizes[i]);
		offset += sizes[i];
	}
	expect_nothing();
	ck_assert_uint_eq(run.failed, 0);
}

START_TEST(boundaries_and_order_are_kept)
{
	const size_t *sizes = bursts[_i / 2].sizes;

	open_pair(families[_i % 2]);
	send_burst(sizes);
	expect_burst(sizes);
	close_pair();
}
END_TEST

/* The same when the kernel does not segment. */
START_TEST(without_segmentation_nothing_changes)
{
	const size_t *sizes = bursts[_i / 2].sizes;

	open_pair(families[_i % 2]);
	run.refused_v4 = run.refused_v6 = 1;
	send_burst(sizes);
	expect_burst(sizes);
	close_pair();
}
END_TEST

START_TEST(a_run_is_one_call)
{
	open_pair(families[_i]);
	ck_assert(udp_run_receive(pair.to));
	for (size_t i = 0; i < 5; i++)
		add(&pair.destination, 100 * i, i < 4 ? 100 : 60);
	udp_run_flush(&run);

	union udp_run_control control;
	struct iovec vector = {got, sizeof(got)};
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ck_assert_int_eq(recvmsg(pair.to, &message, 0), 460);
	ck_assert_uint_eq(udp_run_received_size(&message, 460), 100);
	ck_assert(memcmp(got, bytes, 460) == 0);
	expect_nothing();
	close_pair();
}
END_TEST

START_TEST(a_single_datagram_has_its_own_size)
{
	struct msghdr message = {0};

	ck_assert_uint_eq(udp_run_received_size(&message, 160), 160);
	ck_assert_uint_eq(udp_run_received_size(&message, 0), 0);
}
END_TEST

START_TEST(another_destination_ends_the_run)
{
	struct endpoint other;

	open_pair("127.0.0.1");
	int fd = bound("127.0.0.1", &other);
	for (size_t i = 0; i < 4; i++) {
		add(&pair.destination, i, 200);
		add(&other, 10 + i, 200);
	}
	udp_run_flush(&run);
	for (size_t i = 0; i < 4; i++)
		expect(i, 200);
	expect_nothing();
	close(pair.to);
	pair.to = fd;
	for (size_t i = 0; i < 4; i++)
		expect(10 + i, 200);
	expect_nothing();
	close_pair();
}
END_TEST

START_TEST(more_than_a_call_takes)
{
	open_pair(families[_i]);
	for (size_t i = 0; i < 3 * UDP_RUN_MAX + 5; i++)
		add(&pair.destination, i, 50);
	udp_run_flush(&run);
	for (size_t i = 0; i < 3 * UDP_RUN_MAX + 5; i++)
		expect(i, 50);
	expect_nothing();
	close_pair();
}
END_TEST

/* Headers are copied, so that one buffer can hold them one after the other. */
START_TEST(headers_go_in_front_and_padding_behind)
{
	open_pair(families[_i / 2]);
	run.refused_v4 = run.refused_v6 = _i % 2;
	for (uint8_t i = 0; i < 6; i++) {
		uint8_t header[UDP_RUN_HEADER_MAX];
		memset(header, 'a' + i, sizeof(header));
		struct udp_datagram datagram = {
			.header = {header, 36},
			.payload = {bytes + i, 61},
			.padding_len = 3,
		};
		udp_run_add(&run, pair.from, &pair.destination, &datagram);
	}
	udp_run_flush(&run);
	for (uint8_t i = 0; i < 6; i++) {
		uint8_t header[36];
		memset(header, 'a' + i, sizeof(header));
		ck_assert_int_eq(recv(pair.to, got, sizeof(got), 0), 100);
		ck_assert(memcmp(got, header, 36) == 0);
		ck_assert(memcmp(got + 36, bytes + i, 61) == 0);
		ck_assert(memcmp(got + 97, "\0\0\0", 3) == 0);
	}
	expect_nothing();
	close_pair();
}
END_TEST

START_TEST(what_is_not_sent_is_counted)
{
	struct endpoint nowhere = {.port = 9};

	open_pair("127.0.0.1");
	ck_assert(ip_addr_parse("255.255.255.255", &nowhere.ip)); /* needs SO_BROADCAST */
	for (size_t i = 0; i < 5; i++)
		add(&nowhere, i, 100);
	udp_run_flush(&run);
	ck_assert_uint_eq(run.failed, 5);
	close_pair();
}
END_TEST

/* Larger than the device's packets: refused once, then sent one by one; smaller ones still go
 * together. Loopback takes any, so the socket is told to keep to 1280 bytes. */
START_TEST(a_refused_size_is_remembered)
{
	int mtu = 1280;

	open_pair("::1");
	ck_assert_int_eq(setsockopt(pair.from, IPPROTO_IPV6, IPV6_MTU, &mtu, sizeof(mtu)),
			 0);
	for (size_t i = 0; i < 4; i++)
		add(&pair.destination, i, 1400);
	udp_run_flush(&run);
	for (size_t i = 0; i < 4; i++)
		expect(i, 1400);
	ck_assert_uint_eq(run.failed, 0);
	ck_assert_uint_eq(run.refused_v6, 1400);
	ck_assert_uint_eq(run.refused_v4, 0);
	for (size_t i = 0; i < 4; i++)
		add(&pair.destination, i, 1200);
	udp_run_flush(&run);
	for (size_t i = 0; i < 4; i++)
		expect(i, 1200);
	ck_assert_uint_eq(run.refused_v6, 1400);
	expect_nothing();
	close_pair();
}
END_TEST

/* A destination that refuses everything says nothing about segments. */
START_TEST(a_refused_destination_is_not_remembered)
{
	struct endpoint nowhere;

	open_pair(families[_i]);
	nowhere = pair.destination;
	nowhere.port = 0; /* EINVAL, whatever is sent */
	for (size_t i = 0; i < 4; i++)
		add(&nowhere, i, 100);
	udp_run_flush(&run);
	ck_assert_uint_eq(run.failed, 4);
	ck_assert_uint_eq(run.refused_v4, 0);
	ck_assert_uint_eq(run.refused_v6, 0);
	close_pair();
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("udp_run");
	int rows = 2 * ROWS(bursts), both = ROWS(families);

	tcase_add_loop_test(tc, boundaries_and_order_are_kept, 0, rows);
	tcase_add_loop_test(tc, without_segmentation_nothing_changes, 0, rows);
	tcase_add_loop_test(tc, a_run_is_one_call, 0, both);
	tcase_add_test(tc, a_single_datagram_has_its_own_size);
	tcase_add_test(tc, another_destination_ends_the_run);
	tcase_add_loop_test(tc, more_than_a_call_takes, 0, both);
	tcase_add_loop_test(tc, headers_go_in_front_and_padding_behind, 0, 2 * both);
	tcase_add_test(tc, what_is_not_sent_is_counted);
	tcase_add_test(tc, a_refused_size_is_remembered);
	tcase_add_loop_test(tc, a_refused_destination_is_not_remembered, 0, both);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("udp_run", add_cases)
