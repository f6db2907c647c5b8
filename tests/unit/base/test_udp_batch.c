/*
 * test_udp_batch.c - datagrams over loopback sockets: each arrives as it was sent,
 * whether the kernel segments or not; datagrams that do not fit the queue are counted.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "base/udp/udp_batch.h"
#include "tests/unit/base/udp_pair.h"
#include "tests/unit/lib/unit.h"

static uint8_t got[BUFFER];

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
	ck_assert_uint_eq(udp_queue_flush(&queue), 0);
}

static void expect_burst(const size_t *sizes)
{
	size_t offset = 0;

	for (size_t i = 0; sizes[i] != SIZE_MAX; i++) {
		expect(offset % 1000, sizes[i]);
		offset += sizes[i];
	}
	expect_nothing();
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
	queue.refused_v4 = queue.refused_v6 = 1;
	send_burst(sizes);
	expect_burst(sizes);
	close_pair();
}
END_TEST

static void expect_taken(struct udp_message *message, size_t offset, size_t len)
{
	struct slice datagram = udp_message_take(message);

	ck_assert_uint_eq(datagram.len, len);
	ck_assert(memcmp(datagram.data, bytes + offset, len) == 0);
}

START_TEST(a_run_is_one_message)
{
	open_pair(families[_i]);
	ck_assert(udp_batch_enable_gro(pair.to));
	for (size_t i = 0; i < 5; i++)
		add(&pair.destination, 100 * i, i < 4 ? 100 : 60);
	udp_queue_flush(&queue);

	ck_assert_uint_eq(udp_batch_receive(&batch, pair.to, UDP_BATCH_MAX), 1);
	struct udp_message message = message_of(0);
	ck_assert_uint_eq(message.rest.len, 460);
	ck_assert_ptr_null(message.room);
	for (size_t i = 0; i < 5; i++)
		expect_taken(&message, 100 * i, i < 4 ? 100 : 60);
	ck_assert_uint_eq(message.rest.len, 0);
	expect_nothing();
	close_pair();
}
END_TEST

/* Two receives: what the first wrote into the batch must not affect the second. */
START_TEST(a_receive_takes_several_messages)
{
	static const size_t sizes[] = {160, 0, 1200, 17, 160};

	open_pair(families[_i]);
	for (size_t i = 0; i < ROWS(sizes); i++)
		add(&pair.destination, i, sizes[i]);
	udp_queue_flush(&queue);

	unsigned next = 0;
	for (unsigned max = 3; next < ROWS(sizes); max = 2) {
		ck_assert_uint_eq(udp_batch_receive(&batch, pair.to, max), max);
		for (unsigned i = 0; i < max; i++, next++) {
			struct udp_message message = message_of(i);
			expect_taken(&message, next, sizes[next]);
			ck_assert_uint_eq(message.rest.len, 0);
		}
	}
	ck_assert_uint_eq(udp_batch_receive(&batch, pair.to, UDP_BATCH_MAX), 0);
	close_pair();
}
END_TEST

START_TEST(one_receive_of_one_datagram)
{
	open_pair(families[_i]);
	ck_assert_uint_eq(udp_batch_receive_one(&batch, pair.to), 0);
	for (size_t i = 0; i < 3; i++) {
		add(&pair.destination, i, 160);
		udp_queue_flush(&queue);
		ck_assert_uint_eq(i == 1 ? udp_batch_receive(&batch, pair.to, 1)
					 : udp_batch_receive_one(&batch, pair.to),
				  1);
		struct udp_message message = message_of(0);
		expect_taken(&message, i, 160);
	}
	close_pair();
}
END_TEST

/*
 * Sanitizers detect a write outside the buffer; without one this shows that neighbours
 * are untouched.
 */
START_TEST(a_single_datagram_has_room_around_it)
{
	open_pair("127.0.0.1");
	for (size_t i = 0; i < 2; i++)
		add(&pair.destination, i, i == 0 ? 65507 : 100);
	udp_queue_flush(&queue);
	ck_assert_uint_eq(udp_batch_receive(&batch, pair.to, 2), 2);
	struct udp_message first = message_of(0), second = message_of(1);
	ck_assert_ptr_eq(first.room, first.rest.data);
	memset(first.room + first.rest.len, 0xff, UDP_BATCH_TAIL);
	memset(second.room - HEADROOM, 0xff, HEADROOM);
	expect_taken(&first, 0, 65507);
	expect_taken(&second, 1, 100);
	close_pair();
}
END_TEST

static int bind_once(const struct endpoint *local, bool reuse_port)
{
	return udp_batch_bind(local, &(const struct udp_bind_options){
					     .reuse_port = reuse_port,
					     .receive_buffer = 100000,
				     });
}

START_TEST(a_bound_socket_has_its_options)
{
	struct endpoint local = {.port = 0};
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int value;

	ck_assert(ip_addr_parse(families[_i], &local.ip));
	int fd = bind_once(&local, true);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	ck_assert(sockaddr_to_endpoint(&sa, &local));

	len = sizeof(value);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &len), 0);
	ck_assert_int_eq(value, 200000); /* the kernel doubles it */
	ck_assert_int_eq(recv(fd, got, sizeof(got), 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
	if (local.ip.family == IP_V4) {
		ck_assert_int_eq(
			getsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, &len), 0);
		ck_assert_int_eq(value, IP_PMTUDISC_DONT);
	}

	int sibling = bind_once(&local, true);
	ck_assert_int_ge(sibling, 0);
	ck_assert_int_eq(bind_once(&local, false), -EADDRINUSE);
	close(sibling);
	close(fd);
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
	udp_queue_flush(&queue);
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

START_TEST(more_than_one_call_takes)
{
	open_pair(families[_i]);
	for (size_t i = 0; i < 3 * UDP_QUEUE_RUN_MAX + 5; i++)
		add(&pair.destination, i, 50);
	udp_queue_flush(&queue);
	for (size_t i = 0; i < 3 * UDP_QUEUE_RUN_MAX + 5; i++)
		expect(i, 50);
	expect_nothing();
	close_pair();
}
END_TEST

/* One is refused by the kernel: those behind it go out all the same, and it alone is counted. */
START_TEST(a_failure_stops_no_other)
{
	struct endpoint nowhere = {.port = 9};

	open_pair("127.0.0.1");
	ck_assert(ip_addr_parse("255.255.255.255", &nowhere.ip)); /* needs SO_BROADCAST */
	for (size_t i = 0; i < 6; i++)
		add(_i == (int)i ? &nowhere : &pair.destination, 7 * i, 100 + i);
	ck_assert_uint_eq(udp_queue_flush(&queue), 1);
	for (size_t i = 0; i < 6; i++) {
		if (_i != (int)i)
			expect(7 * i, 100 + i);
	}
	expect_nothing();
	close_pair();
}
END_TEST

/* More destinations than a queue has runs, each with a run that goes out as one, and one that does not. */
START_TEST(many_destinations_share_a_call)
{
	enum { MANY = UDP_QUEUE_RUNS + 3 };
	struct endpoint at[MANY];
	int fds[MANY], to;

	open_pair(families[_i]);
	to = pair.to;
	for (size_t i = 0; i < MANY; i++)
		fds[i] = bound(families[_i], &at[i]);
	for (size_t i = 0; i < MANY; i++) {
		for (size_t j = 0; j <= i % 4; j++)
			add(&at[i], i + j, 300);
		add(&at[i], i, 301);
	}
	ck_assert_uint_eq(udp_queue_flush(&queue), 0);
	for (size_t i = 0; i < MANY; i++) {
		pair.to = fds[i];
		for (size_t j = 0; j <= i % 4; j++)
			expect(i + j, 300);
		expect(i, 301);
		expect_nothing();
		close(fds[i]);
	}
	pair.to = to;
	close_pair();
}
END_TEST

/* The kernel refuses to segment one of several: it goes out one by one, and its size is remembered. */
START_TEST(a_refused_run_among_others_goes_one_by_one)
{
	static const size_t sizes[] = {1200, 1400, 1000};
	int mtu = 1280;

	open_pair("::1");
	ck_assert_int_eq(setsockopt(pair.from, IPPROTO_IPV6, IPV6_MTU, &mtu, sizeof(mtu)),
			 0);
	for (size_t i = 0; i < 3 * ROWS(sizes); i++) {
		add(&pair.destination, i, sizes[i / 3]);
		if (i % 3 == 2) /* no run of one size is longer */
			add(&pair.destination, i, 10);
	}
	ck_assert_uint_eq(udp_queue_flush(&queue), 0);
	for (size_t i = 0; i < 3 * ROWS(sizes); i++) {
		expect(i, sizes[i / 3]);
		if (i % 3 == 2)
			expect(i, 10);
	}
	ck_assert_uint_eq(queue.refused_v6, 1400);
	expect_nothing();
	close_pair();
}
END_TEST

/* What is held is neither overwritten nor counted with what comes later. */
START_TEST(held_messages_stay_until_they_are_let_go)
{
	struct slice kept[UDP_BATCH_MAX];

	open_pair(families[_i]);
	for (unsigned i = 0; i < UDP_BATCH_MAX; i++) {
		add(&pair.destination, 3 * i, 200);
		udp_queue_flush(&queue);
		ck_assert_uint_eq(udp_batch_room(&batch), UDP_BATCH_MAX - i);
		ck_assert_uint_eq(i % 2 == 0 ? udp_batch_receive_one(&batch, pair.to)
					     : udp_batch_receive(&batch, pair.to, 1),
				  1);
		struct udp_message message = message_of(0);
		kept[i] = message.rest;
		udp_batch_hold(&batch);
	}
	ck_assert_uint_eq(udp_batch_room(&batch), 0);
	for (unsigned i = 0; i < UDP_BATCH_MAX; i++) {
		ck_assert_uint_eq(kept[i].len, 200);
		ck_assert(memcmp(kept[i].data, bytes + (size_t)3 * i, 200) == 0);
	}
	udp_batch_let_go(&batch);
	ck_assert_uint_eq(udp_batch_room(&batch), UDP_BATCH_MAX);
	for (unsigned i = 0; i < 5; i++)
		add(&pair.destination, i, 500 + i);
	udp_queue_flush(&queue);
	ck_assert_uint_eq(udp_batch_receive(&batch, pair.to, UDP_BATCH_MAX), 5);
	for (unsigned i = 0; i < 5; i++) {
		struct udp_message message = message_of(i);
		expect_taken(&message, i, 500 + i);
	}
	close_pair();
}
END_TEST

/* Headers are copied, so one buffer can serve for all of them. */
START_TEST(headers_go_before_and_padding_after)
{
	open_pair(families[_i / 2]);
	queue.refused_v4 = queue.refused_v6 = _i % 2;
	for (uint8_t i = 0; i < 6; i++) {
		uint8_t header[UDP_QUEUE_HEADER_MAX];
		memset(header, 'a' + i, sizeof(header));
		struct udp_datagram datagram = {
			.header = {header, sizeof(header)},
			.payload = {bytes + i, 61},
			.padding_len = 3,
		};
		udp_queue_add(&queue, pair.from, &pair.destination, &datagram);
	}
	udp_queue_flush(&queue);
	for (uint8_t i = 0; i < 6; i++) {
		uint8_t header[UDP_QUEUE_HEADER_MAX];
		memset(header, 'a' + i, sizeof(header));
		ck_assert_int_eq(recv(pair.to, got, sizeof(got), 0), sizeof(header) + 64);
		ck_assert(memcmp(got, header, sizeof(header)) == 0);
		ck_assert(memcmp(got + sizeof(header), bytes + i, 61) == 0);
		ck_assert(memcmp(got + sizeof(header) + 61, "\0\0\0", 3) == 0);
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
	ck_assert_uint_eq(udp_queue_flush(&queue), 5);
	ck_assert_uint_eq(udp_queue_flush(&queue), 0);
	close_pair();
}
END_TEST

/*
 * Larger than the device's packets: refused once, then sent one by one; smaller ones are
 * still sent together. Loopback takes any size, so the socket is limited to 1280 bytes.
 */
START_TEST(a_refused_size_is_remembered)
{
	int mtu = 1280;

	open_pair("::1");
	ck_assert_int_eq(setsockopt(pair.from, IPPROTO_IPV6, IPV6_MTU, &mtu, sizeof(mtu)),
			 0);
	for (size_t i = 0; i < 4; i++)
		add(&pair.destination, i, 1400);
	ck_assert_uint_eq(udp_queue_flush(&queue), 0);
	for (size_t i = 0; i < 4; i++)
		expect(i, 1400);
	ck_assert_uint_eq(queue.refused_v6, 1400);
	ck_assert_uint_eq(queue.refused_v4, 0);
	for (size_t i = 0; i < 4; i++)
		add(&pair.destination, i, 1200);
	udp_queue_flush(&queue);
	for (size_t i = 0; i < 4; i++)
		expect(i, 1200);
	ck_assert_uint_eq(queue.refused_v6, 1400);
	expect_nothing();
	/* Not for good: it may have been a forged ICMP error. */
	while (queue.refused_v6 != 0) {
		for (size_t i = 0; i < 3; i++)
			add(&pair.destination, i, 1200);
		ck_assert_uint_eq(udp_queue_flush(&queue), 0);
		for (size_t i = 0; i < 3; i++)
			expect(i, 1200);
	}
	close_pair();
}
END_TEST

/* A destination that refuses everything is no sign that segmentation fails. */
START_TEST(a_refused_destination_is_not_remembered)
{
	struct endpoint nowhere;

	open_pair(families[_i]);
	nowhere = pair.destination;
	nowhere.port = 0; /* EINVAL, whatever is sent */
	for (size_t i = 0; i < 4; i++)
		add(&nowhere, i, 100);
	ck_assert_uint_eq(udp_queue_flush(&queue), 4);
	ck_assert_uint_eq(queue.refused_v4, 0);
	ck_assert_uint_eq(queue.refused_v6, 0);
	close_pair();
}
END_TEST

static int receiver, sender;

static void open_small_queue(void)
{
	struct endpoint local;
	struct sockaddr_storage sa;
	int size = 4096;

	receiver = bound("127.0.0.1", &local);
	sender = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sockaddr_from_endpoint(&local, &sa);
	ck_assert_int_eq(setsockopt(receiver, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)),
			 0);
	ck_assert_int_eq(connect(sender, (struct sockaddr *)&sa, len), 0);
}

static void close_small_queue(void)
{
	close(receiver);
	close(sender);
}

/* On loopback a datagram is queued or dropped when send() returns. */
static void send_some(unsigned count)
{
	static const char datagram[1000];

	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(send(sender, datagram, sizeof(datagram), 0),
				 sizeof(datagram));
}

static unsigned receive_all(void)
{
	char datagram[1000];
	unsigned count = 0;

	while (recv(receiver, datagram, sizeof(datagram), 0) > 0)
		count++;
	return count;
}

START_TEST(datagrams_read_in_time_are_not_drops)
{
	uint32_t seen = 0;

	send_some(1);
	ck_assert_uint_eq(receive_all(), 1);
	ck_assert_uint_eq(udp_batch_drops(receiver, &seen), 0);
}
END_TEST

START_TEST(each_drop_is_reported_once)
{
	uint32_t seen = 0;

	send_some(100);
	unsigned received = receive_all();
	ck_assert_uint_lt(received, 100);
	ck_assert_uint_eq(udp_batch_drops(receiver, &seen), 100 - received);
	ck_assert_uint_eq(udp_batch_drops(receiver, &seen), 0);

	send_some(50);
	received = receive_all();
	ck_assert_uint_eq(udp_batch_drops(receiver, &seen), 50 - received);
}
END_TEST

START_TEST(no_socket_no_drops)
{
	uint32_t seen = 7;

	ck_assert_uint_eq(udp_batch_drops(-1, &seen), 0);
	ck_assert_uint_eq(seen, 7);
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("batch");
	int rows = 2 * ROWS(bursts), both = ROWS(families);

	tcase_add_loop_test(tc, boundaries_and_order_are_kept, 0, rows);
	tcase_add_loop_test(tc, without_segmentation_nothing_changes, 0, rows);
	tcase_add_loop_test(tc, a_run_is_one_message, 0, both);
	tcase_add_loop_test(tc, a_receive_takes_several_messages, 0, both);
	tcase_add_loop_test(tc, one_receive_of_one_datagram, 0, both);
	tcase_add_test(tc, a_single_datagram_has_room_around_it);
	tcase_add_loop_test(tc, a_bound_socket_has_its_options, 0, both);
	tcase_add_test(tc, another_destination_ends_the_run);
	tcase_add_loop_test(tc, more_than_one_call_takes, 0, both);
	tcase_add_loop_test(tc, headers_go_before_and_padding_after, 0, 2 * both);
	tcase_add_loop_test(tc, many_destinations_share_a_call, 0, both);
	tcase_add_loop_test(tc, held_messages_stay_until_they_are_let_go, 0, both);
	tcase_add_test(tc, what_is_not_sent_is_counted);
	tcase_add_loop_test(tc, a_failure_stops_no_other, 0, 6);
	tcase_add_test(tc, a_refused_run_among_others_goes_one_by_one);
	tcase_add_test(tc, a_refused_size_is_remembered);
	tcase_add_loop_test(tc, a_refused_destination_is_not_remembered, 0, both);
	suite_add_tcase(suite, tc);

	TCase *drops = tcase_create("drops");
	tcase_add_checked_fixture(drops, open_small_queue, close_small_queue);
	tcase_add_test(drops, datagrams_read_in_time_are_not_drops);
	tcase_add_test(drops, each_drop_is_reported_once);
	tcase_add_test(drops, no_socket_no_drops);
	suite_add_tcase(suite, drops);
}

UNIT_MAIN("udp_batch", add_cases)
