/*
 * test_token_keyring.c - the keys of access tokens: what a line may say, the place and reason of
 * each error, and the file around it (T-461).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/credential/token_keyfile.h"
#include "tests/unit/lib/unit.h"

/* 32, 16 and 64 bytes. */
#define KEY32 "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define KEY16 "MDEyMzQ1Njc4OWFiY2RlZg=="
#define KEY64                                                                              \
	"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFi" \
	"Y2RlZg=="
#define JANUARY 1767225600
#define FEBRUARY 1769904000

START_TEST(keys_are_taken_as_written) /* T-461 */
{
	static const char text[] =
		"# of the authorization server\n"
		"22BIjxU93h/IgwEb " KEY32 " A256GCM\n\n"
		"two\t" KEY16 " A128GCM 2026-01-01T00:00:00Z # from then on\r\n"
		"three " KEY64 " A256CBC-HS512 - 2026-02-01T00:00:00Z\n"
		"a+b=c@d._- " KEY32 " A256GCM 2026-01-01T00:00:00Z 2026-02-01T00:00:00Z";
	struct keyring_error error;
	struct token_keyring *ring = token_keyring_parse(text, strlen(text), &error);

	ck_assert_msg(ring != NULL, "line %u: %s", error.line, error.reason);
	ck_assert_uint_eq(ring->count, 4);
	ck_assert_str_eq(ring->keys[0].kid, "22BIjxU93h/IgwEb");
	ck_assert_mem_eq(ring->keys[0].key, "0123456789abcdef0123456789abcdef", 32);
	ck_assert_int_eq(ring->keys[0].cipher, TOKEN_A256GCM);
	ck_assert_int_eq(ring->keys[1].cipher, TOKEN_A128GCM);
	ck_assert_int_eq(ring->keys[1].not_before_s, JANUARY);
	ck_assert_int_eq(ring->keys[2].cipher, TOKEN_A256CBC_HS512);
	ck_assert_int_eq(ring->keys[2].not_after_s, FEBRUARY);
	ck_assert_ptr_eq(token_keyring_find(ring,
					    (struct slice){(const uint8_t *)"two", 3}),
			 &ring->keys[1]);
	ck_assert_ptr_null(
		token_keyring_find(ring, (struct slice){(const uint8_t *)"tw", 2}));
	ck_assert_ptr_null(
		token_keyring_find(ring, (struct slice){(const uint8_t *)"", 0}));

	const struct token_key *bounded = &ring->keys[3];
	ck_assert(!token_key_is_valid(bounded, JANUARY - 61, 60));
	ck_assert(token_key_is_valid(bounded, JANUARY - 60, 60));
	ck_assert(token_key_is_valid(bounded, FEBRUARY + 59, 60));
	ck_assert(!token_key_is_valid(bounded, FEBRUARY + 60, 60));
	ck_assert(token_key_is_valid(&ring->keys[0], INT64_MIN, 60));

	struct token_key other = ring->keys[0];
	ck_assert(token_key_equal(&other, &ring->keys[0]));
	ck_assert_uint_eq(token_key_mark(&other), token_key_mark(&ring->keys[0]));
	other.key[31] ^= 1;
	ck_assert_uint_ne(token_key_mark(&other), token_key_mark(&ring->keys[0]));
	ck_assert(!token_key_equal(&other, &ring->keys[0]));
	token_keyring_free(ring);
}
END_TEST

static const struct {
	const char *text;
	unsigned line;
	const char *reason;
} errors[] = {
	{"", 0, "no key in it; write a line 'kid base64-key A256GCM'"},
	{"# nothing\n\n", 0, "no key in it; write a line 'kid base64-key A256GCM'"},
	{"\n one\n", 2, "A line is 'kid base64-key cipher' and perhaps two times."},
	{"one " KEY32, 1, "A line is 'kid base64-key cipher' and perhaps two times."},
	{"a:b " KEY32 " A256GCM", 1,
	 "A line begins with the kid: 1 to 32 letters, digits and . _ - + / = @"},
	{"123456789012345678901234567890123 " KEY32 " A256GCM", 1,
	 "A line begins with the kid: 1 to 32 letters, digits and . _ - + / = @"},
	{"one " KEY32 " A512GCM", 1, "The cipher is A256GCM, A128GCM or A256CBC-HS512."},
	{"one " KEY16 " A256GCM", 1,
	 "The key is base64, of 32 bytes for A256GCM, 16 for A128GCM, 64 for "
	 "A256CBC-HS512."},
	{"one not-base64 A256GCM", 1,
	 "The key is base64, of 32 bytes for A256GCM, 16 for A128GCM, 64 for "
	 "A256CBC-HS512."},
	{"one AAAAAAAAAAAAAAAAAAAAAA== A128GCM", 1,
	 "The secret repeats the same few bytes and can be guessed."},
	{"one " KEY32 " A256GCM tomorrow", 1,
	 "After the cipher come at most two times as 2026-01-31T00:00:00Z or '-'."},
	{"one " KEY32 " A256GCM - - -", 1, "Nothing may follow the two times."},
	{"one " KEY32 " A256GCM 2026-02-01T00:00:00Z 2026-01-01T00:00:00Z", 1,
	 "The key ends before it begins."},
	{"one " KEY32 " A256GCM\none " KEY32 " A256GCM", 2,
	 "Another key above has the same kid."},
};

START_TEST(errors_have_line_and_reason) /* T-461 */
{
	struct keyring_error error;

	ck_assert_ptr_null(
		token_keyring_parse(errors[_i].text, strlen(errors[_i].text), &error));
	ck_assert_str_eq(error.reason, errors[_i].reason);
	ck_assert_uint_eq(error.line, errors[_i].line);
}
END_TEST

START_TEST(sixteen_keys_at_most)
{
	struct keyring_error error;
	char text[4096] = "";
	size_t len = 0;

	for (int i = 0; i <= TOKEN_KEYRING_MAX; i++) {
		struct token_keyring *ring;

		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"k%d " KEY32 " A256GCM\n", i);
		ring = token_keyring_parse(text, len, &error);
		ck_assert((ring != NULL) == (i < TOKEN_KEYRING_MAX));
		token_keyring_free(ring);
	}
	ck_assert_str_eq(error.reason, "More than 16 keys.");
	ck_assert_uint_eq(error.line, 17);
}
END_TEST

static const struct {
	const char *text; /* NULL: no file */
	mode_t mode;
	const char *error; /* after the path; NULL: it is read */
} files[] = {
	{"one " KEY32 " A256GCM\n", 0640, NULL},
	{"one " KEY32 " A256GCM\n", 0644,
	 ": mode 0644 lets others read or write it; run 'chmod 0640 "},
	{NULL, 0,
	 ": does not exist; create it with a line 'kid base64-key A256GCM' for each key"},
	{"one\n", 0600, ":1: A line is 'kid base64-key cipher' and perhaps two times."},
	{"", 0600, ": no key in it; write a line 'kid base64-key A256GCM'"},
};

START_TEST(a_file_is_read_with_its_mode_checked)
{
	char directory[] = "/tmp/avedge-tokens-XXXXXX", path[64], error[512] = "";

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/keys", directory);
	if (files[_i].text != NULL) {
		FILE *file = fopen(path, "w");

		ck_assert_ptr_nonnull(file);
		fputs(files[_i].text, file);
		fclose(file);
		ck_assert_int_eq(chmod(path, files[_i].mode), 0);
	}
	struct token_keyring *ring = token_keyfile_load(path, error, sizeof(error));
	unlink(path);
	rmdir(directory);
	ck_assert_msg((ring != NULL) == (files[_i].error == NULL), "%s", error);
	if (files[_i].error != NULL) {
		ck_assert_mem_eq(error, path, strlen(path));
		ck_assert_mem_eq(error + strlen(path), files[_i].error,
				 strlen(files[_i].error));
	}
	token_keyring_free(ring);
}
END_TEST

static void token_keyring_suite(Suite *suite)
{
	TCase *tc = tcase_create("token_keyring");
	tcase_add_test(tc, keys_are_taken_as_written);
	tcase_add_loop_test(tc, errors_have_line_and_reason, 0, ROWS(errors));
	tcase_add_test(tc, sixteen_keys_at_most);
	tcase_add_loop_test(tc, a_file_is_read_with_its_mode_checked, 0, ROWS(files));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("token_keyring", token_keyring_suite)
