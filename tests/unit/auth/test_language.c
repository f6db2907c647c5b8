/*
 * test_language.c - the protocol that a connection's first line selects.
 */
#include "auth/mras/language.h"

#include <string.h>

#include "tests/unit/lib/unit.h"

static const struct {
	const char *name;
	const char *bytes;
	enum language want;
} rows[] = {
	{"nothing", "", LANGUAGE_UNDECIDED},
	{"half a word", "SER", LANGUAGE_UNDECIDED},
	{"a line without its end", "SERVICE sip:a SIP/2.0", LANGUAGE_UNDECIDED},
	{"a line without its newline", "SERVICE sip:a SIP/2.0\r", LANGUAGE_UNDECIDED},
	{"a request",
	 "SERVICE sip:edge.lab.example:5062;grid SIP/2.0\r\nVia:", LANGUAGE_SIP},
	{"with a bare newline", "OPTIONS sip:a SIP/2.0\n", LANGUAGE_SIP},
	{"a response", "SIP/2.0 200 OK\r\n", LANGUAGE_SIP},
	{"keep-alive before any request", "\r\n\r\n", LANGUAGE_SIP},
	{"HTTP", "POST /v1/credentials HTTP/1.1\r\n", LANGUAGE_HTTP},
	{"old HTTP", "GET / HTTP/1.0\r\n", LANGUAGE_HTTP},
	{"HTTP/2 without upgrade", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", LANGUAGE_HTTP},
	{"HTTP without a number", "GET / HTTP/\r\n", LANGUAGE_OTHER},
	{"only the HTTP version", " HTTP/1.1\r\n", LANGUAGE_OTHER},
	{"another SIP version", "SERVICE sip:a SIP/3.0\r\n", LANGUAGE_OTHER},
	{"only the version", " SIP/2.0\r\n", LANGUAGE_OTHER},
	{"the version alone", "SIP/2.0\r\n", LANGUAGE_OTHER},
	{"text after the version", "SERVICE sip:a SIP/2.0 \r\n", LANGUAGE_OTHER},
	{"mail", "EHLO relay\r\n", LANGUAGE_OTHER},
	{"TLS in TLS", "\x16\x03\x01", LANGUAGE_OTHER},
	{"a control character", "REGISTER sip:a\x01 SIP/2.0\r\n", LANGUAGE_OTHER},
	{"a control character in a method", "GE\x01T / HTTP/1.1\r\n", LANGUAGE_OTHER},
	{"lower-case letters and a control character", "get /\x01", LANGUAGE_OTHER},
};

static enum language language(const void *bytes, size_t len)
{
	const char *why = NULL;
	enum language got = language_of((struct slice){bytes, len}, &why);

	ck_assert((why != NULL && *why != '\0') == (got == LANGUAGE_OTHER) ||
		  got == LANGUAGE_HTTP);
	return got;
}

START_TEST(language_of_a_first_line)
{
	enum language got = language(rows[_i].bytes, strlen(rows[_i].bytes));

	ck_assert_msg(got == rows[_i].want, "%s: got %d", rows[_i].name, got);
}
END_TEST

/* The decision does not depend on how the bytes arrive, and is made at the newline. */
START_TEST(language_decides_at_the_newline)
{
	size_t line = strcspn(rows[_i].bytes, "\n") + 1;

	if (rows[_i].want != LANGUAGE_SIP && rows[_i].want != LANGUAGE_HTTP)
		return;
	for (size_t len = 0; len < line; len++)
		ck_assert_msg(language(rows[_i].bytes, len) == LANGUAGE_UNDECIDED,
			      "%s: after %zu bytes", rows[_i].name, len);
	ck_assert_int_eq(language(rows[_i].bytes, line), rows[_i].want);
}
END_TEST

START_TEST(language_does_not_wait_for_an_endless_line)
{
	static uint8_t line[LANGUAGE_LINE_MAX + 100];

	memset(line, 'A', sizeof(line));
	ck_assert_int_eq(language(line, LANGUAGE_LINE_MAX - 1), LANGUAGE_UNDECIDED);
	ck_assert_int_eq(language(line, LANGUAGE_LINE_MAX), LANGUAGE_OTHER);
	memcpy(line + LANGUAGE_LINE_MAX - 10, " SIP/2.0\r\n", 10);
	ck_assert_int_eq(language(line, sizeof(line)), LANGUAGE_SIP);
	memset(line, 'A', sizeof(line));
	memcpy(line + LANGUAGE_LINE_MAX - 9, " SIP/2.0\r\n", 10);
	ck_assert_int_eq(language(line, sizeof(line)), LANGUAGE_OTHER);
}
END_TEST

/* A fault in what begins as HTTP is for HTTP to explain, and at once. */
static const struct {
	const char *name;
	const char *bytes;
} faulty[] = {
	{"a control character", "GET /\x01"},    {"a carriage return", "GET /\r HTTP"},
	{"a tab is none", "GET /\t\x02"},        {"in the version", "POST /a HTTP/\x7f"},
	{"absolute-form", "GET https://a/\x1b"},
};

START_TEST(language_of_faulty_http)
{
	size_t len = strlen(faulty[_i].bytes);

	ck_assert_msg(language(faulty[_i].bytes, len) == LANGUAGE_HTTP, "%s",
		      faulty[_i].name);
}
END_TEST

START_TEST(language_of_endless_http)
{
	static uint8_t line[LANGUAGE_LINE_MAX];

	memset(line, 'A', sizeof(line));
	memcpy(line, "GET /", 5);
	ck_assert_int_eq(language(line, sizeof(line) - 1), LANGUAGE_UNDECIDED);
	ck_assert_int_eq(language(line, sizeof(line)), LANGUAGE_HTTP);
}
END_TEST

static void language_suite(Suite *suite)
{
	TCase *tc = tcase_create("language");

	tcase_add_loop_test(tc, language_of_a_first_line, 0, ROWS(rows));
	tcase_add_loop_test(tc, language_decides_at_the_newline, 0, ROWS(rows));
	tcase_add_test(tc, language_does_not_wait_for_an_endless_line);
	tcase_add_loop_test(tc, language_of_faulty_http, 0, ROWS(faulty));
	tcase_add_test(tc, language_of_endless_http);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("language", language_suite)
