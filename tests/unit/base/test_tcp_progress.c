/*
 * test_tcp_progress.c - what a socket says of itself against what was really read and written, in
 * each state of a connection, from both sides, by whatever system call. On real sockets.
 */
#include "base/net/tcp_progress.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/lib/unit.h"

enum { CONNECTING, ACCEPTING, SIDES };

static int sides[SIDES];
static struct tcp_progress base[SIDES];
static uint8_t bytes[64 << 10];

static void begin(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	sides[CONNECTING] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(sides[CONNECTING], (struct sockaddr *)&at, len), 0);
	sides[ACCEPTING] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	ck_assert_int_ge(sides[ACCEPTING], 0);
	fcntl(sides[CONNECTING], F_SETFL, O_NONBLOCK);
	close(listener);
	for (int i = 0; i < SIDES; i++)
		ck_assert(tcp_progress_read(sides[i], &base[i]));
}

static void end(void)
{
	for (int i = 0; i < SIDES; i++)
		close(sides[i]);
}

static void check(int side, uint64_t taken, uint64_t given)
{
	struct tcp_progress now;

	ck_assert(tcp_progress_read(sides[side], &now));
	ck_assert_uint_eq(now.taken - base[side].taken, taken);
	ck_assert_uint_eq(now.given - base[side].given, given);
}

static void arrive(int side)
{
	uint8_t byte;

	while (recv(sides[side], &byte, 1, MSG_PEEK) < 0)
		usleep(1000);
}

START_TEST(it_knows_what_was_read_and_written)
{
	int a = _i, b = 1 - _i;
	int pipes[2];

	check(a, 0, 0);
	ck_assert_int_eq(send(sides[a], bytes, 1000, 0), 1000);
	arrive(b);
	check(a, 0, 1000);
	check(b, 0, 0);
	ck_assert_int_eq(recv(sides[b], bytes, 300, 0), 300);
	ck_assert_int_eq(recv(sides[b], bytes, 300, MSG_PEEK), 300);
	check(b, 300, 0);
	ck_assert_int_eq(recv(sides[b], NULL, 50, MSG_TRUNC), 50);
	check(b, 350, 0);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(splice(sides[b], NULL, pipes[1], NULL, 150, 0), 150);
	check(b, 500, 0);
	ck_assert_int_eq(splice(pipes[0], NULL, sides[b], NULL, 150, 0), 150);
	check(b, 500, 150);
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

START_TEST(what_the_network_has_not_taken_is_given)
{
	uint64_t given = 0;
	ssize_t len;

	while ((len = send(sides[_i], bytes, sizeof(bytes), 0)) > 0)
		given += (uint64_t)len;
	check(_i, 0, given);
	check(1 - _i, 0, 0);
}
END_TEST

START_TEST(an_end_is_no_byte)
{
	int a = _i, b = 1 - _i;
	uint8_t byte;

	ck_assert_int_eq(send(sides[a], bytes, 10, 0), 10);
	ck_assert_int_eq(shutdown(sides[a], SHUT_WR), 0);
	check(a, 0, 10);
	arrive(b);
	check(b, 0, 0);
	ck_assert_int_eq(recv(sides[b], bytes, 4, 0), 4);
	check(b, 4, 0);
	ck_assert_int_eq(recv(sides[b], bytes, 10, 0), 6);
	while (recv(sides[b], &byte, 1, 0) != 0)
		usleep(1000);
	check(b, 10, 0);
	check(a, 0, 10);
	ck_assert_int_eq(send(sides[b], bytes, 7, 0), 7);
	ck_assert_int_eq(shutdown(sides[b], SHUT_WR), 0);
	check(b, 10, 7);
	arrive(a);
	ck_assert_int_eq(recv(sides[a], bytes, 5, 0), 5);
	check(a, 5, 10);
	ck_assert_int_eq(recv(sides[a], bytes, 5, 0), 2);
	ck_assert_int_eq(recv(sides[a], bytes, 5, 0), 0);
	check(a, 7, 10);
	check(b, 10, 7);
}
END_TEST

START_TEST(other_descriptors_have_no_progress)
{
	struct tcp_progress progress;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int udp = socket(AF_INET, SOCK_DGRAM, 0);

	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert(!tcp_progress_read(listener, &progress));
	ck_assert(!tcp_progress_read(udp, &progress));
	ck_assert(!tcp_progress_read(-1, &progress));
	close(listener);
	close(udp);
}
END_TEST

static void tcp_progress_suite(Suite *suite)
{
	TCase *tc = tcase_create("tcp_progress");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, it_knows_what_was_read_and_written, 0, SIDES);
	tcase_add_loop_test(tc, what_the_network_has_not_taken_is_given, 0, SIDES);
	tcase_add_loop_test(tc, an_end_is_no_byte, 0, SIDES);
	tcase_add_test(tc, other_descriptors_have_no_progress);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("tcp_progress", tcp_progress_suite)
