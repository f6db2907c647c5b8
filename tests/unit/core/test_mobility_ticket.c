/*
 * test_mobility_ticket.c - tickets of mobile allocations (RFC 8016 sections 3.3 and 5), and the
 * directory of where those are.
 */
#include "relay/core/mobility_ticket.h"

#include <ctype.h>
#include <string.h>

#include "relay/core/mobility_directory.h"
#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

static const struct mobility_key key = {{5, 6, 7, 8, 9}};

static struct slice whole(const uint8_t *sealed)
{
	return (struct slice){sealed, MOBILITY_TICKET_LEN};
}

START_TEST(what_is_sealed_can_be_opened)
{
	const struct mobility_ticket ticket = {mobility_name(0x0300000001000007), 41};
	uint8_t sealed[MOBILITY_TICKET_LEN], again[MOBILITY_TICKET_LEN];
	struct mobility_ticket opened;

	ck_assert(mobility_ticket_seal(&key, &ticket, sealed));
	ck_assert(mobility_ticket_open(&key, whole(sealed), &opened));
	ck_assert_uint_eq(opened.name, mobility_name(0x0300000001000007));
	ck_assert_uint_eq(opened.number, 41);
	ck_assert(mobility_ticket_seal(&key, &ticket, again));
	ck_assert_msg(memcmp(sealed, again, sizeof(sealed)) == 0,
		      "a repeated answer has the same one");
}
END_TEST

START_TEST(every_bit_counts) /* T-465 */
{
	const struct mobility_ticket ticket = {1, 0};
	uint8_t sealed[MOBILITY_TICKET_LEN + 1] = {0};
	struct mobility_ticket opened;

	ck_assert(mobility_ticket_seal(&key, &ticket, sealed));
	for (size_t i = 0; i < 8 * MOBILITY_TICKET_LEN; i++) {
		sealed[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_msg(!mobility_ticket_open(&key, whole(sealed), &opened),
			      "bit %zu", i);
		sealed[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t len = 0; len <= sizeof(sealed); len++)
		ck_assert(mobility_ticket_open(&key, (struct slice){sealed, len},
					       &opened) == (len == MOBILITY_TICKET_LEN));
}
END_TEST

START_TEST(another_key)
{
	const struct mobility_ticket ticket = {1, 0};
	struct mobility_key forged = key;
	uint8_t sealed[MOBILITY_TICKET_LEN];
	struct mobility_ticket opened;

	forged.bytes[31] ^= 1;
	ck_assert(mobility_ticket_seal(&key, &ticket, sealed));
	ck_assert(!mobility_ticket_open(&forged, whole(sealed), &opened));
}
END_TEST

/* Of 64 digits a place has another one in 63 cases, whatever the tickets name. */
START_TEST(tickets_look_random) /* T-465 */
{
	uint8_t before[MOBILITY_TICKET_LEN], sealed[MOBILITY_TICKET_LEN];
	unsigned differing = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		const struct mobility_ticket ticket = {1, (uint16_t)i};

		memcpy(before, sealed, sizeof(before));
		ck_assert(mobility_ticket_seal(&key, &ticket, sealed));
		for (size_t j = 0; j < sizeof(sealed); j++) {
			ck_assert(isalnum(sealed[j]) || sealed[j] == '-' ||
				  sealed[j] == '_');
			differing += i > 0 && before[j] != sealed[j];
		}
	}
	unsigned digits = 999 * MOBILITY_TICKET_LEN;

	ck_assert_msg(differing > digits / 64 * 62 && differing < digits, "%u of %u",
		      differing, digits);
}
END_TEST

START_TEST(directory_knows_the_last_place)
{
	struct mobility_directory *directory = mobility_directory_new(2);
	struct mobility_place place;
	const uint64_t id = 9, other = 10;

	ck_assert(
		mobility_directory_add(directory, id, (struct mobility_place){2, 0, 9}));
	ck_assert(mobility_directory_add(directory, other,
					 (struct mobility_place){2, 0, 10}));
	ck_assert_msg(!mobility_directory_add(directory, 11,
					      (struct mobility_place){2, 0, 10}),
		      "full");
	ck_assert(mobility_directory_find(directory, id, &place) && place.worker == 2);
	/* The second move may be heard of before the first. */
	mobility_directory_move(directory, id, (struct mobility_place){1, 2, 4});
	mobility_directory_move(directory, id, (struct mobility_place){0, 1, 5});
	ck_assert(mobility_directory_find(directory, id, &place));
	ck_assert(place.worker == 1 && place.slot == 4);
	mobility_directory_remove(directory, id);
	ck_assert(!mobility_directory_find(directory, id, &place));
	mobility_directory_move(directory, id, (struct mobility_place){1, 3, 4});
	ck_assert_msg(!mobility_directory_find(directory, id, &place), "it has ended");
	ck_assert(!mobility_directory_find(directory, 0, &place));
	ck_assert_msg(!mobility_directory_add(directory, other,
					      (struct mobility_place){1, 0, 1}),
		      "that name is taken");
	ck_assert(mobility_directory_find(directory, other, &place));
	ck_assert_uint_eq(mobility_directory_count(directory), 1);
	mobility_directory_free(directory);
	mobility_directory_free(NULL);
}
END_TEST

START_TEST(directory_like_a_plain_list)
{
	enum { IDS = 300, STEPS = 30000 };
	struct mobility_directory *directory = mobility_directory_new(IDS);
	struct mobility_place want[IDS] = {{0}}, found;
	bool listed[IDS] = {false};
	uint64_t random = 1;
	size_t count = 0;

	for (unsigned step = 0; step < STEPS; step++) {
		uint32_t i = random_below(&random, IDS);
		uint64_t id = (uint64_t)(i % 3) << 56 | 1u << 24 | i;

		if (!listed[i]) {
			want[i] = (struct mobility_place){(uint16_t)(i % 3), 0, i};
			ck_assert(mobility_directory_add(directory, id, want[i]));
			count++;
			listed[i] = true;
		} else if (random_below(&random, 2) == 0) {
			want[i].moves++;
			want[i].worker = (uint16_t)random_below(&random, 8);
			mobility_directory_move(directory, id, want[i]);
		} else {
			mobility_directory_remove(directory, id);
			count--;
			listed[i] = false;
		}
		i = random_below(&random, IDS);
		id = (uint64_t)(i % 3) << 56 | 1u << 24 | i;
		ck_assert(mobility_directory_find(directory, id, &found) == listed[i]);
		ck_assert(!listed[i] ||
			  (found.worker == want[i].worker && found.slot == want[i].slot));
		ck_assert_uint_eq(mobility_directory_count(directory), count);
	}
	mobility_directory_free(directory);
}
END_TEST

static void ticket_suite(Suite *suite)
{
	TCase *tc = tcase_create("ticket");

	tcase_add_test(tc, what_is_sealed_can_be_opened);
	tcase_add_test(tc, every_bit_counts);
	tcase_add_test(tc, another_key);
	tcase_add_test(tc, tickets_look_random);
	tcase_add_test(tc, directory_knows_the_last_place);
	tcase_add_test(tc, directory_like_a_plain_list);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("mobility_ticket", ticket_suite)
