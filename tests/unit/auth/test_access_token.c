/*
 * test_access_token.c - access tokens (RFC 7635): the samples of its Appendix A and others, and
 * what is refused.
 */
#include "auth/credential/access_token.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/lib/unit.h"
#include "tests/unit/lib/vectors.h"

#define NAME "turn.example.org"
/* 2026-01-01 */
#define NOW 1767225600

static const uint8_t nonce[ACCESS_TOKEN_NONCE_LEN] = "abcdefghijk";

static struct slice name_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

static struct token_key key_of(enum token_cipher cipher)
{
	struct token_key key = {.kid = "kid-1", .cipher = cipher};

	for (size_t i = 0; i < token_cipher_key_len(cipher); i++)
		key.key[i] = (uint8_t)(i * 7 + 1);
	return key;
}

static struct access_token token_of(size_t mac_key_len)
{
	struct access_token token = {
		.mac_key_len = mac_key_len,
		.issued_s = NOW,
		.issued_frac = 32000,
		.lifetime_s = 3600,
	};

	for (size_t i = 0; i < mac_key_len; i++)
		token.mac_key[i] = (uint8_t)(0x80 + i);
	return token;
}

/* In an allocation of its size, so that the address sanitizer sees a byte too many. */
static bool open_exactly(const uint8_t *bytes, size_t len, const struct token_key *key,
			 const char *name, struct access_token *token)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	ck_assert_ptr_nonnull(copy);
	if (len > 0)
		memcpy(copy, bytes, len);
	bool ok = access_token_open((struct slice){copy, len}, key, name_of(name), token);
	free(copy);
	return ok;
}

START_TEST(vectors) /* T-443 T-444 T-448 */
{
	json_t *all = vectors_load("stun/rfc-vectors.json"), *vector;
	json_t *tokens = json_object_get(all, "oauth_tokens");
	size_t i, opened = 0;

	json_array_foreach(tokens, i, vector)
	{
		const char *name = vectors_text(vector, "server_name");
		const char *cipher = vectors_text(vector, "algorithm");
		struct vectors_bytes long_term = vectors_hex(vector, "key_hex");
		struct vectors_bytes session = vectors_hex(vector, "mac_key_hex");
		struct vectors_bytes bytes = vectors_hex(vector, "token_hex");
		struct vectors_bytes used = vectors_hex(vector, "nonce_hex");
		struct token_key key = {.cipher = strcmp(cipher, "A128GCM") == 0
							  ? TOKEN_A128GCM
							  : TOKEN_A256GCM};
		uint8_t made[ACCESS_TOKEN_MAX];
		struct access_token token;

		ck_assert_uint_eq(long_term.len, token_cipher_key_len(key.cipher));
		memcpy(key.key, long_term.data, long_term.len);
		ck_assert_msg(open_exactly(bytes.data, bytes.len, &key, name, &token),
			      "T-444 %s", vectors_text(vector, "id"));
		ck_assert_uint_eq(token.mac_key_len, session.len);
		ck_assert_mem_eq(token.mac_key, session.data, session.len);
		ck_assert_uint_eq(token.issued_s,
				  vectors_number(vector, "timestamp_seconds"));
		ck_assert_uint_eq(token.issued_frac,
				  vectors_number(vector, "timestamp_fraction"));
		ck_assert_uint_eq(token.lifetime_s, vectors_number(vector, "lifetime"));
		ck_assert_uint_eq(access_token_make(&token, &key, name_of(name),
						    used.data, made),
				  bytes.len);
		ck_assert_mem_eq(made, bytes.data, bytes.len);
		ck_assert_msg(!open_exactly(bytes.data, bytes.len, &key,
					    "other.example.org", &token),
			      "T-443 for another server");
		opened++;
		free(long_term.data);
		free(session.data);
		free(bytes.data);
		free(used.data);
	}
	ck_assert_uint_eq(opened, 3);
	json_decref(all);
}
END_TEST

static const struct {
	const char *name;
	enum token_cipher cipher;
	size_t mac_key_len, len;
} kinds[] = {
	{"T-444 A256GCM, 20 bytes", TOKEN_A256GCM, 20, 64},
	{"T-448 A256GCM, 32 bytes", TOKEN_A256GCM, 32, 76},
	{"T-444 A128GCM, 20 bytes", TOKEN_A128GCM, 20, 64},
	{"T-448 A128GCM, 32 bytes", TOKEN_A128GCM, 32, 76},
	{"T-444 A256CBC-HS512, 20 bytes", TOKEN_A256CBC_HS512, 20, 82},
	{"T-448 A256CBC-HS512, 32 bytes", TOKEN_A256CBC_HS512, 32, 82},
};

/* No byte of it, its key or the server's name may differ; no prefix is a token. */
START_TEST(nothing_else_is_opened) /* T-443 T-444 T-448 T-462, attack 48 */
{
	struct token_key key = key_of(kinds[_i].cipher);
	struct access_token want = token_of(kinds[_i].mac_key_len), token;
	uint8_t bytes[ACCESS_TOKEN_MAX + 1] = {0};
	size_t len = access_token_make(&want, &key, name_of(NAME), nonce, bytes);

	ck_assert_msg(len == kinds[_i].len, "%s: %zu bytes", kinds[_i].name, len);
	ck_assert_msg(open_exactly(bytes, len, &key, NAME, &token), "%s", kinds[_i].name);
	ck_assert_mem_eq(&token, &want, sizeof(token));
	for (size_t cut = 0; cut <= len + 1; cut++) {
		bool ok = open_exactly(bytes, cut, &key, NAME, &token);

		ck_assert_msg(ok == (cut == len), "T-462 %s: %zu bytes of it",
			      kinds[_i].name, cut);
	}
	for (size_t i = 0; i < len * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		ck_assert_msg(!open_exactly(bytes, len, &key, NAME, &token),
			      "%s: bit %zu flipped", kinds[_i].name, i);
		ck_assert_uint_eq(token.mac_key_len, 0);
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (size_t i = 0; i < token_cipher_key_len(key.cipher); i++) {
		key.key[i] ^= 1;
		ck_assert(!open_exactly(bytes, len, &key, NAME, &token));
		key.key[i] ^= 1;
	}
	ck_assert(!open_exactly(bytes, len, &key, "", &token));
	ck_assert(!open_exactly(bytes, len, &key, NAME ".", &token));
	ck_assert(open_exactly(bytes, len, &key, NAME, &token));
}
END_TEST

/* The length comes before the check: "key_length" and "nonce_length" claim what they like. */
START_TEST(lengths_are_compared_before_they_are_used) /* attack 48, T-462 */
{
	struct token_key key = key_of(TOKEN_A256GCM);
	struct access_token want = token_of(20), token;
	uint8_t bytes[2048] = {0};
	size_t len = access_token_make(&want, &key, name_of(NAME), nonce, bytes);

	for (unsigned claimed = 0; claimed <= UINT16_MAX; claimed++) {
		store_be16(bytes, (uint16_t)claimed);
		ck_assert_msg(open_exactly(bytes, len, &key, NAME, &token) ==
				      (claimed == ACCESS_TOKEN_NONCE_LEN),
			      "attack 48: a nonce of %u bytes", claimed);
	}
	store_be16(bytes, ACCESS_TOKEN_NONCE_LEN);
	for (size_t i = 0; i <= sizeof(bytes); i++)
		ck_assert_msg(open_exactly(bytes, i, &key, NAME, &token) == (i == len),
			      "attack 48: %zu bytes", i);
	store_be16(bytes, 0);
	key = key_of(TOKEN_A256CBC_HS512);
	for (size_t i = 0; i <= sizeof(bytes); i++)
		ck_assert_msg(!open_exactly(bytes, i, &key, NAME, &token),
			      "attack 48: %zu bytes", i);
}
END_TEST

static const struct {
	const char *name;
	int64_t at_s, left_s;
} times[] = {
	{"T-446 as issued", 0, 3605},
	{"T-449 100 s before its end", 3500, 105},
	{"T-446 the last second", 3604, 1},
	{"T-446 Delta is over", 3605, 0},
	{"T-446 long ago", 100000, -96395},
	{"T-446 our clock is behind", -3604, 1},
	{"T-446 from too far in the future", -3605, 0},
	{"T-446 before the epoch", INT64_MIN, 0},
};

START_TEST(freshness) /* T-446 T-449 */
{
	struct access_token token = token_of(20);
	int64_t at_s = times[_i].at_s == INT64_MIN ? INT64_MIN : NOW + times[_i].at_s;
	int64_t left_s = access_token_left_s(&token, at_s);

	ck_assert_msg(times[_i].left_s > 0 || times[_i].at_s == 100000
			      ? left_s == times[_i].left_s
			      : left_s <= 0,
		      "%s: %ld", times[_i].name, (long)left_s);
	token.issued_s = ((uint64_t)1 << 48) - 1;
	token.lifetime_s = UINT32_MAX;
	ck_assert_int_le(access_token_left_s(&token, at_s), 0);
}
END_TEST

static void access_token_suite(Suite *suite)
{
	TCase *tc = tcase_create("access_token");
	tcase_add_test(tc, vectors);
	tcase_add_loop_test(tc, nothing_else_is_opened, 0, ROWS(kinds));
	tcase_add_test(tc, lengths_are_compared_before_they_are_used);
	tcase_add_loop_test(tc, freshness, 0, ROWS(times));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("access_token", access_token_suite)
