/*
 * test_inherited.c - descriptors from the environment and from elsewhere, one list.
 */
#include "base/descriptors/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptors/fd_parcel.h"
#include "base/descriptors/fd_store.h"
#include "tests/unit/lib/unit.h"

static struct inherited *list;

static void setup(void)
{
	list = inherited_new();
	ck_assert_ptr_nonnull(list);
}

static void teardown(void)
{
	inherited_free(list);
}

static int file(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(each_is_taken_once_by_name)
{
	int first = file(), second = file(), other = file();

	ck_assert(inherited_add(list, "state.1", first));
	ck_assert(inherited_add(list, "tcp", other));
	ck_assert(inherited_add(list, "state.1", second));
	ck_assert_uint_eq(inherited_count(list), 3);
	ck_assert_int_eq(inherited_take(list, "state"), -1);
	ck_assert_int_eq(inherited_take(list, "state.1"), first);
	ck_assert_int_eq(inherited_take(list, "state.1"), second);
	ck_assert_int_eq(inherited_take(list, "state.1"), -1);
	ck_assert_uint_eq(inherited_count(list), 1);
	inherited_free(list);
	list = NULL;
	ck_assert(is_open(first) && is_open(second) && !is_open(other));
	close(first);
	close(second);
}
END_TEST

/* Whoever the parent is: no such name is of use, nor may reach the store. */
START_TEST(a_strange_name_is_closed)
{
	static const char *const names[] = {"",          " ",        "state.a b",
					    "state.x@y", "front.:1", "tcp\n"};
	char longest[FD_STORE_NAME_MAX + 1];
	int ends[2];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd = file();

		ck_assert(inherited_add(list, names[i], fd));
		ck_assert(!is_open(fd));
	}
	memset(longest, 'x', FD_STORE_NAME_MAX);
	longest[FD_STORE_NAME_MAX] = '\0';
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert(inherited_add(list, longest, ends[0]));
	ck_assert(!is_open(ends[0]));
	close(ends[1]);
	ck_assert_uint_eq(inherited_count(list), 0);
}
END_TEST

START_TEST(a_parcel_has_its_own_name)
{
	int fds[] = {file(), file()}, parcel;

	ck_assert_uint_eq(fd_parcel_pack(fds, 2, &parcel), 2);
	ck_assert(inherited_add(list, "tcp", parcel));
	ck_assert_int_eq(inherited_take(list, "tcp"), parcel);
	ck_assert_uint_eq(inherited_count(list), 0);
	close(parcel);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(a_walk_may_take)
{
	enum { COUNT = 1000 };
	int fds[COUNT], fd;
	size_t cursor = 0, seen = 0;
	const char *name;

	for (size_t i = 0; i < COUNT; i++) {
		fds[i] = dup(STDIN_FILENO);
		ck_assert(inherited_add(list, i % 2 == 0 ? "tcp" : "relay", fds[i]));
	}
	while (inherited_next(list, &cursor, &name, &fd)) {
		ck_assert_int_eq(fd, fds[seen]);
		ck_assert_str_eq(name, seen % 2 == 0 ? "tcp" : "relay");
		if (seen++ % 2 == 0) {
			inherited_taken(list, fd);
			close(fd);
		}
	}
	ck_assert_uint_eq(seen, COUNT);
	ck_assert_uint_eq(inherited_count(list), COUNT / 2);
	ck_assert_int_eq(inherited_take(list, "tcp"), -1);
	for (cursor = seen = 0; inherited_next(list, &cursor, &name, &fd); seen++)
		ck_assert_int_eq(fd, fds[2 * seen + 1]);
	ck_assert_uint_eq(seen, COUNT / 2);
}
END_TEST

START_TEST(a_parcel_is_what_was_in_it)
{
	enum { COUNT = 600 };
	int fds[COUNT], parcel, fd;
	size_t cursor = 0, seen = 0;
	const char *name;
	struct stat st;

	for (size_t i = 0; i < COUNT; i++)
		fds[i] = file();
	ck_assert_uint_eq(fd_parcel_pack(fds, COUNT, &parcel), COUNT);
	ck_assert(inherited_add(list, "relay", parcel));
	ck_assert_uint_eq(inherited_count(list), COUNT);
	for (; inherited_next(list, &cursor, &name, &fd); seen++) {
		ck_assert_str_eq(name, "relay");
		ck_assert_int_eq(fstat(fd, &st), 0);
		ino_t got = st.st_ino;
		ck_assert_int_eq(fstat(fds[seen], &st), 0);
		ck_assert_uint_eq(got, st.st_ino);
	}
	ck_assert_uint_eq(seen, COUNT);
	for (size_t i = 0; i < COUNT; i++)
		close(fds[i]);
}
END_TEST

START_TEST(what_nobody_takes_is_ended)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), theirs, ours, copy;
	char byte;

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&at, &len);
	theirs = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(theirs, (struct sockaddr *)&at, len), 0);
	ours = accept(listener, NULL, NULL);
	copy = dup(ours); /* as the store has one */
	ck_assert(inherited_add(list, "tcp", ours));
	inherited_free(list);
	list = NULL;
	/* Not an end, which would pass for all that was to come. */
	ck_assert_int_eq(recv(theirs, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	close(copy);
	close(theirs);
	close(listener);
}
END_TEST

/* --- from systemd: in a process of its own, as the numbers are given ------------------------- */

static int environment(const char *names, const char *count)
{
	char pid[24];
	int low = memfd_create("low", 0), high = memfd_create("high", 0);

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", count, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	low = fcntl(low, F_DUPFD, 20);
	high = fcntl(high, F_DUPFD, 20);
	return dup2(low, 3) == 3 && dup2(high, 4) == 4 ? 0 : -1;
}

static int as_systemd_gives_them(void)
{
	struct inherited *given = inherited_new();

	if (environment("state.1:front.127.0.0.1.3478.udp.0", "2") != 0)
		return 1;
	if (!inherited_from_environment(given) || inherited_count(given) != 2)
		return 2;
	if (getenv("LISTEN_FDS") != NULL || getenv("LISTEN_FDNAMES") != NULL)
		return 3;
	if ((fcntl(3, F_GETFD) & FD_CLOEXEC) == 0 ||
	    (fcntl(4, F_GETFD) & FD_CLOEXEC) == 0)
		return 4;
	if (inherited_take(given, "front.127.0.0.1.3478.udp.0") != 4 ||
	    inherited_take(given, "state.1") != 3)
		return 5;
	inherited_free(given);
	return is_open(3) && is_open(4) ? 0 : 6;
}

static int of_another_process(void)
{
	struct inherited *given = inherited_new();

	if (environment("a:b", "2") != 0)
		return 1;
	setenv("LISTEN_PID", "1", 1);
	if (!inherited_from_environment(given) || inherited_count(given) != 0)
		return 2;
	inherited_free(given);
	return is_open(3) ? 0 : 3;
}

static int names_that_do_not_fit(void)
{
	struct inherited *given = inherited_new();

	if (environment("a:b:c", "2") != 0)
		return 1;
	if (!inherited_from_environment(given) || inherited_count(given) != 0)
		return 2;
	inherited_free(given);
	return 0;
}

static int nothing(void)
{
	struct inherited *given = inherited_new();

	unsetenv("LISTEN_FDS");
	if (!inherited_from_environment(given) || inherited_count(given) != 0)
		return 1;
	inherited_free(given);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} environments[] = {
	{"as systemd gives them", as_systemd_gives_them},
	{"of another process", of_another_process},
	{"more names than descriptors", names_that_do_not_fit},
	{"nothing", nothing},
};

START_TEST(the_environment)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(environments[_i].run());
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %d",
		      environments[_i].name, WEXITSTATUS(status));
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("inherited");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_is_taken_once_by_name);
	tcase_add_test(tc, a_strange_name_is_closed);
	tcase_add_test(tc, a_parcel_has_its_own_name);
	tcase_add_test(tc, a_walk_may_take);
	tcase_add_test(tc, a_parcel_is_what_was_in_it);
	tcase_add_test(tc, what_nobody_takes_is_ended);
	tcase_add_loop_test(tc, the_environment, 0, ROWS(environments));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("inherited", add_cases)
