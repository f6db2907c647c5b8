/*
 * test_daemon.c - a daemon with nothing but stages: their order, what --check leaves out,
 * the exit status after a failure, and the notifications to systemd.
 */
#include "base/daemon/daemon.h"
#include "base/daemon/daemon_run.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config/config.h"
#include "tests/unit/lib/notify_listener.h"
#include "tests/unit/lib/unit.h"

static char trace[1024];
static char path[64]; /* of its configuration */
static struct config *taken;
static const char *failing; /* the step that fails; "" for none */
static int manager;         /* receives the notifications to systemd */
/* SIGHUPs in a row, at the start and during each reload but the last. */
static int hangups = 1;
static int reloads = 1; /* until the end */
static bool doubtful;   /* the configuration */

/* Add a word to the trace. False if the daemon must fail at this step. */
static bool step(struct daemon *daemon, const char *word)
{
	if (trace[0] != '\0')
		strcat(trace, " ");
	strcat(trace, word);
	if (strcmp(word, failing) != 0)
		return true;
	if (daemon != NULL)
		snprintf(daemon->error, sizeof(daemon->error), "%s fails", word);
	return false;
}

/* Called when the file has been read. */
static bool load(struct config *config, char *error, size_t error_size)
{
	if (doubtful) {
		config_inform(config, &config->log.level, "loud; quiet may do.");
		config_warn(config, &config->user, "odd; change it");
		config_warn(config, &config->user, "odd; change it");
	}
	snprintf(error, error_size, "load fails");
	return step(NULL, "load");
}

static const struct config_key config_keys[] = {
	CONFIG_KEY(struct config, "", "user", OPTIONAL, RESTART, user, "", 0, 32, "user"),
	CONFIG_KEY(struct config, "", "level", LEVEL, APPLIED, log.level, "error", 0, 0,
		   "level"),
};
static const struct config_section config_sections[] = {{.name = ""}};
static const struct config_schema schema = {
	.size = sizeof(struct config),
	.keys = config_keys,
	.key_count = ARRAY_LEN(config_keys),
	.sections = config_sections,
	.section_count = ARRAY_LEN(config_sections),
	.check = load,
};

#define STAGE(name)                                    \
	static bool name##_up(struct daemon *daemon)   \
	{                                              \
		return step(daemon, #name);            \
	}                                              \
	static void name##_down(struct daemon *daemon) \
	{                                              \
		step(daemon, "-" #name);               \
	}
STAGE(prepare)
STAGE(ports)
STAGE(work)

static bool keys_up(struct daemon *daemon)
{
	bool ok = step(daemon, "keys");

	taken = ok ? daemon->config : NULL;
	return ok;
}

static void keys_down(struct daemon *daemon)
{
	step(daemon, "-keys");
	config_free(taken);
}

static bool inspect(struct daemon *daemon)
{
	if (doubtful)
		config_remark_at(daemon->config, CONFIG_WARNING, 0, 0, "%s", "too short");
	return step(daemon, "inspect");
}

static bool self_test(struct daemon *daemon)
{
	sigset_t mask;

	ck_assert_ptr_nonnull(daemon->base);
	ck_assert_ptr_nonnull(daemon->inbox);
	/* Threads that work starts inherit this. */
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	ck_assert_int_eq(sigismember(&mask, SIGHUP), 1);
	return step(daemon, "self-test");
}

static void hang_up(void)
{
	for (int i = 0; i < hangups; i++)
		raise(SIGHUP);
}

static void serving(struct daemon *daemon)
{
	step(daemon, "serving");
	hang_up();
}

static void reload(struct daemon *daemon)
{
	step(daemon, "reload");
	if (reloads-- > 1)
		hang_up();
	else
		raise(SIGTERM);
}

static void status(struct daemon *daemon, char *line, size_t size)
{
	(void)daemon;
	snprintf(line, size, "toy");
}

static void periodic(struct daemon *daemon)
{
	(void)daemon;
}

static void log_counters(struct daemon *daemon)
{
	step(daemon, "counters");
}

/* option NULL: a start. */
static int run_with(const char *option, const char *second)
{
	const struct daemon_ops ops = {
		.name = "toyd",
		.purpose = "Does nothing.",
		.signals = "SIGTERM stops it.",
		.config = path,
		.schema = &schema,
		.prepare = {"prepare", prepare_up, prepare_down},
		.bind = {"ports", ports_up, ports_down},
		.keys = {"keys", keys_up, keys_down},
		.inspect = inspect,
		.work = {"work", work_up, work_down},
		.self_test = self_test,
		.serving = serving,
		.reload = reload,
		.periodic = periodic,
		.status = status,
		.log_counters = log_counters,
	};
	char words[3][16] = {"toyd"};
	char *argv[] = {words[0], words[1], words[2], NULL};
	int argc = 1 + (option != NULL) + (second != NULL);

	snprintf(words[1], sizeof(words[1]), "%s", option ? option : "");
	snprintf(words[2], sizeof(words[2]), "%s", second ? second : "");
	argv[argc] = NULL;
	return daemon_run(&ops, argc, argv);
}

static int run(bool check)
{
	return run_with(check ? "--check" : NULL, NULL);
}

static void write_config(const char *text)
{
	FILE *out = fopen(path, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	ck_assert_int_eq(fclose(out), 0);
}

static void setup(void)
{
	manager = notify_listener_open();
	unsetenv("WATCHDOG_USEC");
	failing = "";
	snprintf(path, sizeof(path), P_tmpdir "/avedge-daemon-%ld.conf", (long)getpid());
	write_config("");
}

static void end(void)
{
	unlink(path);
}

/* All notifications to systemd, first lines only. */
static const char *heard(void)
{
	static char all[512];
	const char *text;

	all[0] = '\0';
	while (*(text = notify_listener_heard(manager)) != '\0') {
		strncat(all, text, strcspn(text, "\n"));
		strcat(all, " ");
	}
	return all;
}

START_TEST(stages_start_in_order_and_stop_in_reverse)
{
	ck_assert_int_eq(run(false), EXIT_SUCCESS);
	ck_assert_str_eq(trace,
			 "load prepare ports keys inspect work self-test serving reload "
			 "counters -work -keys -ports -prepare");
}
END_TEST

START_TEST(systemd_is_notified_of_every_step)
{
	ck_assert_int_eq(run(false), EXIT_SUCCESS);
	ck_assert_str_eq(heard(), "READY=1 STATUS=toy RELOADING=1 READY=1 STOPPING=1 ");
}
END_TEST

START_TEST(signals_in_a_row_are_one_reload)
{
	hangups = 100;
	reloads = 2;
	ck_assert_int_eq(run(false), EXIT_SUCCESS);
	ck_assert_str_eq(
		trace,
		"load prepare ports keys inspect work self-test serving reload reload "
		"counters -work -keys -ports -prepare");
}
END_TEST

/* What a stage opens must not take the place of a closed stream. */
START_TEST(closed_streams_are_open_on_null)
{
	struct stat null, st;

	ck_assert_int_eq(stat("/dev/null", &null), 0);
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	ck_assert_int_eq(run(_i), EXIT_SUCCESS);
	for (int fd = 0; fd <= 2; fd++) {
		ck_assert_int_eq(fstat(fd, &st), 0);
		ck_assert_uint_eq(st.st_rdev, null.st_rdev);
	}
}
END_TEST

START_TEST(a_check_opens_nothing)
{
	ck_assert_int_eq(run(true), EXIT_SUCCESS);
	ck_assert_str_eq(trace, "load prepare keys inspect -keys -prepare");
	ck_assert_str_eq(heard(), "");
}
END_TEST

/* The stage that failed is stopped too, but none after it. */
static const struct {
	const char *failing;
	int status;
	const char *trace;
} failures[] = {
	{"load", DAEMON_EXIT_CONFIG, "load"},
	{"prepare", EXIT_FAILURE, "load prepare -prepare"},
	{"ports", EXIT_FAILURE, "load prepare ports -ports -prepare"},
	{"keys", DAEMON_EXIT_CONFIG, "load prepare ports keys -keys -ports -prepare"},
	{"inspect", DAEMON_EXIT_CONFIG,
	 "load prepare ports keys inspect -keys -ports -prepare"},
	{"work", EXIT_FAILURE,
	 "load prepare ports keys inspect work -work -keys -ports -prepare"},
	{"self-test", DAEMON_EXIT_CONFIG,
	 "load prepare ports keys inspect work self-test -work -keys -ports -prepare"},
};

START_TEST(a_failed_start_stops_what_has_started)
{
	failing = failures[_i].failing;
	ck_assert_int_eq(run(false), failures[_i].status);
	ck_assert_str_eq(trace, failures[_i].trace);
	ck_assert_str_eq(heard(), "");
}
END_TEST

START_TEST(an_unknown_user_is_a_configuration_error)
{
	write_config("user = no-such-user\n");
	ck_assert_int_eq(run(false), DAEMON_EXIT_CONFIG);
	ck_assert_str_eq(trace, "load");
}
END_TEST

/* What it writes to stderr. */
static const char *stderr_of(int status, const char *option, const char *second)
{
	static char text[1024];
	FILE *file = tmpfile();
	int keep = dup(2);

	ck_assert_ptr_nonnull(file);
	dup2(fileno(file), 2);
	int got = run_with(option, second);
	fflush(stderr);
	dup2(keep, 2);
	close(keep);
	ck_assert_int_eq(got, status);
	rewind(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

#define DOUBTFUL "\nlevel = notice\n  user = root\n"

/* In the order of the file, each once. */
static const struct {
	const char *name, *option, *second;
	int status;
	const char *want; /* @ is the path */
} remarks[] = {
	{"a check prints them", "--check", NULL, EXIT_SUCCESS,
	 "@: warning: too short\n@:2:9: info: level: loud; quiet may do\n"
	 "@:3:10: warning: user: odd; change it\n"},
	{"a strict check fails", "--check", "--strict", DAEMON_EXIT_CONFIG,
	 "@: warning: too short\n@:2:9: info: level: loud; quiet may do\n"
	 "@:3:10: warning: user: odd; change it\n"
	 "toyd: error: @: 2 warnings; correct the file, or check it without --strict\n"},
	{"a start logs the warnings", NULL, NULL, EXIT_SUCCESS,
	 "toyd: warning: @: too short\ntoyd: warning: @:3:10: user: odd; change it\n"
	 "toyd: notice: received SIGTERM, stopping\n"},
};

START_TEST(remarks_are_told_with_their_place)
{
	char want[1024] = "";

	doubtful = true;
	write_config(DOUBTFUL);
	for (const char *p = remarks[_i].want; *p; p++)
		strncat(want, *p == '@' ? path : p, *p == '@' ? sizeof(path) : 1);
	ck_assert_str_eq(stderr_of(remarks[_i].status, remarks[_i].option,
				   remarks[_i].second),
			 want);
}
END_TEST

START_TEST(a_strict_check_accepts_what_is_not_doubtful)
{
	ck_assert_int_eq(run_with("--check", "--strict"), EXIT_SUCCESS);
}
END_TEST

static void daemon_suite(Suite *suite)
{
	TCase *tc = tcase_create("daemon");

	tcase_add_checked_fixture(tc, setup, end);
	tcase_add_test(tc, stages_start_in_order_and_stop_in_reverse);
	tcase_add_test(tc, systemd_is_notified_of_every_step);
	tcase_add_test(tc, signals_in_a_row_are_one_reload);
	tcase_add_loop_test(tc, closed_streams_are_open_on_null, false, true + 1);
	tcase_add_test(tc, a_check_opens_nothing);
	tcase_add_loop_test(tc, a_failed_start_stops_what_has_started, 0, ROWS(failures));
	tcase_add_loop_test(tc, remarks_are_told_with_their_place, 0, ROWS(remarks));
	tcase_add_test(tc, a_strict_check_accepts_what_is_not_doubtful);
	tcase_add_test(tc, an_unknown_user_is_a_configuration_error);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("daemon", daemon_suite)
