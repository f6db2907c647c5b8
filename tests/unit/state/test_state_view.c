/*
 * Files that were cut, changed bit by bit, made by other versions and on other boots, or made up:
 * what a view returns is a record that was written whole, or nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "relay/state/state_layout.h"
#include "relay/state/state_view.h"
#include "tests/unit/lib/unit.h"

enum { RECORDS = 6 };

static const struct state_sizes sizes = {
	{[STATE_ALLOCATION] = RECORDS, [STATE_PEER] = RECORDS},
};
static const struct state_head head = {.process = 11,
				       .worker = STATE_SHARED,
				       .workers = 3,
				       .boot_id = {5, 6}};
static const enum state_kind kinds[] = {STATE_ALLOCATION, STATE_PEER};

static uint8_t *memory;
static size_t bytes; /* cut behind the last record */
static uint64_t records_at;

static size_t length(enum state_kind kind, uint32_t index)
{
	return kind == STATE_ALLOCATION ? 20 + index * 90 : 5 + index * 30;
}

static uint8_t text(enum state_kind kind, uint32_t index, size_t i)
{
	return (uint8_t)(1 + (unsigned)kind + index * 16 + i * 3);
}

static void set_head(const struct state_disk_head *disk)
{
	memcpy(memory, disk, sizeof(*disk));
	uint32_t checksum = state_head_checksum(memory, disk->length);
	memcpy(memory + offsetof(struct state_disk_head, checksum), &checksum,
	       sizeof(checksum));
}

static struct state_disk_head get_head(void)
{
	struct state_disk_head disk;

	memcpy(&disk, memory, sizeof(disk));
	return disk;
}

/* In memory of exactly its length, so that a read behind it is seen. */
static void cut(void)
{
	struct state_disk_head disk = get_head();

	while (memory[bytes - 1] == 0)
		bytes--;
	bytes = (bytes + 7) / 8 * 8;
	disk.bytes = bytes;
	set_head(&disk);
	uint8_t *exact = malloc(bytes);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, memory, bytes);
	free(memory);
	memory = exact;
	records_at = disk.records_at;
}

static void setup(void)
{
	uint8_t record[1000];

	bytes = state_file_bytes(&sizes);
	memory = aligned_alloc(STATE_PAGE, bytes);
	ck_assert_ptr_nonnull(memory);
	memset(memory, 0, bytes);
	struct state_file *file = state_file_new(memory, bytes, &head, &sizes);
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		for (uint32_t i = 0; i < RECORDS; i++) {
			for (size_t n = 0; n < sizeof(record); n++)
				record[n] = text(kinds[k], i, n);
			struct slice all = {record, length(kinds[k], i)};
			/* The first version of each stays behind, in a free block. */
			ck_assert(state_file_put(file, kinds[k], i,
						 (struct slice){record, 7}));
			ck_assert(state_file_put(file, kinds[k], i, all));
		}
	}
	state_file_complete(file);
	state_file_free(file);
	cut();
}

static void teardown(void)
{
	free(memory);
}

/* How many records are as they were written; all that is found has to be, if it is called good. */
static unsigned intact(void)
{
	struct state_view view;
	unsigned count = 0;

	ck_assert_int_eq(state_view_open(&view, memory, bytes, head.boot_id), STATE_GOOD);
	for (int kind = 0; kind < STATE_KIND_COUNT; kind++) {
		struct state_found found;
		uint32_t cursor = 0;

		while (state_view_next(&view, (enum state_kind)kind, &cursor, &found)) {
			ck_assert_uint_lt(found.index, RECORDS);
			if (!found.good) {
				ck_assert_ptr_null(found.record.data);
				continue;
			}
			ck_assert_uint_eq(found.record.len,
					  length((enum state_kind)kind, found.index));
			for (size_t i = 0; i < found.record.len; i++) {
				if (found.record.data[i] !=
				    text((enum state_kind)kind, found.index, i))
					ck_abort_msg("another record's bytes");
			}
			count++;
		}
	}
	return count;
}

START_TEST(a_good_one_is_read)
{
	struct state_view view;

	ck_assert_uint_eq(intact(), 2 * RECORDS);
	ck_assert_int_eq(state_view_open(&view, memory, bytes, head.boot_id), STATE_GOOD);
	ck_assert(view.complete);
	ck_assert_uint_eq(view.head.worker, STATE_SHARED);
}
END_TEST

START_TEST(one_that_was_cut_is_refused_at_every_length)
{
	for (size_t len = 0; len < bytes; len++) {
		struct state_view view;
		/* Of a head that is cut, a read behind its end is seen. */
		uint8_t *exact = len < 2 * STATE_PAGE ? malloc(len + 1) : NULL;

		if (exact)
			memcpy(exact, memory, len);
		enum state_verdict verdict =
			state_view_open(&view, exact ? exact : memory, len, head.boot_id);
		free(exact);
		ck_assert_int_eq(verdict, len < 8 ? STATE_NOT_OURS : STATE_DAMAGED);
	}
}
END_TEST

START_TEST(a_bit_of_the_head_is_noticed)
{
	struct state_view view;
	struct state_disk_head disk = get_head();

	for (size_t bit = 0; bit < 8 * (STATE_HEAD_CHECKED + disk.length); bit++) {
		memory[bit / 8] ^= (uint8_t)(1 << bit % 8);
		enum state_verdict verdict =
			state_view_open(&view, memory, bytes, head.boot_id);
		memory[bit / 8] ^= (uint8_t)(1 << bit % 8);

		if (bit < 64)
			ck_assert_int_eq(verdict, STATE_NOT_OURS);
		else if (bit < 96) /* the version, which stands before all else */
			ck_assert_int_ne(verdict, STATE_GOOD);
		else
			ck_assert_int_eq(verdict, STATE_DAMAGED);
	}
	/* A file of which "complete" is not the one right word is not complete. */
	for (size_t bit = 0; bit < 64; bit++) {
		memory[STATE_COMPLETE_AT + bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(state_view_open(&view, memory, bytes, head.boot_id),
				 STATE_GOOD);
		ck_assert(!view.complete);
		memory[STATE_COMPLETE_AT + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

START_TEST(a_bit_of_the_index_costs_that_record)
{
	struct state_disk_head disk = get_head();

	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		size_t at = (size_t)disk.kinds[kinds[k]].index_at;

		for (size_t bit = 0; bit < 64 * RECORDS; bit++) {
			memory[at + bit / 8] ^= (uint8_t)(1 << bit % 8);
			ck_assert_uint_eq(intact(), 2 * RECORDS - 1);
			memory[at + bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}
END_TEST

START_TEST(a_bit_of_a_record_costs_that_record)
{
	struct state_disk_head disk = get_head();

	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		for (uint32_t i = 0; i < RECORDS; i++) {
			size_t len =
				sizeof(struct state_disk_record) + length(kinds[k], i);
			uint64_t word;

			memcpy(&word, memory + disk.kinds[kinds[k]].index_at + 8 * i, 8);
			uint8_t *at =
				memory + (uint64_t)state_word_unit(word) * STATE_UNIT;
			for (size_t bit = 0; bit < 8 * len; bit++) {
				at[bit / 8] ^= (uint8_t)(1 << bit % 8);
				ck_assert_uint_eq(intact(), 2 * RECORDS - 1);
				at[bit / 8] ^= (uint8_t)(1 << bit % 8);
			}
		}
	}
}
END_TEST

START_TEST(a_bit_of_a_mark_hides_no_record)
{
	for (size_t bit = 0; bit < (size_t)64 * STATE_LAYOUT_KINDS; bit++) {
		memory[STATE_MARKS_AT + bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_uint_eq(intact(), 2 * RECORDS);
		memory[STATE_MARKS_AT + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

/* Windows and their words are for those who use them. */
START_TEST(bits_of_windows_cost_no_record)
{
	struct state_disk_head disk = get_head();

	for (size_t at = STATE_PAGE; at < (size_t)disk.kinds[0].index_at; at++)
		memory[at] ^= 0xFF;
	ck_assert_uint_eq(intact(), 2 * RECORDS);
}
END_TEST

/* An index word that leads to another record, or an older version, of the right place. */
START_TEST(a_word_that_leads_elsewhere_is_in_doubt)
{
	struct state_disk_head disk = get_head();
	uint8_t *index = memory + disk.kinds[STATE_ALLOCATION].index_at;
	uint64_t first, second;

	memcpy(&first, index, 8);
	memcpy(&second, index + 8, 8);
	memcpy(index, &second, 8);
	ck_assert_uint_eq(intact(), 2 * RECORDS - 1);

	/* Any block of the file with any sequence number that was given. */
	for (uint32_t unit = 0; unit < bytes / STATE_UNIT + 3; unit++) {
		for (uint32_t sequence = 0; sequence < 5; sequence++) {
			uint64_t word = state_word_of(sequence, unit);

			memcpy(index, &word, 8);
			/* The first version, of sequence 1, is whole, but was given up. */
			struct state_view view;
			struct state_found found;
			uint32_t cursor = 0;

			ck_assert_int_eq(state_view_open(&view, memory, bytes,
							 head.boot_id),
					 STATE_GOOD);
			if (state_view_next(&view, STATE_ALLOCATION, &cursor, &found) &&
			    found.index == 0 && found.good)
				ck_assert(sequence == 1 || word == first);
		}
	}
}
END_TEST

static const struct {
	const char *name;
	uint32_t version;
	enum state_verdict want;
} versions[] = {
	{"this one", STATE_FILE_VERSION, STATE_GOOD},
	{"the next", STATE_FILE_VERSION + 1, STATE_OTHER_VERSION},
	{"none", 0, STATE_OTHER_VERSION},
	{"any", 0xFFFFFFFF, STATE_OTHER_VERSION},
#if STATE_FILE_VERSION > 1
	{"the one before", STATE_FILE_VERSION - 1, STATE_GOOD},
#endif
#if STATE_FILE_VERSION > 2
	{"two before", STATE_FILE_VERSION - 2, STATE_OTHER_VERSION},
#endif
};

START_TEST(this_version_and_the_one_before_are_read)
{
	struct state_view view;
	struct state_disk_head disk = get_head();

	disk.version = versions[_i].version;
	set_head(&disk);
	enum state_verdict got = state_view_open(&view, memory, bytes, head.boot_id);
	ck_assert_msg(got == versions[_i].want, "%s: %s", versions[_i].name,
		      state_verdict_name(got));
	ck_assert_uint_eq(view.version, versions[_i].version);
}
END_TEST

/* state_view.c as the next release has it, see local.mk. */
enum state_verdict next_state_view_open(struct state_view *view, const void *from,
					size_t len, const uint8_t boot_id[16]);
bool next_state_view_next(const struct state_view *view, enum state_kind kind,
			  uint32_t *cursor, struct state_found *found);

static const struct {
	const char *name;
	uint32_t version;
	enum state_verdict want;
} next_versions[] = {
	{"this one", 1, STATE_GOOD},
	{"the next", 2, STATE_GOOD},
	{"the one before this", 0, STATE_OTHER_VERSION},
	{"the one behind the next", 3, STATE_OTHER_VERSION},
};

START_TEST(the_next_version_reads_this_one)
{
	struct state_view view;
	struct state_found found;
	struct state_disk_head disk = get_head();
	uint32_t cursor = 0;

	static_assert(STATE_FILE_VERSION == 1, "raise the one in local.mk, too");
	disk.version = next_versions[_i].version;
	set_head(&disk);
	enum state_verdict got = next_state_view_open(&view, memory, bytes, head.boot_id);
	ck_assert_msg(got == next_versions[_i].want, "%s: %s", next_versions[_i].name,
		      state_verdict_name(got));
	ck_assert_uint_eq(view.version, disk.version);
	if (got == STATE_GOOD)
		ck_assert(next_state_view_next(&view, STATE_PEER, &cursor, &found) &&
			  found.good);
}
END_TEST

/* A head of another length: one of a version that knew fewer kinds, and no windows. */
START_TEST(a_shorter_head_has_what_it_has)
{
	struct state_view view;
	struct state_found found;
	struct state_disk_head disk = get_head();
	uint32_t cursor = 0;

	disk.length = (uint32_t)(offsetof(struct state_disk_head, kinds[1]) -
				 STATE_HEAD_CHECKED);
	set_head(&disk);
	ck_assert_int_eq(state_view_open(&view, memory, bytes, head.boot_id), STATE_GOOD);
	ck_assert_uint_eq(view.sizes.records[STATE_ALLOCATION], RECORDS);
	ck_assert_uint_eq(view.sizes.records[STATE_PEER], 0);
	ck_assert_ptr_null(state_view_window(&view, 0, NULL));
	ck_assert(!state_view_next(&view, STATE_PEER, &cursor, &found));
	ck_assert(state_view_next(&view, STATE_ALLOCATION, &cursor, &found) &&
		  found.good);
}
END_TEST

START_TEST(one_of_another_boot_is_refused)
{
	struct state_view view;
	uint8_t other[16] = {5, 7};

	ck_assert_int_eq(state_view_open(&view, memory, bytes, other), STATE_OTHER_BOOT);
}
END_TEST

/* Heads with right checksums and places that are not in the memory. */
static uint64_t bad_places[] = {0, 1, 4095, 4097, UINT64_MAX, UINT64_MAX - 7, 1ull << 40};

START_TEST(places_outside_are_refused)
{
	struct state_view view;
	uint64_t bad = bad_places[_i];
	struct state_disk_head disk = get_head();
	uint64_t *places[] = {
		&disk.kinds[STATE_ALLOCATION].index_at,
		&disk.kinds[STATE_PEER].index_at,
		&disk.records_at,
	};
	uint64_t *ifs[] = {
		/* 0 means that there is none */
		&disk.kinds[STATE_PEER].words_at,
		&disk.windows[1].at,
	};

	for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
		uint64_t was = *places[i];

		*places[i] = bad;
		set_head(&disk);
		ck_assert_int_eq(state_view_open(&view, memory, bytes, head.boot_id),
				 STATE_DAMAGED);
		*places[i] = bytes / 8 * 8 - (i < 2 ? 8 : 0) + 8 * (i == 2);
		set_head(&disk);
		ck_assert_int_eq(state_view_open(&view, memory, bytes, head.boot_id),
				 STATE_DAMAGED);
		*places[i] = was;
	}
	for (unsigned i = 0; i < ARRAY_LEN(ifs) && bad != 0; i++) {
		uint64_t was = *ifs[i];

		*ifs[i] = bad;
		set_head(&disk);
		ck_assert_int_eq(state_view_open(&view, memory, bytes, head.boot_id),
				 STATE_DAMAGED);
		*ifs[i] = was;
	}
	disk.windows[0].words_at = bad;
	set_head(&disk);
	ck_assert_int_eq(state_view_open(&view, memory, bytes, head.boot_id),
			 STATE_DAMAGED);
}
END_TEST

static uint32_t bad_counts[] = {RECORDS * 100000, UINT32_MAX};

START_TEST(more_records_than_there_is_room_for_are_refused)
{
	struct state_view view;
	struct state_disk_head disk = get_head();

	disk.kinds[STATE_ALLOCATION].records = bad_counts[_i];
	set_head(&disk);
	ck_assert_int_eq(state_view_open(&view, memory, bytes, head.boot_id),
			 STATE_DAMAGED);
	disk = get_head();
	disk.kinds[STATE_ALLOCATION].records = RECORDS;
	disk.bytes = bytes + 1;
	set_head(&disk);
	ck_assert_int_eq(state_view_open(&view, memory, bytes, head.boot_id),
			 STATE_DAMAGED);
	disk.bytes = 0;
	set_head(&disk);
	ck_assert_int_eq(state_view_open(&view, memory, bytes, head.boot_id),
			 STATE_DAMAGED);
}
END_TEST

static uint32_t bad_lengths[] = {STATE_RECORD_MAX, STATE_RECORD_MAX + 1, UINT32_MAX,
				 UINT32_MAX - 23};

START_TEST(a_length_beyond_the_end_is_in_doubt)
{
	struct state_disk_head disk = get_head();
	struct state_disk_record record;
	uint64_t word;

	memcpy(&word, memory + disk.kinds[STATE_PEER].index_at, 8);
	uint8_t *at = memory + (uint64_t)state_word_unit(word) * STATE_UNIT;
	memcpy(&record, at, sizeof(record));
	record.len = bad_lengths[_i];
	memcpy(at, &record, sizeof(record));
	ck_assert_uint_eq(intact(), 2 * RECORDS - 1);
}
END_TEST

START_TEST(noise_is_no_file)
{
	uint64_t state = 88172645463325252u + (uint64_t)_i;

	for (size_t i = 0; i < bytes; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		memory[i] = (uint8_t)(state >> 20);
	}
	struct state_view view;
	ck_assert_int_eq(state_view_open(&view, memory, bytes, head.boot_id),
			 STATE_NOT_OURS);
	uint64_t magic = STATE_MAGIC;
	memcpy(memory, &magic, 8);
	ck_assert_int_eq(state_view_open(&view, memory, bytes, head.boot_id),
			 STATE_DAMAGED);
	/* A good head over noise. */
	teardown();
	setup();
	for (size_t i = STATE_PAGE; i < bytes; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		memory[i] = (uint8_t)(state >> 20);
	}
	ck_assert_uint_eq(intact(), 0);
}
END_TEST

START_TEST(every_verdict_has_a_name)
{
	for (int i = 0; i < STATE_VERDICT_COUNT; i++)
		ck_assert_str_ne(state_verdict_name((enum state_verdict)i), "?");
}
END_TEST

static void state_view_suite(Suite *suite)
{
	TCase *tc = tcase_create("state_view");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_good_one_is_read);
	tcase_add_test(tc, one_that_was_cut_is_refused_at_every_length);
	tcase_add_test(tc, a_bit_of_the_head_is_noticed);
	tcase_add_test(tc, a_bit_of_the_index_costs_that_record);
	tcase_add_test(tc, a_bit_of_a_record_costs_that_record);
	tcase_add_test(tc, a_bit_of_a_mark_hides_no_record);
	tcase_add_test(tc, bits_of_windows_cost_no_record);
	tcase_add_test(tc, a_word_that_leads_elsewhere_is_in_doubt);
	tcase_add_loop_test(tc, this_version_and_the_one_before_are_read, 0,
			    ROWS(versions));
	tcase_add_loop_test(tc, the_next_version_reads_this_one, 0, ROWS(next_versions));
	tcase_add_test(tc, a_shorter_head_has_what_it_has);
	tcase_add_test(tc, one_of_another_boot_is_refused);
	tcase_add_loop_test(tc, places_outside_are_refused, 0, ROWS(bad_places));
	tcase_add_loop_test(tc, more_records_than_there_is_room_for_are_refused, 0,
			    ROWS(bad_counts));
	tcase_add_loop_test(tc, a_length_beyond_the_end_is_in_doubt, 0,
			    ROWS(bad_lengths));
	tcase_add_loop_test(tc, noise_is_no_file, 0, 5);
	tcase_add_test(tc, every_verdict_has_a_name);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("state_view", state_view_suite)
