/*
 * test_token.c - MRAS tokens: accounts of captured exchanges, tokens with a changed bit
 * or byte, and that issued tokens are distinct.
 */
#include "auth/credential/credential.h"

#include <stdio.h>
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

/* Version 3 is what carries a quota. */
static const struct credential_quota quota = {200, 20000000};

static void issue(int version, struct credential_pair *pair)
{
	uint64_t serial = 0;

	ck_assert(credential_issue_mras(&ring.keys[0], version == 3 ? 1 : version,
					vectors_slice("sip:bob"), NOW,
					version == 3 ? &quota : NULL, &serial, pair));
}

START_TEST(an_mras_pair_verifies_as_text_and_as_bytes)
{
	static const size_t lens[] = {0, 52, 56, 64};
	static const char *const begins[] = {"", "AQAAI", "AgAAJ", "AwAAL"};
	struct credential_password password;
	struct credential_pair pair;
	struct credential cred;
	size_t position = 0;
	char want[128];

	issue(_i, &pair);
	ck_assert_uint_eq(pair.token_len, lens[_i]);
	ck_assert_uint_eq(pair.secret_len, 20);
	ck_assert_msg(strncmp(pair.username, begins[_i], 5) == 0, "%s", pair.username);
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

static const struct {
	const char *name;
	struct credential_quota issued, read;
} quotas[] = {
	{"none", {0, 0}, {0, 0}},
	{"both", {200, 20000000}, {200, 20000000}},
	{"allocations only", {1, 0}, {1, 0}},
	{"bandwidth only", {0, 64000}, {0, 64000}},
	{"rounded up", {0, 64001}, {0, 65000}},
	{"the greatest", {UINT32_MAX, 1000000000000}, {UINT32_MAX, 1000000000000}},
	{"beyond what fits", {1, UINT64_MAX}, {1, UINT64_C(4294967295000)}},
};

/* Tokens and REST names alike; the relay gets what the issuer said. */
START_TEST(a_credential_carries_the_quota_of_its_user)
{
	const struct credential_quota *issued = &quotas[_i].issued;
	const struct credential_quota *want = &quotas[_i].read;
	struct credential_pair pair;
	struct credential cred;
	uint64_t serial = 0;
	char one[128];

	for (int rest = 0; rest < 2; rest++) {
		ck_assert(rest ? credential_issue_rest(&ring.keys[0],
						       vectors_slice("sip:bob"), NOW,
						       issued, &pair)
			       : credential_issue_mras(&ring.keys[0], 2,
						       vectors_slice("sip:bob"), NOW,
						       issued, &serial, &pair));
		ck_assert_int_eq(parse(pair.username, &cred), CREDENTIAL_OK);
		ck_assert_msg(cred.quota.allocations == want->allocations &&
				      cred.quota.bandwidth_bps == want->bandwidth_bps,
			      "%s: %s", quotas[_i].name, pair.username);
		ck_assert_int_eq(cred.expires_s, NOW);
		snprintf(one, sizeof(one), "one=%s", pair.password);
		ck_assert_msg(strncmp(passwords(pair.username), one, strlen(one)) == 0,
			      "%s: %s", quotas[_i].name, pair.username);
		if (rest)
			ck_assert_str_eq(cred.user, "sip:bob");
	}
}
END_TEST

/* A quota does not make another user. */
START_TEST(a_quota_leaves_the_user_the_same)
{
	struct credential_pair with, without;
	struct credential one, other;

	issue(3, &with);
	issue(1, &without);
	ck_assert_int_eq(parse(with.username, &one), CREDENTIAL_OK);
	ck_assert_int_eq(parse(without.username, &other), CREDENTIAL_OK);
	ck_assert_str_eq(one.user, other.user);
	ck_assert(credential_quota_is_set(&one.quota));
	ck_assert(!credential_quota_is_set(&other.quota));
}
END_TEST

/* What the secret of an application signs is no quota, whatever name its user chose. */
START_TEST(the_secret_alone_does_not_sign_a_quota)
{
	struct credential_pair plain, quoted;
	struct credential cred;
	char forged[64];

	ck_assert(credential_issue_rest(&ring.keys[0], vectors_slice("200,20000:bob"),
					NOW, NULL, &plain));
	ck_assert_int_eq(parse(plain.username, &cred), CREDENTIAL_OK);
	ck_assert(!credential_quota_is_set(&cred.quota));
	ck_assert_str_eq(cred.user, "200,20000:bob");
	ck_assert(credential_issue_rest(&ring.keys[0], vectors_slice("bob"), NOW, &quota,
					&quoted));
	ck_assert_str_eq(quoted.username, "1767225600,200,20000:bob");
	/* The MAC of the same name under the secret itself. */
	ring.keys[0].rest = KEY_REST_SHA256;
	memcpy(ring.keys[0].rest_quota, ring.keys[0].secret, KEY_DERIVED_LEN);
	ck_assert(credential_issue_rest(&ring.keys[0], vectors_slice("bob"), NOW, &quota,
					&plain));
	ck_assert_str_ne(plain.password, quoted.password);
	snprintf(forged, sizeof(forged), "%s", "1767225600,100000,0:bob");
	ck_assert_ptr_null(strstr(passwords(forged), quoted.password));
}
END_TEST

static const struct {
	const char *name, *username;
} quota_names[] = {
	{"one figure", "1767225600,200:bob"},
	{"three figures", "1767225600,1,2,3:bob"},
	{"no figure", "1767225600,:bob"},
	{"an empty first figure", "1767225600,,1:bob"},
	{"an empty second figure", "1767225600,1,:bob"},
	{"no name and no colon", "1767225600,1,2"},
	{"a sign", "1767225600,+1,2:bob"},
	{"a zero in front", "1767225600,01,2:bob"},
	{"no quota at all", "1767225600,0,0:bob"},
	{"more than 32 bits", "1767225600,4294967296,0:bob"},
	{"more than 64 bits", "1767225600,1,18446744073709551616:bob"},
	{"letters", "1767225600,x,1:bob"},
};

START_TEST(a_quota_has_one_spelling)
{
	struct credential cred;

	ck_assert_msg(parse(quota_names[_i].username, &cred) == CREDENTIAL_MALFORMED,
		      "%s: taken", quota_names[_i].name);
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
						rows[i].expires_s, NULL, &serial, &pair));
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
						NOW, NULL, &serial, &pair));
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
	tcase_add_loop_test(tc, an_mras_pair_verifies_as_text_and_as_bytes, 1, 4);
	tcase_add_loop_test(tc, a_token_with_a_flipped_bit_has_no_password, 1, 4);
	tcase_add_loop_test(tc, a_token_has_exactly_its_length, 1, 4);
	tcase_add_loop_test(tc, a_token_has_exactly_its_header, 0, ROWS(headers));
	tcase_add_loop_test(tc, a_credential_carries_the_quota_of_its_user, 0,
			    ROWS(quotas));
	tcase_add_test(tc, a_quota_leaves_the_user_the_same);
	tcase_add_test(tc, the_secret_alone_does_not_sign_a_quota);
	tcase_add_loop_test(tc, a_quota_has_one_spelling, 0, ROWS(quota_names));
	tcase_add_test(tc, a_token_ends_with_its_key);
	tcase_add_test(tc, the_identity_is_keyed_and_stable);
	tcase_add_test(tc, issued_tokens_are_distinct_and_survive_trimming);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("token", token_suite)
