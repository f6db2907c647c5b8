/*
 * test_load_report.c - which results of avedge-load count as failures, and their messages.
 */
#include "tools/load/load_report.h"

#include <string.h>

#include "tests/unit/lib/unit.h"

enum { MS = 1000000 };

static struct load_options options;
static struct load_result result;
static struct load_verdict verdict;

/* A run without errors: two clients, 100 packets each way, delays of 1 to 100 ms. */
static void good_run(void)
{
	options = (struct load_options){
		.transport = CLIENT_TCP,
		.host = "2001:db8::1",
		.port = 3478,
		.clients = 2,
		.packet_size = 160,
		.direction = {true, true},
		.max_loss_percent = -1,
		.max_delay_ms = -1,
		.max_setup_ms = -1,
	};
	memset(&result, 0, sizeof(result));
	result.ready = result.released = 2;
	result.setup_s = 0.1;
	result.media_s = 2;
	histogram_add(&result.setup_ns, 3 * MS);
	histogram_add(&result.setup_ns, 4 * MS);
	for (int i = 0; i < LOAD_DIRECTIONS; i++) {
		struct load_figures *figures = &result.direction[i];
		figures->sent = figures->received = 100;
		for (uint64_t ms = 1; ms <= 100; ms++)
			histogram_add(&figures->delay_ns, ms * MS);
	}
}

static struct load_figures *up(void)
{
	return &result.direction[LOAD_UP];
}

static struct load_figures *down(void)
{
	return &result.direction[LOAD_DOWN];
}

static void fails_with(const char *reason)
{
	result.reason_code = 401;
	strcpy(result.reason, reason);
}

static void nothing(void)
{
}

static void two_lost(void)
{
	up()->received = 98;
}

static void two_lost_of_two_allowed(void)
{
	two_lost();
	options.max_loss_percent = 2;
}

static void two_lost_of_one_allowed(void)
{
	two_lost();
	options.max_loss_percent = 1;
}

static void one_lost_of_none_allowed(void)
{
	down()->received = 99;
	options.max_loss_percent = 0;
}

static void duplicates_are_no_loss(void)
{
	up()->duplicated = 5;
	options.max_loss_percent = 0;
}

static void delay_within(void)
{
	options.max_delay_ms = 100.5;
}

static void delay_beyond(void)
{
	memset(&down()->delay_ns, 0, sizeof(down()->delay_ns));
	histogram_add(&down()->delay_ns, 90 * MS);
	options.max_delay_ms = 90;
}

static void delay_of_nothing(void)
{
	down()->received = 0;
	memset(&down()->delay_ns, 0, sizeof(down()->delay_ns));
	options.max_delay_ms = 1000;
}

static void set_up_within(void)
{
	options.max_setup_ms = 5;
}

static void set_up_beyond(void)
{
	options.max_setup_ms = 3.5;
}

static void nothing_sent(void)
{
	down()->sent = down()->received = 0;
}

static void nothing_sent_nor_asked(void)
{
	nothing_sent();
	options.direction[LOAD_DOWN] = false;
	options.max_delay_ms = 100.5;
}

static void misdelivered(void)
{
	up()->misdelivered = 1;
}

static void damaged(void)
{
	down()->damaged = 1;
}

static void one_failed(void)
{
	result.ready = result.failed = 1;
	fails_with("Allocate was refused");
}

static void one_unreleased(void)
{
	result.released = result.unreleased = 1;
	fails_with("no answer");
}

static void failed_and_unreleased(void)
{
	result.ready = result.released = 0;
	result.failed = 2;
	result.unreleased = 1;
	fails_with("ChannelBind was refused");
}

/* A run that could do nothing says, too, what it left. */
START_TEST(what_is_left_is_said_in_any_case)
{
	failed_and_unreleased();
	load_judge(&options, &result, &verdict);
	ck_assert_int_eq(verdict.status, LOAD_NOTHING);
	ck_assert_uint_eq(verdict.count, 2);
	ck_assert_ptr_nonnull(strstr(verdict.complaints[0], "no client could be set up"));
	ck_assert_ptr_nonnull(strstr(verdict.complaints[1],
				     "1 client could not release its allocation,"));
}
END_TEST

static void all_failed(void)
{
	result.ready = 0;
	result.failed = 2;
	fails_with("Allocate was refused");
}

static void interrupted_early(void)
{
	result.ready = 0;
	result.interrupted = true;
}

static void interrupted_before_media(void)
{
	result.media_s = 0;
	result.interrupted = true;
	nothing_sent();
}

static void hold(void)
{
	options.task = LOAD_HOLD;
	result.media_s = 0;
	nothing_sent();
}

static void cycles(void)
{
	hold();
	options.task = LOAD_CYCLES;
	result.ready = 0;
	result.cycles_done = 1000;
}

static void cycles_with_a_failure(void)
{
	cycles();
	result.cycles_failed = 1;
	fails_with("508");
}

static void no_cycle(void)
{
	cycles_with_a_failure();
	result.cycles_done = 0;
}

static const struct {
	const char *name;
	void (*change)(void);
	enum load_status want;
	const char *word; /* part of the message, if there must be one */
} runs[] = {
	{"all well", nothing, LOAD_AS_EXPECTED, NULL},
	{"loss without a limit", two_lost, LOAD_AS_EXPECTED, NULL},
	{"loss at the limit", two_lost_of_two_allowed, LOAD_AS_EXPECTED, NULL},
	{"loss beyond", two_lost_of_one_allowed, LOAD_EXCEEDED, "up: 2.000 % lost"},
	{"loss with limit 0", one_lost_of_none_allowed, LOAD_EXCEEDED, "down: 1.000 %"},
	{"duplicates", duplicates_are_no_loss, LOAD_AS_EXPECTED, NULL},
	{"delay within the limit", delay_within, LOAD_AS_EXPECTED, NULL},
	{"delay beyond the limit", delay_beyond, LOAD_EXCEEDED,
	 "up: the 99th percentile of the delay is 99."},
	{"delay without packets", delay_of_nothing, LOAD_EXCEEDED,
	 "down: no packet arrived"},
	{"set-up within the limit", set_up_within, LOAD_AS_EXPECTED, NULL},
	{"set-up beyond the limit", set_up_beyond, LOAD_EXCEEDED, "set-up time is 4.000"},
	{"nothing sent", nothing_sent, LOAD_EXCEEDED, "down: no packet could"},
	{"nothing sent, as requested", nothing_sent_nor_asked, LOAD_AS_EXPECTED, NULL},
	{"misdelivered", misdelivered, LOAD_EXCEEDED, "up: 1 packets misdelivered"},
	{"damaged", damaged, LOAD_EXCEEDED, "down: 0 packets misdelivered, 1"},
	{"one client failed", one_failed, LOAD_EXCEEDED,
	 "1 of 2 clients failed; first failure: Al"},
	{"one release failed", one_unreleased, LOAD_EXCEEDED,
	 "release its allocation, which the server may keep until it expires: no answer"},
	{"all clients failed", all_failed, LOAD_NOTHING,
	 "set up at tcp:[2001:db8::1]:3478: Allocate was refused"},
	{"interrupted early", interrupted_early, LOAD_NOTHING, "interrupted"},
	{"interrupted before the media", interrupted_before_media, LOAD_AS_EXPECTED,
	 NULL},
	{"hold", hold, LOAD_AS_EXPECTED, NULL},
	{"cycles", cycles, LOAD_AS_EXPECTED, NULL},
	{"cycles with a failure", cycles_with_a_failure, LOAD_EXCEEDED,
	 "1 of 1001 cycles"},
	{"no cycle", no_cycle, LOAD_NOTHING, "508"},
};

START_TEST(verdict_fits_the_run)
{
	runs[_i].change();
	load_judge(&options, &result, &verdict);
	const char *said = verdict.count > 0 ? verdict.complaints[0] : "";
	ck_assert_msg(verdict.status == runs[_i].want, "%s: status %d, %s", runs[_i].name,
		      (int)verdict.status, said);
	if (runs[_i].word == NULL)
		ck_assert_msg(verdict.count == 0, "%s: %s", runs[_i].name, said);
	else
		ck_assert_msg(verdict.count == 1 && strstr(said, runs[_i].word) != NULL,
			      "%s: %s", runs[_i].name, said);
}
END_TEST

START_TEST(many_complaints_keep_their_room)
{
	options.clients = 9;
	options.max_loss_percent = options.max_delay_ms = options.max_setup_ms = 0;
	one_failed();
	result.unreleased = 1;
	two_lost();
	down()->received = 10;
	misdelivered();
	damaged();
	load_judge(&options, &result, &verdict);
	ck_assert_int_eq(verdict.status, LOAD_EXCEEDED);
	ck_assert_uint_eq(verdict.count, 9);
	ck_assert_uint_le(verdict.count, LOAD_COMPLAINTS_MAX);
}
END_TEST

START_TEST(text_has_the_figures)
{
	static const char *const words[] = {
		"2 of 2 clients",         "sent 100  received 98  lost 2 (2.000 %)",
		"49.0 packets/s",         "0.063 Mbit/s",
		"sent 100  received 100", "p50 50.",
		"max 100.000 ms",         "release   2 of 2",
	};
	char text[4000] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(out);
	two_lost();
	load_report_text(out, &options, &result);
	fclose(out);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		ck_assert_msg(strstr(text, words[i]) != NULL, "no '%s' in:\n%s", words[i],
			      text);
}
END_TEST

static void has_moved_three_times(void)
{
	options.transport = CLIENT_DTLS;
	options.move_every_s = 2;
	result.handshakes = 2;
	result.moves = 3;
	result.unfinished = 1;
	up()->received = 94;
	result.icmp_errors = 7;
	result.icmp_type = 3;
	result.icmp_code = 4;
}

static void relays_tcp_with_a_token(void)
{
	options.tcp_relay = true;
	options.access_token = "AQID";
	options.proxied.family = IP_V4;
	options.dont_fragment = true;
	result.data_connections = 2;
}

/* What a run does beyond RFC 8656 is in its report, and nothing of it if it does not. */
static const struct {
	const char *name;
	void (*change)(void);
	const char *words[6];
} modes[] = {
	{"none", nothing, {NULL}},
	{"DTLS, moves, ICMP",
	 has_moved_three_times,
	 {"mode      dtls:[2001:db8::1]:3478, a move every 2 s\n",
	  "2 DTLS handshakes, 20.0 per second\n",
	  "moves     3 done, 1 unfinished, 2.000 packets lost per move\n",
	  "icmp      7 errors from the server; first: type 3, code 4\n"}},
	{"TCP relay",
	 relays_tcp_with_a_token,
	 {"mode      tcp:[2001:db8::1]:3478, TCP relay, access token, PROXY protocol, "
	  "DONT-FRAGMENT\n",
	  "2 data connections\n"}},
};

START_TEST(text_names_the_mode)
{
	char text[4000] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(out);
	modes[_i].change();
	load_report_text(out, &options, &result);
	fclose(out);
	for (size_t i = 0; modes[_i].words[i] != NULL; i++)
		ck_assert_msg(strstr(text, modes[_i].words[i]) != NULL,
			      "%s: no '%s' in:\n%s", modes[_i].name, modes[_i].words[i],
			      text);
	if (modes[_i].words[0] == NULL)
		ck_assert_msg(strstr(text, "mode ") == NULL &&
				      strstr(text, "moves") == NULL &&
				      strstr(text, "icmp") == NULL,
			      "%s", text);
}
END_TEST

static void report_suite(Suite *suite)
{
	TCase *tc = tcase_create("report");
	tcase_add_checked_fixture(tc, good_run, NULL);
	tcase_add_test(tc, what_is_left_is_said_in_any_case);
	tcase_add_loop_test(tc, verdict_fits_the_run, 0, ROWS(runs));
	tcase_add_test(tc, many_complaints_keep_their_room);
	tcase_add_test(tc, text_has_the_figures);
	tcase_add_loop_test(tc, text_names_the_mode, 0, ROWS(modes));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("load report", report_suite)
