/*
 * test_fronts.c - sockets of fronts that outlive the process: which are stored, which are adopted, and
 * what becomes of those that do not fit any more.
 */
#include "relay/front/fronts.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptors/fd_store.h"
#include "base/descriptors/inherited.h"
#include "base/sockaddr.h"
#include "tests/unit/lib/configs.h"
#include "tests/unit/lib/notify_listener.h"
#include "tests/unit/lib/unit.h"

enum { UDP = 0, TCP = 2, MOST = 4, PORT = 14455 };

static const struct front table[FRONTS_MAX] = {
	[UDP] = {.side = SIDE_INSIDE,
		 .transport = TRANSPORT_UDP,
		 .local = {{IP_V4, {127, 0, 0, 1}}, PORT}},
	[UDP + 1] = {.side = SIDE_INSIDE,
		     .transport = TRANSPORT_DTLS,
		     .local = {{IP_V4, {127, 0, 0, 1}}, PORT}},
	[TCP] = {.side = SIDE_INSIDE,
		 .transport = TRANSPORT_TCP,
		 .local = {{IP_V4, {127, 0, 0, 1}}, PORT}},
	[TCP + 1] = {.side = SIDE_INSIDE,
		     .transport = TRANSPORT_TLS,
		     .local = {{IP_V4, {127, 0, 0, 1}}, PORT}},
};
static const bool all[FRONTS_MAX] = {true, true, true, true};
static const bool udp_alone[FRONTS_MAX] = {true, true};

static int manager;
static struct relay_config *config;
static struct front_sockets sets[MOST];
static struct inherited *inherited;
static char error[512];

static void setup(void)
{
	static const char text[] =
		"side inside { addresses = {127.0.0.1} udp_ports = 14455 }\n"
		"side outside { addresses = {127.0.0.2} public = {203.0.113.9} udp_ports = 0 "
		"tcp_ports = 0 }\n";

	manager = notify_listener_open();
	config = relay_config_parse("F", text, strlen(text), error, sizeof(error));
	ck_assert_msg(config != NULL, "%s", error);
	inherited = inherited_new();
}

static void teardown(void)
{
	inherited_free(inherited);
	relay_config_free(config);
	fd_store_close();
	close(manager);
}

static void hears(const char *text)
{
	ck_assert_str_eq(notify_listener_heard(manager), text);
}

static void bind_all(const bool wanted[FRONTS_MAX], size_t workers)
{
	ck_assert_msg(fronts_bind(config, table, wanted, inherited, sets, workers, error,
				  sizeof(error)),
		      "%s", error);
}

static int *fd_of(size_t worker, size_t front)
{
	return front == UDP ? &sets[worker].udp[front] : &sets[worker].tcp[front];
}

static ino_t socket_of(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

/* As the store gives a socket back: under that name, and ours is gone. */
static void leave(size_t worker, size_t front)
{
	char name[FD_STORE_NAME_MAX];

	snprintf(name, sizeof(name), "front.127.0.0.1.%d.%s.%zu", PORT,
		 front == UDP ? "udp" : "tcp", worker);
	ck_assert(inherited_add(inherited, name, *fd_of(worker, front)));
	*fd_of(worker, front) = -1;
}

static void hears_nothing_more(void)
{
	hears("");
}

static void drain_messages(void)
{
	while (notify_listener_heard(manager)[0] != '\0')
		;
}

START_TEST(new_ones_are_stored_in_the_order_of_workers)
{
	bind_all(all, 2);
	hears("FDSTORE=1\nFDNAME=front.127.0.0.1.14455.udp.0\nFDPOLL=0");
	hears("FDSTORE=1\nFDNAME=front.127.0.0.1.14455.udp.1\nFDPOLL=0");
	hears("FDSTORE=1\nFDNAME=front.127.0.0.1.14455.tcp.0\nFDPOLL=0");
	hears("FDSTORE=1\nFDNAME=front.127.0.0.1.14455.tcp.1\nFDPOLL=0");
	hears_nothing_more();
	fronts_unstore(table, all, 2);
	hears("FDSTOREREMOVE=1\nFDNAME=front.127.0.0.1.14455.udp.0");
	hears("FDSTOREREMOVE=1\nFDNAME=front.127.0.0.1.14455.udp.1");
	hears("FDSTOREREMOVE=1\nFDNAME=front.127.0.0.1.14455.tcp.0");
	hears("FDSTOREREMOVE=1\nFDNAME=front.127.0.0.1.14455.tcp.1");
	hears_nothing_more();
	fronts_close(sets, 2);
}
END_TEST

START_TEST(those_of_the_process_before_serve_on)
{
	ino_t sockets[2][2];

	bind_all(all, 2);
	drain_messages();
	for (size_t w = 0; w < 2; w++) {
		sockets[w][0] = socket_of(*fd_of(w, UDP));
		sockets[w][1] = socket_of(*fd_of(w, TCP));
		leave(w, UDP);
		leave(w, TCP);
	}
	bind_all(all, 2);
	for (size_t w = 0; w < 2; w++) {
		ck_assert_uint_eq(socket_of(*fd_of(w, UDP)), sockets[w][0]);
		ck_assert_uint_eq(socket_of(*fd_of(w, TCP)), sockets[w][1]);
	}
	ck_assert_uint_eq(inherited_count(inherited), 0);
	ck_assert_uint_eq(sets[0].leftover_count, 0);
	/* The store has them. */
	hears_nothing_more();
	fronts_close(sets, 2);
}
END_TEST

START_TEST(more_workers_get_new_ones)
{
	bind_all(all, 1);
	leave(0, UDP);
	leave(0, TCP);
	drain_messages();
	bind_all(all, 3);
	hears("FDSTORE=1\nFDNAME=front.127.0.0.1.14455.udp.1\nFDPOLL=0");
	hears("FDSTORE=1\nFDNAME=front.127.0.0.1.14455.udp.2\nFDPOLL=0");
	hears("FDSTORE=1\nFDNAME=front.127.0.0.1.14455.tcp.1\nFDPOLL=0");
	hears("FDSTORE=1\nFDNAME=front.127.0.0.1.14455.tcp.2\nFDPOLL=0");
	hears_nothing_more();
	fronts_close(sets, 3);
}
END_TEST

START_TEST(those_of_workers_that_are_gone_are_left_to_drain)
{
	ino_t gone[2];

	bind_all(all, 3);
	gone[0] = socket_of(*fd_of(1, UDP));
	gone[1] = socket_of(*fd_of(2, TCP));
	for (size_t w = 0; w < 3; w++) {
		leave(w, UDP);
		leave(w, TCP);
	}
	drain_messages();
	bind_all(all, 1);
	ck_assert_uint_eq(sets[0].leftover_count, 4);
	ck_assert(!sets[0].leftovers[0].tcp && sets[0].leftovers[0].front == UDP);
	ck_assert_uint_eq(socket_of(sets[0].leftovers[0].fd), gone[0]);
	ck_assert(sets[0].leftovers[3].tcp && sets[0].leftovers[3].front == TCP);
	ck_assert_uint_eq(socket_of(sets[0].leftovers[3].fd), gone[1]);
	hears("FDSTOREREMOVE=1\nFDNAME=front.127.0.0.1.14455.udp.1");
	hears("FDSTOREREMOVE=1\nFDNAME=front.127.0.0.1.14455.udp.2");
	hears("FDSTOREREMOVE=1\nFDNAME=front.127.0.0.1.14455.tcp.1");
	hears("FDSTOREREMOVE=1\nFDNAME=front.127.0.0.1.14455.tcp.2");
	hears_nothing_more();
	fronts_close(sets, 1);
}
END_TEST

/* One that is missing would put the others out of the order that the steering counts. */
START_TEST(behind_a_gap_all_are_new)
{
	ino_t second;

	bind_all(udp_alone, 2);
	second = socket_of(*fd_of(1, UDP));
	leave(1, UDP);
	close(*fd_of(0, UDP));
	drain_messages();
	bind_all(udp_alone, 2);
	ck_assert_uint_ne(socket_of(*fd_of(0, UDP)), second);
	ck_assert_uint_ne(socket_of(*fd_of(1, UDP)), second);
	ck_assert_uint_eq(inherited_count(inherited), 0);
	hears("FDSTOREREMOVE=1\nFDNAME=front.127.0.0.1.14455.udp.1");
	hears("BARRIER=1");
	hears("FDSTORE=1\nFDNAME=front.127.0.0.1.14455.udp.0\nFDPOLL=0");
	hears("FDSTORE=1\nFDNAME=front.127.0.0.1.14455.udp.1\nFDPOLL=0");
	hears_nothing_more();
	fronts_close(sets, 2);
}
END_TEST

START_TEST(a_front_that_is_not_configured_any_more_is_closed)
{
	int copy;
	int listens = 1;
	socklen_t len = sizeof(listens);

	bind_all(all, 1);
	copy = dup(*fd_of(0, TCP)); /* as the store has one until it is told */
	leave(0, UDP);
	leave(0, TCP);
	drain_messages();
	bind_all(udp_alone, 1);
	hears_nothing_more(); /* the process before may have to go on */
	fronts_forget(inherited);
	hears("FDSTOREREMOVE=1\nFDNAME=front.127.0.0.1.14455.tcp.0");
	hears_nothing_more();
	ck_assert_int_eq(getsockopt(copy, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len), 0);
	ck_assert_int_eq(listens, 0);
	ck_assert_uint_eq(inherited_count(inherited), 0);
	close(copy);
	fronts_close(sets, 1);
}
END_TEST

static int of_another_port(void)
{
	struct endpoint at = {{IP_V4, {127, 0, 0, 1}}, 0};
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&at, &sa);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static int of_another_kind(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int of_no_kind(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int alone(void)
{
	struct endpoint at = {{IP_V4, {127, 0, 0, 1}}, PORT};
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&at, &sa);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static int (*const wrong[])(void) = {of_another_port, of_another_kind, of_no_kind, alone};

START_TEST(one_that_does_not_fit_is_replaced)
{
	int fd = wrong[_i]();
	ino_t wrong_one = socket_of(fd);

	ck_assert(inherited_add(inherited, "front.127.0.0.1.14455.udp.0", fd));
	bind_all(udp_alone, 1);
	ck_assert_uint_ne(socket_of(*fd_of(0, UDP)), wrong_one);
	ck_assert_int_eq(inherited_kind(*fd_of(0, UDP)), INHERITED_UDP);
	hears("FDSTOREREMOVE=1\nFDNAME=front.127.0.0.1.14455.udp.0");
	hears("FDSTORE=1\nFDNAME=front.127.0.0.1.14455.udp.0\nFDPOLL=0");
	hears_nothing_more();
	fronts_close(sets, 1);
}
END_TEST

/* The store lets go of both, as they have one name. */
START_TEST(one_behind_another_that_does_not_fit_is_stored_again)
{
	ino_t good;

	bind_all(udp_alone, 1);
	good = socket_of(*fd_of(0, UDP));
	ck_assert(inherited_add(inherited, "front.127.0.0.1.14455.udp.0",
				of_another_port()));
	leave(0, UDP);
	drain_messages();
	bind_all(udp_alone, 1);
	ck_assert_uint_eq(socket_of(*fd_of(0, UDP)), good);
	hears("FDSTOREREMOVE=1\nFDNAME=front.127.0.0.1.14455.udp.0");
	hears("FDSTORE=1\nFDNAME=front.127.0.0.1.14455.udp.0\nFDPOLL=0");
	hears_nothing_more();
	fronts_close(sets, 1);
}
END_TEST

START_TEST(another_program_is_told_of)
{
	int fd = alone();

	ck_assert(!fronts_bind(config, table, all, inherited, sets, 1, error,
			       sizeof(error)));
	ck_assert_ptr_nonnull(strstr(error, "14455"));
	close(fd);
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("fronts");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, new_ones_are_stored_in_the_order_of_workers);
	tcase_add_test(tc, those_of_the_process_before_serve_on);
	tcase_add_test(tc, more_workers_get_new_ones);
	tcase_add_test(tc, those_of_workers_that_are_gone_are_left_to_drain);
	tcase_add_test(tc, behind_a_gap_all_are_new);
	tcase_add_test(tc, a_front_that_is_not_configured_any_more_is_closed);
	tcase_add_loop_test(tc, one_that_does_not_fit_is_replaced, 0, ROWS(wrong));
	tcase_add_test(tc, one_behind_another_that_does_not_fit_is_stored_again);
	tcase_add_test(tc, another_program_is_told_of);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("fronts", add_cases)
