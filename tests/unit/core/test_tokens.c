/*
 * test_tokens.c - one bucket against a model that counts bits, and the rows of owners against
 * a model that is an array.
 */
#include "relay/core/tokens.h"

#include "relay/core/bandwidth/meter.h"
#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

START_TEST(a_bucket_is_full_at_first_and_lasts_for_its_depth)
{
	struct tokens tokens = {0};
	unsigned pieces = 0;

	/* 8 Mbit/s are 1000 bytes in a millisecond. */
	while (tokens_has(&tokens, 8000000, 100 * MS, 1000, 5 * SECOND)) {
		tokens_take(&tokens, 8000000, 1000, 5 * SECOND);
		pieces++;
	}
	ck_assert_uint_eq(pieces, 100);
	ck_assert(!tokens_has(&tokens, 8000000, 100 * MS, 1, 5 * SECOND));
	ck_assert(tokens_has(&tokens, 8000000, 100 * MS, 1000, 5 * SECOND + MS));
	ck_assert(!tokens_has(&tokens, 8000000, 100 * MS, 1001, 5 * SECOND + MS));
}
END_TEST

START_TEST(what_is_larger_than_the_bucket_passes_when_it_is_full)
{
	struct tokens tokens = {0};

	ck_assert(tokens_has(&tokens, 64000, 10 * MS, 65536, SECOND));
	tokens_take(&tokens, 64000, 65536, SECOND);
	ck_assert_uint_eq(tokens_debt_ns(&tokens, SECOND), 8192 * MS);
	ck_assert_uint_eq(tokens_wait_ns(&tokens, 64000, 10 * MS, SECOND), 8182 * MS);
	ck_assert(!tokens_has(&tokens, 64000, 10 * MS, 1, SECOND + 8182 * MS));
	ck_assert(tokens_has(&tokens, 64000, 10 * MS, 1, SECOND + 8183 * MS));
}
END_TEST

START_TEST(room_and_the_wait_for_a_piece)
{
	struct tokens tokens = {0};

	/* 8 Mbit/s are 1000 bytes in a millisecond. */
	ck_assert_uint_eq(tokens_room(&tokens, 8000000, 10 * MS, 1 << 30, SECOND), 10000);
	ck_assert_uint_eq(tokens_room(&tokens, 8000000, 10 * MS, 500, SECOND), 500);
	ck_assert_uint_eq(tokens_room(&tokens, 0, 0, 1 << 30, SECOND), 1 << 30);
	ck_assert_uint_eq(tokens_room(&tokens, UINT64_C(1000000000000), 60 * SECOND,
				      1 << 30, SECOND),
			  1 << 30);
	tokens_take(&tokens, 8000000, 9000, SECOND);
	ck_assert_uint_eq(tokens_room(&tokens, 8000000, 10 * MS, 1 << 30, SECOND), 1000);
	ck_assert_uint_eq(tokens_wait_for_ns(&tokens, 8000000, 10 * MS, 1000, SECOND), 0);
	ck_assert_uint_eq(tokens_wait_for_ns(&tokens, 8000000, 10 * MS, 3000, SECOND),
			  2 * MS);
	/* More than the bucket: when it is full. */
	ck_assert_uint_eq(tokens_wait_for_ns(&tokens, 8000000, 10 * MS, 50000, SECOND),
			  9 * MS);
	tokens_take(&tokens, 8000000, 9000, SECOND);
	ck_assert_uint_eq(tokens_room(&tokens, 8000000, 10 * MS, 1 << 30, SECOND), 0);
}
END_TEST

START_TEST(rate_0_is_no_limit)
{
	struct tokens tokens = {0};

	tokens_take(&tokens, 0, 1 << 30, SECOND);
	ck_assert_uint_eq(tokens.full_ns, 0);
	ck_assert(tokens_has(&tokens, 0, 0, 1 << 30, SECOND));
	ck_assert_uint_eq(tokens_wait_ns(&tokens, 0, 0, SECOND), 0);
}
END_TEST

START_TEST(extremes_do_not_overflow)
{
	struct tokens tokens = {0};

	ck_assert_uint_eq(tokens_cost_ns(64000, 1 << 30),
			  UINT64_C(134217728) * MS / 1000 * 1000);
	ck_assert_uint_eq(tokens_cost_ns(UINT64_C(1000000000000), 125), 1);
	ck_assert_uint_eq(tokens_cost_ns(UINT64_C(1000000000000), 1), 1);
	/* Ten years after the start. */
	uint64_t now_ns = UINT64_C(315360000) * SECOND;
	tokens_take(&tokens, 64000, 1 << 30, now_ns);
	ck_assert(!tokens_has(&tokens, 64000, SECOND, 1, now_ns));
}
END_TEST

/*
 * The model holds bits scaled by a billion, fills by the rate per nanosecond, and may go
 * below zero only for a packet that found it full. Rates and sizes are chosen so that no
 * cost is rounded.
 */
START_TEST(a_bucket_agrees_with_its_model)
{
	static const uint64_t rates[] = {64000, 1000000, 8000000, 1000000000};
	uint64_t seed = (uint64_t)_i, now_ns = SECOND;
	uint64_t bps = rates[_i % 4], depth_ns = (1 + random_below(&seed, 5000)) * MS;
	__int128 most = (__int128)bps * depth_ns, level = most;
	struct tokens tokens = {0};
	const unsigned steps = unit_rounds(20000, 200000);

	for (unsigned step = 0; step < steps; step++) {
		size_t bytes = 125 * (1 + random_below(&seed, 500));
		__int128 cost = (__int128)bytes * 8 * 1000000000;
		uint64_t later = random_below(&seed, 3) == 0
					 ? random_below(&seed, 2000) * MS / 10
					 : 0;

		now_ns += later;
		level += (__int128)bps * later;
		if (level > most)
			level = most;
		bool want = level == most || level >= cost;
		bool got = tokens_has(&tokens, bps, depth_ns, bytes, now_ns);
		ck_assert_msg(got == want, "step %u: %d", step, got);
		if (got || random_below(&seed, 50) == 0) {
			tokens_take(&tokens, bps, bytes, now_ns);
			level -= cost;
		}
	}
}
END_TEST

START_TEST(a_meter_shows_the_last_whole_second)
{
	struct meter meter = {0};
	uint64_t most = 0;

	for (uint64_t now = 5000; now < 6000; now += 10)
		meter_add(&meter, 125, now, &most);
	ck_assert_uint_eq(meter_bps(&meter, 5999), 0);
	ck_assert_uint_eq(meter_bps(&meter, 6000), 100000);
	meter_add(&meter, 1, 6500, &most);
	ck_assert_uint_eq(meter_bps(&meter, 6999), 100000);
	ck_assert_uint_eq(meter_bps(&meter, 7000), 8);
	ck_assert_uint_eq(meter_bps(&meter, 8000), 0);
	meter_add(&meter, 1, 20000, &most);
	ck_assert_uint_eq(meter_bps(&meter, 20000), 0); /* not the old one */
	ck_assert_uint_eq(meter_peak_bps(&meter), 100000);
	ck_assert_uint_eq(most, 100000);
}
END_TEST

static void tokens_suite(Suite *suite)
{
	TCase *tc = tcase_create("tokens");
	tcase_add_test(tc, a_bucket_is_full_at_first_and_lasts_for_its_depth);
	tcase_add_test(tc, what_is_larger_than_the_bucket_passes_when_it_is_full);
	tcase_add_test(tc, room_and_the_wait_for_a_piece);
	tcase_add_test(tc, rate_0_is_no_limit);
	tcase_add_test(tc, extremes_do_not_overflow);
	tcase_add_loop_test(tc, a_bucket_agrees_with_its_model, 0, 12);
	suite_add_tcase(suite, tc);

	tc = tcase_create("meter");
	tcase_add_test(tc, a_meter_shows_the_last_whole_second);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("tokens", tokens_suite)
