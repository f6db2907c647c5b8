/*
 * test_keyring.c - the text of a keyring: what is accepted, and the place and reason of
 * each error.
 */
#include "auth/credential/keyring.h"

#include <stdio.h>
#include <string.h>

#include "auth/credential/base64.h"
#include "auth/credential/timestamp.h"
#include "tests/unit/lib/oom.h"
#include "tests/unit/lib/unit.h"

/* "0123456789abcdef0123456789abcdef" */
#define SECRET "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
/* 2026-01-01 and 2026-02-01 */
#define JANUARY 1767225600
#define FEBRUARY 1769904000

static struct keyring *parse(const char *text)
{
	struct keyring_error error;
	struct keyring *ring = keyring_parse(text, strlen(text), &error);

	ck_assert_msg(ring != NULL, "line %u: %s", error.line, error.reason);
	return ring;
}

START_TEST(a_key_is_taken_as_written)
{
	struct keyring *ring = parse("# comment\n"
				     "\n"
				     "one  " SECRET "\n"
				     "two\t" SECRET " 2026-01-01T00:00:00Z # why\r\n"
				     "three " SECRET " - 2026-02-01T00:00:00Z\n"
				     "four " SECRET " - - rest=none\n"
				     "five " SECRET " rest=sha256");

	ck_assert_uint_eq(ring->count, 5);
	ck_assert_str_eq(ring->keys[0].id, "one");
	ck_assert_uint_eq(ring->keys[0].secret_len, 32);
	ck_assert_mem_eq(ring->keys[0].secret, "0123456789abcdef0123456789abcdef", 32);
	ck_assert(ring->keys[0].not_before_s == INT64_MIN);
	ck_assert(ring->keys[0].not_after_s == INT64_MAX);
	ck_assert_int_eq(ring->keys[0].rest, KEY_REST_SHA1);
	ck_assert_int_eq(ring->keys[1].not_before_s, JANUARY);
	ck_assert_int_eq(ring->keys[2].not_after_s, FEBRUARY);
	ck_assert_int_eq(ring->keys[3].rest, KEY_REST_NONE);
	ck_assert_int_eq(ring->keys[4].rest, KEY_REST_SHA256);
	ck_assert_ptr_eq(keyring_find(ring, "three"), &ring->keys[2]);
	ck_assert_ptr_null(keyring_find(ring, "thre"));
	keyring_free(ring);
}
END_TEST

/* Computed with two other programs: "openssl kdf ... HKDF" and Python's hmac. */
static const struct {
	const char *name;
	size_t offset;
	uint8_t want[KEY_DERIVED_LEN];
} derived[] = {
	{"mras client id",
	 offsetof(struct key, mras_client_id),
	 {0x5c, 0x8e, 0xe5, 0x6c, 0xe0, 0x17, 0x36, 0x05, 0x2d, 0x9b,
	  0x9b, 0x26, 0x89, 0xcc, 0xd6, 0x99, 0x34, 0xa2, 0x6f, 0x0f}},
	{"mras token",
	 offsetof(struct key, mras_token),
	 {0x71, 0xcb, 0x2d, 0xd2, 0x13, 0x65, 0xf7, 0xf9, 0x57, 0xf1,
	  0xc3, 0x7f, 0x78, 0x38, 0xb1, 0x70, 0x45, 0x11, 0x01, 0x3a}},
	{"mras password",
	 offsetof(struct key, mras_password),
	 {0xe4, 0xec, 0xac, 0x10, 0xac, 0xf2, 0xcf, 0xb4, 0xa9, 0x35,
	  0x35, 0xec, 0x87, 0x8d, 0xb3, 0x96, 0xea, 0x47, 0xd2, 0x13}},
};

START_TEST(each_purpose_has_its_own_key)
{
	struct keyring *ring = parse("one " SECRET);
	const uint8_t *got = (const uint8_t *)&ring->keys[0] + derived[_i].offset;

	ck_assert_msg(memcmp(got, derived[_i].want, KEY_DERIVED_LEN) == 0, "%s",
		      derived[_i].name);
	keyring_free(ring);
}
END_TEST

START_TEST(the_mark_tells_secrets_apart)
{
	struct keyring *ring =
		parse("one " SECRET "\ntwo " SECRET " rest=sha256\n"
		      "three YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY=\n");

	ck_assert_uint_ne(key_mark(&ring->keys[0]), 0);
	ck_assert_uint_eq(key_mark(&ring->keys[0]), key_mark(&ring->keys[1]));
	ck_assert_uint_ne(key_mark(&ring->keys[0]), key_mark(&ring->keys[2]));
	keyring_free(ring);
}
END_TEST

static const struct {
	const char *why;
	unsigned line;
	const char *text;
} refused[] = {
	{"empty", 0, ""},
	{"comments only", 0, "# nothing\n\n"},
	{"no secret", 1, "one\n"},
	{"secret in a comment", 1, "one #" SECRET "\n"},
	{"a slash in the id", 1, "o/ne " SECRET "\n"},
	{"a byte beyond ASCII in the id", 1, "on\xc3\xa9 " SECRET "\n"},
	{"an id of 33 letters", 1, "abcdefghijklmnopqrstuvwxyz0123456 " SECRET "\n"},
	{"padding missing", 1, "one MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\n"},
	{"stray bits after the last byte", 1,
	 "one MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWZ=\n"},
	{"base64 for URLs", 1, "one MDEyMzQ1Njc4OWFiY2RlZj_xMjM0NTY3ODlhYmNkZWY=\n"},
	{"120 bits (attack 35)", 1, "one MDEyMzQ1Njc4OWFiY2Rl\n"},
	{"16 equal bytes", 1, "one YWFhYWFhYWFhYWFhYWFhYQ==\n"},
	{"32 bytes of seven kinds", 1,
	 "one YWJjZGVmZ2FiY2RlZmdhYmNkZWZnYWJjZGVmZ2FiY2Q=\n"},
	{"no such date", 1, "one " SECRET " 2026-02-29T00:00:00Z\n"},
	{"a time without zone", 1, "one " SECRET " 2026-01-01T00:00:00\n"},
	{"a third time", 1, "one " SECRET " - - -\n"},
	{"ends before it begins", 1,
	 "one " SECRET " 2026-02-01T00:00:00Z 2026-01-01T00:00:00Z\n"},
	{"ends when it begins", 1,
	 "one " SECRET " 2026-02-01T00:00:00Z 2026-02-01T00:00:00Z\n"},
	{"an unknown hash", 1, "one " SECRET " rest=md5\n"},
	{"an empty hash", 1, "one " SECRET " rest=\n"},
	{"a word after rest=", 1, "one " SECRET " rest=sha1 -\n"},
	{"an unknown option", 1, "one " SECRET " - - color=red\n"},
	{"the same id twice", 3, "one " SECRET "\ntwo " SECRET "\none " SECRET "\n"},
	{"an error further down", 4, "# a\none " SECRET "\n\ntwo\n"},
};

START_TEST(errors_name_their_line)
{
	struct keyring_error error = {.line = 4711};
	struct keyring *ring =
		keyring_parse(refused[_i].text, strlen(refused[_i].text), &error);

	ck_assert_msg(ring == NULL, "%s: taken", refused[_i].why);
	ck_assert_msg(error.line == refused[_i].line, "%s: line %u", refused[_i].why,
		      error.line);
	ck_assert_msg(strlen(error.reason) > 10, "%s: no reason", refused[_i].why);
	ck_assert_msg(!strstr(error.reason, "MDEy") && !strstr(error.reason, "YW"),
		      "%s: the reason quotes a secret", refused[_i].why);
}
END_TEST

START_TEST(a_nul_byte_is_not_a_blank)
{
	static const char text[] = "one\0" SECRET;
	struct keyring_error error;

	ck_assert_ptr_null(keyring_parse(text, sizeof(text) - 1, &error));
}
END_TEST

START_TEST(at_most_sixteen_keys_fit)
{
	char text[(KEYRING_MAX + 1) * 64] = "";
	struct keyring_error error;
	size_t len = 0;

	for (int i = 0; i < KEYRING_MAX; i++)
		len += (size_t)sprintf(text + len, "k%d " SECRET "\n", i);
	struct keyring *ring = parse(text);
	ck_assert_uint_eq(ring->count, KEYRING_MAX);
	keyring_free(ring);

	sprintf(text + len, "more " SECRET "\n");
	ck_assert_ptr_null(keyring_parse(text, strlen(text), &error));
	ck_assert_uint_eq(error.line, KEYRING_MAX + 1);
}
END_TEST

static void *make_ring(void *arg)
{
	struct keyring_error error;

	return keyring_parse(arg, strlen(arg), &error);
}

static void drop_ring(void *ring)
{
	keyring_free(ring);
}

START_TEST(without_memory_there_is_no_keyring)
{
	char text[] = "one " SECRET "\n";

	ck_assert_uint_ge(oom_try_each(make_ring, drop_ring, text), 1);
}
END_TEST

START_TEST(secrets_of_16_to_128_bytes)
{
	uint8_t secret[KEY_SECRET_MAX + 1];

	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	ck_assert_ptr_nonnull(key_secret_weakness(secret, KEY_SECRET_MIN - 1));
	ck_assert_ptr_null(key_secret_weakness(secret, KEY_SECRET_MIN));
	ck_assert_ptr_null(key_secret_weakness(secret, KEY_SECRET_MAX));
	ck_assert_ptr_nonnull(key_secret_weakness(secret, KEY_SECRET_MAX + 1));
}
END_TEST

START_TEST(a_key_is_valid_from_its_first_second_and_not_in_its_last)
{
	struct keyring *ring =
		parse("one " SECRET " 2026-01-01T00:00:00Z 2026-02-01T00:00:00Z\n");
	const struct key *key = &ring->keys[0];

	ck_assert(!key_is_valid(key, JANUARY - 1));
	ck_assert(key_is_valid(key, JANUARY));
	ck_assert(key_is_valid(key, FEBRUARY - 1));
	ck_assert(!key_is_valid(key, FEBRUARY));
	keyring_free(ring);
}
END_TEST

START_TEST(a_key_verifies_for_the_skew_before_and_after)
{
	struct keyring *ring = parse("one " SECRET
				     " 2026-01-01T00:00:00Z 2026-02-01T00:00:00Z\n"
				     "two " SECRET "\n");
	const struct key *key = &ring->keys[0];

	ck_assert(!key_verifies(key, JANUARY - 1, 0));
	ck_assert(key_verifies(key, JANUARY, 0));
	ck_assert(key_verifies(key, FEBRUARY - 1, 0));
	ck_assert(!key_verifies(key, FEBRUARY, 0));
	ck_assert(!key_verifies(key, JANUARY - 61, 60));
	ck_assert(key_verifies(key, JANUARY - 60, 60));
	ck_assert(key_verifies(key, FEBRUARY + 59, 60));
	ck_assert(!key_verifies(key, FEBRUARY + 60, 60));
	ck_assert(key_verifies(&ring->keys[1], INT64_MIN, 60));
	ck_assert(key_verifies(&ring->keys[1], INT64_MAX - 60, 60));
	keyring_free(ring);
}
END_TEST

START_TEST(the_first_valid_key_signs)
{
	struct keyring *ring = parse("future " SECRET " 2026-02-01T00:00:00Z\n"
				     "old " SECRET " - 2026-01-01T00:00:00Z\n"
				     "now " SECRET " 2026-01-01T00:00:00Z\n"
				     "spare " SECRET " 2026-01-01T00:00:00Z\n");

	ck_assert_str_eq(keyring_signer(ring, JANUARY - 1)->id, "old");
	ck_assert_str_eq(keyring_signer(ring, JANUARY)->id, "now");
	ck_assert_str_eq(keyring_signer(ring, FEBRUARY)->id, "future");
	ring->count = 2;
	ck_assert_ptr_null(keyring_signer(ring, JANUARY));
	keyring_free(ring);
}
END_TEST

/*
 * All lines of the ring; each fits a buffer of its length with the NUL, and no smaller
 * one.
 */
static void format(const struct keyring *ring, char *text, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < ring->count; i++) {
		int n = key_format(&ring->keys[i], text + len, size - len);

		ck_assert_int_gt(n, 0);
		ck_assert_int_eq(key_format(&ring->keys[i], text + len, (size_t)n), -1);
		ck_assert_int_eq(key_format(&ring->keys[i], text + len, (size_t)n + 1),
				 n);
		len += (size_t)n;
	}
}

START_TEST(what_is_written_reads_back)
{
	struct keyring *ring = parse("one " SECRET "\n"
				     "two " SECRET " 2026-01-01T00:00:00Z - rest=sha256\n"
				     "three " SECRET
				     " - 2026-02-01T00:00:00Z rest=none\n");
	char text[3 * KEY_LINE_MAX];
	char again[sizeof(text)];

	format(ring, text, sizeof(text));
	ck_assert_str_eq(text, "one " SECRET " - - rest=sha1\n"
			       "two " SECRET " 2026-01-01T00:00:00Z - rest=sha256\n"
			       "three " SECRET " - 2026-02-01T00:00:00Z rest=none\n");
	struct keyring *reread = parse(text);
	format(reread, again, sizeof(again));
	ck_assert_str_eq(again, text);
	keyring_free(reread);
	keyring_free(ring);
}
END_TEST

START_TEST(the_longest_line_fits)
{
	struct key key = {.secret_len = KEY_SECRET_MAX, .rest = KEY_REST_SHA256};
	char line[KEY_LINE_MAX];

	memset(key.id, 'x', KEY_ID_MAX);
	key.not_before_s = JANUARY;
	key.not_after_s = FEBRUARY;
	ck_assert_int_gt(key_format(&key, line, sizeof(line)), 0);
}
END_TEST

static const struct {
	const char *text;
	int64_t want; /* -1: refused */
} timestamps[] = {
	{"1970-01-01T00:00:00Z", 0},
	{"2100-01-01T00:00:00Z", 4102444800},
	{"2024-02-29T23:59:59Z", 1709251199},
	{"2000-02-29T00:00:00Z", 951782400},
	{"9999-12-31T23:59:59Z", 253402300799},
	{"2100-02-29T00:00:00Z", -1},
	{"2026-00-01T00:00:00Z", -1},
	{"2026-13-01T00:00:00Z", -1},
	{"2026-01-00T00:00:00Z", -1},
	{"2026-04-31T00:00:00Z", -1},
	{"2026-01-01T24:00:00Z", -1},
	{"2026-01-01T00:60:00Z", -1},
	{"2026-01-01T00:00:60Z", -1},
	{"2026-01-01t00:00:00z", -1},
	{"2026-01-01 00:00:00Z", -1},
	{"2026-01-01T00:00:00+00:00", -1},
	{"2026-01-01T00:00:00.0Z", -1},
	{"+026-01-01T00:00:00Z", -1},
	{"", -1},
};

START_TEST(timestamps_are_rfc_3339_in_utc)
{
	const char *text = timestamps[_i].text;
	char again[TIMESTAMP_SIZE];
	int64_t got = -1;

	timestamp_parse(text, strlen(text), &got);
	ck_assert_msg(got == timestamps[_i].want, "%s: %lld", text, (long long)got);
	if (got < 0)
		return;
	ck_assert(timestamp_format(got, again));
	ck_assert_str_eq(again, text);
}
END_TEST

START_TEST(a_timestamp_has_four_digits_of_year)
{
	char text[TIMESTAMP_SIZE];

	ck_assert(timestamp_format(-62135596800, text));
	ck_assert_str_eq(text, "0001-01-01T00:00:00Z");
	ck_assert(!timestamp_format(253402300800, text));
	ck_assert(!timestamp_format(INT64_MAX, text));
	ck_assert(!timestamp_format(INT64_MIN, text));
}
END_TEST

/* RFC 4648 section 10. */
static const struct {
	const char *bytes;
	const char *text;
} base64s[] = {
	{"", ""},
	{"f", "Zg=="},
	{"fo", "Zm8="},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"},
};

START_TEST(base64_is_rfc_4648)
{
	const char *bytes = base64s[_i].bytes;
	char text[16];
	uint8_t out[8];
	size_t len = 99;

	base64_encode((const uint8_t *)bytes, strlen(bytes), text);
	ck_assert_str_eq(text, base64s[_i].text);
	ck_assert(base64_decode(text, strlen(text), out, strlen(bytes), &len));
	ck_assert_uint_eq(len, strlen(bytes));
	ck_assert_mem_eq(out, bytes, len);
	if (len > 0)
		ck_assert(!base64_decode(text, strlen(text), out, len - 1, &len));
}
END_TEST

static const char *const not_base64[] = {
	"Zg",       "Zg=",   "Zh==",   "Zm9=", "Z===", "====", "=",
	"Zg==Zg==", "Zm 9v", "Zm9v\n", "Zm9_", "Zm9-", "Zg=A",
};

START_TEST(base64_has_one_spelling)
{
	uint8_t out[16];
	size_t len;

	ck_assert_msg(!base64_decode(not_base64[_i], strlen(not_base64[_i]), out,
				     sizeof(out), &len),
		      "\"%s\" was read", not_base64[_i]);
}
END_TEST

static void keyring_suite(Suite *suite)
{
	TCase *tc = tcase_create("keyring");
	tcase_add_test(tc, a_key_is_taken_as_written);
	tcase_add_loop_test(tc, each_purpose_has_its_own_key, 0, ROWS(derived));
	tcase_add_test(tc, the_mark_tells_secrets_apart);
	tcase_add_loop_test(tc, errors_name_their_line, 0, ROWS(refused));
	tcase_add_test(tc, a_nul_byte_is_not_a_blank);
	tcase_add_test(tc, at_most_sixteen_keys_fit);
	tcase_add_test(tc, without_memory_there_is_no_keyring);
	tcase_add_test(tc, secrets_of_16_to_128_bytes);
	tcase_add_test(tc, a_key_is_valid_from_its_first_second_and_not_in_its_last);
	tcase_add_test(tc, a_key_verifies_for_the_skew_before_and_after);
	tcase_add_test(tc, the_first_valid_key_signs);
	tcase_add_test(tc, what_is_written_reads_back);
	tcase_add_test(tc, the_longest_line_fits);
	suite_add_tcase(suite, tc);

	tc = tcase_create("text");
	tcase_add_loop_test(tc, timestamps_are_rfc_3339_in_utc, 0, ROWS(timestamps));
	tcase_add_test(tc, a_timestamp_has_four_digits_of_year);
	tcase_add_loop_test(tc, base64_is_rfc_4648, 0, ROWS(base64s));
	tcase_add_loop_test(tc, base64_has_one_spelling, 0, ROWS(not_base64));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("keyring", keyring_suite)
