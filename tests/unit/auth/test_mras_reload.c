/*
 * test_mras_reload.c - a reload of mrasd applies the whole file or nothing, and reports
 * the effect on each key and file.
 */
#include "auth/server/mras_reload.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/mras/mras_drain.h"
#include "auth/server/mras_settings.h"
#include "tests/unit/auth/issuer_fixture.h"
#include "tests/unit/lib/unit.h"

static struct issuer_fixture fixture;
static struct reload_report report;

static void make(void)
{
	issuer_fixture_make(&fixture, "");
}

static void end(void)
{
	reload_report_clear(&report);
	issuer_fixture_free(&fixture);
}

static bool reload_with(const char *more)
{
	issuer_fixture_configure(&fixture, more);
	reload_report_clear(&report);
	return reload_configuration(fixture.reload, fixture.issuer.unix_s, &report);
}

/* "key: before -> after (effect)", one per line. */
static const char *changes(void)
{
	static char text[4096];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < report.count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s: %s -> %s (%s)\n", report.changes[i].key,
					report.changes[i].before, report.changes[i].after,
					reload_effect_name(report.changes[i].effect));
	return text;
}

START_TEST(reload_of_the_same_file_changes_nothing)
{
	ck_assert(reload_configuration(fixture.reload, fixture.issuer.unix_s, &report));
	ck_assert_int_eq(report.result, RELOAD_UNCHANGED);
	ck_assert_uint_eq(report.generation, 1);
	ck_assert_uint_eq(report.count, 0);
}
END_TEST

START_TEST(reload_names_every_change)
{
	ck_assert(reload_with("realm = x\n"
			      "limits { idle = 5m }\n"
			      "server new.example { }\n"
			      "relay { location = inside host = r }\n"));
	ck_assert_int_eq(report.result, RELOAD_APPLIED);
	ck_assert_uint_eq(report.generation, 2);
	ck_assert_str_eq(changes(),
			 "realm: edge -> x (applied)\n"
			 "server.new.example: not trusted -> trusted (applied)\n"
			 "relay.4: none -> r (applied)\n"
			 "limits.idle: 10m -> 5m (applied)\n");
	ck_assert_str_eq(fixture.issuer.settings->service.realm, "x");
	ck_assert_int_eq(reload_last(fixture.reload).result, RELOAD_APPLIED);
	ck_assert_int_eq(reload_last(fixture.reload).at_s, fixture.issuer.unix_s);
}
END_TEST

static void note_pending(void *arg, const struct config_entry *entry)
{
	char *text = arg;

	if (entry->pending != NULL)
		sprintf(text + strlen(text), "%s=%s>%s ", entry->key, entry->value,
			entry->pending);
}

START_TEST(reload_leaves_some_keys_to_a_restart)
{
	static const char waiting[] = "user:  -> nobody (restart)\n"
				      "control.socket: /run/mrasd/control.sock -> "
				      "/x (restart)\n";

	/*
	 * Reported at each reload until a restart, because the file differs from what
	 * runs.
	 */
	for (int i = 0; i < 2; i++) {
		ck_assert(reload_with("user = nobody control { socket = /x }\n"));
		ck_assert_int_eq(report.result, RELOAD_UNCHANGED);
		ck_assert_str_eq(changes(), waiting);
		ck_assert_ptr_null(fixture.issuer.settings->config->common.user);
		ck_assert_str_eq(reload_last(fixture.reload).restart_pending,
				 "user, control.socket");
	}
	/* Whoever asks for the configuration learns both values. */
	char both[256] = "";
	ck_assert(reload_values(fixture.reload, note_pending, both));
	ck_assert_str_eq(both, "user=>nobody control.socket=/run/mrasd/control.sock>/x ");
	/* A file that cannot be read tells nothing new. */
	ck_assert(!reload_with("relm = x\n"));
	ck_assert_str_eq(reload_last(fixture.reload).restart_pending,
			 "user, control.socket");
	ck_assert(reload_with("user = nobody realm = y\n"));
	ck_assert_str_eq(reload_last(fixture.reload).restart_pending, "user");
	ck_assert_uint_eq(reload_pending(fixture.reload, NULL, NULL), 1);
	ck_assert(reload_with("realm = y\n"));
	ck_assert_str_eq(changes(), "");
	ck_assert_str_eq(reload_last(fixture.reload).restart_pending, "");
	both[0] = '\0';
	ck_assert(reload_values(fixture.reload, note_pending, both));
	ck_assert_str_eq(both, "");
}
END_TEST

static const struct {
	const char *name;
	const char *more; /* of the configuration */
	const char *file, *text;
	const char *want; /* after the directory; %s: the directory */
} wrong[] = {
	{"an unknown key", "relm = x\n", NULL, NULL,
	 "%s/mrasd.conf:10:1: unknown key \"relm\"; did you mean \"realm\"?"},
	{"a keyring whose secret is too short", "", "keys", "one YWJj\n",
	 "%s/mrasd.conf:2:8: keys: %s/keys:1: "},
	{"a file that is not a certificate", "", "cert.pem", "x\n",
	 "%s/mrasd.conf:3:21: tls.certificate: %s/cert.pem: "},
	{"a file that is not a key", "", "key.pem", "x\n",
	 "%s/mrasd.conf:3:72: tls.private_key: %s/key.pem: "},
	{"a revocation list that does not exist", "tls { crl = /nowhere/crl }\n", NULL,
	 NULL, "%s/mrasd.conf:10:13: tls.crl: /nowhere/crl: "},
};

static void expand(const char *format, char *out, size_t size)
{
	size_t len = 0;

	for (; *format && len + 1 < size; format++) {
		if (format[0] == '%' && format[1] == 's') {
			len += (size_t)snprintf(out + len, size - len, "%s",
						fixture.directory);
			format++;
		} else {
			out[len++] = *format;
		}
	}
	out[len] = '\0';
}

START_TEST(reload_of_a_faulty_file_changes_nothing)
{
	const struct mras_settings *before = fixture.issuer.settings;
	char want[512];

	if (wrong[_i].file)
		issuer_fixture_write(&fixture, wrong[_i].file, wrong[_i].text);
	ck_assert(!reload_with(wrong[_i].more));
	expand(wrong[_i].want, want, sizeof(want));
	ck_assert_msg(strncmp(report.error, want, strlen(want)) == 0, "%s: %s",
		      wrong[_i].name, report.error);
	ck_assert_int_eq(report.result, RELOAD_REJECTED);
	ck_assert_uint_eq(report.generation, 1);
	ck_assert_uint_eq(report.count, 0);
	ck_assert_ptr_eq(fixture.issuer.settings, before);
	ck_assert_str_eq(reload_last(fixture.reload).error, report.error);
}
END_TEST

START_TEST(reload_reports_files_by_content)
{
	issuer_fixture_write(&fixture, "keys",
			     "two MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWZn\n"
			     "one MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= - "
			     "2126-01-01T00:00:00Z\n");
	ck_assert(reload_with(""));
	ck_assert_str_eq(changes(), "keys: one -> two, one (applied)\n");
	ck_assert_ptr_eq(strstr(changes(), "MDEy"), NULL);

	/* Rewriting the same text makes a new file. */
	issuer_fixture_write(&fixture, "new",
			     "two MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWZn\n");
	char from[FIXTURE_PATH_SIZE];
	snprintf(from, sizeof(from), "%s", issuer_fixture_path(&fixture, "new"));
	ck_assert_int_eq(rename(from, issuer_fixture_path(&fixture, "keys")), 0);
	ck_assert(reload_with(""));
	ck_assert_str_eq(changes(), "keys: two, one -> two (applied)\n");
}
END_TEST

START_TEST(reload_watches_every_file)
{
	const struct mras_settings *before = fixture.issuer.settings;

	mras_reload_periodic(fixture.mras_reload);
	ck_assert_ptr_eq(fixture.issuer.settings, before);

	issuer_fixture_certify(&fixture, 3600);
	mras_reload_periodic(fixture.mras_reload);
	ck_assert_ptr_ne(fixture.issuer.settings, before);
	ck_assert_uint_eq(reload_last(fixture.reload).generation, 2);

	char more[2 * FIXTURE_PATH_SIZE];
	issuer_fixture_revoke(&fixture, 600);
	snprintf(more, sizeof(more), "tls { crl = \"%s\" }\n",
		 issuer_fixture_path(&fixture, "crl.pem"));
	ck_assert_msg(reload_with(more), "%s", report.error);
	ck_assert_uint_eq(fixture.issuer.settings->files[MRAS_FILE_CRL].count, 1);
	int64_t ends_s = fixture.issuer.settings->files[MRAS_FILE_CRL].expires_s;
	ck_assert_int_le(ends_s - fixture.issuer.unix_s, 660);
	ck_assert_int_ge(ends_s - fixture.issuer.unix_s, 540);

	before = fixture.issuer.settings;
	issuer_fixture_revoke(&fixture, 1200);
	mras_reload_periodic(fixture.mras_reload);
	ck_assert_ptr_ne(fixture.issuer.settings, before);
	ck_assert_int_gt(fixture.issuer.settings->files[MRAS_FILE_CRL].expires_s, ends_s);
}
END_TEST

START_TEST(reload_tries_a_faulty_file_once)
{
	const struct mras_settings *before = fixture.issuer.settings;

	issuer_fixture_write(&fixture, "keys", "nonsense\n");
	mras_reload_periodic(fixture.mras_reload);
	ck_assert_ptr_eq(fixture.issuer.settings, before);
	ck_assert_int_eq(reload_last(fixture.reload).result, RELOAD_REJECTED);

	/* Not every two seconds: that would fill the log. */
	fixture.issuer.unix_s += 2;
	mras_reload_periodic(fixture.mras_reload);
	ck_assert_int_ne(reload_last(fixture.reload).at_s, fixture.issuer.unix_s);
}
END_TEST

#define SECRET " MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZ"

static const struct {
	const char *name;
	const char *keys;
	int64_t ends_s; /* INT64_MAX: never; 0: now */
} endings[] = {
	{"one without an end", "a" SECRET "WY=\n", INT64_MAX},
	{"one with an end", "a" SECRET "WY= - 2100-01-01T00:00:00Z\n", 4102444800},
	{"one after the other",
	 "a" SECRET "WY= - 2100-01-01T00:00:00Z\n"
	 "b" SECRET "WY= 2099-01-01T00:00:00Z 2101-01-01T00:00:00Z\n",
	 4133980800},
	{"in any order",
	 "b" SECRET "WY= 2099-01-01T00:00:00Z 2101-01-01T00:00:00Z\n"
	 "a" SECRET "WY= - 2100-01-01T00:00:00Z\n",
	 4133980800},
	{"a gap counts as the end",
	 "a" SECRET "WY= - 2100-01-01T00:00:00Z\n"
	 "b" SECRET "WY= 2100-01-01T00:00:01Z -\n",
	 4102444800},
	{"all past", "a" SECRET "WY= - 2020-01-01T00:00:00Z\n", 0},
	{"all future", "a" SECRET "WY= 2100-01-01T00:00:00Z -\n", 0},
};

START_TEST(reload_knows_until_when_keys_sign)
{
	issuer_fixture_write(&fixture, "keys", endings[_i].keys);
	ck_assert_msg(reload_with(""), "%s", report.error);

	int64_t got = fixture.issuer.settings->files[MRAS_FILE_KEYS].expires_s;
	if (endings[_i].ends_s == 0)
		ck_assert_int_le(got, time(NULL));
	else
		ck_assert_msg(got == endings[_i].ends_s, "%s: %lld", endings[_i].name,
			      (long long)got);
}
END_TEST

START_TEST(reload_warns_of_ends_once_a_day)
{
	FILE *captured = tmpfile();
	char text[4096];

	issuer_fixture_certify(&fixture, 30 * 86400);
	issuer_fixture_write(&fixture, "keys", "a" SECRET "WY= - 2020-01-01T00:00:00Z\n");
	ck_assert(reload_with(""));
	ck_assert_ptr_nonnull(captured);
	ck_assert_int_ge(dup2(fileno(captured), STDERR_FILENO), 0);
	for (int day = 0; day < 20; day++) {
		for (int i = 0; i < 3; i++)
			mras_reload_periodic(fixture.mras_reload);
		fixture.issuer.unix_s += 86400;
	}

	ssize_t len = pread(fileno(captured), text, sizeof(text) - 1, 0);
	ck_assert_int_gt(len, 0);
	text[len] = '\0';
	size_t keys = 0, certificates = 0;
	for (const char *p = text; (p = strstr(p, "no key of ")) != NULL; p++)
		keys++;
	for (const char *p = text; (p = strstr(p, "tls.certificate: ")); p++)
		certificates++;
	ck_assert_uint_eq(keys, 20);
	ck_assert_msg(certificates == 3 || certificates == 4, "%zu", certificates);
	fclose(captured);
}
END_TEST

START_TEST(reload_keeps_relays_draining)
{
	struct service_relay *relays = fixture.issuer.settings->relays;

	ck_assert_int_eq(mras_drain_begin(relays, 3, "192.0.2.2", false),
			 MRAS_DRAIN_DONE);
	ck_assert(reload_with("relay { location = outside host = av0.lab.example }\n"));
	relays = fixture.issuer.settings->relays;
	ck_assert(!relays[0].draining);
	ck_assert(relays[1].draining);
	ck_assert(!relays[2].draining);
	ck_assert(!relays[3].draining);
}
END_TEST

static void reload_suite(Suite *suite)
{
	TCase *tc = tcase_create("mras_reload");

	tcase_add_checked_fixture(tc, make, end);
	tcase_add_test(tc, reload_of_the_same_file_changes_nothing);
	tcase_add_test(tc, reload_names_every_change);
	tcase_add_test(tc, reload_leaves_some_keys_to_a_restart);
	tcase_add_loop_test(tc, reload_of_a_faulty_file_changes_nothing, 0, ROWS(wrong));
	tcase_add_test(tc, reload_reports_files_by_content);
	tcase_add_test(tc, reload_watches_every_file);
	tcase_add_test(tc, reload_tries_a_faulty_file_once);
	tcase_add_loop_test(tc, reload_knows_until_when_keys_sign, 0, ROWS(endings));
	tcase_add_test(tc, reload_warns_of_ends_once_a_day);
	tcase_add_test(tc, reload_keeps_relays_draining);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("mras_reload", reload_suite)
