/*
 * test_log.c - lines on stderr: level filter, escaping, the limit per call site, records; and what
 * happens when nobody reads them.
 */
#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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

START_TEST(log_omits_lines_below_the_level)
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

START_TEST(log_limited_writes_ten_a_minute)
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

START_TEST(log_limited_counts_what_it_suppressed)
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
START_TEST(log_recognises_the_journal_by_its_inode)
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

/* --- the thread that writes ------------------------------------------------------------------ */

static int ends[2]; /* of a pipe that is stderr, full */

static void begin_stalled(void)
{
	begin();
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	while (write(ends[1], "\n", 1) == 1)
		;
	ck_assert_int_eq(fcntl(ends[1], F_SETFL, 0), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	ck_assert_int_eq(log_start_writer(), 0);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Lines as they come, until the end; frees none. */
struct lines {
	size_t count;
	char *line[16384];
};

static void *read_lines(void *arg)
{
	static struct lines all;
	FILE *in = arg;
	char line[4100];

	while (fgets(line, sizeof(line), in)) {
		if (line[0] != '\n' && all.count < ARRAY_LEN(all.line))
			all.line[all.count++] = strdup(line);
	}
	fclose(in);
	return &all;
}

/* Read what is queued, until the writer has ended. */
static const struct lines *resume(void)
{
	pthread_t reader;
	void *lines;

	ck_assert_int_eq(pthread_create(&reader, NULL, read_lines, fdopen(ends[0], "r")),
			 0);
	ck_assert(log_stop_writer(10000));
	dup2(real_stderr, STDERR_FILENO);
	ck_assert_int_eq(pthread_join(reader, &lines), 0);
	return lines;
}

static uint64_t dropped(void)
{
	uint64_t sum = 0;

	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++)
		sum += log_dropped((enum log_level)i);
	return sum;
}

START_TEST(the_writer_writes_all_before_it_ends)
{
	ck_assert_int_eq(log_start_writer(), 0);
	for (int i = 0; i < 1000; i++)
		log_info("line %d", i);
	log_record("last", NULL, 0);
	ck_assert(log_stop_writer(10000));
	written();
	ck_assert_uint_eq(count(text, "\n"), 1001);
	for (int i = 0; i < 1000; i++) {
		char line[40];

		snprintf(line, sizeof(line), "tester: info: line %d\n", i);
		ck_assert_ptr_nonnull(strstr(text, line));
	}
	ck_assert_str_eq(strstr(text, "tester: notice:"), "tester: notice: last\n");
	ck_assert_uint_eq(dropped(), 0);
	log_info("and then the caller again");
	ck_assert_str_eq(written(), "tester: info: and then the caller again\n");
}
END_TEST

START_TEST(a_stalled_reader_stops_nobody)
{
	double begun = now_s();

	for (int i = 0; i < 100000; i++)
		log_info("line %d of many", i);
	ck_assert(!log_stop_writer(50));
	log_error("too late");
	ck_assert(now_s() - begun < 5);
	ck_assert_uint_gt(log_dropped(LOG_LEVEL_INFO), 50000);
	ck_assert_uint_lt(log_dropped(LOG_LEVEL_INFO), 100000);
	ck_assert_uint_eq(log_dropped(LOG_LEVEL_ERROR), 1);
}
END_TEST

/* All lines in order; a gap is told where it is. */
START_TEST(what_is_dropped_is_told_where_it_is_missing)
{
	int next = 0, n, told = 0;
	uint64_t total;

	for (int i = 0; i < 20000; i++)
		log_info("line %d", i);
	total = dropped();
	ck_assert_uint_gt(total, 0);

	const struct lines *lines = resume();

	for (size_t i = 0; i < lines->count; i++) {
		const char *line = lines->line[i];

		if (sscanf(line, "tester: info: line %d", &n) == 1) {
			ck_assert_int_eq(n, next);
			next++;
		} else {
			char want[128];

			ck_assert_int_eq(sscanf(line, "tester: warning: %d", &n), 1);
			snprintf(want, sizeof(want),
				 "tester: warning: %d messages dropped (%d info): log "
				 "reader too slow\n",
				 n, n);
			ck_assert_str_eq(line, want);
			told += n;
			next += n;
		}
	}
	ck_assert_int_eq(next, 20000);
	ck_assert_uint_eq((uint64_t)told, total);
	ck_assert_uint_eq(dropped(), total);
}
END_TEST

START_TEST(errors_and_warnings_have_room_of_their_own)
{
	for (int i = 0; i < 20000; i++)
		log_info("line %d", i);
	log_error("the error");
	log_warning("the warning");
	ck_assert_uint_eq(log_dropped(LOG_LEVEL_ERROR), 0);
	ck_assert_uint_eq(log_dropped(LOG_LEVEL_WARNING), 0);

	const struct lines *lines = resume();
	size_t found = 0;

	for (size_t i = 0; i < lines->count; i++) {
		found += strcmp(lines->line[i], "tester: error: the error\n") == 0;
		found += strcmp(lines->line[i], "tester: warning: the warning\n") == 0;
	}
	ck_assert_uint_eq(found, 2);
}
END_TEST

START_TEST(even_errors_have_a_bound)
{
	for (int i = 0; i < 20000; i++)
		log_error("line %d", i);
	ck_assert_uint_gt(log_dropped(LOG_LEVEL_ERROR), 0);
	resume();
}
END_TEST

START_TEST(there_is_no_room_while_the_reader_stalls)
{
	ck_assert(log_wait_room(0));
	for (int i = 0; i < 20000; i++)
		log_info("line %d", i);
	ck_assert(!log_wait_room(10));
	resume();
	ck_assert(log_wait_room(0));
}
END_TEST

static void *write_many(void *arg)
{
	for (int i = 0; i < 2000; i++)
		log_info("%s %d", (const char *)arg, i);
	return NULL;
}

START_TEST(threads_share_the_writer)
{
	static char names[][2] = {"a", "b", "c", "d"};
	pthread_t threads[ARRAY_LEN(names)];
	int next[ARRAY_LEN(names)] = {0};
	uint64_t told = 0, seen = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		pthread_create(&threads[i], NULL, write_many, names[i]);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		pthread_join(threads[i], NULL);

	const struct lines *lines = resume();

	for (size_t i = 0; i < lines->count; i++) {
		char name;
		int n;

		if (sscanf(lines->line[i], "tester: info: %c %d", &name, &n) == 2) {
			ck_assert_int_ge(n, next[name - 'a']);
			next[name - 'a'] = n + 1;
			seen++;
		} else {
			ck_assert_int_eq(
				sscanf(lines->line[i], "tester: warning: %d", &n), 1);
			told += (uint64_t)n;
		}
	}
	ck_assert_uint_eq(seen + told, 2000 * ARRAY_LEN(names));
}
END_TEST

/* /dev/full is a disk without room. */
START_TEST(what_cannot_be_written_is_counted_and_told)
{
	int full = open("/dev/full", O_WRONLY);

	ck_assert_int_ge(full, 0);
	dup2(full, STDERR_FILENO);
	ck_assert_int_eq(log_start_writer(), 0);
	log_info("lost");
	log_error("lost too");
	for (int i = 0; i < 5000 && dropped() < 2; i++)
		usleep(1000);
	ck_assert_uint_eq(log_dropped(LOG_LEVEL_INFO), 1);
	ck_assert_uint_eq(log_dropped(LOG_LEVEL_ERROR), 1);
	dup2(fileno(captured), STDERR_FILENO);
	log_info("written");
	ck_assert(log_stop_writer(10000));
	ck_assert_str_eq(written(),
			 "tester: warning: 2 messages dropped (1 error, 1 info): cannot "
			 "write the log: No space left on device\n"
			 "tester: info: written\n");
	close(full);
}
END_TEST

START_TEST(a_closed_pipe_ends_nobody)
{
	signal(SIGPIPE, SIG_IGN);
	close(ends[0]);
	log_info("to nobody");
	ck_assert(log_stop_writer(10000));
	ck_assert_uint_eq(log_dropped(LOG_LEVEL_INFO), 1);
}
END_TEST

static void log_suite(Suite *suite)
{
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, log_escapes_what_is_not_printable, 0, ROWS(escaped));
	tcase_add_test(tc, log_names_its_levels);
	tcase_add_test(tc, log_omits_lines_below_the_level);
	tcase_add_test(tc, a_subsystem_has_a_level_of_its_own);
	tcase_add_test(tc, records_are_a_subsystem);
	tcase_add_test(tc, log_cuts_what_is_too_long);
	tcase_add_test(tc, log_limited_writes_ten_a_minute);
	tcase_add_test(tc, log_limited_counts_what_it_suppressed);
	tcase_add_test(tc, log_limited_spends_nothing_below_the_level);
	tcase_add_test(tc, log_record_is_one_line_of_fields);
	tcase_add_test(tc, log_recognises_the_journal_by_its_inode);
	tcase_add_test(tc, log_level_parse_knows_five_words);
	tcase_add_test(tc, the_writer_writes_all_before_it_ends);
	tcase_add_test(tc, what_cannot_be_written_is_counted_and_told);
	suite_add_tcase(suite, tc);

	tc = tcase_create("stalled");
	tcase_add_checked_fixture(tc, begin_stalled, NULL);
	tcase_add_test(tc, a_stalled_reader_stops_nobody);
	tcase_add_test(tc, what_is_dropped_is_told_where_it_is_missing);
	tcase_add_test(tc, errors_and_warnings_have_room_of_their_own);
	tcase_add_test(tc, even_errors_have_a_bound);
	tcase_add_test(tc, there_is_no_room_while_the_reader_stalls);
	tcase_add_test(tc, threads_share_the_writer);
	tcase_add_test(tc, a_closed_pipe_ends_nobody);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("log", log_suite)
