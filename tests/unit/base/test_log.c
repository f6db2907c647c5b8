/*
 * test_log.c - lines on stderr: level filter, escaping, the limit per call site, records.
 */
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/lib/unit.h"

static FILE *captured;
static int real_stderr;
static char text[64 * 1024];

static void begin(void)
{
	unsetenv("JOURNAL_STREAM");
	captured = tmpfile();
	ck_assert_ptr_nonnull(captured);
	real_stderr = dup(STDERR_FILENO);
	dup2(fileno(captured), STDERR_FILENO);
	log_open("tester");
	log_set_level(LOG_LEVEL_INFO);
}

static void end(void)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	fclose(captured);
}

/* What was written since the last call. */
static const char *written(void)
{
	static off_t seen;
	ssize_t n;

	fflush(stderr);
	n = pread(fileno(captured), text, sizeof(text) - 1, seen);
	ck_assert_int_ge(n, 0);
	seen += n;
	text[n] = '\0';
	return text;
}

static size_t count(const char *where, const char *what)
{
	size_t n = 0;

	for (; (where = strstr(where, what)); where += strlen(what))
		n++;
	return n;
}

static const struct {
	const char *name;
	const char *argument;
	const char *want;
} escaped[] = {
	{"plain text stays", "hello \\ \"log\" 100%", "hello \\ \"log\" 100%"},
	{"a newline forges no line", "a\ntester: error: b", "a\\x0atester: error: b"},
	{"a carriage return hides nothing", "a\rb", "a\\x0db"},
	{"an escape sequence commands no terminal", "\x1b[2Jx", "\\x1b[2Jx"},
	{"delete", "\x7f", "\\x7f"},
	{"C1 control in UTF-8", "\xc2\x9b", "\\xc2\\x9b"},
	{"bytes that are not UTF-8", "\xff\xfe", "\\xff\\xfe"},
};

START_TEST(log_escapes_what_is_not_printable)
{
	char want[256];

	log_warning("%s", escaped[_i].argument);
	snprintf(want, sizeof(want), "tester: warning: %s\n", escaped[_i].want);
	ck_assert_msg(strcmp(written(), want) == 0, "%s: got %s", escaped[_i].name, text);
}
END_TEST

START_TEST(log_names_its_levels)
{
	log_set_level(LOG_LEVEL_DEBUG);
	log_error("1");
	log_warning("2");
	log_notice("3");
	log_info("4");
	log_debug("5");
	ck_assert_str_eq(written(),
			 "tester: error: 1\ntester: warning: 2\ntester: notice: 3\n"
			 "tester: info: 4\ntester: debug: 5\n");
}
END_TEST

START_TEST(log_leaves_out_what_is_below_the_level)
{
	log_set_level(LOG_LEVEL_WARNING);
	log_notice("no");
	log_info("no");
	log_record("no", NULL, 0);
	log_warning("yes");
	ck_assert_str_eq(written(), "tester: warning: yes\n");
}
END_TEST

START_TEST(a_subsystem_has_a_level_of_its_own)
{
	enum subsystem peer;
	bool own;

	ck_assert(subsystem_parse("peer", &peer));
	ck_assert(!subsystem_parse("nobody", &peer));
	log_set_subsystem_level(peer, true, LOG_LEVEL_DEBUG);
	log_debug("not peer");
	log_write(peer, LOG_LEVEL_DEBUG, "peer");
	ck_assert_str_eq(written(), "tester: debug: peer\n");
	ck_assert_int_eq(log_subsystem_level(peer, &own), LOG_LEVEL_DEBUG);
	ck_assert(own);

	log_set_subsystem_level(peer, false, LOG_LEVEL_ERROR);
	log_set_level(LOG_LEVEL_WARNING);
	log_write(peer, LOG_LEVEL_NOTICE, "no");
	log_write(peer, LOG_LEVEL_WARNING, "yes");
	ck_assert_str_eq(written(), "tester: warning: yes\n");
	ck_assert_int_eq(log_subsystem_level(peer, &own), LOG_LEVEL_WARNING);
	ck_assert(!own);
}
END_TEST

START_TEST(records_are_a_subsystem)
{
	log_set_subsystem_level(SUBSYSTEM_RECORDS, true, LOG_LEVEL_WARNING);
	log_record("no", NULL, 0);
	log_notice("yes");
	log_set_subsystem_level(SUBSYSTEM_RECORDS, false, LOG_LEVEL_ERROR);
	ck_assert_str_eq(written(), "tester: notice: yes\n");
}
END_TEST

START_TEST(log_cuts_what_is_too_long)
{
	char big[10000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_info("%s", big);

	size_t len = strlen(written());
	ck_assert_uint_gt(len, 1000);
	ck_assert_uint_lt(len, 5000);
	ck_assert_str_eq(text + len - 4, "...\n");
	ck_assert_uint_eq(count(text, "\n"), 1);
}
END_TEST

START_TEST(log_limited_says_ten_a_minute)
{
	struct log_limit limit = {0};

	/* A minute may turn once while this runs: then two windows of ten. */
	for (int i = 0; i < 1000; i++)
		log_limited(&limit, LOG_LEVEL_WARNING, "line %d", i);
	written();
	ck_assert_uint_ge(count(text, "\n"), 10);
	ck_assert_uint_le(count(text, "\n"), 20);
}
END_TEST

START_TEST(log_limited_counts_what_it_kept_back)
{
	/* As after 25 lines in the previous minute. */
	struct log_limit limit = {.window_s = 1, .count = 25};

	log_limited(&limit, LOG_LEVEL_WARNING, "again");
	ck_assert_str_eq(written(),
			 "tester: warning: again (15 similar messages suppressed)\n");
}
END_TEST

START_TEST(log_limited_spends_nothing_below_the_level)
{
	struct log_limit limit = {0};

	log_limited(&limit, LOG_LEVEL_DEBUG, "no");
	ck_assert_str_eq(written(), "");
	ck_assert_uint_eq(limit.count, 0);
}
END_TEST

START_TEST(log_record_is_one_line_of_fields)
{
	const struct log_field fields[] = {
		{.key = "USER", .value = "alice"},
		{.key = "EMPTY", .value = ""},
		{.key = "SPACED", .value = "a b"},
		{.key = "FORGED", .value = "x\" REASON=\"y\nz"},
		{.key = "RAW", .value = "a\\x20b"},
		{.key = "SHOWN", .value = "a\\x20b", .escaped = true},
	};

	log_record("allocation ended", fields, ARRAY_LEN(fields));
	ck_assert_str_eq(written(),
			 "tester: notice: allocation ended USER=alice EMPTY=\"\" "
			 "SPACED=\"a b\" "
			 "FORGED=\"x\\x22 REASON=\\x22y\\x0az\" RAW=a\\x5cx20b "
			 "SHOWN=a\\x20b\n");
}
END_TEST

/*
 * A stream that claims to be the journal's, with and without a journal that answers: in
 * both cases nothing is written in the form meant for people.
 */
START_TEST(log_takes_a_stream_for_the_journal_by_its_inode)
{
	struct stat st;
	char stream[64];

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino + 1);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("tester");
	log_info("not our stream");
	ck_assert_str_eq(written(), "tester: info: not our stream\n");

	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("tester");
	log_info("ours");
	ck_assert_msg(strcmp(written(), "") == 0 || strcmp(text, "<6>ours\n") == 0, "%s",
		      text);
}
END_TEST

START_TEST(log_level_parse_knows_five_words)
{
	enum log_level level = LOG_LEVEL_ERROR;

	ck_assert(log_level_parse("debug", &level));
	ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
	ck_assert(log_level_parse("Warning", &level));
	ck_assert_int_eq(level, LOG_LEVEL_WARNING);
	ck_assert(!log_level_parse("", &level));
	ck_assert(!log_level_parse("loud", &level));
	ck_assert_int_eq(level, LOG_LEVEL_WARNING);
}
END_TEST

static void log_suite(Suite *suite)
{
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, log_escapes_what_is_not_printable, 0, ROWS(escaped));
	tcase_add_test(tc, log_names_its_levels);
	tcase_add_test(tc, log_leaves_out_what_is_below_the_level);
	tcase_add_test(tc, a_subsystem_has_a_level_of_its_own);
	tcase_add_test(tc, records_are_a_subsystem);
	tcase_add_test(tc, log_cuts_what_is_too_long);
	tcase_add_test(tc, log_limited_says_ten_a_minute);
	tcase_add_test(tc, log_limited_counts_what_it_kept_back);
	tcase_add_test(tc, log_limited_spends_nothing_below_the_level);
	tcase_add_test(tc, log_record_is_one_line_of_fields);
	tcase_add_test(tc, log_takes_a_stream_for_the_journal_by_its_inode);
	tcase_add_test(tc, log_level_parse_knows_five_words);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("log", log_suite)
