/*
 * test_text.c - text that grows, up to its limit.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/mras/text.h"
#include "tests/unit/lib/oom.h"
#include "tests/unit/lib/unit.h"

START_TEST(text_has_all_that_was_added)
{
	struct text text = {.len = 0};
	size_t len;

	text_add(&text, "a\0b", 3);
	text_add(&text, NULL, 0);
	text_add_string(&text, "cd");
	text_add_slice(&text, (struct slice){(const uint8_t *)"ef", 1});
	text_format(&text, "-%d-%s", 42, "x");
	char *got = text_finish(&text, &len);
	ck_assert_uint_eq(len, 11);
	ck_assert_int_eq(memcmp(got, "a\0bcde-42-x", 12), 0);
	ck_assert_uint_eq(text.len, 0);
	free(got);
}
END_TEST

START_TEST(text_of_nothing)
{
	struct text text = {.len = 0};
	size_t len;
	char *got = text_finish(&text, &len);

	ck_assert_str_eq(got, "");
	ck_assert_uint_eq(len, 0);
	free(got);
}
END_TEST

START_TEST(text_grows)
{
	struct text text = {.len = 0};
	size_t len;

	for (int i = 0; i < 100000; i++)
		text_add(&text, (const char[]){(char)('a' + i % 26)}, 1);
	char *got = text_finish(&text, &len);
	ck_assert_uint_eq(len, 100000);
	for (size_t i = 0; i < len; i++) {
		if (got[i] != (char)('a' + i % 26))
			ck_abort_msg("byte %zu is %c", i, got[i]);
	}
	free(got);
}
END_TEST

/* A piece that does not fit is left out completely, and so is everything after it. */
START_TEST(text_has_a_limit)
{
	struct text text = {.limit = 5};
	size_t len;

	text_add_string(&text, "abcde");
	char *got = text_finish(&text, &len);
	ck_assert_str_eq(got, "abcde");
	free(got);

	text_add_string(&text, "abc");
	text_add_string(&text, "def");
	ck_assert(text.failed);
	text_add_string(&text, "d");
	ck_assert_uint_eq(text.len, 3);
	ck_assert_ptr_null(text_finish(&text, &len));
	ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(text_that_is_too_long_to_format)
{
	struct text text = {.len = 0};
	size_t len;

	text_format(&text, "%0300d", 1);
	ck_assert_ptr_null(text_finish(&text, &len));
}
END_TEST

START_TEST(text_without_memory)
{
	struct text text = {.len = 0};
	size_t len;
	long before = oom_live_blocks();

	text_add_string(&text, "abc");
	oom_arm(0);
	for (int i = 0; i < 1000; i++)
		text_add_string(&text, "abc");
	bool failed = oom_disarm();
	char *got = text_finish(&text, &len);
	long after = oom_live_blocks();
	ck_assert(failed);
	ck_assert_ptr_null(got);
	ck_assert_int_eq(before, after);
}
END_TEST

static void text_suite(Suite *suite)
{
	TCase *cases = tcase_create("text");

	tcase_add_test(cases, text_has_all_that_was_added);
	tcase_add_test(cases, text_of_nothing);
	tcase_add_test(cases, text_grows);
	tcase_add_test(cases, text_has_a_limit);
	tcase_add_test(cases, text_that_is_too_long_to_format);
	tcase_add_test(cases, text_without_memory);
	suite_add_tcase(suite, cases);
}

UNIT_MAIN("text", text_suite)
