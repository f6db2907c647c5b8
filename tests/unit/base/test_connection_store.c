/*
 * test_connection_store.c - connections in parcels: what systemd hears, and what the next process finds whenever this
 * one is killed.
 */
#include "base/descriptors/connection_store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/descriptors/connections.h"
#include "base/descriptors/fd_parcel.h"
#include "base/descriptors/fd_store.h"
#include "base/descriptors/inherited.h"
#include "base/sockaddr.h"
#include "tests/unit/lib/notify_listener.h"
#include "tests/unit/lib/unit.h"

enum {
	MANY = 300,
	LIVES = 140, /* of which so many end: */
	ENDS = 90,
	STORED_MAX = 64,
};

static int manager = -1;

/* --- systemd --------------------------------------------------------------------------------- */

static struct stored {
	char name[32];
	int fd;
} stored[STORED_MAX];
static size_t stored_count, stored_most;
static unsigned messages;

static void let_go(const char *name)
{
	size_t left = 0;

	for (size_t i = 0; i < stored_count; i++) {
		if (strcmp(stored[i].name, name) == 0)
			close(stored[i].fd);
		else
			stored[left++] = stored[i];
	}
	stored_count = left;
}

static void obey(const char *text, const int *fds, size_t count)
{
	char name[32];

	ck_assert_int_eq(sscanf(strstr(text, "FDNAME="), "FDNAME=%31s", name), 1);
	if (strncmp(text, "FDSTOREREMOVE=1", 15) == 0)
		let_go(name);
	for (size_t i = 0; i < count; i++) {
		if (stored_count == stored_most) {
			close(fds[i]);
			continue;
		}
		strcpy(stored[stored_count].name, name);
		stored[stored_count++].fd = fds[i];
	}
	messages++;
}

static void hear_all(void)
{
	for (;;) {
		union {
			struct cmsghdr header;
			char bytes[CMSG_SPACE(FD_STORE_BATCH * sizeof(int))];
		} control;
		char text[256];
		struct iovec iov = {text, sizeof(text) - 1};
		struct msghdr message = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		ssize_t len = recvmsg(manager, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

		if (len <= 0)
			return;
		text[len] = '\0';
		struct cmsghdr *part = CMSG_FIRSTHDR(&message);
		size_t count = part != NULL ? (part->cmsg_len - CMSG_LEN(0)) / sizeof(int)
					    : 0;
		obey(text,
		     part != NULL ? (const int *)(const void *)CMSG_DATA(part) : NULL,
		     count);
	}
}

static size_t seen;

static void see(void *arg, int fd)
{
	(void)arg;
	seen++;
	close(fd);
}

/* How many are in all parcels. */
static size_t in_parcels(void)
{
	seen = 0;
	for (size_t i = 0; i < stored_count; i++) {
		ck_assert(fd_parcel_is(stored[i].fd));
		ck_assert(fd_parcel_peek(stored[i].fd, see, NULL));
	}
	return seen;
}

static void setup(void)
{
	manager = notify_listener_open();
	stored_count = messages = 0;
	stored_most = STORED_MAX;
}

static void teardown(void)
{
	connection_store_close();
	fd_store_close();
	close(manager);
}

/* --- connections ----------------------------------------------------------------------------- */

static struct pair {
	int ours, theirs;
} pairs[LIVES];

static void connect_pairs(size_t count)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(listener, 16), 0);
	getsockname(listener, (struct sockaddr *)&at, &len);
	for (size_t i = 0; i < count; i++) {
		pairs[i].theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(connect(pairs[i].theirs, (struct sockaddr *)&at, len),
				 0);
		pairs[i].ours = accept(listener, NULL, NULL);
		ck_assert_int_ge(pairs[i].ours, 0);
	}
	close(listener);
}

static bool is_open(int theirs)
{
	char byte;

	return recv(theirs, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

START_TEST(systemd_hears_of_a_parcel_only)
{
	struct connection_store_figures figures;

	connect_pairs(LIVES);
	for (size_t i = 0; i < LIVES; i++)
		connection_store_put(&pairs[i].ours, 1);
	hear_all();
	ck_assert_uint_eq(messages, 1);
	ck_assert_str_eq(stored[0].name, "tcp.1");
	/* As often as somebody looks. */
	ck_assert_uint_eq(in_parcels(), LIVES);
	ck_assert_uint_eq(in_parcels(), LIVES);
	figures = connection_store_figures();
	ck_assert_uint_eq(figures.parcels, 1);
	ck_assert_uint_eq(figures.live, LIVES);
	ck_assert_uint_eq(figures.ended, 0);
	ck_assert_uint_eq(figures.unkept, 0);
}
END_TEST

START_TEST(a_full_queue_is_followed_by_another)
{
	static int files[2 * MANY];

	for (size_t i = 0; i < 2 * MANY; i++) {
		files[i] = dup(STDIN_FILENO);
		ck_assert_int_ge(files[i], 0);
		connection_store_put(&files[i], 1);
	}
	hear_all();
	ck_assert_uint_ge(messages, 2);
	ck_assert_uint_le(messages, 4);
	ck_assert_uint_eq(in_parcels(), 2 * MANY);
	ck_assert_uint_eq(connection_store_figures().unkept, 0);
}
END_TEST

START_TEST(batches_are_put_together)
{
	int files[MANY];

	for (size_t i = 0; i < MANY; i++)
		files[i] = dup(STDIN_FILENO);
	connection_store_put(files, MANY);
	hear_all();
	ck_assert_uint_eq(messages, 1);
	ck_assert_uint_eq(in_parcels(), MANY);
}
END_TEST

static int unread;

static void ask_unread(void *arg, int fd)
{
	struct pollfd polled = {.fd = fd};

	(void)arg;
	ck_assert_int_eq(ioctl(fd, FIONREAD, &unread), 0);
	ck_assert_int_eq(poll(&polled, 1, 0), 1);
	ck_assert_int_ne(polled.revents & POLLHUP, 0);
	close(fd);
}

START_TEST(an_end_is_seen_at_once_and_keeps_no_data)
{
	char bytes[1000] = "", byte;

	connect_pairs(1);
	connection_store_put(&pairs[0].ours, 1);
	if (_i == 0)
		ck_assert_int_eq(send(pairs[0].ours, "last", 4, 0), 4);
	ck_assert_int_eq(send(pairs[0].theirs, bytes, sizeof(bytes), 0), sizeof(bytes));
	fd_end(pairs[0].ours, _i == 1);
	if (_i == 0)
		ck_assert_int_eq(recv(pairs[0].theirs, bytes, sizeof(bytes), MSG_WAITALL),
				 4);
	ck_assert_int_eq(recv(pairs[0].theirs, &byte, 1, 0), _i == 1 ? -1 : 0);
	if (_i == 1)
		ck_assert_int_eq(errno, ECONNRESET);
	hear_all();
	unread = -1;
	ck_assert(fd_parcel_peek(stored[0].fd, ask_unread, NULL));
	ck_assert_int_eq(unread, 0);
	ck_assert_uint_eq(connection_store_figures().ended, 1);
	ck_assert_uint_eq(connection_store_figures().live, 0);
}
END_TEST

START_TEST(most_ended_is_packed_anew)
{
	connect_pairs(LIVES);
	for (size_t i = 0; i < LIVES; i++)
		connection_store_put(&pairs[i].ours, 1);
	for (size_t i = 0; i < LIVES / 2; i++)
		fd_end(pairs[i].ours, false);
	ck_assert_uint_eq(connection_store_figures().repacked, 0);
	fd_end(pairs[LIVES / 2].ours, false);
	ck_assert_uint_eq(connection_store_figures().repacked, 1);
	ck_assert_uint_eq(connection_store_figures().ended, 0);
	hear_all();
	ck_assert_uint_eq(messages, 3);
	ck_assert_uint_eq(stored_count, 1);
	ck_assert_str_eq(stored[0].name, "tcp.2");
	ck_assert_uint_eq(in_parcels(), LIVES - LIVES / 2 - 1);
	/* The last ones take the parcel with them. */
	for (size_t i = LIVES / 2 + 1; i < LIVES; i++)
		fd_end(pairs[i].ours, true);
	hear_all();
	ck_assert_uint_le(in_parcels(), 64 + 64);
}
END_TEST

static size_t unkept(void)
{
	return connection_store_figures().unkept;
}

/* What main does every two seconds, with systemd awake. */
static void some_seconds_pass(unsigned periods)
{
	while (periods-- > 0) {
		fd_store_look();
		hear_all();
		connection_store_tend();
		hear_all();
	}
	/* systemd sees that it has hung up. */
	let_go("canary");
}

START_TEST(what_a_full_store_drops_is_counted_and_tried_again)
{
	connect_pairs(5);
	connection_store_put(&pairs[0].ours, 1);
	connection_store_put(&pairs[1].ours, 1);
	stored_most = 0;
	hear_all();
	some_seconds_pass(1);
	ck_assert_uint_eq(unkept(), 2);
	ck_assert_uint_eq(connection_store_figures().refused, 1);
	ck_assert(fd_store_is_full());

	/* It is not asked for each. */
	messages = 0;
	connection_store_put(&pairs[2].ours, 1);
	connection_store_put(&pairs[3].ours, 1);
	hear_all();
	ck_assert_uint_eq(messages, 0);
	ck_assert_uint_eq(unkept(), 4);
	fd_end(pairs[3].ours, true);
	ck_assert_uint_eq(unkept(), 3);
	some_seconds_pass(40);
	ck_assert(fd_store_is_full());
	ck_assert_uint_le(messages, 3);

	stored_most = STORED_MAX;
	some_seconds_pass(20);
	ck_assert(!fd_store_is_full());
	ck_assert_uint_eq(unkept(), 0);
	connection_store_put(&pairs[4].ours, 1);
	hear_all();
	ck_assert_uint_eq(in_parcels(), 4);
	ck_assert_uint_eq(connection_store_figures().live, 4);
}
END_TEST

START_TEST(a_full_store_costs_those_before_nothing)
{
	connect_pairs(3);
	connection_store_put(&pairs[0].ours, 1);
	hear_all();
	stored_most = stored_count;
	fd_store_refused();
	/* There is room in its parcel. */
	connection_store_put(&pairs[1].ours, 1);
	some_seconds_pass(40);
	connection_store_put(&pairs[2].ours, 1);
	ck_assert(fd_store_is_full());
	ck_assert_uint_eq(unkept(), 0);
	ck_assert_uint_eq(in_parcels(), 3);
}
END_TEST

/* A process that may have IN_FLIGHT_MOST descriptors, and as many in flight. */
enum { IN_FLIGHT_MOST = 64, AT_ONCE = 30 };

static void put_files(int files[AT_ONCE])
{
	for (size_t i = 0; i < AT_ONCE; i++) {
		files[i] = dup(STDIN_FILENO);
		ck_assert_int_ge(files[i], 0);
		connection_store_put(&files[i], 1);
	}
	hear_all();
}

START_TEST(dead_ones_give_way_to_those_in_flight)
{
	struct rlimit limit = {IN_FLIGHT_MOST, 2 * IN_FLIGHT_MOST};
	int files[AT_ONCE];

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	/* The kernel lets root have more. */
	if (geteuid() == 0)
		ck_assert_int_eq(setuid(65534), 0);
	for (int lives = 0; lives < 2; lives++) {
		put_files(files);
		ck_assert_uint_eq(unkept(), 0);
		for (size_t i = 0; i < AT_ONCE; i++)
			fd_end(files[i], false);
	}
	put_files(files);
	ck_assert(connection_store_figures().is_crowded);
	ck_assert_uint_gt(unkept(), AT_ONCE / 2);
	ck_assert_uint_lt(unkept(), AT_ONCE);
	some_seconds_pass(2);
	ck_assert_uint_eq(unkept(), 0);
	ck_assert(!connection_store_figures().is_crowded);
	ck_assert(!fd_store_is_full());
	/* To look takes as many. */
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(in_parcels(), AT_ONCE);
}
END_TEST

START_TEST(too_many_in_flight_are_counted)
{
	const struct rlimit limit = {4 * AT_ONCE, 4 * AT_ONCE},
			    fewer = {AT_ONCE / 2, 4 * AT_ONCE};
	int files[AT_ONCE];

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(setuid(65534), 0);
	/* Those of a limit before: none has ended, so none can give way. */
	connection_store_settle();
	hear_all();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &fewer), 0);
	for (size_t i = 0; i < AT_ONCE; i++) {
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		files[i] = dup(STDIN_FILENO);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &fewer), 0);
		connection_store_put(&files[i], 1);
	}
	size_t left = unkept();

	ck_assert_uint_ge(left, AT_ONCE / 2 - 2);
	ck_assert_uint_le(left, AT_ONCE / 2);
	some_seconds_pass(3);
	ck_assert_uint_eq(unkept(), left);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	some_seconds_pass(1);
	ck_assert_uint_eq(unkept(), 0);
	ck_assert_uint_eq(in_parcels(), AT_ONCE);
}
END_TEST

static const struct {
	const char *name;
	bool is_parcel;
} names[] = {
	{"tcp.7", true},           {"tcp.999999999", true}, {"tcp", false},
	{"tcp.", false},           {"tcp.07", false},       {"tcp.-1", false},
	{"tcp.1000000000", false}, {"tcp.1x", false},       {"relay.1", false},
};

START_TEST(a_parcel_has_a_number)
{
	ck_assert(connection_store_inherited(names[_i].name) == names[_i].is_parcel);
}
END_TEST

START_TEST(inherited_ones_go_when_all_is_in_new_ones)
{
	int file = dup(STDIN_FILENO);

	ck_assert(connection_store_inherited("tcp.7"));
	connection_store_put(&file, 1);
	hear_all();
	ck_assert_str_eq(stored[0].name, "tcp.8");
	strcpy(stored[stored_count].name, "tcp.7");
	stored[stored_count++].fd = dup(STDIN_FILENO);
	connection_store_settle();
	hear_all();
	ck_assert_uint_eq(stored_count, 1);
	ck_assert_str_eq(stored[0].name, "tcp.8");
}
END_TEST

/* --- a kill ---------------------------------------------------------------------------------- */

/* What a killed process has begun to end. */
static bool *is_ending;
static unsigned sends_left; /* 0: without end */

/* In place of the library's: what is where changes with messages alone. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (sends_left > 0 && --sends_left == 0)
		raise(SIGKILL);
	return syscall(SYS_sendmsg, fd, message, flags);
}

static void live(unsigned sends)
{
	for (size_t i = 0; i < LIVES; i++)
		connection_store_put(&pairs[i].ours, 1);
	sends_left = sends;
	for (size_t i = 0; i < ENDS; i++) {
		is_ending[i] = true;
		fd_end(pairs[i].ours, false);
	}
	_exit(0);
}

static struct endpoint name_of(int fd, int (*name)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct endpoint ep;

	ck_assert_int_eq(name(fd, (struct sockaddr *)&sa, &len), 0);
	ck_assert(sockaddr_to_endpoint(&sa, &ep));
	return ep;
}

static void take_all(struct connections *connections)
{
	for (size_t i = 0; i < LIVES; i++) {
		if (is_ending[i])
			continue;
		struct endpoint local = name_of(pairs[i].theirs, getpeername),
				remote = name_of(pairs[i].theirs, getsockname);
		int fd = connections_take(connections, &local, &remote);

		ck_assert_msg(fd >= 0, "connection %zu is lost", i);
		ck_assert_int_eq(connections_take(connections, &local, &remote), -1);
		pairs[i].ours = fd;
	}
}

/* Killed before so many messages; false: it came to its end. */
static bool dies_at(unsigned sends)
{
	int status;

	connect_pairs(LIVES);
	memset(is_ending, 0, LIVES * sizeof(*is_ending));
	pid_t child = fork();
	if (child == 0)
		live(sends);
	for (size_t i = 0; i < LIVES; i++)
		close(pairs[i].ours);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	hear_all();

	struct inherited *inherited = inherited_new();
	for (size_t i = 0; i < stored_count; i++)
		ck_assert(inherited_add(inherited, stored[i].name, dup(stored[i].fd)));
	struct connections *connections = connections_new(inherited);
	take_all(connections);
	/* What nobody takes is reset; a second copy of what was taken is not. */
	connections_free(connections);
	inherited_free(inherited);
	for (size_t i = 0; i < LIVES; i++) {
		if (is_ending[i])
			continue;
		ck_assert(is_open(pairs[i].theirs));
		close(pairs[i].ours);
	}
	for (size_t i = 0; i < LIVES; i++)
		close(pairs[i].theirs);
	while (stored_count > 0)
		let_go(stored[0].name);
	return WIFSIGNALED(status);
}

START_TEST(a_kill_while_packing_anew_loses_none)
{
	unsigned sends = 1;

	is_ending = mmap(NULL, LIVES * sizeof(*is_ending), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(is_ending, MAP_FAILED);
	while (dies_at(sends))
		sends++;
	/* A new parcel, what is in it, and the end of the old one. */
	ck_assert_uint_eq(sends, 4);
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("connection_store");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, systemd_hears_of_a_parcel_only);
	tcase_add_test(tc, a_full_queue_is_followed_by_another);
	tcase_add_test(tc, batches_are_put_together);
	tcase_add_loop_test(tc, an_end_is_seen_at_once_and_keeps_no_data, 0, 2);
	tcase_add_test(tc, most_ended_is_packed_anew);
	tcase_add_test(tc, what_a_full_store_drops_is_counted_and_tried_again);
	tcase_add_test(tc, a_full_store_costs_those_before_nothing);
	tcase_add_test(tc, dead_ones_give_way_to_those_in_flight);
	tcase_add_test(tc, too_many_in_flight_are_counted);
	tcase_add_loop_test(tc, a_parcel_has_a_number, 0, ROWS(names));
	tcase_add_test(tc, inherited_ones_go_when_all_is_in_new_ones);
	tcase_add_test(tc, a_kill_while_packing_anew_loses_none);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("connection_store", add_cases)
