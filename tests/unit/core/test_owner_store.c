/* Owners with names of every length are stored, replaced and dropped. */
#include <string.h>

#include "relay/core/owner_store.h"
#include "tests/unit/lib/unit.h"

enum { OWNERS = 40 };

static struct owner_store store;
static struct stored_owner stored[OWNERS];

static void setup(void)
{
	memset(stored, 0, sizeof(stored));
	ck_assert(owner_store_init(&store, OWNERS));
}

static void teardown(void)
{
	owner_store_release(&store);
}

static struct owner owner_with(size_t user, size_t key_id, char letter)
{
	struct owner owner = {
		.id = {{(uint8_t)letter}},
		.credential_expires_s = letter,
		.key = {.len = 16, .bytes = {(uint8_t)letter}},
		.quota = {(uint32_t)letter, 7},
		.nameless = letter % 2,
		.is_token = letter % 3 == 0,
	};

	memset(owner.user, letter, user);
	memset(owner.key_id, letter + 1, key_id);
	return owner;
}

static void expect(const struct stored_owner *is, const struct owner *want)
{
	struct owner got;

	owner_store_get(&store, is, &got);
	ck_assert(owner_id_equal(&got.id, &want->id));
	ck_assert_str_eq(got.user, want->user);
	ck_assert_str_eq(got.key_id, want->key_id);
	ck_assert_str_eq(owner_store_user(&store, is), want->user);
	ck_assert_str_eq(owner_store_key_id(&store, is), want->key_id);
	ck_assert_int_eq(got.credential_expires_s, want->credential_expires_s);
	ck_assert_uint_eq(got.key.len, want->key.len);
	ck_assert_mem_eq(got.key.bytes, want->key.bytes, got.key.len);
	ck_assert_uint_eq(got.quota.allocations, want->quota.allocations);
	ck_assert_uint_eq(got.quota.bandwidth_bps, want->quota.bandwidth_bps);
	ck_assert(got.nameless == want->nameless && got.is_token == want->is_token);
}

static size_t places(void)
{
	size_t used = 0;

	for (int i = 0; i < OWNER_STORE_SIZES; i++)
		used += store.names[i].used;
	return used;
}

START_TEST(names_of_every_length_are_kept)
{
	const struct owner first = owner_with(20, 2, 'a');

	owner_store_put(&store, &stored[0], &first);
	for (size_t user = 0; user <= CREDENTIAL_USER_MAX; user++) {
		for (size_t key_id = 0; key_id <= KEY_ID_MAX; key_id++) {
			const struct owner owner =
				owner_with(user, key_id, (char)('b' + user % 20));

			owner_store_put(&store, &stored[1], &owner);
			expect(&stored[1], &owner);
		}
	}
	expect(&stored[0], &first);
	ck_assert_uint_eq(places(), 2);
	owner_store_drop(&store, &stored[1]);
	owner_store_drop(&store, &stored[0]);
	ck_assert_uint_eq(places(), 0);
}
END_TEST

/* All of them with the same length: no size may run out. */
static const size_t lengths[] = {1, 13, 14, 30, 60, 90, 120, 200, CREDENTIAL_USER_MAX};

START_TEST(there_is_room_for_all_of_any_length)
{
	for (int turn = 0; turn < 3; turn++) {
		for (int i = 0; i < OWNERS; i++) {
			const struct owner owner =
				owner_with(lengths[_i], 2, (char)('A' + i));

			owner_store_put(&store, &stored[i], &owner);
		}
		for (int i = 0; i < OWNERS; i++) {
			const struct owner owner =
				owner_with(lengths[_i], 2, (char)('A' + i));

			expect(&stored[i], &owner);
			if (turn == 1)
				owner_store_drop(&store, &stored[i]);
		}
	}
}
END_TEST

START_TEST(one_without_names_takes_no_place)
{
	const struct owner owner = owner_with(0, 0, 'x');

	owner_store_put(&store, &stored[0], &owner);
	expect(&stored[0], &owner);
	ck_assert_uint_eq(places(), 0);
	/* What never had an owner reads as one without names. */
	ck_assert_str_eq(owner_store_user(&store, &stored[1]), "");
	ck_assert_str_eq(owner_store_key_id(&store, &stored[1]), "");
	owner_store_drop(&store, &stored[1]);
}
END_TEST

START_TEST(what_is_dropped_is_gone)
{
	static const struct stored_owner none;
	const struct owner owner = owner_with(9, 2, 'x');

	owner_store_put(&store, &stored[0], &owner);
	owner_store_drop(&store, &stored[0]);
	ck_assert_mem_eq(&stored[0], &none, sizeof(none));
}
END_TEST

static void owner_store_suite(Suite *suite)
{
	TCase *tc = tcase_create("owner_store");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, names_of_every_length_are_kept);
	tcase_add_loop_test(tc, there_is_room_for_all_of_any_length, 0, ROWS(lengths));
	tcase_add_test(tc, one_without_names_takes_no_place);
	tcase_add_test(tc, what_is_dropped_is_gone);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("owner_store", owner_store_suite)
