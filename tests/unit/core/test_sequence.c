/*
 * test_sequence.c - the window of sequence numbers.
 */
#include "relay/core/sequence.h"

#include <string.h>

#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

/* Numbers in the order they arrive; negative ones are refused. */
static const struct {
	const char *name;
	int64_t numbers[12]; /* 0 ends the list, except as its first entry */
} rows[] = {
	{"counting up", {1, 2, 3, 4, 5}},
	{"the first is 0, as announced by the server", {0, 1, 2}},
	{"a repetition", {1, -1, 2, -2, -1}},
	{"reordered", {3, 1, 2, -3, -1, -2, 4}},
	{"a loss", {1, 5, 3, 2, 4, -4}},
	{"the oldest in the window", {100, 37, -37}},
	{"one older than the window", {100, -36, -1, 99}},
	{"a step of 63 keeps the oldest bit", {1, 64, -1, 2}},
	{"a step of 64 keeps none", {1, 65, -1, 64, 2, -2}},
	{"a very large step", {1, 4000000000, -1, 3999999999, -3999999999}},
	{"the highest number", {4294967295, -4294967295, 4294967294, -1}},
	{"starting anywhere", {500, 501, 499, -500}},
};

START_TEST(window_takes_each_number_once)
{
	struct sequence sequence = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows[_i].numbers); i++) {
		int64_t n = rows[_i].numbers[i];

		if (n == 0 && i > 0)
			break;
		bool want = n >= 0;
		struct sequence before = sequence;
		bool got = sequence_take(&sequence, (uint32_t)(want ? n : -n));
		ck_assert_msg(got == want, "%s: number %lld", rows[_i].name,
			      (long long)n);
		ck_assert_msg(got || memcmp(&before, &sequence, sizeof(before)) == 0,
			      "%s: changed by a refused number", rows[_i].name);
	}
}
END_TEST

/* Against a list of all accepted numbers. */
START_TEST(window_agrees_with_a_list)
{
	enum { SPAN = 4096, STEPS = 20000 };
	static bool used[SPAN];
	struct sequence sequence = {0};
	uint64_t state = 7;
	uint32_t newest = 0;

	memset(used, 0, sizeof(used));
	for (int step = 0; step < STEPS; step++) {
		uint32_t number = newest + random_below(&state, 100);
		number = number > 90 ? number - 90 : 0;
		if (number >= SPAN)
			break;
		bool want = !used[number] &&
			    (number > newest || newest - number < SEQUENCE_WINDOW);
		ck_assert_msg(sequence_take(&sequence, number) == want,
			      "step %d, number %u, newest %u", step, number, newest);
		used[number] |= want;
		if (number > newest)
			newest = number;
	}
	ck_assert_uint_gt(newest, 1000);
}
END_TEST

static void sequence_suite(Suite *suite)
{
	TCase *tc = tcase_create("sequence");

	tcase_add_loop_test(tc, window_takes_each_number_once, 0, ROWS(rows));
	tcase_add_test(tc, window_agrees_with_a_list);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("sequence", sequence_suite)
