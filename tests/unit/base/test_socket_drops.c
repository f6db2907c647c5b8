/*
 * test_socket_drops.c - a queue that overflows, on a real socket of the loopback interface.
 */
#include "base/socket_drops.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/lib/unit.h"

static int receiver, sender;

static void open_both(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);
	int size = 4096;

	receiver = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	sender = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(setsockopt(receiver, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)),
			 0);
	ck_assert_int_eq(bind(receiver, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(getsockname(receiver, (struct sockaddr *)&address, &len), 0);
	ck_assert_int_eq(connect(sender, (struct sockaddr *)&address, len), 0);
}

static void close_both(void)
{
	close(receiver);
	close(sender);
}

/* Datagrams on loopback are in the queue, or thrown away, when send() returns. */
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

START_TEST(what_is_read_in_time_is_no_drop)
{
	uint32_t seen = 0;

	send_some(1);
	ck_assert_uint_eq(receive_all(), 1);
	ck_assert_uint_eq(socket_drops(receiver, &seen), 0);
}
END_TEST

START_TEST(each_drop_is_told_once)
{
	uint32_t seen = 0;

	send_some(100);
	unsigned received = receive_all();
	ck_assert_uint_lt(received, 100);
	ck_assert_uint_eq(socket_drops(receiver, &seen), 100 - received);
	ck_assert_uint_eq(socket_drops(receiver, &seen), 0);

	send_some(50);
	received = receive_all();
	ck_assert_uint_eq(socket_drops(receiver, &seen), 50 - received);
}
END_TEST

START_TEST(no_socket_no_drops)
{
	uint32_t seen = 7;

	ck_assert_uint_eq(socket_drops(-1, &seen), 0);
	ck_assert_uint_eq(seen, 7);
}
END_TEST

static void socket_drops_suite(Suite *suite)
{
	TCase *tc = tcase_create("socket_drops");
	tcase_add_checked_fixture(tc, open_both, close_both);
	tcase_add_test(tc, what_is_read_in_time_is_no_drop);
	tcase_add_test(tc, each_drop_is_told_once);
	tcase_add_test(tc, no_socket_no_drops);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("socket_drops", socket_drops_suite)
