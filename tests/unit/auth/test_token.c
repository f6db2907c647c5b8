/*
 * test_token.c - MRAS tokens: accounts of captured exchanges, tokens with a changed bit
 * or byte, and that issued tokens are distinct.
 */
#include "auth/credential/credential.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/auth/credential_ring.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/lib/vectors.h"

/* The accounts of the captured MS-TURN exchanges, in both forms. */
START_TEST(mras_accounts_match_the_vectors)
{
	json_t *root = vectors_load("ms-turn/ms-turn-vectors.json");
	struct vectors_bytes key1 = vectors_hex(root, "mras_key1_hex");
	struct vectors_bytes key2 = vectors_hex(root, "mras_key2_hex");
	json_t *row;
	size_t i;

	ck_assert_uint_eq(key1.len, KEY_DERIVED_LEN);
	ck_assert_uint_eq(key2.len, KEY_DERIVED_LEN);
	memcpy(ring.keys[1].mras_token, key1.data, key1.len);
	memcpy(ring.keys[1].mras_password, key2.data, key2.len);
	ck_assert_uint_eq(json_array_size(json_object_get(root, "accounts")), 2);
	json_array_foreach(json_object_get(root, "accounts"), i, row)
	{
		struct vectors_bytes username = vectors_hex(row, "username_hex");
		struct vectors_bytes secret = vectors_hex(row, "password_hex");
		struct credential_password password;
		struct credential cred;
		size_t position = 0;
		char want[128];

		ck_assert_int_eq(
			credential_parse((struct slice){username.data, username.len},
					 true, &cred),
			CREDENTIAL_OK);
		ck_assert_int_eq(cred.form, CREDENTIAL_MRAS_BINARY);
		ck_assert_int_eq(cred.expires_s, 4102444800);
		ck_assert_str_eq(cred.user, vectors_text(row, "client_id"));
		ck_assert(credential_next_password(&cred, &ring, &ring_clock, &position,
						   &password));
		ck_assert_ptr_eq(password.key, &ring.keys[1]);
		ck_assert_uint_eq(password.len, secret.len);
		ck_assert_mem_eq(password.bytes, secret.data, secret.len);
		ck_assert(!credential_next_password(&cred, &ring, &ring_clock, &position,
						    &password));

		snprintf(want, sizeof(want), "two=%s", vectors_text(row, "password_b64"));
		ck_assert_str_eq(passwords(vectors_text(row, "username_b64")), want);
		free(username.data);
		free(secret.data);
	}
	free(key1.data);
	free(key2.data);
	json_decref(root);
}
END_TEST

static void issue(int version, struct credential_pair *pair)
{
	uint64_t serial = 0;

	ck_assert(credential_issue_mras(&ring.keys[0], version, vectors_slice("sip:bob"),
					NOW, &serial, pair));
}

START_TEST(an_mras_pair_verifies_as_text_and_as_bytes)
{
	struct credential_password password;
	struct credential_pair pair;
	struct credential cred;
	size_t position = 0;
	char want[128];

	issue(_i, &pair);
	ck_assert_uint_eq(pair.token_len, _i == 1 ? 52 : 56);
	ck_assert_uint_eq(pair.secret_len, 20);
	ck_assert_msg(strncmp(pair.username, _i == 1 ? "AQAAI" : "AgAAJ", 5) == 0, "%s",
		      pair.username);
	snprintf(want, sizeof(want), "one=%s", pair.password);
	ck_assert_str_eq(passwords(pair.username), want);

	struct slice token = {pair.token, pair.token_len};
	ck_assert_int_eq(credential_parse(token, true, &cred), CREDENTIAL_OK);
	ck_assert_int_eq(cred.expires_s, NOW);
	ck_assert(credential_next_password(&cred, &ring, &ring_clock, &position,
					   &password));
	ck_assert_uint_eq(password.len, 20);
	ck_assert_mem_eq(password.bytes, pair.secret, 20);
	/*
	 * Bytes are not a user name in the IETF dialect, and text is not one in the MS
	 * dialect.
	 */
	ck_assert_int_eq(credential_parse(token, false, &cred), CREDENTIAL_MALFORMED);
	ck_assert_int_eq(credential_parse(vectors_slice(pair.username), true, &cred),
			 CREDENTIAL_MALFORMED);
	ck_assert_int_eq(credential_parse(vectors_slice("1767225600:alice"), true, &cred),
			 CREDENTIAL_MALFORMED);
}
END_TEST

/* No bit of a token can be changed. */
START_TEST(a_token_with_a_flipped_bit_has_no_password)
{
	struct credential_password password;
	struct credential_pair pair;
	struct credential cred;

	issue(_i, &pair);
	for (size_t bit = 0; bit < pair.token_len * 8; bit++) {
		struct slice token = {pair.token, pair.token_len};
		size_t position = 0;

		pair.token[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (credential_parse(token, true, &cred) == CREDENTIAL_OK)
			ck_assert_msg(!credential_next_password(&cred, &ring, &ring_clock,
								&position, &password),
				      "bit %zu", bit);
		pair.token[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

START_TEST(a_token_has_exactly_its_length)
{
	struct credential_pair pair;
	struct credential cred;
	uint8_t longer[800] = {0};

	issue(_i, &pair);
	memcpy(longer, pair.token, pair.token_len);
	for (size_t len = 0; len <= sizeof(longer); len++) {
		bool ok = credential_parse((struct slice){longer, len}, true, &cred) ==
			  CREDENTIAL_OK;
		ck_assert_msg(ok == (len == pair.token_len), "%zu bytes", len);
	}
}
END_TEST

/* These are not tokens at all; the MAC would refuse them too. */
static const struct {
	const char *name;
	size_t offset;
	uint8_t value;
} headers[] = {
	{"major version 0", 0, 0},  {"major version 1 with the length of 2", 0, 1},
	{"major version 3", 0, 3},  {"minor version 1", 1, 1},
	{"size 0x0124", 2, 1},      {"size 0x20", 3, 0x20},
	{"an unknown flag", 35, 1}, {"a flag in the highest bit", 32, 0x80},
};

START_TEST(a_token_has_exactly_its_header)
{
	struct credential_pair pair;
	struct credential cred;
	struct slice token = {pair.token, 56};

	issue(2, &pair);
	ck_assert_int_eq(credential_parse(token, true, &cred), CREDENTIAL_OK);
	pair.token[headers[_i].offset] = headers[_i].value;
	ck_assert_msg(credential_parse(token, true, &cred) == CREDENTIAL_MALFORMED,
		      "%s: taken", headers[_i].name);
}
END_TEST

START_TEST(a_token_ends_with_its_key)
{
	struct credential_pair pair;

	issue(2, &pair);
	ring.keys[0].not_after_s = NOW + 1;
	ck_assert_str_ne(passwords(pair.username), "");
	ring.keys[0].not_after_s = NOW;
	ck_assert_str_eq(passwords(pair.username), "");
}
END_TEST

/* Same key: same user whatever the expiry. Other key or other name: another user. */
START_TEST(the_identity_is_keyed_and_stable)
{
	struct credential_pair pair;
	struct credential cred[4];
	uint64_t serial = 0;
	const struct {
		int key;
		const char *name;
		int64_t expires_s;
	} rows[] = {
		{0, "bob", NOW}, {0, "bob", NOW + 9}, {1, "bob", NOW}, {0, "bo", NOW}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ck_assert(credential_issue_mras(&ring.keys[rows[i].key], 2,
						vectors_slice(rows[i].name),
						rows[i].expires_s, &serial, &pair));
		ck_assert_int_eq(parse(pair.username, &cred[i]), CREDENTIAL_OK);
	}
	ck_assert_uint_eq(strlen(cred[0].user), 40);
	ck_assert_str_eq(cred[0].user, cred[1].user);
	ck_assert_str_ne(cred[0].user, cred[2].user);
	ck_assert_str_ne(cred[0].user, cred[3].user);
}
END_TEST

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 56);
}

/*
 * 100,000 tokens for one user and one expiry: all are distinct, libnice would trim none,
 * and none lasts a second longer than requested.
 */
START_TEST(issued_tokens_are_distinct_and_survive_trimming)
{
	enum { COUNT = 100000 };
	uint8_t(*tokens)[56] = calloc(COUNT, 56);
	struct credential_pair pair;
	struct credential cred;
	uint64_t serial = UINT64_MAX - COUNT / 2;

	for (size_t i = 0; i < COUNT; i++) {
		ck_assert(credential_issue_mras(&ring.keys[0], 2, vectors_slice("bob"),
						NOW, &serial, &pair));
		ck_assert_uint_eq(pair.token_len, 56);
		memcpy(tokens[i], pair.token, 56);
		ck_assert(pair.token[0] != '"' && pair.token[55] != '"' &&
			  pair.token[55] != 0);
		ck_assert(pair.secret[0] != '"' && pair.secret[19] != '"' &&
			  pair.secret[19] != 0);
		credential_parse((struct slice){pair.token, 56}, true, &cred);
		ck_assert(cred.expires_s == NOW);
	}
	/* The serial wrapped on the way, and candidates were indeed skipped. */
	ck_assert_uint_gt(serial, COUNT / 2);
	qsort(tokens, COUNT, 56, compare);
	for (size_t i = 1; i < COUNT; i++)
		ck_assert(memcmp(tokens[i - 1], tokens[i], 56) != 0);
	free(tokens);
}
END_TEST

static void token_suite(Suite *suite)
{
	TCase *tc = tcase_create("token");
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, mras_accounts_match_the_vectors);
	tcase_add_loop_test(tc, an_mras_pair_verifies_as_text_and_as_bytes, 1, 3);
	tcase_add_loop_test(tc, a_token_with_a_flipped_bit_has_no_password, 1, 3);
	tcase_add_loop_test(tc, a_token_has_exactly_its_length, 1, 3);
	tcase_add_loop_test(tc, a_token_has_exactly_its_header, 0, ROWS(headers));
	tcase_add_test(tc, a_token_ends_with_its_key);
	tcase_add_test(tc, the_identity_is_keyed_and_stable);
	tcase_add_test(tc, issued_tokens_are_distinct_and_survive_trimming);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("token", token_suite)
