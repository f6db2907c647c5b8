/* Records of a state file: put, replaced, dropped, and found by a view of the same memory. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "relay/state/state_file.h"
#include "relay/state/state_memory.h"
#include "relay/state/state_view.h"
#include "tests/unit/lib/unit.h"

static const struct state_sizes sizes = {
	{[STATE_ALLOCATION] = 64,
	 [STATE_STREAM] = 16,
	 [STATE_RESTING] = 4,
	 [STATE_STREAM_BYTES] = 16},
};
static const struct state_head head = {.process = 7,
				       .worker = 1,
				       .workers = 2,
				       .boot_id = {1, 2, 3}};
static struct state_memory memory;
static struct state_file *file;
static uint8_t bytes[STATE_RECORD_MAX + 1];

static void setup(void)
{
	ck_assert_int_eq(state_memory_make(&memory, "test", state_file_bytes(&sizes)), 0);
	file = state_file_new(memory.memory, memory.bytes, &head, &sizes);
	ck_assert_ptr_nonnull(file);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
}

static void teardown(void)
{
	state_file_free(file);
	state_memory_release(&memory);
}

static struct state_view view_of(const void *at, size_t len)
{
	struct state_view view;

	ck_assert_int_eq(state_view_open(&view, at, len, head.boot_id), STATE_GOOD);
	return view;
}

static bool same(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* The one record of that index in a view, and in the file. */
static void expect(enum state_kind kind, uint32_t index, struct slice want)
{
	struct state_view view = view_of(memory.memory, memory.bytes);
	struct state_found found;
	uint32_t cursor = index;

	ck_assert(state_view_next(&view, kind, &cursor, &found));
	ck_assert_uint_eq(found.index, index);
	ck_assert_uint_eq(cursor, index + 1);
	ck_assert(found.good);
	ck_assert(same(found.record, want));
	ck_assert(same(state_file_get(file, kind, index), want));
}

START_TEST(an_empty_file_has_no_record)
{
	struct state_view view = view_of(memory.memory, memory.bytes);
	struct state_found found;

	for (int kind = 0; kind < STATE_KIND_COUNT; kind++) {
		uint32_t cursor = 0;
		ck_assert(
			!state_view_next(&view, (enum state_kind)kind, &cursor, &found));
	}
	ck_assert(!view.complete);
	ck_assert_uint_eq(view.head.process, 7);
	ck_assert_uint_eq(view.head.worker, 1);
	ck_assert_uint_eq(view.head.workers, 2);
	ck_assert_uint_eq(view.version, STATE_FILE_VERSION);
	ck_assert_uint_eq(view.sizes.records[STATE_ALLOCATION], 64);
	ck_assert_ptr_null(state_file_get(file, STATE_ALLOCATION, 63).data);
	ck_assert_uint_eq(state_file_used(file), 0);
}
END_TEST

static const size_t lengths[] = {0,    1,    40,   41,   100,  999,   1000,
				 1001, 1256, 2000, 4096, 9000, 40000, 65536};

START_TEST(a_record_of_any_length_is_kept)
{
	struct slice record = {bytes, lengths[_i]};

	ck_assert(state_file_put(file, STATE_ALLOCATION, 63, record));
	expect(STATE_ALLOCATION, 63, record);
	ck_assert(state_file_used(file) >= record.len + 24);
	ck_assert(state_file_used(file) <= record.len * 5 / 4 + 24 + 64);

	/* Another, and the block of the first is taken again. */
	struct slice other = {bytes + 1, lengths[_i]};
	for (int i = 0; i < 1000; i++)
		ck_assert(state_file_put(file, STATE_ALLOCATION, 63,
					 i % 2 ? record : other));
	expect(STATE_ALLOCATION, 63, record);
	state_file_drop(file, STATE_ALLOCATION, 63);
	state_file_drop(file, STATE_ALLOCATION, 63);
	ck_assert_ptr_null(state_file_get(file, STATE_ALLOCATION, 63).data);
	ck_assert_uint_eq(state_file_used(file), 0);
}
END_TEST

START_TEST(a_record_may_replace_itself)
{
	ck_assert(state_file_put(file, STATE_STREAM, 3, (struct slice){bytes, 500}));
	struct slice old = state_file_get(file, STATE_STREAM, 3);
	ck_assert(state_file_put(file, STATE_STREAM, 3, slice_skip(old, 100)));
	expect(STATE_STREAM, 3, (struct slice){bytes + 100, 400});
}
END_TEST

START_TEST(one_that_is_too_long_leaves_the_old_one)
{
	ck_assert(state_file_put(file, STATE_ALLOCATION, 0, (struct slice){bytes, 9}));
	ck_assert(!state_file_put(file, STATE_ALLOCATION, 0,
				  (struct slice){bytes, STATE_RECORD_MAX + 1}));
	expect(STATE_ALLOCATION, 0, (struct slice){bytes, 9});
}
END_TEST

START_TEST(open_bytes_change_without_a_doubt)
{
	uint8_t want[300];
	uint8_t *open = state_file_put_open(file, STATE_STREAM_BYTES, 2,
					    (struct slice){bytes, 8},
					    (struct slice){bytes + 8, 100}, 292);

	ck_assert_ptr_nonnull(open);
	memcpy(open + 100, bytes + 108, 192);
	memcpy(want, bytes, sizeof(want));
	expect(STATE_STREAM_BYTES, 2, (struct slice){want, sizeof(want)});
	ck_assert_ptr_null(
		state_file_put_open(file, STATE_STREAM_BYTES, 2, (struct slice){bytes, 8},
				    (struct slice){NULL, 0}, STATE_RECORD_MAX - 7));
	expect(STATE_STREAM_BYTES, 2, (struct slice){want, sizeof(want)});
}
END_TEST

/* Long ones until there is no room; then short ones still find some of what is given back. */
START_TEST(a_full_file_refuses_and_keeps)
{
	static const struct state_sizes many = {{[STATE_RESTING] = 4096}};
	struct state_memory room;
	struct state_view view;
	struct state_found found;
	uint32_t count = 0, cursor = 0, seen = 0;

	ck_assert_int_eq(state_memory_make(&room, "test", state_file_bytes(&many)), 0);
	struct state_file *full = state_file_new(room.memory, room.bytes, &head, &many);
	while (state_file_put(full, STATE_RESTING, count, (struct slice){bytes, 65536}))
		ck_assert_uint_lt(++count, 4096);
	ck_assert_uint_gt(count, 100);
	ck_assert(!state_file_put(full, STATE_RESTING, 0, (struct slice){bytes, 65536}));
	state_file_drop(full, STATE_RESTING, 5);
	ck_assert(state_file_put(full, STATE_RESTING, 0, (struct slice){bytes, 65536}));

	ck_assert_int_eq(state_view_open(&view, room.memory, room.bytes, head.boot_id),
			 STATE_GOOD);
	for (; state_view_next(&view, STATE_RESTING, &cursor, &found); seen++)
		ck_assert(found.good && same(found.record, (struct slice){bytes, 65536}));
	ck_assert_uint_eq(seen, count - 1);
	state_file_free(full);
	state_memory_release(&room);
}
END_TEST

START_TEST(words_are_zero_at_first_and_stay)
{
	uint64_t *words = state_file_words(file, STATE_STREAM, 15);
	struct state_found found;
	uint32_t cursor = 0;

	ck_assert(state_file_put(file, STATE_STREAM, 15, (struct slice){bytes, 10}));
	for (int i = 0; i < STATE_WORDS; i++)
		ck_assert_uint_eq(words[i], 0);
	state_word_store(file, &words[7], 77);
	ck_assert(state_file_put(file, STATE_STREAM, 15, (struct slice){bytes, 900}));
	struct state_view view = view_of(memory.memory, memory.bytes);
	ck_assert(state_view_next(&view, STATE_STREAM, &cursor, &found));
	ck_assert_uint_eq(found.words[7], 77);

	/* Another stream's, later. */
	state_file_drop(file, STATE_STREAM, 15);
	ck_assert(state_file_put(file, STATE_STREAM, 15, (struct slice){bytes, 10}));
	ck_assert_uint_eq(words[7], 0);
	ck_assert(state_file_put(file, STATE_ALLOCATION, 15, (struct slice){bytes, 1}));
	cursor = 0;
	ck_assert(state_view_next(&view, STATE_ALLOCATION, &cursor, &found));
	ck_assert_ptr_null(found.words);
}
END_TEST

START_TEST(windows_are_shared_with_the_view)
{
	struct state_view view = view_of(memory.memory, memory.bytes);

	for (unsigned i = 0; i < STATE_WINDOWS; i++) {
		const uint64_t *read_words;
		uint64_t *words;
		uint8_t *window = state_file_window(file, i, &words);

		memset(window, (int)i + 1, STATE_WINDOW_LEN);
		for (int n = 0; n < STATE_WORDS; n++)
			state_word_store(file, &words[n], i * 10 + (unsigned)n);
		const uint8_t *seen = state_view_window(&view, i, &read_words);
		ck_assert_ptr_eq(seen, window);
		ck_assert_ptr_eq(read_words, words);
	}
	for (unsigned i = 0; i < STATE_WINDOWS; i++) {
		uint64_t *words;
		uint8_t *window = state_file_window(file, i, &words);

		ck_assert_uint_eq(window[0], i + 1);
		ck_assert_uint_eq(window[STATE_WINDOW_LEN - 1], i + 1);
		ck_assert_uint_eq(words[0], i * 10);
		ck_assert_uint_eq(words[STATE_WORDS - 1], i * 10 + 7);
	}
	ck_assert(state_file_put(file, STATE_ALLOCATION, 0, (struct slice){bytes, 9}));
	expect(STATE_ALLOCATION, 0, (struct slice){bytes, 9});
}
END_TEST

START_TEST(complete_is_said_once_and_for_all)
{
	state_file_complete(file);
	struct state_view view = view_of(memory.memory, memory.bytes);
	ck_assert(view.complete);
}
END_TEST

/* The next process has the descriptor alone. */
START_TEST(an_inherited_one_is_mapped_read_only)
{
	struct state_memory inherited;
	struct state_found found;
	uint32_t cursor = 0;

	ck_assert(state_file_put(file, STATE_RESTING, 2, (struct slice){bytes, 300}));
	ck_assert_int_eq(state_memory_map(&inherited, dup(memory.fd)), 0);
	ck_assert_uint_eq(inherited.bytes, memory.bytes);
	struct state_view view = view_of(inherited.memory, inherited.bytes);
	ck_assert(state_view_next(&view, STATE_RESTING, &cursor, &found));
	ck_assert(found.good && same(found.record, (struct slice){bytes, 300}));
	state_memory_release(&inherited);

	/* Its size is sealed. */
	ck_assert_int_ne(ftruncate(memory.fd, 4096), 0);
}
END_TEST

START_TEST(what_is_no_sealed_memory_is_not_mapped)
{
	struct state_memory inherited;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_lt(state_memory_map(&inherited, ends[0]), 0);
	close(ends[1]);
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(fd, 8192), 0);
	ck_assert_int_lt(state_memory_map(&inherited, fd), 0);
	ck_assert_int_lt(state_memory_map(&inherited, -1), 0);
	state_memory_release(&inherited);
}
END_TEST

START_TEST(a_boot_has_an_id)
{
	uint8_t id[16], again[16], none[16] = {0};

	ck_assert(state_boot_id(id) && state_boot_id(again));
	ck_assert_mem_eq(id, again, sizeof(id));
	ck_assert_mem_ne(id, none, sizeof(id));
}
END_TEST

START_TEST(sizes_beyond_all_are_refused)
{
	static const struct state_sizes huge = {
		{[STATE_STREAM] = UINT32_MAX, [STATE_PEER] = UINT32_MAX}};

	ck_assert_uint_eq(state_file_bytes(&huge), 0);
}
END_TEST

static void state_file_suite(Suite *suite)
{
	TCase *tc = tcase_create("state_file");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_empty_file_has_no_record);
	tcase_add_loop_test(tc, a_record_of_any_length_is_kept, 0, ROWS(lengths));
	tcase_add_test(tc, a_record_may_replace_itself);
	tcase_add_test(tc, one_that_is_too_long_leaves_the_old_one);
	tcase_add_test(tc, open_bytes_change_without_a_doubt);
	tcase_add_test(tc, a_full_file_refuses_and_keeps);
	tcase_add_test(tc, words_are_zero_at_first_and_stay);
	tcase_add_test(tc, windows_are_shared_with_the_view);
	tcase_add_test(tc, complete_is_said_once_and_for_all);
	tcase_add_test(tc, an_inherited_one_is_mapped_read_only);
	tcase_add_test(tc, what_is_no_sealed_memory_is_not_mapped);
	tcase_add_test(tc, a_boot_has_an_id);
	tcase_add_test(tc, sizes_beyond_all_are_refused);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("state_file", state_file_suite)
