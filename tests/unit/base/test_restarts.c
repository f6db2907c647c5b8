/*
 * test_restarts.c - how long a process waits that has ended again and again.
 */
#include "base/descriptors/restarts.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/descriptors/fd_store.h"
#include "base/descriptors/inherited.h"
#include "tests/unit/lib/notify_listener.h"
#include "tests/unit/lib/unit.h"

static int manager, file = -1;
static uint64_t now_ms;
static bool serves;

static void setup(void)
{
	manager = notify_listener_open();
	now_ms = 4711;
	serves = true;
}

static void teardown(void)
{
	fd_store_close();
	close(manager);
	if (file >= 0)
		close(file);
	file = -1;
}

/* What the store keeps of the message, if it is one that stores. */
static void keep(void)
{
	char text[128];
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {text, sizeof(text) - 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t len = recvmsg(manager, &message, MSG_DONTWAIT);

	if (len < 0)
		return;
	text[len] = '\0';
	ck_assert_str_eq(text, "FDSTORE=1\nFDNAME=restarts\nFDPOLL=0");
	ck_assert_int_lt(file, 0);
	memcpy(&file, CMSG_DATA(&control.header), sizeof(file));
}

/* A process that starts now, and serves after what it waits; returns that. */
static uint32_t start(uint32_t *count)
{
	struct inherited *inherited = inherited_new();
	uint32_t wait_ms;

	if (file >= 0)
		ck_assert(inherited_add(inherited, RESTARTS_NAME, dup(file)));
	wait_ms = restarts_begin(inherited, now_ms, count);
	inherited_free(inherited);
	keep();
	now_ms += wait_ms;
	if (serves)
		restarts_end(now_ms);
	else
		restarts_end(0); /* as if it had not been called */
	return wait_ms;
}

START_TEST(one_that_ends_at_once_waits_longer_and_longer)
{
	static const uint32_t waits[] = {100,  200,  400,  800, 1600,
					 3200, 5000, 5000, 5000};
	uint32_t count;

	for (uint32_t i = 0; i <= RESTARTS_FREE; i++, now_ms += RESTARTS_SHORT_MS - 1) {
		ck_assert_uint_eq(start(&count), 0);
		ck_assert_uint_eq(count, i);
	}
	for (uint32_t i = 0; i < ARRAY_LEN(waits); i++, now_ms += RESTARTS_SHORT_MS - 1) {
		ck_assert_uint_eq(start(&count), waits[i]);
		ck_assert_uint_eq(count, RESTARTS_FREE + 1 + i);
	}
	/* One that serves for long enough starts anew. */
	now_ms += 1;
	ck_assert_uint_eq(start(&count), 0);
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(one_that_never_serves_counts_however_long_it_tries)
{
	uint32_t count;

	serves = false;
	for (uint32_t i = 0; i <= RESTARTS_FREE; i++, now_ms += 100 * RESTARTS_SHORT_MS)
		ck_assert_uint_eq(start(&count), 0);
	ck_assert_uint_eq(start(&count), RESTARTS_FIRST_MS);
	ck_assert_uint_eq(count, RESTARTS_FREE + 1);
}
END_TEST

START_TEST(one_that_lives_is_never_late)
{
	uint32_t count;

	for (int i = 0; i < 100; i++, now_ms += RESTARTS_SHORT_MS) {
		ck_assert_uint_eq(start(&count), 0);
		ck_assert_uint_eq(count, 0);
	}
}
END_TEST

START_TEST(without_a_store_nothing_waits)
{
	uint32_t count;

	unsetenv("NOTIFY_SOCKET");
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(start(&count), 0);
	ck_assert_int_lt(file, 0);
}
END_TEST

START_TEST(what_is_no_such_file_starts_anew)
{
	uint32_t count;

	file = memfd_create("other", MFD_CLOEXEC);
	ck_assert_int_eq(write(file, "avedge", 6), 6);
	ck_assert_uint_eq(start(&count), 0);
	ck_assert_uint_eq(count, 0);
	ck_assert_uint_eq(start(&count), 0);
	ck_assert_uint_eq(count, 1);
}
END_TEST

START_TEST(what_is_said_is_said_once_until_one_serves)
{
	uint32_t count;

	for (int i = 0; i < 2; i++) {
		struct inherited *inherited = inherited_new();

		if (file >= 0)
			ck_assert(inherited_add(inherited, RESTARTS_NAME, dup(file)));
		restarts_begin(inherited, now_ms++, &count);
		inherited_free(inherited);
		keep();
		ck_assert_int_eq(restarts_say(RESTARTS_SAID_WAITING), i == 0);
		ck_assert(!restarts_say(RESTARTS_SAID_WAITING));
		ck_assert_int_eq(restarts_say(RESTARTS_SAID_REMARKS), i == 0);
		restarts_end(i == 0 ? 0 : now_ms);
	}
	serves = false;
	ck_assert_uint_eq(start(&count), 0);

	struct inherited *inherited = inherited_new();

	ck_assert(inherited_add(inherited, RESTARTS_NAME, dup(file)));
	restarts_begin(inherited, now_ms++, &count);
	inherited_free(inherited);
	ck_assert(restarts_say(RESTARTS_SAID_WAITING));
	restarts_end(now_ms);
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("restarts");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_that_ends_at_once_waits_longer_and_longer);
	tcase_add_test(tc, one_that_never_serves_counts_however_long_it_tries);
	tcase_add_test(tc, one_that_lives_is_never_late);
	tcase_add_test(tc, without_a_store_nothing_waits);
	tcase_add_test(tc, what_is_no_such_file_starts_anew);
	tcase_add_test(tc, what_is_said_is_said_once_until_one_serves);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("restarts", add_cases)
