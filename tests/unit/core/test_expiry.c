/*
 * test_expiry.c - the heap of deadlines, against an array searched from end to end.
 */
#include "relay/core/expiry.h"
#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

enum { SIZE = 200 };

static struct expiry expiry;

static void begin(void)
{
	ck_assert(expiry_init(&expiry, SIZE));
}

static void end(void)
{
	expiry_release(&expiry);
}

START_TEST(expiry_starts_empty)
{
	uint32_t item;
	uint64_t due;

	ck_assert(!expiry_first(&expiry, &item, &due));
	expiry_clear(&expiry, 7);
	ck_assert(!expiry_first(&expiry, &item, &due));
}
END_TEST

START_TEST(expiry_gives_the_earliest_first)
{
	static const uint64_t dues[] = {50, 10, 40, 30, 20, 30};
	static const uint64_t order[] = {10, 20, 30, 30, 40, 50};
	uint32_t item;
	uint64_t due;

	for (uint32_t i = 0; i < ARRAY_LEN(dues); i++)
		expiry_set(&expiry, i, dues[i]);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		ck_assert(expiry_first(&expiry, &item, &due));
		ck_assert_uint_eq(due, order[i]);
		ck_assert_uint_eq(dues[item], due);
		expiry_clear(&expiry, item);
	}
	ck_assert(!expiry_first(&expiry, &item, &due));
}
END_TEST

START_TEST(expiry_moves_a_deadline)
{
	uint32_t item;
	uint64_t due;

	expiry_set(&expiry, 1, 100);
	expiry_set(&expiry, 2, 200);
	expiry_set(&expiry, 1, 300);
	ck_assert(expiry_first(&expiry, &item, &due));
	ck_assert_uint_eq(item, 2);
	expiry_set(&expiry, 1, 50);
	ck_assert(expiry_first(&expiry, &item, &due));
	ck_assert_uint_eq(item, 1);
	ck_assert_uint_eq(due, 50);
	ck_assert_uint_eq(expiry.count, 2);
}
END_TEST

/* No entry is due before its parent, and each is where its stored place says. */
static bool is_heap(void)
{
	for (size_t i = 0; i < expiry.count; i++) {
		if (i > 0 && expiry.heap[(i - 1) / 2].due > expiry.heap[i].due)
			return false;
		if (expiry.places[expiry.heap[i].item] != i + 1)
			return false;
	}
	return true;
}

START_TEST(expiry_agrees_with_a_naive_list)
{
	uint64_t state = 1, wants[SIZE] = {0}; /* 0: no deadline */

	for (int step = 0; step < 200000; step++) {
		uint32_t item = random_below(&state, SIZE);
		uint64_t earliest = UINT64_MAX, due;
		size_t count = 0;

		wants[item] = random_below(&state, 3) ? 1 + random_below(&state, 1000)
						      : 0;
		if (wants[item])
			expiry_set(&expiry, item, wants[item]);
		else
			expiry_clear(&expiry, item);

		for (size_t i = 0; i < SIZE; i++) {
			count += wants[i] != 0;
			if (wants[i] && wants[i] < earliest)
				earliest = wants[i];
		}
		if (expiry.count != count)
			ck_abort_msg("step %d: %zu of %zu", step, expiry.count, count);
		if (!is_heap())
			ck_abort_msg("step %d: not a heap", step);
		if (expiry_first(&expiry, &item, &due) &&
		    (due != earliest || wants[item] != due))
			ck_abort_msg("step %d: %u is not the earliest", step, item);
	}
}
END_TEST

static void expiry_suite(Suite *suite)
{
	TCase *tc = tcase_create("expiry");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, expiry_starts_empty);
	tcase_add_test(tc, expiry_gives_the_earliest_first);
	tcase_add_test(tc, expiry_moves_a_deadline);
	tcase_add_test(tc, expiry_agrees_with_a_naive_list);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("expiry", expiry_suite)
