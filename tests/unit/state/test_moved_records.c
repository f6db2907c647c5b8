/*
 * test_moved_records.c - of two records of one allocation the later one counts, in whatever order they are found.
 */
#include "relay/state/moved_records.h"

#include "tests/unit/lib/unit.h"
#include "tests/unit/state/images.h"

static struct moved_records moved;
static struct allocation_image image;

static void begin(void)
{
	moved = (struct moved_records){0};
}

static void end(void)
{
	moved_records_release(&moved);
}

static const struct allocation_image *image_of(uint64_t id, uint16_t hops)
{
	image_make(&image, IMAGE_MOBILE);
	image.move.al.id = id;
	image.move.mobility.hops = hops;
	return &image;
}

static const struct {
	const char *name;
	uint16_t first, second;
	bool first_has_later, second_has_later;
} rows[] = {
	{"it has left, and is there", 0, 2, true, false},
	{"found the other way round", 2, 0, false, true},
	{"there and back", 4, 2, false, true},
	{"the same, which cannot be", 2, 2, false, false},
	{"hops wrap", UINT16_MAX - 1, 1, true, false},
};

START_TEST(the_later_one_counts) /* one for each row */
{
	/* Among many. */
	for (uint64_t id = 1; id < 500; id++)
		ck_assert(moved_records_add(&moved, image_of(id * 7919 % 1009, 3)));
	ck_assert(moved_records_add(&moved, image_of(5000, rows[_i].first)));
	ck_assert(moved_records_add(&moved, image_of(5000, rows[_i].second)));
	ck_assert_msg(moved_records_have_later(&moved, image_of(5000, rows[_i].first)) ==
			      rows[_i].first_has_later,
		      "%s: the first", rows[_i].name);
	ck_assert_msg(moved_records_have_later(&moved, image_of(5000, rows[_i].second)) ==
			      rows[_i].second_has_later,
		      "%s: the second", rows[_i].name);
	ck_assert(!moved_records_have_later(&moved, image_of(5001, 0)));
}
END_TEST

START_TEST(one_that_cannot_move_has_no_later_one)
{
	ck_assert(!moved_records_have_later(&moved, image_of(1, 0)));
	ck_assert(moved_records_add(&moved, image_of(1, 2)));
	image_make(&image, IMAGE_TYPICAL);
	image.move.al.id = 1;
	ck_assert(!moved_records_have_later(&moved, &image));
}
END_TEST

static void moved_records_suite(Suite *suite)
{
	TCase *tc = tcase_create("moved_records");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, the_later_one_counts, 0, ROWS(rows));
	tcase_add_test(tc, one_that_cannot_move_has_no_later_one);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("moved_records", moved_records_suite)
