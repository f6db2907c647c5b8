/*
 * test_quota.c - rows, and a model: a plain array of counts.
 */
#include "relay/core/quota.h"

#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

START_TEST(attack_23_a_limit_holds_for_its_owner_alone)
{
	struct quota *quota = quota_new(10, 0);

	ck_assert(quota_acquire(quota, 1, 2));
	ck_assert(quota_acquire(quota, 1, 2));
	ck_assert(!quota_acquire(quota, 1, 2));
	ck_assert_uint_eq(quota_held(quota, 1), 2);
	ck_assert(quota_acquire(quota, 2, 2));
	ck_assert_uint_eq(quota_held(quota, 2), 1);

	quota_release(quota, 1);
	ck_assert(quota_acquire(quota, 1, 2));
	ck_assert(!quota_acquire(quota, 1, 2));
	quota_free(quota);
}
END_TEST

START_TEST(the_peak_is_that_of_one_owner_and_remains)
{
	struct quota *quota = quota_new(4, 0);

	ck_assert_uint_eq(quota_peak(quota), 0);
	for (uint64_t owner = 0; owner < 3; owner++)
		ck_assert(quota_acquire(quota, owner, 2));
	ck_assert_uint_eq(quota_peak(quota), 1);
	ck_assert(quota_acquire(quota, 1, 2));
	ck_assert(!quota_acquire(quota, 1, 2));
	quota_release(quota, 1);
	quota_release(quota, 1);
	ck_assert_uint_eq(quota_peak(quota), 2);
	quota_free(quota);
}
END_TEST

START_TEST(limit_0_is_no_limit)
{
	struct quota *quota = quota_new(1, 0);
	for (int i = 0; i < 10000; i++)
		ck_assert(quota_acquire(quota, 7, 0));
	ck_assert_uint_eq(quota_held(quota, 7), 10000);
	quota_free(quota);
}
END_TEST

START_TEST(a_lowered_limit_waits_for_releases)
{
	struct quota *quota = quota_new(1, 0);
	for (int i = 0; i < 5; i++)
		ck_assert(quota_acquire(quota, 7, 5));
	quota_release(quota, 7);
	ck_assert(!quota_acquire(quota, 7, 3));
	quota_release(quota, 7);
	quota_release(quota, 7);
	ck_assert(quota_acquire(quota, 7, 3));
	quota_free(quota);
}
END_TEST

START_TEST(owner_0_is_an_owner)
{
	struct quota *quota = quota_new(2, 0);
	ck_assert(quota_acquire(quota, 0, 1));
	ck_assert(!quota_acquire(quota, 0, 1));
	quota_release(quota, 0);
	ck_assert_uint_eq(quota_held(quota, 0), 0);
	quota_free(quota);
}
END_TEST

START_TEST(a_full_table_refuses_new_owners_only)
{
	struct quota *quota = quota_new(3, 0);
	for (uint64_t owner = 0; owner < 3; owner++)
		ck_assert(quota_acquire(quota, owner, 0));
	ck_assert(!quota_acquire(quota, 99, 0));
	ck_assert_uint_eq(quota_held(quota, 99), 0);
	ck_assert(quota_acquire(quota, 1, 0));

	quota_release(quota, 0);
	ck_assert(quota_acquire(quota, 99, 0));
	quota_free(quota);
}
END_TEST

START_TEST(no_owner_is_ever_without_room)
{
	struct quota *quota = quota_new(0, 0);
	ck_assert(!quota_acquire(quota, 1, 0));
	ck_assert_uint_eq(quota_held(quota, 1), 0);
	quota_free(quota);
}
END_TEST

/* Owners have few different low bits, so that many share a chain. */
static uint64_t model_owner(unsigned i)
{
	return (uint64_t)i << 32 | i % 5;
}

START_TEST(quota_agrees_with_its_model)
{
	enum { OWNERS = 48, ROOM = 32, LIMIT = 4 };
	const unsigned steps = unit_rounds(50000, 200000);
	struct quota *quota = quota_new(ROOM, 0);
	uint32_t held[OWNERS] = {0};
	unsigned present = 0;
	uint64_t seed = (uint64_t)_i;

	for (unsigned step = 0; step < steps; step++) {
		unsigned i = random_below(&seed, OWNERS);
		/* In waves, so that the table is full at times and empty at others. */
		bool grow = random_below(&seed, 100) < (step / 1000 % 2 ? 70 : 30);

		if (grow) {
			bool want = held[i] ? held[i] < LIMIT : present < ROOM;
			bool got = quota_acquire(quota, model_owner(i), LIMIT);
			if (got != want)
				ck_abort_msg("step %d, owner %u: %d", step, i, got);
			present += got && held[i] == 0;
			held[i] += got;
		} else if (held[i]) {
			quota_release(quota, model_owner(i));
			present -= --held[i] == 0;
		}
		if (step % 64 == 0) {
			for (unsigned j = 0; j < OWNERS; j++)
				ck_assert_uint_eq(quota_held(quota, model_owner(j)),
						  held[j]);
		}
	}
	quota_free(quota);
}
END_TEST

struct row {
	uint64_t owner; /* of it, plus one */
};

START_TEST(a_row_outlives_what_its_owner_holds)
{
	struct quota *quota = quota_new(2, sizeof(struct row));
	uint32_t one = quota_acquire_row(quota, 1, 0);
	struct row *row = quota_row(quota, one);

	ck_assert_uint_eq(row->owner, 0);
	row->owner = 4711;
	quota_release(quota, 1);
	ck_assert_uint_eq(quota_owners(quota), 0);
	ck_assert_uint_ne(quota_acquire_row(quota, 2, 0), one);
	quota_release(quota, 2);
	ck_assert_uint_eq(quota_acquire_row(quota, 1, 0), one);
	ck_assert_uint_eq(row->owner, 4711);
	quota_release(quota, 1);

	/* The place of the one that has held nothing for the longest time is taken first. */
	ck_assert_uint_ne(quota_acquire_row(quota, 3, 0), one);
	ck_assert_uint_eq(row->owner, 4711);
	ck_assert_uint_eq(quota_acquire_row(quota, 4, 0), one);
	ck_assert_uint_eq(row->owner, 0);
	ck_assert_uint_eq(quota_acquire_row(quota, 1, 0), QUOTA_NONE);
	quota_free(quota);
}
END_TEST

/* Owners that hold nothing, the one that has been idle longest first. */
static unsigned idle[64], idle_count;

static void model_wake(unsigned owner)
{
	unsigned at = 0;

	for (unsigned i = 0; i < idle_count; i++) {
		if (idle[i] != owner)
			idle[at++] = idle[i];
	}
	idle_count = at;
}

START_TEST(rows_agree_with_their_model)
{
	enum { OWNERS = 40, ROOM = 24 };
	struct quota *quota = quota_new(ROOM, sizeof(struct row));
	uint32_t held[OWNERS] = {0}, numbers[OWNERS];
	bool known[OWNERS] = {false}; /* it has a row */
	unsigned active = 0;
	uint64_t seed = (uint64_t)_i;

	idle_count = 0;
	const unsigned steps = unit_rounds(25000, 100000);
	for (unsigned step = 0; step < steps; step++) {
		unsigned i = random_below(&seed, OWNERS);

		if (random_below(&seed, 100) < (step / 1000 % 2 ? 70u : 30u)) {
			uint32_t number = quota_acquire_row(quota, model_owner(i), 0);

			if (number == QUOTA_NONE) {
				ck_assert(held[i] == 0 && active == ROOM);
				continue;
			}
			ck_assert_uint_lt(number, ROOM);
			struct row *row = quota_row(quota, number);
			ck_assert_uint_eq(row->owner, known[i] ? i + 1 : 0);
			if (!known[i] && active + idle_count == ROOM) {
				known[idle[0]] = false;
				ck_assert_uint_eq(number, numbers[idle[0]]);
				model_wake(idle[0]);
			}
			if (known[i])
				ck_assert_uint_eq(number, numbers[i]);
			if (held[i]++ == 0) {
				active++;
				model_wake(i);
			}
			known[i] = true;
			numbers[i] = number;
			row->owner = i + 1;
		} else if (held[i] > 0) {
			quota_release(quota, model_owner(i));
			if (--held[i] == 0) {
				active--;
				idle[idle_count++] = i;
			}
		}
		ck_assert_uint_eq(quota_owners(quota), active);
		ck_assert_uint_eq(quota_held(quota, model_owner(i)), held[i]);
	}
	quota_free(quota);
}
END_TEST

START_TEST(attack_23_years_of_owners_leave_nothing_behind)
{
	/*
	 * A million different owners through a table of 64: deleted entries must not fill
	 * it.
	 */
	struct quota *quota = quota_new(64, 0);
	uint64_t come = 1, go = 1;

	for (int i = 0; i < 64; i++)
		ck_assert(quota_acquire(quota, random_u64(&come), 1));
	for (int i = 0; i < 1000000; i++) {
		quota_release(quota, random_u64(&go));
		if (!quota_acquire(quota, random_u64(&come), 1))
			ck_abort_msg("no room after %d owners", i);
	}
	quota_free(quota);
}
END_TEST

static uint64_t need_of_row(const void *row, uint64_t now_ns)
{
	uint64_t until = *(const uint64_t *)row;

	return until > now_ns ? until - now_ns : 0;
}

/* The row of one who has used up a limit is there until the limit has recovered. */
START_TEST(needed_rows_are_given_up_last)
{
	struct quota *quota = quota_new(100, sizeof(uint64_t));
	struct quota_spare spare = {need_of_row, 1000};
	uint32_t one = quota_acquire_sparing(quota, 1, 0, &spare);

	*(uint64_t *)quota_row(quota, one) = 5000;
	quota_release(quota, 1);
	for (uint64_t other = 2; other < 20000; other++) {
		ck_assert_uint_ne(quota_acquire_sparing(quota, other, 0, &spare),
				  QUOTA_NONE);
		quota_release(quota, other);
	}
	ck_assert_uint_eq(quota_acquire_sparing(quota, 1, 0, &spare), one);
	ck_assert_uint_eq(*(uint64_t *)quota_row(quota, one), 5000);
	quota_release(quota, 1);

	/* Later it is as any other. */
	spare.now_ns = 5000;
	for (uint64_t other = 2; other < 200; other++) {
		quota_acquire_sparing(quota, other, 0, &spare);
		quota_release(quota, other);
	}
	one = quota_acquire_sparing(quota, 1, 0, &spare);
	ck_assert_uint_eq(*(uint64_t *)quota_row(quota, one), 0);
	quota_release(quota, 1);

	/* All are needed: one is given up all the same, and not the one that is needed most. */
	one = quota_acquire_sparing(quota, 1, 0, &spare);
	*(uint64_t *)quota_row(quota, one) = 50000;
	quota_release(quota, 1);
	for (uint64_t other = 1000; other < 2000; other++) {
		uint32_t row = quota_acquire_sparing(quota, other, 0, &spare);
		ck_assert_uint_ne(row, QUOTA_NONE);
		*(uint64_t *)quota_row(quota, row) = 9000;
		quota_release(quota, other);
	}
	ck_assert_uint_eq(quota_acquire_sparing(quota, 1, 0, &spare), one);
	ck_assert_uint_eq(*(uint64_t *)quota_row(quota, one), 50000);
	quota_release(quota, 1);
	quota_free(quota);
}
END_TEST

static void quota_suite(Suite *suite)
{
	TCase *tc = tcase_create("quota");
	tcase_add_test(tc, attack_23_a_limit_holds_for_its_owner_alone);
	tcase_add_test(tc, needed_rows_are_given_up_last);
	tcase_add_test(tc, the_peak_is_that_of_one_owner_and_remains);
	tcase_add_test(tc, limit_0_is_no_limit);
	tcase_add_test(tc, a_lowered_limit_waits_for_releases);
	tcase_add_test(tc, owner_0_is_an_owner);
	tcase_add_test(tc, a_full_table_refuses_new_owners_only);
	tcase_add_test(tc, no_owner_is_ever_without_room);
	tcase_add_loop_test(tc, quota_agrees_with_its_model, 1, 4);
	tcase_add_test(tc, a_row_outlives_what_its_owner_holds);
	tcase_add_loop_test(tc, rows_agree_with_their_model, 1, 4);
	tcase_add_test(tc, attack_23_years_of_owners_leave_nothing_behind);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("quota", quota_suite)
