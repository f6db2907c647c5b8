/*
 * test_pairs.c - pairs come and go in any order; each slot finds its own.
 */
#include "relay/offload/pairs.h"

#include <string.h>

#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

enum { SLOTS = 12, CHANNELS = 5, ROOM = 40 };

static struct pairs pairs;
static bool model[SLOTS][CHANNELS];
static uint32_t model_count;

static void setup(void)
{
	ck_assert(pairs_init(&pairs, ROOM, SLOTS));
	memset(model, 0, sizeof(model));
	model_count = 0;
}

static void teardown(void)
{
	pairs_release(&pairs);
}

static uint32_t chained(uint32_t slot)
{
	uint32_t count = 0;

	for (uint32_t i = pairs_first(&pairs, slot); i != PAIR_NONE;
	     i = pairs_at(&pairs, i)->next) {
		ck_assert_uint_eq(pairs_at(&pairs, i)->slot, slot);
		ck_assert(model[slot][pairs_at(&pairs, i)->channel]);
		ck_assert_uint_le(++count, CHANNELS);
	}
	return count;
}

static void check_model(void)
{
	ck_assert_uint_eq(pairs.count, model_count);
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		uint32_t count = 0;

		for (uint32_t channel = 0; channel < CHANNELS; channel++) {
			uint32_t index = pairs_find(&pairs, slot, channel);

			count += model[slot][channel];
			ck_assert_int_eq(index != PAIR_NONE, model[slot][channel]);
			if (index == PAIR_NONE)
				continue;
			ck_assert_uint_eq(pairs_at(&pairs, index)->slot, slot);
			ck_assert_uint_eq(pairs_at(&pairs, index)->moved_ms,
					  slot * 100 + channel);
		}
		ck_assert_uint_eq(chained(slot), count);
	}
}

START_TEST(they_come_and_go_in_any_order)
{
	const unsigned steps = unit_rounds(4000, 20000);
	uint64_t seed = 1;

	for (unsigned step = 0; step < steps; step++) {
		uint32_t slot = random_below(&seed, SLOTS);
		uint32_t channel = random_below(&seed, CHANNELS);

		if (model[slot][channel]) {
			pairs_remove(&pairs, pairs_find(&pairs, slot, channel));
			model[slot][channel] = false;
			model_count--;
		} else if (pairs.count < ROOM) {
			const struct pair pair = {.slot = slot,
						  .channel = channel,
						  .moved_ms = slot * 100 + channel};

			pairs_add(&pairs, &pair);
			model[slot][channel] = true;
			model_count++;
		}
		check_model();
	}
	ck_assert_uint_gt(model_count, 0);
}
END_TEST

START_TEST(the_first_of_a_slot_goes_until_none_is_left) /* as flows_ended() does */
{
	for (uint32_t channel = 0; channel < CHANNELS; channel++) {
		for (uint32_t slot = 0; slot < 3; slot++) {
			pairs_add(&pairs,
				  &(struct pair){.slot = slot,
						 .channel = channel,
						 .moved_ms = slot * 100 + channel});
			model[slot][channel] = true;
			model_count++;
		}
	}
	while (pairs_first(&pairs, 1) != PAIR_NONE) {
		uint32_t index = pairs_first(&pairs, 1);

		model[1][pairs_at(&pairs, index)->channel] = false;
		model_count--;
		pairs_remove(&pairs, index);
		check_model();
	}
	ck_assert_uint_eq(pairs.count, 2 * CHANNELS);
}
END_TEST

static void pairs_suite(Suite *suite)
{
	TCase *tc = tcase_create("pairs");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, they_come_and_go_in_any_order);
	tcase_add_test(tc, the_first_of_a_slot_goes_until_none_is_left);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("pairs", pairs_suite)
