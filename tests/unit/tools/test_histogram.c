/*
 * test_histogram.c - percentiles against sorted values, and the edges of the buckets.
 */
#include "tools/load/histogram.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tests/unit/lib/unit.h"

enum { VALUES = 20000 };

static struct histogram h;

static void empty(void)
{
	h = (struct histogram){0};
}

/* A fixed sequence with numbers of every magnitude. */
static uint64_t next_value(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> (22 + (*state >> 20) % 40);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

START_TEST(nothing_is_zero)
{
	ck_assert_uint_eq(histogram_percentile(&h, 50), 0);
	ck_assert_uint_eq(histogram_percentile(&h, 100), 0);
	ck_assert(histogram_mean(&h) == 0);
}
END_TEST

START_TEST(one_value_is_every_percentile)
{
	histogram_add(&h, 1234567);
	ck_assert_uint_eq(histogram_percentile(&h, 0), 1234567);
	ck_assert_uint_eq(histogram_percentile(&h, 50), 1234567);
	ck_assert_uint_eq(histogram_percentile(&h, 100), 1234567);
	ck_assert_uint_eq(h.min, 1234567);
	ck_assert_uint_eq(h.max, 1234567);
}
END_TEST

START_TEST(small_values_are_exact)
{
	for (uint64_t value = 1; value <= 100; value++)
		histogram_add(&h, value);
	for (uint64_t percent = 1; percent <= 100; percent++)
		ck_assert_uint_eq(histogram_percentile(&h, (double)percent), percent);
	ck_assert_uint_eq(histogram_percentile(&h, 0), 1);
	ck_assert_uint_eq(histogram_percentile(&h, 49.5), 50);
	ck_assert(histogram_mean(&h) == 50.5);
}
END_TEST

START_TEST(percentiles_agree_with_sorted_values)
{
	static const double percents[] = {0.01, 1, 10, 50, 90, 99, 99.9, 99.99};
	static uint64_t values[VALUES];
	uint64_t state = 1;

	for (size_t i = 0; i < VALUES; i++) {
		values[i] = next_value(&state);
		histogram_add(&h, values[i]);
	}
	qsort(values, VALUES, sizeof(values[0]), by_size);
	ck_assert_uint_eq(h.min, values[0]);
	ck_assert_uint_eq(h.max, values[VALUES - 1]);
	for (size_t i = 0; i < ARRAY_LEN(percents); i++) {
		size_t rank = (size_t)(percents[i] / 100 * VALUES);
		uint64_t want = values[rank > 0 ? rank - 1 : 0];
		uint64_t got = histogram_percentile(&h, percents[i]);
		ck_assert_msg(got >= want && got - want <= want / 100,
			      "%g %%: got %" PRIu64 ", sorted %" PRIu64, percents[i], got,
			      want);
	}
}
END_TEST

/* Values on both sides of a power of two must be reported within one per cent. */
START_TEST(no_value_falls_between_buckets)
{
	for (unsigned bit = 0; bit < HISTOGRAM_VALUE_BITS; bit++) {
		for (int step = -1; step <= 1; step++) {
			uint64_t value = ((uint64_t)1 << bit) + (uint64_t)(int64_t)step;
			empty();
			histogram_add(&h, value);
			histogram_add(&h, UINT64_MAX);
			uint64_t got = histogram_percentile(&h, 50);
			ck_assert_msg(got >= value && got - value <= value / 100,
				      "%" PRIu64 ": got %" PRIu64, value, got);
		}
	}
}
END_TEST

START_TEST(too_large_values_end_at_the_largest)
{
	histogram_add(&h, 5);
	histogram_add(&h, UINT64_MAX - 1);
	histogram_add(&h, (uint64_t)1 << HISTOGRAM_VALUE_BITS);
	ck_assert_uint_eq(histogram_percentile(&h, 33), 5);
	ck_assert_uint_eq(histogram_percentile(&h, 60), UINT64_MAX - 1);
	ck_assert_uint_eq(histogram_percentile(&h, 100), UINT64_MAX - 1);
}
END_TEST

static void histogram_suite(Suite *suite)
{
	TCase *tc = tcase_create("histogram");
	tcase_add_checked_fixture(tc, empty, NULL);
	tcase_add_test(tc, nothing_is_zero);
	tcase_add_test(tc, one_value_is_every_percentile);
	tcase_add_test(tc, small_values_are_exact);
	tcase_add_test(tc, percentiles_agree_with_sorted_values);
	tcase_add_test(tc, no_value_falls_between_buckets);
	tcase_add_test(tc, too_large_values_end_at_the_largest);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("histogram", histogram_suite)
