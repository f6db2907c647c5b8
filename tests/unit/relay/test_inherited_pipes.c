/*
 * test_inherited_pipes.c - thousands of pipes of the process before are found by their ids, and
 * nothing is read from them.
 */
#include "relay/peer/inherited_pipes.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/descriptors/inherited.h"
#include "base/net/byte_pump.h"
#include "tests/unit/lib/unit.h"

enum { PIPES = 4000 };

static uint64_t ids[PIPES];

/* How many there is room for. */
static int make(struct inherited *inherited)
{
	struct rlimit limit;
	int made = 0;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int fds[2]; made < PIPES && pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0;
	     made++) {
		ck_assert_int_eq(write(fds[1], "four", 4), 4);
		ids[made] = byte_pump_pipe_id(fds[0]);
		ck_assert(inherited_add(inherited, PIPES_NAME, fds[0]));
		ck_assert(inherited_add(inherited, PIPES_NAME, fds[1]));
	}
	return made;
}

START_TEST(each_is_found_by_its_id)
{
	struct inherited *inherited = inherited_new();
	int made = make(inherited), got[2], there, left = 0;
	clock_t began = clock();
	struct inherited_pipes *pipes = inherited_pipes_new(inherited);

	ck_assert_ptr_nonnull(pipes);
	ck_assert_uint_eq(inherited_count(inherited), 0);
	for (int i = 0; i < made; i++) {
		ck_assert(!inherited_pipes_take(pipes, ids[i], 3, got));
		ck_assert(inherited_pipes_take(pipes, ids[i], 4, got));
		ck_assert_uint_eq(byte_pump_pipe_id(got[1]), ids[i]);
		ck_assert_int_eq(ioctl(got[0], FIONREAD, &there), 0);
		ck_assert_int_eq(there, 4);
		if (i % 2 == 0) {
			inherited_pipes_give_back(pipes, got);
			continue;
		}
		ck_assert(!inherited_pipes_take(pipes, ids[i], 4, got));
		close(got[0]);
		close(got[1]);
	}
	for (; inherited_pipes_next(pipes, got); left++) {
		close(got[0]);
		close(got[1]);
	}
	ck_assert_int_eq(left, (made + 1) / 2);
	/* Three system calls for each, and not for each of each. */
	ck_assert_int_lt((clock() - began) / CLOCKS_PER_SEC, 5);
	inherited_pipes_free(pipes);
	inherited_free(inherited);
}
END_TEST

static void inherited_pipes_suite(Suite *suite)
{
	TCase *tc = tcase_create("inherited_pipes");

	tcase_add_test(tc, each_is_found_by_its_id);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("inherited_pipes", inherited_pipes_suite)
