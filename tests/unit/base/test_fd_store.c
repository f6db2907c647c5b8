/*
 * test_fd_store.c - what systemd's end of the notification socket gets, and in which order, however
 * slowly it reads.
 */
#include "base/descriptors/fd_store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/descriptors/connection_store.h"
#include "base/descriptors/fd_parcel.h"
#include "tests/unit/lib/notify_listener.h"
#include "tests/unit/lib/unit.h"

enum { MANY = 600 };

static int manager = -1;
static int files[MANY];

static void setup(void)
{
	manager = notify_listener_open();
	for (size_t i = 0; i < MANY; i++) {
		files[i] = memfd_create("test", MFD_CLOEXEC);
		ck_assert_int_ge(files[i], 0);
	}
}

static void teardown(void)
{
	fd_store_close();
	close(manager);
	for (size_t i = 0; i < MANY; i++)
		close(files[i]);
}

struct heard {
	char text[512];
	size_t count;
	int fds[FD_STORE_BATCH];
};

static bool hear(struct heard *heard)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(heard->fds))];
	} control;
	struct iovec iov = {heard->text, sizeof(heard->text) - 1};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(manager, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *part = len > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	if (len <= 0)
		return false;
	ck_assert_int_eq(message.msg_flags & MSG_CTRUNC, 0);
	heard->text[len] = '\0';
	heard->count = part != NULL ? (part->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
	if (part != NULL)
		memcpy(heard->fds, CMSG_DATA(part), heard->count * sizeof(int));
	return true;
}

static ino_t file_of(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

static void forget(const struct heard *heard)
{
	for (size_t i = 0; i < heard->count; i++)
		close(heard->fds[i]);
}

/* The next message is that, with these files. */
static void hears(const char *text, const int *fds, size_t count)
{
	struct heard heard;

	ck_assert_msg(hear(&heard), "no message, and not '%s'", text);
	ck_assert_str_eq(heard.text, text);
	ck_assert_uint_eq(heard.count, count);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(file_of(heard.fds[i]), file_of(fds[i]));
	forget(&heard);
}

static void hears_nothing(void)
{
	struct heard heard;

	ck_assert(!hear(&heard));
}

START_TEST(a_message_has_the_name_and_whether_to_poll)
{
	ck_assert(fd_store_is_there());
	fd_store_put("state.7", files, 2, false);
	hears("FDSTORE=1\nFDNAME=state.7\nFDPOLL=0", files, 2);
	fd_store_put("tcp", files + 2, 1, true);
	hears("FDSTORE=1\nFDNAME=tcp", files + 2, 1);
	fd_store_remove("state.6");
	hears("FDSTOREREMOVE=1\nFDNAME=state.6", NULL, 0);
	hears_nothing();
	ck_assert_uint_eq(fd_store_figures().put, 3);
	ck_assert_uint_eq(fd_store_figures().removed, 1);
}
END_TEST

START_TEST(many_go_in_batches)
{
	fd_store_put("relay", files, MANY, false);
	hears("FDSTORE=1\nFDNAME=relay\nFDPOLL=0", files, 253);
	hears("FDSTORE=1\nFDNAME=relay\nFDPOLL=0", files + 253, 253);
	hears("FDSTORE=1\nFDNAME=relay\nFDPOLL=0", files + 506, MANY - 506);
	hears_nothing();
}
END_TEST

/* Send until the listener's queue is full; returns how many messages wait. */
static size_t fill(void)
{
	size_t sent = 0;

	while (fd_store_figures().waiting < 3) {
		fd_store_put("fill", &files[sent], 1, false);
		ck_assert_uint_lt(++sent, MANY);
	}
	return sent;
}

START_TEST(what_a_slow_manager_does_not_take_comes_later_in_order)
{
	size_t sent = fill();
	int again = memfd_create("again", MFD_CLOEXEC);
	ino_t file = file_of(again);
	struct heard heard;

	fd_store_put("tcp", &again, 1, true);
	fd_store_remove("fill");
	ck_assert(!fd_store_flush());
	ck_assert_uint_eq(fd_store_figures().waiting, 5);
	/* A copy waits: the number may be another file's by then. */
	close(again);
	for (size_t i = 0; i < sent; i++) {
		hears("FDSTORE=1\nFDNAME=fill\nFDPOLL=0", &files[i], 1);
		fd_store_flush();
	}
	ck_assert(hear(&heard));
	ck_assert_str_eq(heard.text, "FDSTORE=1\nFDNAME=tcp");
	ck_assert_uint_eq(heard.count, 1);
	ck_assert_uint_eq(file_of(heard.fds[0]), file);
	forget(&heard);
	hears("FDSTOREREMOVE=1\nFDNAME=fill", NULL, 0);
	hears_nothing();
	ck_assert(fd_store_flush());
	ck_assert_uint_eq(fd_store_figures().given_up, 0);
	ck_assert_uint_eq(fd_store_figures().waiting, 0);
	ck_assert_uint_eq(fd_store_figures().put, sent + 1);
}
END_TEST

START_TEST(the_last_wait_is_bounded)
{
	fill();
	ck_assert(!fd_store_wait(20));
	ck_assert_uint_eq(fd_store_figures().waiting, 3);
	fd_store_close();
	ck_assert_uint_eq(fd_store_figures().given_up, 3);
}
END_TEST

START_TEST(the_last_wait_ends_when_there_is_room)
{
	size_t sent = fill();
	struct heard heard;

	ck_assert(!fd_store_wait(0));
	for (size_t i = 0; i < 3; i++) {
		ck_assert(hear(&heard));
		forget(&heard);
	}
	ck_assert(fd_store_wait(2000));
	ck_assert_uint_eq(fd_store_figures().put, sent);
}
END_TEST

static size_t unpacked;

static void count_one(void *arg, int fd)
{
	(void)arg;
	ck_assert_uint_eq(file_of(fd), file_of(files[unpacked]));
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	unpacked++;
	close(fd);
}

START_TEST(a_parcel_is_one_for_the_store)
{
	struct heard heard;

	fd_store_put_parcels("relay", files, MANY);
	ck_assert(hear(&heard));
	ck_assert_str_eq(heard.text, "FDSTORE=1\nFDNAME=relay\nFDPOLL=0");
	ck_assert_uint_eq(heard.count, 1);
	ck_assert(fd_parcel_is(heard.fds[0]));
	ck_assert(!fd_parcel_is(files[0]));
	ck_assert(!fd_parcel_is(manager));
	hears_nothing();
	fd_parcel_unpack(heard.fds[0], count_one, NULL);
	ck_assert_uint_eq(unpacked, MANY);
}
END_TEST

START_TEST(a_path_is_an_address_too)
{
	char directory[] = "/tmp/avedge-test-XXXXXX";
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", directory);
	close(manager);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&at, sizeof(at)), 0);
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	fd_store_put("tcp", files, 1, true);
	hears("FDSTORE=1\nFDNAME=tcp", files, 1);

	/* Who listens there may be replaced. */
	unlink(at.sun_path);
	close(manager);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert(!fd_store_put("tcp", files, 1, true));
	ck_assert(fd_store_put("tcp", files + 1, 1, true));
	hears("FDSTORE=1\nFDNAME=tcp", files + 1, 1);
	ck_assert_uint_eq(fd_store_figures().given_up, 1);
	unlink(at.sun_path);
	rmdir(directory);
}
END_TEST

/* Ask until it has been asked. */
static void hear_canary(struct heard *heard, unsigned looks)
{
	for (unsigned i = 1; i < looks; i++)
		fd_store_look();
	hears_nothing();
	fd_store_look();
	ck_assert(hear(heard));
	ck_assert_str_eq(heard->text, "FDSTORE=1\nFDNAME=canary");
	ck_assert_uint_eq(heard->count, 1);
}

START_TEST(a_dropped_canary_tells_a_full_store)
{
	struct heard heard;

	fd_store_put("tcp", files, 1, true);
	hears("FDSTORE=1\nFDNAME=tcp", files, 1);
	hear_canary(&heard, 1);
	forget(&heard);
	ck_assert(!fd_store_is_full());
	fd_store_look();
	ck_assert(fd_store_is_full());

	/* Full: now and then. */
	hear_canary(&heard, 14);
	fd_store_look();
	ck_assert(!fd_store_is_full());
	/* It has hung up, so systemd needs no word to drop it. */
	struct pollfd polled = {.fd = heard.fds[0]};

	ck_assert_int_eq(poll(&polled, 1, 0), 1);
	ck_assert_int_ne(polled.revents & POLLHUP, 0);
	forget(&heard);

	/* Not full, and nothing new. */
	for (int i = 0; i < 100; i++)
		fd_store_look();
	hears_nothing();
	fd_store_put("tcp", files + 1, 1, true);
	hears("FDSTORE=1\nFDNAME=tcp", files + 1, 1);
	hear_canary(&heard, 1);
	forget(&heard);
}
END_TEST

START_TEST(a_canary_that_nobody_has_read_tells_nothing)
{
	struct heard heard;

	fd_store_put("tcp", files, 1, true);
	fd_store_look();
	for (int i = 0; i < 50; i++)
		fd_store_look();
	hears("FDSTORE=1\nFDNAME=tcp", files, 1);
	ck_assert(hear(&heard));
	ck_assert_str_eq(heard.text, "FDSTORE=1\nFDNAME=canary");
	hears_nothing();
	forget(&heard);
	ck_assert(!fd_store_is_full());
	fd_store_look();
	ck_assert(fd_store_is_full());
}
END_TEST

START_TEST(room_is_looked_for_after_a_removal)
{
	struct heard heard;

	fd_store_put("tcp", files, 1, true);
	hears("FDSTORE=1\nFDNAME=tcp", files, 1);
	hear_canary(&heard, 1);
	forget(&heard);
	fd_store_look();
	ck_assert(fd_store_is_full());
	fd_store_remove("tcp");
	hears("FDSTOREREMOVE=1\nFDNAME=tcp", NULL, 0);
	hear_canary(&heard, 1);
	forget(&heard);
}
END_TEST

static void hears_fill(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct heard heard;

		ck_assert(hear(&heard));
		ck_assert_str_eq(heard.text, "FDSTORE=1\nFDNAME=fill\nFDPOLL=0");
		forget(&heard);
	}
}

START_TEST(a_removal_overtakes_what_waits_for_other_names)
{
	size_t queued = fill() - 3;

	fd_store_put("tcp", files, 1, true);
	hears_fill(2);
	fd_store_remove_first("tc");
	hears_fill(queued - 2);
	hears("FDSTOREREMOVE=1\nFDNAME=tc", NULL, 0);
	fd_store_remove_first("tcp");
	hears_fill(3);
	hears("FDSTORE=1\nFDNAME=tcp", files, 1);
	hears("FDSTOREREMOVE=1\nFDNAME=tcp", NULL, 0);
	hears_nothing();
}
END_TEST

static const char *const nowhere[] = {"", "relative", "@", "/", "vsock:2:1234", NULL};

START_TEST(without_a_manager_nothing_happens)
{
	if (nowhere[_i] != NULL)
		setenv("NOTIFY_SOCKET", nowhere[_i], 1);
	else
		unsetenv("NOTIFY_SOCKET");
	ck_assert(!fd_store_is_there());
	fd_store_put("tcp", files, MANY, true);
	fd_store_put_parcels("relay", files, MANY);
	fd_store_remove("tcp");
	ck_assert(fd_store_flush());
	ck_assert_uint_eq(fd_store_figures().put, 0);
	ck_assert_uint_eq(fd_store_figures().given_up, 0);
	hears_nothing();
}
END_TEST

START_TEST(a_manager_that_is_gone_gets_nothing)
{
	setenv("NOTIFY_SOCKET", "@avedge-nobody", 1);
	fd_store_put("tcp", files, 3, true);
	fd_store_remove("tcp");
	ck_assert(fd_store_flush());
	ck_assert_uint_eq(fd_store_figures().given_up, 4);
}
END_TEST

/* --- the end of connections that have a copy ----------------------------------------------- */

struct connection {
	int listener, ours, copy, theirs;
};

static struct connection connect_tcp(void)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	socklen_t len = sizeof(at);
	struct connection tcp = {.listener = socket(AF_INET, SOCK_STREAM, 0)};

	ck_assert_int_eq(bind(tcp.listener, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(tcp.listener, 1), 0);
	getsockname(tcp.listener, (struct sockaddr *)&at, &len);
	tcp.theirs = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(tcp.theirs, (struct sockaddr *)&at, len), 0);
	tcp.ours = accept(tcp.listener, NULL, NULL);
	tcp.copy = dup(tcp.ours);
	ck_assert_int_ge(tcp.copy, 0);
	return tcp;
}

START_TEST(an_end_ends_the_copy)
{
	struct connection tcp = connect_tcp();
	struct pollfd polled = {.fd = tcp.copy};
	char byte;

	fd_end(tcp.ours, _i == 1);
	ck_assert_int_eq(recv(tcp.theirs, &byte, 1, 0), _i == 1 ? -1 : 0);
	if (_i == 1)
		ck_assert_int_eq(errno, ECONNRESET);
	/* By that, systemd lets go of it. */
	ck_assert_int_eq(poll(&polled, 1, 1000), 1);
	ck_assert_int_ne(polled.revents & POLLHUP, 0);

	int listener_copy = dup(tcp.listener);
	fd_end(tcp.listener, _i == 1);
	int late = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	getsockname(listener_copy, (struct sockaddr *)&at, &len);
	ck_assert_int_eq(connect(late, (struct sockaddr *)&at, len), -1);
	close(late);
	close(listener_copy);
	close(tcp.copy);
	close(tcp.theirs);
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("fd_store");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_message_has_the_name_and_whether_to_poll);
	tcase_add_test(tc, many_go_in_batches);
	tcase_add_test(tc, what_a_slow_manager_does_not_take_comes_later_in_order);
	tcase_add_test(tc, the_last_wait_is_bounded);
	tcase_add_test(tc, the_last_wait_ends_when_there_is_room);
	tcase_add_test(tc, a_parcel_is_one_for_the_store);
	tcase_add_test(tc, a_path_is_an_address_too);
	tcase_add_test(tc, a_dropped_canary_tells_a_full_store);
	tcase_add_test(tc, a_canary_that_nobody_has_read_tells_nothing);
	tcase_add_test(tc, room_is_looked_for_after_a_removal);
	tcase_add_test(tc, a_removal_overtakes_what_waits_for_other_names);
	tcase_add_loop_test(tc, without_a_manager_nothing_happens, 0, ROWS(nowhere));
	tcase_add_test(tc, a_manager_that_is_gone_gets_nothing);
	tcase_add_loop_test(tc, an_end_ends_the_copy, 0, 2);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("fd_store", add_cases)
