/*
 * test_ctl_text.c - names chosen by clients and human-readable figures, as avedgectl
 * writes them.
 */
#include "tools/ctl/ctl_text.h"

#include <locale.h>
#include <string.h>

#include "tests/unit/lib/unit.h"

static const struct {
	const char *name;
	const char *text;
	const char *want;
} names[] = {
	{"plain", "alice@example.org", "alice@example.org"},
	{"in another alphabet", "\xd0\xb0\xd0\xbb", "\xd0\xb0\xd0\xbb"},
	{"wide", "\xe6\xbc\xa2", "\xe6\xbc\xa2"},
	{"with a combining accent", "e\xcc\x81", "e\xcc\x81"},
	{"clears the screen", "a\033[2J", "a\\x1b[2J"},
	{"sets the title", "\033]0;x\a", "\\x1b]0;x\\x07"},
	{"8-bit CSI in UTF-8",
	 "\xc2\x9b"
	 "31m",
	 "\\u009b31m"},
	{"8-bit CSI as a byte",
	 "\x9b"
	 "31m",
	 "\\x9b31m"},
	{"lines", "a\r\nb\tc\x7f", "a\\x0d\\x0ab\\x09c\\x7f"},
	{"changes the direction",
	 "a\xe2\x80\xae"
	 "b",
	 "a\\u202eb"},
	{"isolates", "\xe2\x81\xa6x", "\\u2066x"},
	{"zero width",
	 "a\xe2\x80\x8b"
	 "b\xef\xbb\xbf",
	 "a\\u200bb\\ufeff"},
	{"tags", "\xf3\xa0\x81\x81", "\\ue0041"},
	{"overlong", "\xc0\xaf", "\\xc0\\xaf"},
	{"a surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
	{"beyond Unicode", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
	{"cut short", "\xe2\x82", "\\xe2\\x82"},
};

START_TEST(commands_no_terminal)
{
	char buf[CTL_CELL_MAX];

	ck_assert_msg(strcmp(ctl_clean(names[_i].text, buf, sizeof(buf)),
			     names[_i].want) == 0,
		      "%s: \"%s\"", names[_i].name, buf);
}
END_TEST

START_TEST(is_cut_between_characters)
{
	char buf[8];

	ck_assert_str_eq(ctl_clean("abcdefghij", buf, sizeof(buf)), "abcdefg");
	ck_assert_str_eq(ctl_clean("abcdef\xd0\xb0", buf, sizeof(buf)), "abcdef");
	ck_assert_str_eq(ctl_clean("abcde\033", buf, sizeof(buf)), "abcde");
	ck_assert_str_eq(ctl_clean("a", buf, 1), "");
}
END_TEST

START_TEST(takes_columns)
{
	static const char wide[] = "a\xe6\xbc\xa2"
				   "b";

	ck_assert_uint_eq(ctl_columns("alice"), 5);
	ck_assert_uint_eq(ctl_columns(wide), 4);
	ck_assert_uint_eq(ctl_columns("e\xcc\x81"), 1);
	ck_assert_uint_eq(ctl_fit(wide, 1), 1);
	ck_assert_uint_eq(ctl_fit(wide, 2), 1); /* half a character is dropped */
	ck_assert_uint_eq(ctl_fit(wide, 3), 4);
	ck_assert_uint_eq(ctl_fit(wide, 100), 5);
}
END_TEST

static const struct {
	double value;
	const char *want;
} figures[] = {
	{0, "0"},         {0.4, "0"},       {1, "1"},         {999.4, "999"},
	{999.5, "1.0k"},  {1234, "1.2k"},   {99949, "99.9k"}, {99950, "100k"},
	{999499, "999k"}, {999500, "1.0M"}, {1e9, "1.0G"},    {1.5e12, "1.5T"},
	{12e18, "12.0E"},
};

START_TEST(figures_have_three_digits)
{
	char buf[CTL_FIGURE_MAX], want[CTL_FIGURE_MAX];

	ck_assert_str_eq(ctl_count_text(figures[_i].value, buf), figures[_i].want);
	snprintf(want, sizeof(want), "%sbit/s", figures[_i].want);
	ck_assert_str_eq(ctl_rate_text(figures[_i].value, buf), want);
}
END_TEST

static const struct {
	int64_t seconds;
	const char *want;
} ages[] = {
	{-5, "0s"},        {0, "0s"},        {119, "119s"},
	{120, "2m00s"},    {3599, "59m59s"}, {3600, "1h00m"},
	{86399, "23h59m"}, {86400, "1d00h"}, {212400, "2d11h"},
};

START_TEST(ages_have_two_units)
{
	char buf[CTL_FIGURE_MAX];

	ck_assert_str_eq(ctl_age_text(ages[_i].seconds, buf), ages[_i].want);
}
END_TEST

static const struct {
	const char *name;
	const char *not_after;
	const char *want;
} ends[] = {
	{"in two months", "2026-03-02T00:00:00Z", ""},
	{"in thirty days", "2026-01-31T00:00:00Z", ""},
	{"within thirty days", "2026-01-30T23:59:59Z", ", 29 days left"},
	{"in two days", "2026-01-03T00:00:00Z", ", 2 days left"},
	{"tomorrow", "2026-01-02T01:02:00Z", ", 1d01h left"},
	{"in a minute", "2026-01-01T00:01:00Z", ", 60s left"},
	{"now", "2026-01-01T00:00:00Z", ", EXPIRED 0s ago"},
	{"three hours ago", "2025-12-31T20:56:00Z", ", EXPIRED 3h04m ago"},
	{"missing", "-", ""},
	{"no date", "tomorrow", ""},
};

START_TEST(what_ends_soon_says_so)
{
	char buf[CTL_FIGURE_MAX];
	const int64_t now_s = 1767225600; /* 2026-01-01 */

	ctl_left_text(ends[_i].not_after, now_s, buf);
	ck_assert_msg(strcmp(buf, ends[_i].want) == 0, "%s: %s", ends[_i].name, buf);
}
END_TEST

START_TEST(members_of_any_kind)
{
	json_t *object = json_pack("{s:s, s:i, s:f, s:b, s:n, s:[], s:{}}", "text",
				   "a\033", "integer", -7, "real", 0.25, "bool", 1,
				   "null", "list", "object");
	char buf[CTL_CELL_MAX];

	ck_assert_ptr_nonnull(object);
	ck_assert_str_eq(ctl_member(object, "text", buf), "a\\x1b");
	ck_assert_str_eq(ctl_member(object, "integer", buf), "-7");
	ck_assert_str_eq(ctl_member(object, "real", buf), "0.25");
	ck_assert_str_eq(ctl_member(object, "bool", buf), "yes");
	ck_assert_str_eq(ctl_member(object, "null", buf), "-");
	ck_assert_str_eq(ctl_member(object, "list", buf), "-");
	ck_assert_str_eq(ctl_member(object, "object", buf), "-");
	ck_assert_str_eq(ctl_member(object, "missing", buf), "-");
	ck_assert_str_eq(ctl_member(NULL, "missing", buf), "-");
	ck_assert_int_eq(ctl_integer(object, "text"), 0);
	ck_assert_int_eq(ctl_integer(object, "integer"), -7);
	ck_assert_double_eq(ctl_real(object, "integer"), -7);
	json_decref(object);
}
END_TEST

static void set_locale(void)
{
	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
}

static void ctl_text_suite(Suite *suite)
{
	TCase *tc = tcase_create("ctl_text");

	tcase_add_checked_fixture(tc, set_locale, NULL);
	tcase_add_loop_test(tc, commands_no_terminal, 0, ROWS(names));
	tcase_add_test(tc, is_cut_between_characters);
	tcase_add_test(tc, takes_columns);
	tcase_add_loop_test(tc, figures_have_three_digits, 0, ROWS(figures));
	tcase_add_loop_test(tc, ages_have_two_units, 0, ROWS(ages));
	tcase_add_loop_test(tc, what_ends_soon_says_so, 0, ROWS(ends));
	tcase_add_test(tc, members_of_any_kind);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ctl_text", ctl_text_suite)
