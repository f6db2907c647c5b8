/*
 * test_opaque_string.c - the OpaqueString profile (RFC 8265 section 4.2).
 */
#include "auth/credential/opaque_string.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/lib/unit.h"
#include "tests/unit/lib/vectors.h"

static uint8_t out[512];
static size_t out_len;
static struct opaque_string_error error;

static enum opaque_string_fault enforce(const char *text)
{
	if (opaque_string_enforce(vectors_slice(text), out, sizeof(out), &out_len,
				  &error))
		ck_assert_int_eq(error.fault, OPAQUE_STRING_OK);
	return error.fault;
}

static const struct {
	const char *name;
	const char *text;
	const char *want;
} kept[] = {
	/* RFC 8265 section 4.3, table 3. */
	{"a password", "correct horse battery staple", "correct horse battery staple"},
	{"another by case", "Correct Horse Battery Staple",
	 "Correct Horse Battery Staple"},
	{"letters of Greek", "\xcf\x80\xc3\x9f\xc3\xa5", "\xcf\x80\xc3\x9f\xc3\xa5"},
	{"a symbol", "Jack of \xe2\x99\xa6s", "Jack of \xe2\x99\xa6s"},
	{"OGHAM SPACE MARK",
	 "foo\xe1\x9a\x80"
	 "bar",
	 "foo bar"},

	{"quotes, colons, backslash", "\"a\":\\'b'", "\"a\":\\'b'"},
	{"a blank alone", " ", " "},
	{"NO-BREAK SPACE",
	 "a\xc2\xa0"
	 "b",
	 "a b"},
	{"IDEOGRAPHIC SPACE", "\xe3\x80\x80", " "},
	{"e and acute become one", "e\xcc\x81", "\xc3\xa9"},
	{"ANGSTROM SIGN becomes a letter", "\xe2\x84\xab", "\xc3\x85"},
	{"Hangul syllables", "\xea\xb0\x80", "\xea\xb0\x80"},
	/* NFKC would change these; so does SASLprep (RFC 4013), not this profile. */
	{"a ligature", "\xef\xac\x81", "\xef\xac\x81"},
	{"a full-width letter", "\xef\xbc\xa1", "\xef\xbc\xa1"},
	{"a superscript", "x\xc2\xb2", "x\xc2\xb2"},
	{"an emoji", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
	/* RFC 5892 appendix A. */
	{"MIDDLE DOT in Catalan", "col\xc2\xb7lega", "col\xc2\xb7lega"},
	{"ZERO WIDTH JOINER after a virama", "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d",
	 "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d"},
	{"ZERO WIDTH NON-JOINER in Persian", "\xd8\xa8\xe2\x80\x8c\xd8\xa8",
	 "\xd8\xa8\xe2\x80\x8c\xd8\xa8"},
	{"the same beside marks", "\xd8\xa8\xd9\x8b\xe2\x80\x8c\xd9\x8b\xd8\xa8",
	 "\xd8\xa8\xd9\x8b\xe2\x80\x8c\xd9\x8b\xd8\xa8"},
	{"GREEK LOWER NUMERAL SIGN", "\xcd\xb5\xce\xb1", "\xcd\xb5\xce\xb1"},
	{"HEBREW GERESH", "\xd7\x90\xd7\xb3", "\xd7\x90\xd7\xb3"},
	{"KATAKANA MIDDLE DOT", "a\xe3\x83\xbb\xe3\x82\xa2", "a\xe3\x83\xbb\xe3\x82\xa2"},
	{"Arabic digits", "\xd9\xa0\xd9\xa9", "\xd9\xa0\xd9\xa9"},
};

START_TEST(a_text_of_the_profile_is_kept_or_mapped)
{
	enum opaque_string_fault got = enforce(kept[_i].text);

	ck_assert_msg(got == OPAQUE_STRING_OK, "%s: U+%04X", kept[_i].name,
		      (unsigned)error.code_point);
	ck_assert_msg(out_len == strlen(kept[_i].want) &&
			      memcmp(out, kept[_i].want, out_len) == 0,
		      "%s: %.*s", kept[_i].name, (int)out_len, (const char *)out);
}
END_TEST

static const struct {
	const char *name;
	const char *text;
	enum opaque_string_fault want;
	uint32_t code_point;
} faults[] = {
	/* RFC 8265 section 4.3, table 4. */
	{"empty", "", OPAQUE_STRING_EMPTY, 0},
	{"a control character",
	 "my cat is a \x09"
	 "by",
	 OPAQUE_STRING_DISALLOWED, 0x09},

	{"line feed", "a\nb", OPAQUE_STRING_DISALLOWED, '\n'},
	{"DELETE", "\x7f", OPAQUE_STRING_DISALLOWED, 0x7F},
	{"NEXT LINE", "\xc2\x85", OPAQUE_STRING_DISALLOWED, 0x85},
	{"SOFT HYPHEN",
	 "a\xc2\xad"
	 "b",
	 OPAQUE_STRING_DISALLOWED, 0xAD},
	{"ZERO WIDTH SPACE", "\xe2\x80\x8b", OPAQUE_STRING_DISALLOWED, 0x200B},
	{"LINE SEPARATOR", "\xe2\x80\xa8", OPAQUE_STRING_DISALLOWED, 0x2028},
	{"RIGHT-TO-LEFT OVERRIDE", "\xe2\x80\xae", OPAQUE_STRING_DISALLOWED, 0x202E},
	{"BYTE ORDER MARK",
	 "\xef\xbb\xbf"
	 "a",
	 OPAQUE_STRING_DISALLOWED, 0xFEFF},
	{"a noncharacter", "\xef\xbf\xbe", OPAQUE_STRING_DISALLOWED, 0xFFFE},
	{"for private use", "\xee\x80\x80", OPAQUE_STRING_DISALLOWED, 0xE000},
	{"unassigned", "\xcd\xb8", OPAQUE_STRING_DISALLOWED, 0x378},
	{"a part of a Hangul syllable", "\xe1\x84\x80", OPAQUE_STRING_DISALLOWED, 0x1100},
	{"VARIATION SELECTOR-16", "\xe2\x9d\xa4\xef\xb8\x8f", OPAQUE_STRING_DISALLOWED,
	 0xFE0F},
	{"ARABIC TATWEEL", "\xd9\x80", OPAQUE_STRING_DISALLOWED, 0x640},
	{"MIDDLE DOT elsewhere",
	 "a\xc2\xb7"
	 "b",
	 OPAQUE_STRING_DISALLOWED, 0xB7},
	{"MIDDLE DOT that NFC takes the letter from", "l\xc2\xb7l\xcc\xa7",
	 OPAQUE_STRING_DISALLOWED, 0xB7},
	{"ZERO WIDTH JOINER in an emoji", "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9",
	 OPAQUE_STRING_DISALLOWED, 0x200D},
	{"ZERO WIDTH NON-JOINER at an end", "\xd8\xa8\xe2\x80\x8c",
	 OPAQUE_STRING_DISALLOWED, 0x200C},
	{"KATAKANA MIDDLE DOT alone", "\xe3\x83\xbb", OPAQUE_STRING_DISALLOWED, 0x30FB},
	{"both kinds of Arabic digits", "\xd9\xa0\xdb\xb0", OPAQUE_STRING_DISALLOWED,
	 0x660},
	{"HEBREW GERESH first", "\xd7\xb3\xd7\x90", OPAQUE_STRING_DISALLOWED, 0x5F3},
	{"GREEK LOWER NUMERAL SIGN last", "\xce\xb1\xcd\xb5", OPAQUE_STRING_DISALLOWED,
	 0x375},

	{"no UTF-8", "a\xff", OPAQUE_STRING_NOT_UTF8, 0},
	{"half a character", "a\xc3", OPAQUE_STRING_NOT_UTF8, 0},
	{"a longer form than needed", "\xc0\xaf", OPAQUE_STRING_NOT_UTF8, 0},
	{"a surrogate", "\xed\xa0\x80", OPAQUE_STRING_NOT_UTF8, 0},
	{"beyond U+10FFFF", "\xf4\x90\x80\x80", OPAQUE_STRING_NOT_UTF8, 0},
};

START_TEST(other_texts_are_refused)
{
	enum opaque_string_fault got = enforce(faults[_i].text);
	char why[128];

	ck_assert_msg(got == faults[_i].want, "%s: %d", faults[_i].name, (int)got);
	ck_assert_msg(error.code_point == faults[_i].code_point, "%s: U+%04X",
		      faults[_i].name, (unsigned)error.code_point);
	ck_assert_uint_eq(out_len, 0);
	opaque_string_explain(&error, why, sizeof(why));
	ck_assert_uint_gt(strlen(why), 0);
}
END_TEST

START_TEST(a_nul_is_refused)
{
	const struct slice text = {(const uint8_t *)"a\0b", 3};

	ck_assert(!opaque_string_enforce(text, out, sizeof(out), &out_len, &error));
	ck_assert_int_eq(error.fault, OPAQUE_STRING_DISALLOWED);
	ck_assert_uint_eq(error.code_point, 0);
}
END_TEST

START_TEST(a_sentence_names_the_code_point)
{
	char why[128];

	enforce("a\xe2\x80\x8b");
	opaque_string_explain(&error, why, sizeof(why));
	ck_assert_str_eq(
		why, "has U+200B where no user name may have it (RFC 8265 section 4.2)");
}
END_TEST

/* The limit is that of the result; NFC may be shorter than the text, or longer. */
START_TEST(the_result_must_fit)
{
	static char text[5001];
	const struct slice acute = vectors_slice("e\xcc\x81");

	ck_assert(opaque_string_enforce(acute, out, 2, &out_len, &error));
	ck_assert(!opaque_string_enforce(acute, out, 1, &out_len, &error));
	ck_assert_int_eq(error.fault, OPAQUE_STRING_TOO_LONG);
	/* HEBREW LETTER SHIN WITH DAGESH AND SHIN DOT: excluded from composition. */
	const struct slice shin = vectors_slice("\xef\xac\xac");
	ck_assert(opaque_string_enforce(shin, out, 6, &out_len, &error));
	ck_assert_uint_eq(out_len, 6);
	ck_assert(!opaque_string_enforce(shin, out, 5, &out_len, &error));

	memset(text, 'a', sizeof(text) - 1);
	ck_assert_int_eq(enforce(text), OPAQUE_STRING_TOO_LONG);
	text[4096] = '\0';
	ck_assert_int_eq(enforce(text), OPAQUE_STRING_TOO_LONG);
	text[sizeof(out)] = '\0';
	ck_assert_int_eq(enforce(text), OPAQUE_STRING_OK);
	/* As long as NFC can make it. */
	text[0] = '\0';
	for (int i = 0; i < 1365; i++)
		strcat(text, "\xef\xac\xac");
	ck_assert_int_eq(enforce(text), OPAQUE_STRING_TOO_LONG);
}
END_TEST

static size_t encode(uint32_t code, char text[5])
{
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const uint8_t first[] = {0, 0, 0xC0, 0xE0, 0xF0};

	for (size_t i = len; i-- > 1; code >>= 6)
		text[i] = (char)(0x80 | (code & 0x3F));
	text[0] = (char)(first[len] | code);
	text[len] = '\0';
	return len;
}

/* Every code point against another implementation; see tests/vectors/precis/README. */
static void compare(const json_t *ranges, bool allowed)
{
	json_t *range;
	size_t i;

	ck_assert_uint_gt(json_array_size(ranges), 10);
	json_array_foreach(ranges, i, range)
	{
		const char *from = json_string_value(json_array_get(range, 0));
		const char *to = json_string_value(json_array_get(range, 1));

		for (uint32_t code = (uint32_t)strtoul(from, NULL, 16);
		     code <= strtoul(to, NULL, 16); code++) {
			char text[5];

			encode(code, text);
			ck_assert_msg((enforce(text) == OPAQUE_STRING_OK) == allowed,
				      "U+%04X", (unsigned)code);
		}
	}
}

START_TEST(code_points_are_those_of_another_implementation)
{
	json_t *root = vectors_load("precis/freeform.json");

	compare(json_object_get(root, "allowed"), true);
	compare(json_object_get(root, "refused"), false);
	json_decref(root);
}
END_TEST

static void opaque_string_suite(Suite *suite)
{
	TCase *tc = tcase_create("opaque-string");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_text_of_the_profile_is_kept_or_mapped, 0, ROWS(kept));
	tcase_add_loop_test(tc, other_texts_are_refused, 0, ROWS(faults));
	tcase_add_test(tc, a_nul_is_refused);
	tcase_add_test(tc, a_sentence_names_the_code_point);
	tcase_add_test(tc, the_result_must_fit);
	tcase_add_test(tc, code_points_are_those_of_another_implementation);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("opaque_string", opaque_string_suite)
