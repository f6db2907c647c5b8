/*
 * test_trace.c - the log lines about answers to clients at level debug.
 */
#include "relay/front/trace.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "stun/attr.h"
#include "stun/framing.h"
#include "stun/ms_attr.h"
#include "stun/msg.h"
#include "tests/unit/lib/unit.h"

static const uint8_t txid[MS_TXID_LEN] = "a transaction";
static struct front fronts[] = {{.transport = TRANSPORT_UDP},
				{.transport = TRANSPORT_TCP}};
static struct turn_shared shared = {.fronts = fronts, .front_count = 2};
static struct turn turn;
static struct trace trace;
static struct five_tuple tuple;
static uint8_t buf[512];
static FILE *captured;
static int real_stderr;

static void begin(void)
{
	unsetenv("JOURNAL_STREAM");
	log_open("tester");
	log_set_subsystem_level(SUBSYSTEM_FRONT, true, LOG_LEVEL_DEBUG);
	trace = (struct trace){0};
	turn.shared = &shared;
	memset(&turn.counters, 0, sizeof(turn.counters));
	tuple = (struct five_tuple){.front = 0};
	ck_assert(endpoint_parse("10.0.0.9:1234", 0, &tuple.client));
	captured = tmpfile();
	ck_assert_ptr_nonnull(captured);
	real_stderr = dup(STDERR_FILENO);
	dup2(fileno(captured), STDERR_FILENO);
}

static void end(void)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	fclose(captured);
}

static const char *written(void)
{
	static char text[16 * 1024];
	ssize_t n = pread(fileno(captured), text, sizeof(text) - 1, 0);

	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

static struct slice ietf(enum stun_class class, int code)
{
	struct stun_builder b;

	stun_builder_start(&b, buf, sizeof(buf), TURN_ALLOCATE, class, txid);
	if (code != 0)
		stun_add_error_code(&b, code, "no");
	return (struct slice){buf, stun_builder_finish(&b)};
}

static struct slice ms(bool framed, uint16_t type, int code)
{
	size_t start = framed ? MS_FRAME_HEADER_LEN : 0;
	struct ms_builder b;

	ms_builder_start(&b, buf + start, sizeof(buf) - start, type, txid);
	if (code != 0)
		ms_add_error_code(&b, code, "no");
	size_t len = ms_builder_finish(&b);
	if (framed)
		ms_frame_write_header(buf, MS_FRAME_CONTROL, len);
	return (struct slice){buf, start + len};
}

START_TEST(answers_of_both_dialects)
{
	turn.counters.auth_failures[AUTH_FAILURE_NONE + 1] =
		7; /* before the level is enabled */
	trace_reply(&trace, &turn, &tuple, ietf(STUN_SUCCESS, 0), 0);
	trace_reply(&trace, &turn, &tuple, ietf(STUN_ERROR, 486), 0);
	tuple.front = 1;
	trace_reply(&trace, &turn, &tuple, ms(false, MS_ALLOCATE_RESPONSE, 0), 0);
	trace_reply(&trace, &turn, &tuple, ms(true, MS_ALLOCATE_ERROR, 500), 0);
	ck_assert_str_eq(
		written(),
		"tester: debug: 10.0.0.9:1234 over udp: Allocate: success\n"
		"tester: debug: 10.0.0.9:1234 over udp: Allocate: 486\n"
		"tester: debug: 10.0.0.9:1234 over tcp: Allocate response: success\n"
		"tester: debug: 10.0.0.9:1234 over tcp: Allocate error response: "
		"500\n");
}
END_TEST

START_TEST(why_credentials_were_refused)
{
	const enum auth_failure why = AUTH_FAILURE_NONE + 2;
	char want[128];

	trace_reply(&trace, &turn, &tuple, ietf(STUN_ERROR, 401), 0);
	turn.counters.auth_failures[why]++;
	trace_reply(&trace, &turn, &tuple, ietf(STUN_ERROR, 401), 0);
	snprintf(want, sizeof(want),
		 "tester: debug: 10.0.0.9:1234 over udp: Allocate: 401\n"
		 "tester: debug: 10.0.0.9:1234 over udp: Allocate: 401 %s\n",
		 auth_failure_name(why));
	ck_assert_str_eq(written(), want);
}
END_TEST

/* Escaped and bounded, whatever a client calls itself. */
START_TEST(whose_credentials_were_refused)
{
	static const char name[] = "1700000000:al\nice \"x\"";
	uint8_t endless[REFUSED_NAME_MAX + 100];
	const char *line;

	memset(endless, 'e', sizeof(endless));
	trace_reply(&trace, &turn, &tuple, ietf(STUN_ERROR, 401), 0);
	turn_note_refused(&turn, (struct slice){(const uint8_t *)name, sizeof(name) - 1});
	turn.counters.auth_failures[AUTH_FAILURE_BAD_MAC]++;
	trace_reply(&trace, &turn, &tuple, ietf(STUN_ERROR, 401), 0);
	line = strchr(written(), '\n') + 1;
	ck_assert_str_eq(line,
			 "tester: debug: 10.0.0.9:1234 over udp: Allocate: 401 bad-mac, "
			 "user 1700000000:al\\x0aice\\x20\\x22x\\x22\n");
	/* An answer for another reason names nobody. */
	trace_reply(&trace, &turn, &tuple, ietf(STUN_ERROR, 486), 0);
	ck_assert_ptr_nonnull(strstr(written(), "Allocate: 486\n"));

	turn_note_refused(&turn, (struct slice){endless, sizeof(endless)});
	turn.counters.auth_failures[AUTH_FAILURE_BAD_MAC]++;
	trace_reply(&trace, &turn, &tuple, ietf(STUN_ERROR, 401), 0);
	line = strstr(written(), "user eee");
	ck_assert_ptr_nonnull(line);
	ck_assert_uint_le(strlen(line), strlen("user \n") + CREDENTIAL_USER_MAX);
	turn_note_refused(&turn, (struct slice){NULL, 0});
}
END_TEST

START_TEST(by_how_much_the_time_of_credentials_was_wrong)
{
	trace_reply(&trace, &turn, &tuple, ietf(STUN_ERROR, 401), 0);
	turn.counters.auth_failures[AUTH_FAILURE_EXPIRED]++;
	turn.refusal = (struct turn_refusal){.at_s = 1, .off_s = 75};
	trace_reply(&trace, &turn, &tuple, ietf(STUN_ERROR, 401), 0);
	turn.counters.auth_failures[AUTH_FAILURE_TOO_FAR]++;
	turn.refusal = (struct turn_refusal){.at_s = 1, .off_s = 61, .too_far = 1};
	trace_reply(&trace, &turn, &tuple, ms(false, MS_ALLOCATE_ERROR, 430), 0);
	ck_assert_str_eq(
		written(),
		"tester: debug: 10.0.0.9:1234 over udp: Allocate: 401\n"
		"tester: debug: 10.0.0.9:1234 over udp: Allocate: 401 expired 75s ago\n"
		"tester: debug: 10.0.0.9:1234 over udp: Allocate error response: 430 "
		"too-far by 61s\n");
}
END_TEST

START_TEST(other_bytes_are_not_an_answer)
{
	static const uint8_t bytes[] = {0x40, 0x00, 0x00, 0x00, 0xFF};

	for (size_t len = 0; len <= sizeof(bytes); len++)
		trace_reply(&trace, &turn, &tuple, (struct slice){bytes, len}, 0);
	ck_assert_str_eq(written(), "");
}
END_TEST

START_TEST(at_most_a_hundred_lines_a_second)
{
	const char *text;
	size_t lines = 0;

	for (int i = 0; i < 1000; i++)
		trace_reply(&trace, &turn, &tuple, ietf(STUN_SUCCESS, 0), 5999);
	trace_reply(&trace, &turn, &tuple, ietf(STUN_ERROR, 400), 6000);
	text = written();
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	ck_assert_uint_eq(lines, 101);
	ck_assert_ptr_nonnull(
		strstr(text, "more than 100 lines in this second; omitting the rest\n"));
	ck_assert_ptr_nonnull(strstr(text, "Allocate: 400\n"));
}
END_TEST

START_TEST(other_levels_show_nothing)
{
	log_set_subsystem_level(SUBSYSTEM_FRONT, true, LOG_LEVEL_INFO);
	trace_reply(&trace, &turn, &tuple, ietf(STUN_SUCCESS, 0), 0);
	ck_assert_str_eq(written(), "");
}
END_TEST

static void trace_suite(Suite *suite)
{
	TCase *tc = tcase_create("trace");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, answers_of_both_dialects);
	tcase_add_test(tc, why_credentials_were_refused);
	tcase_add_test(tc, whose_credentials_were_refused);
	tcase_add_test(tc, by_how_much_the_time_of_credentials_was_wrong);
	tcase_add_test(tc, other_bytes_are_not_an_answer);
	tcase_add_test(tc, at_most_a_hundred_lines_a_second);
	tcase_add_test(tc, other_levels_show_nothing);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("trace", trace_suite)
