/*
 * test_identity.c - the domain of an identity, and the identities that a server may
 * request.
 */
#include <string.h>

#include "auth/mras/identity.h"
#include "tests/unit/auth/mras_fixture.h"
#include "tests/unit/lib/unit.h"

static const struct {
	const char *identity;
	const char *suffix;
	bool want;
} suffixes[] = {
	{"sip:alice@lab.example", "@lab.example", true},
	{"SIP:alice@lab.example", "@lab.example", true},
	{"sips:alice@lab.example", "@lab.example", true},
	{"alice@lab.example", "@lab.example", true},
	{"sip:alice@LAB.Example", "@lab.example", true},
	{"sip:alice@lab.example", "@LAB.EXAMPLE", true},
	{"sip:alice@lab.example:5061", "@lab.example", true},
	{"sip:alice@lab.example;gruu;opaque=srvr:x", "@lab.example", true},
	{"sip:alice@lab.example?subject=x", "@lab.example", true},
	{"sip:alice:secret@lab.example", "@lab.example", true},
	{"sip:lab.example", "@lab.example", true},
	{"sip:alice@sub.lab.example", "@lab.example", false},
	{"sip:alice@notlab.example", "@lab.example", false},
	{"sip:alice@lab.example.evil.example", "@lab.example", false},
	{"alice", "@lab.example", false},
	{"lab.example", "@lab.example", false},
	{"", "@lab.example", false},
	/* The text ends properly, the name does not. */
	{"sip:eve@evil.example;x=@lab.example", "@lab.example", false},
	{"sip:eve@evil.example;x=.lab.example", ".lab.example", false},
	{"sip:eve@evil.example?x=lab.example", "lab.example", false},
	{"sip:eve@evil.example:lab.example", "lab.example", false},
	{"sip:eve;x=@evil.example@lab.example", "@lab.example", false},
	{"eve@evil.example@lab.example", "@lab.example", false},
	{"eve@evil.example@lab.example", "lab.example", false},
	{"eve@evil.example@sub.lab.example", ".lab.example", false},
	{"sip:eve@evil.example%40lab.example", "@lab.example", false},

	{"sip:alice@sub.lab.example", ".lab.example", true},
	{"sip:alice@a.b.lab.example", ".Lab.example", true},
	{"sip:alice@lab.example", ".lab.example", false},
	{"sip:alice@sublab.example", ".lab.example", false},

	{"sip:alice@lab.example", "lab.example", true},
	{"sip:alice@sub.lab.example", "lab.example", true},
	{"sip:alice@notlab.example", "lab.example", false},
	{"sip:alice@\xC3\xA4lab.example", "lab.example", false},

	{"sip:bob@lab.example", "bob@lab.example", true},
	{"sip:Bob@lab.example", "bob@lab.example", false},
	{"sip:bob@LAB.example", "bob@lab.example", true},
	{"sip:jim.bob@lab.example", "bob@lab.example", false},
	{"sip:jimbob@lab.example", "bob@lab.example", false},
	{"sip:bob@sub.lab.example", "bob@lab.example", false},
	{"sip:room-svc@lab.example", "-svc@lab.example", true},

	{"room-recorder", "-recorder", true},
	{"room-Recorder", "-recorder", false},
	{"room-recorder", "recorder", true},
	{"room1recorder", "recorder", false},
	{"recorder", "recorder", true},
	{"recorder@lab.example", "recorder", false},
	{"anything", "", false},
};

/* Those that no identity has, and how the reason begins; "": it may match. */
static const struct {
	const char *suffix, *want;
} useless[] = {
	{"@lab.example", ""},
	{".lab.example", ""},
	{"lab.example", ""},
	{"bob@lab.example", ""},
	{"-recorder", ""},
	{"recorder", ""},
	{"sip:bob@lab.example", "identities are compared without \"sip:\""},
	{"SIPS:lab.example", "identities are compared without \"sip:\""},
	{"*@lab.example", "\"*\" is no wildcard"},
	{"*.lab.example", "\"*\" is no wildcard"},
	{" @lab.example", "it contains a blank"},
	{"@a.example @b.example", "it contains a blank"},
	{"bob@a.example@b.example", "it has two \"@\""},
	{"@", "no domain follows the \"@\""},
	{"bob@", "no domain follows the \"@\""},
	{"@lab.example.", "it ends with a dot"},
	{"@lab.example:5061", "a domain has no port or parameters"},
};

START_TEST(identity_suffix_that_matches_nothing)
{
	const char *want = useless[_i].want;
	const char *got = identity_suffix_fault(useless[_i].suffix);

	if (*want == '\0') {
		ck_assert_ptr_null(got);
		return;
	}
	ck_assert_ptr_nonnull(got);
	ck_assert_msg(strncmp(got, want, strlen(want)) == 0, "%s: %s", useless[_i].suffix,
		      got);
	ck_assert_ptr_nonnull(strstr(got, "; ")); /* a remedy */
}
END_TEST

START_TEST(identity_suffix)
{
	bool got =
		identity_has_suffix(slice_of(suffixes[_i].identity), suffixes[_i].suffix);

	ck_assert_msg(got == suffixes[_i].want, "%s with %s: got %d",
		      suffixes[_i].identity, suffixes[_i].suffix, got);
}
END_TEST

static const struct {
	const char *name;
	const char *identity;
	size_t len;
	bool want;
} texts[] = {
	{"empty", "", 0, false},
	{"ASCII", "sip:alice@lab.example", 21, true},
	{"two bytes", "\xC2\x80", 2, true},
	{"three bytes", "\xE0\xA0\x80", 3, true},
	{"four bytes", "\xF0\x90\x80\x80", 4, true},
	{"last of all", "\xF4\x8F\xBF\xBF", 4, true},
	{"NUL inside", "a\0b", 3, false},
	{"line feed", "a\nb", 3, false},
	{"DEL", "a\x7F", 2, false},
	{"continuation alone", "\x80", 1, false},
	{"cut short", "\xE2\x82", 2, false},
	{"overlong slash, two bytes", "\xC0\xAF", 2, false},
	{"overlong slash, three bytes", "\xE0\x80\xAF", 3, false},
	{"overlong, four bytes", "\xF0\x8F\xBF\xBF", 4, false},
	{"surrogate", "\xED\xA0\x80", 3, false},
	{"beyond U+10FFFF", "\xF4\x90\x80\x80", 4, false},
	{"invalid first byte", "\xF5\x80\x80\x80", 4, false},
	{"bad third byte", "\xE2\x82\x28", 3, false},
	{"bad fourth byte", "\xF0\x90\x80\x28", 4, false},
};

START_TEST(identity_text)
{
	struct slice identity = {(const uint8_t *)texts[_i].identity, texts[_i].len};
	bool got = identity_is_text(identity);

	ck_assert_msg(got == texts[_i].want, "%s: got %d", texts[_i].name, got);
}
END_TEST

static const struct {
	const char *one, *other;
	bool same;
} spellings[] = {
	{"sip:alice@lab.example", "sip:ALICE@LAB.example", true},
	{"sip:alice@lab.example", "alice@lab.example", true},
	{"sip:alice@lab.example", "sips:alice@lab.example;x=1", true},
	{"sip:alice@lab.example", "sip:alice:pw@lab.example:5061?x", true},
	{"sip:alice@lab.example", "sip:bob@lab.example", false},
	{"sip:alice@lab.example", "sip:alice@lab2.example", false},
	{"sip:lab.example", "lab.example", false},
	{"a@b@c", "a@b@C", true},
	{"a@b@c", "a@b", false},
};

START_TEST(identity_key_of_spellings)
{
	struct slice one = slice_of(spellings[_i].one);
	struct slice other = slice_of(spellings[_i].other);
	uint8_t keys[2][64];
	size_t len = identity_key(one, keys[0]);
	size_t other_len = identity_key(other, keys[1]);
	bool same = len == other_len && memcmp(keys[0], keys[1], len) == 0;

	ck_assert_uint_le(len, one.len);
	ck_assert_uint_le(other_len, other.len);
	ck_assert_msg(same == spellings[_i].same, "%s and %s: %.*s and %.*s",
		      spellings[_i].one, spellings[_i].other, (int)len, keys[0],
		      (int)other_len, keys[1]);
}
END_TEST

static void identity_suite(Suite *suite)
{
	TCase *cases = tcase_create("identity");

	tcase_add_loop_test(cases, identity_suffix_that_matches_nothing, 0,
			    ROWS(useless));
	tcase_add_loop_test(cases, identity_suffix, 0, ROWS(suffixes));
	tcase_add_loop_test(cases, identity_text, 0, ROWS(texts));
	tcase_add_loop_test(cases, identity_key_of_spellings, 0, ROWS(spellings));
	suite_add_tcase(suite, cases);
}

UNIT_MAIN("identity", identity_suite)
