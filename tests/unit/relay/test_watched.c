/*
 * test_watched.c - which files a configuration names, and what a change of one looks like.
 */
#include "relay/reload/watched.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relay/reload/config_schema.h"
#include "tests/unit/lib/unit.h"

#define SIDES \
	"side inside { addresses = {10.0.0.5} } side outside { addresses = {192.0.2.10} }\n"

static char folder[64], keys[128], certificate[128];

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

/* Dates are set by hand, so that nothing depends on the clock of the file system. */
static void date(const char *path, time_t when_s)
{
	const struct timespec times[2] = {{.tv_sec = when_s}, {.tv_sec = when_s}};

	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void begin(void)
{
	strcpy(folder, P_tmpdir "/avedge-watched-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(keys, sizeof(keys), "%s/keys", folder);
	snprintf(certificate, sizeof(certificate), "%s/cert", folder);
	put(keys, "12345");
	date(keys, 0);
}

static void end(void)
{
	unlink(keys);
	unlink(certificate);
	ck_assert_int_eq(rmdir(folder), 0);
}

static struct config *config_with(const char *keys_file)
{
	char text[1024], error[512];

	snprintf(text, sizeof(text),
		 SIDES
		 "keys = \"%s\" tls { certificate = \"%s\" private_key = \"%s\" }\n",
		 keys_file, certificate, certificate);
	struct config *config =
		config_parse("F", text, strlen(text), error, sizeof(error));
	ck_assert_msg(config != NULL, "%s", error);
	return config;
}

START_TEST(files_of_the_schema_are_watched)
{
	struct config *config = config_with(keys);
	struct watched before = watched_now(config), after = watched_now(config);
	struct reload_report report = {0};

	ck_assert(watched_equal(&before, &after));
	ck_assert(watched_report(config, &before, config, &after, &report));
	ck_assert_uint_eq(report.count, 0);

	put(keys, "123456");
	date(keys, 86400);
	put(certificate, "");
	date(certificate, 86400);
	after = watched_now(config);
	ck_assert(!watched_equal(&before, &after));
	ck_assert(watched_report(config, &before, config, &after, &report));
	ck_assert_uint_eq(report.count, 3);
	ck_assert_str_eq(report.changes[0].key, "keys");
	ck_assert_str_eq(report.changes[0].before, "1970-01-01T00:00:00Z, 5 bytes");
	ck_assert_str_eq(report.changes[0].after, "1970-01-02T00:00:00Z, 6 bytes");
	ck_assert_uint_eq(report.changes[0].effect, RELOAD_EFFECT_APPLIED);
	ck_assert_str_eq(report.changes[1].key, "tls.certificate");
	ck_assert_str_eq(report.changes[1].before, "no file");
	ck_assert_str_eq(report.changes[2].key, "tls.private_key");
	reload_report_clear(&report);
	config_free(config);
}
END_TEST

/* Then the key itself has changed, and that is told already. */
START_TEST(another_path_is_not_told_twice)
{
	struct config *before = config_with(keys), *after = config_with("/none");
	struct watched looked = watched_now(before), look = watched_now(after);
	struct reload_report report = {0};

	ck_assert(!watched_equal(&looked, &look));
	ck_assert(watched_report(before, &looked, after, &look, &report));
	ck_assert_uint_eq(report.count, 0);
	config_free(before);
	config_free(after);
}
END_TEST

/* Everything that is a path to be read, and room for all of it. */
START_TEST(every_file_has_its_place)
{
	size_t count = 0;

	for (size_t i = 0; i < config_schema_count; i++) {
		const struct config_key *key = &config_schema[i];

		count += key->watched;
		ck_assert_msg(!key->watched ||
				      (key->sides == 0 && (key->type == CONFIG_PATH ||
							   key->type == CONFIG_OPTIONAL)),
			      "%s.%s", key->file.section, key->file.name);
		ck_assert_msg(key->watched || key->type != CONFIG_PATH, "%s.%s",
			      key->file.section, key->file.name);
	}
	ck_assert_uint_ge(count, 3);
	ck_assert_uint_le(count, WATCHED_MAX);
}
END_TEST

static void watched_suite(Suite *suite)
{
	TCase *tc = tcase_create("watched");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, files_of_the_schema_are_watched);
	tcase_add_test(tc, another_path_is_not_told_twice);
	tcase_add_test(tc, every_file_has_its_place);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("watched", watched_suite)
