/*
 * test_past.c - which state files count, of those that a process was given.
 */
#include "relay/past.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/descriptors/inherited.h"
#include "relay/state/state_memory.h"
#include "tests/unit/lib/unit.h"

static struct inherited *inherited;
static struct past *past;
static uint8_t boot_id[16];

static const struct state_sizes sizes = {.records = {[STATE_ALLOCATION] = 4}};

static void begin(void)
{
	inherited = inherited_new();
	ck_assert(inherited != NULL && state_boot_id(boot_id));
}

static void end(void)
{
	past_free(past);
	past = NULL;
	inherited_free(inherited);
}

/* A file of that process, with a record that says whose it is. */
static void give_as(const char *name, uint64_t process, uint32_t worker, uint32_t workers,
		    bool complete)
{
	struct state_head head = {
		.process = process, .worker = worker, .workers = workers};
	struct state_memory memory;
	struct state_file *file;
	uint8_t record = (uint8_t)process;

	memcpy(head.boot_id, boot_id, sizeof(boot_id));
	ck_assert_int_eq(state_memory_make(&memory, "test", state_file_bytes(&sizes)), 0);
	file = state_file_new(memory.memory, memory.bytes, &head, &sizes);
	ck_assert(state_file_put(file, STATE_ALLOCATION, 1, (struct slice){&record, 1}));
	if (complete)
		state_file_complete(file);
	state_file_free(file);
	ck_assert(inherited_add(inherited, name, dup(memory.fd)));
	state_memory_release(&memory);
}

static void give(uint64_t process, uint32_t worker, uint32_t workers, bool complete)
{
	char name[PAST_NAME_SIZE];

	past_name(process, name);
	give_as(name, process, worker, workers, complete);
}

static void give_all(uint64_t process, uint32_t workers, bool complete)
{
	give(process, STATE_SHARED, workers, complete);
	for (uint32_t i = 0; i < workers; i++)
		give(process, i, workers, false);
}

static void look(void)
{
	past = past_new(inherited);
	ck_assert_ptr_nonnull(past);
	ck_assert_msg(inherited_count(inherited) == 0, "all state files are taken");
}

static void expect_process(uint64_t process, unsigned workers)
{
	struct state_found found;

	look();
	ck_assert_uint_eq(past_process(past), process);
	ck_assert_uint_eq(past_workers(past), workers);
	for (unsigned i = 0; i < workers; i++) {
		const struct state_view *view = past_worker(past, i);
		uint32_t cursor = 0;

		ck_assert_ptr_nonnull(view);
		ck_assert(state_view_next(view, STATE_ALLOCATION, &cursor, &found));
		ck_assert(found.good && found.record.data[0] == process);
	}
	ck_assert_ptr_null(past_worker(past, workers));
}

START_TEST(there_may_be_none)
{
	begin();
	look();
	ck_assert_uint_eq(past_process(past), 0);
	ck_assert_uint_eq(past_next_process(past), 1);
	ck_assert_ptr_null(past_shared(past));
	ck_assert_int_eq(past_verdict(past), STATE_GOOD);
	end();
}
END_TEST

START_TEST(the_one_before_counts)
{
	begin();
	give_all(7, 3, true);
	expect_process(7, 3);
	ck_assert_uint_eq(past_next_process(past), 8);
	end();
}
END_TEST

START_TEST(one_that_had_not_taken_over_does_not_count) /* killed before "complete" */
{
	begin();
	give_all(7, 2, true);
	give_all(8, 2, false);
	expect_process(7, 2);
	ck_assert_msg(past_next_process(past) == 9, "its number is not used again");
	end();
}
END_TEST

START_TEST(of_two_that_had_the_newer_counts) /* killed before it removed the old ones */
{
	begin();
	give_all(8, 1, true);
	give_all(7, 2, true);
	expect_process(8, 1);
	end();
}
END_TEST

START_TEST(a_worker_s_file_may_be_missing)
{
	begin();
	give(7, STATE_SHARED, 2, true);
	give(7, 1, 2, false);
	look();
	ck_assert_uint_eq(past_process(past), 7);
	ck_assert_ptr_null(past_worker(past, 0));
	ck_assert_ptr_nonnull(past_worker(past, 1));
	end();
}
END_TEST

START_TEST(without_the_shared_file_nothing_counts)
{
	begin();
	give(7, 0, 1, true);
	look();
	ck_assert_uint_eq(past_process(past), 0);
	ck_assert_uint_eq(past_next_process(past), 8);
	end();
}
END_TEST

START_TEST(what_is_no_state_file_is_told)
{
	int fd = memfd_create("text", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	begin();
	give_all(7, 1, true);
	ck_assert_int_eq(write(fd, "text", 4), 4);
	ck_assert(inherited_add(inherited, "state.9", fd));
	expect_process(7, 1);
	ck_assert_int_eq(past_verdict(past), STATE_NOT_OURS);
	ck_assert_uint_eq(past_next_process(past), 10);
	end();
}
END_TEST

START_TEST(another_boot_means_nothing)
{
	begin();
	boot_id[3] ^= 1;
	give_all(7, 1, true);
	look();
	ck_assert_uint_eq(past_process(past), 0);
	ck_assert_int_eq(past_verdict(past), STATE_OTHER_BOOT);
	end();
}
END_TEST

START_TEST(heads_may_lie)
{
	begin();
	give(7, STATE_SHARED, 1, true);
	give(7, 0, 1, false);
	give(7, 0, 1, false);               /* twice */
	give(7, 5, 1, false);               /* no such worker */
	give(8, STATE_SHARED, 70000, true); /* too many */
	give_as("state.", 6, STATE_SHARED, 1, true);
	give_as("state.x9", 5, 0, 1, false);
	expect_process(7, 1);
	end();
}
END_TEST

START_TEST(other_descriptors_stay)
{
	begin();
	ck_assert(inherited_add(inherited, "tcp", dup(0)));
	ck_assert(inherited_add(inherited, "statement", dup(0)));
	past = past_new(inherited);
	ck_assert_uint_eq(inherited_count(inherited), 2);
	past_free(past);
	past = NULL;
	inherited_leave(inherited);
}
END_TEST

static void past_suite(Suite *suite)
{
	TCase *tc = tcase_create("past");

	tcase_add_test(tc, there_may_be_none);
	tcase_add_test(tc, the_one_before_counts);
	tcase_add_test(tc, one_that_had_not_taken_over_does_not_count);
	tcase_add_test(tc, of_two_that_had_the_newer_counts);
	tcase_add_test(tc, a_worker_s_file_may_be_missing);
	tcase_add_test(tc, without_the_shared_file_nothing_counts);
	tcase_add_test(tc, what_is_no_state_file_is_told);
	tcase_add_test(tc, another_boot_means_nothing);
	tcase_add_test(tc, heads_may_lie);
	tcase_add_test(tc, other_descriptors_stay);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("past", past_suite)
