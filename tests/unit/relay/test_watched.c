/*
 * test_watched.c - reloading the files that a configuration names: all or nothing, and
 * what is reported.
 */
#include "base/config/reload.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/lib/configs.h"
#include "tests/unit/lib/unit.h"

#define SIDES \
	"side inside { addresses = {10.0.0.5} } side outside { addresses = {192.0.2.10} }\n"

static char directory[64], keys[128], certificate[128], path[128];

static void put(const char *file_path, const char *text)
{
	FILE *file = fopen(file_path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

/* Dates are set explicitly, so that nothing depends on the file system's clock. */
static void date(const char *file_path, time_t when_s)
{
	const struct timespec times[2] = {{.tv_sec = when_s}, {.tv_sec = when_s}};

	ck_assert_int_eq(utimensat(AT_FDCWD, file_path, times, 0), 0);
}

static void begin(void)
{
	strcpy(directory, P_tmpdir "/avedge-watched-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(keys, sizeof(keys), "%s/keys", directory);
	snprintf(certificate, sizeof(certificate), "%s/cert", directory);
	snprintf(path, sizeof(path), "%s/conf", directory);
	put(keys, "12345");
	date(keys, 0);
}

static void end(void)
{
	unlink(keys);
	unlink(certificate);
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

static size_t rebuilt;
static bool refuses;

static bool rebuild(void *owner, const struct config *config, char *error,
		    size_t error_size)
{
	(void)owner;
	(void)config;
	rebuilt++;
	if (refuses)
		snprintf(error, error_size, "no; try again");
	return !refuses;
}

static struct reload *reload_with(struct relay_config *config)
{
	static const struct reload_ops ops = {.rebuild = rebuild};
	char error[256];
	struct reload *reload =
		reload_new(&ops, NULL, &config->common, error, sizeof(error));

	ck_assert_ptr_nonnull(reload);
	ck_assert_uint_eq(rebuilt, 1);
	return reload;
}

static void write_config(const char *keys_file)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 SIDES
		 "keys = \"%s\" tls { certificate = \"%s\" private_key = \"%s\" }\n",
		 keys_file, certificate, certificate);
	put(path, text);
}

static struct relay_config *config_with(const char *keys_file)
{
	char error[512];

	write_config(keys_file);
	struct config *config =
		config_load(&relay_config_schema, path, error, sizeof(error));
	ck_assert_msg(config != NULL, "%s", error);
	return (struct relay_config *)config;
}

START_TEST(files_of_the_schema_are_watched)
{
	struct reload *reload = reload_with(config_with(keys));
	struct reload_report report;

	ck_assert(!reload_watched_files(reload, 5));
	ck_assert_int_eq(reload_last(reload).at_s, 0);
	ck_assert_uint_eq(rebuilt, 1);

	put(keys, "123456");
	date(keys, 86400);
	put(certificate, "");
	date(certificate, 86400);
	ck_assert(reload_configuration(reload, 5, &report));
	ck_assert_uint_eq(report.count, 3);
	ck_assert_str_eq(report.changes[0].key, "keys");
	ck_assert_str_eq(report.changes[0].before, "1970-01-01T00:00:00Z, 5 bytes");
	ck_assert_str_eq(report.changes[0].after, "1970-01-02T00:00:00Z, 6 bytes");
	ck_assert_uint_eq(report.changes[0].effect, RELOAD_EFFECT_APPLIED);
	ck_assert_str_eq(report.changes[1].key, "tls.certificate");
	ck_assert_str_eq(report.changes[1].before, "no file");
	ck_assert_str_eq(report.changes[2].key, "tls.private_key");
	ck_assert_uint_eq(report.generation, 2);
	reload_report_clear(&report);

	date(keys, 2 * 86400);
	ck_assert(reload_watched_files(reload, 6));
	ck_assert_int_eq(reload_last(reload).at_s, 6);
	ck_assert_uint_eq(reload_last(reload).generation, 3);
	ck_assert(!reload_watched_files(reload, 7));
	reload_free(reload);
}
END_TEST

/* Here the configuration key itself has changed, which is already reported. */
START_TEST(another_path_is_not_reported_twice)
{
	struct reload *reload = reload_with(config_with(keys));
	struct reload_report report;

	write_config("/none");
	ck_assert(reload_configuration(reload, 5, &report));
	ck_assert_uint_eq(report.count, 1);
	ck_assert_str_eq(report.changes[0].after, "/none");
	reload_report_clear(&report);
	reload_free(reload);
}
END_TEST

START_TEST(a_failed_build_changes_nothing)
{
	struct reload *reload = reload_with(config_with(keys));
	const struct config *before = reload_config(reload);
	struct reload_report report;

	refuses = true;
	write_config("/none");
	ck_assert(!reload_configuration(reload, 5, &report));
	ck_assert_uint_eq(report.count, 0);
	ck_assert_str_eq(report.error, "no; try again");
	ck_assert_int_eq(report.result, RELOAD_REJECTED);
	ck_assert_uint_eq(report.generation, 1);
	ck_assert_ptr_eq(reload_config(reload), before);
	reload_report_clear(&report);

	/* Once, and not again until a file changes. */
	date(keys, 86400);
	ck_assert(!reload_watched_files(reload, 6));
	ck_assert_int_eq(reload_last(reload).at_s, 6);
	ck_assert(!reload_watched_files(reload, 7));
	ck_assert_int_eq(reload_last(reload).at_s, 6);
	reload_free(reload);
}
END_TEST

/* Every key that is the path of a file to read. */
START_TEST(every_file_is_watched_with_its_place)
{
	const struct config_schema *schema = &relay_config_schema;
	size_t count = 0;

	for (size_t i = 0; i < schema->key_count; i++) {
		const struct config_key *key = &schema->keys[i];

		count += key->watched;
		ck_assert_msg(!key->watched || key->type == CONFIG_PATH ||
				      key->type == CONFIG_OPTIONAL,
			      "%s.%s", key->section, key->name);
		ck_assert_msg(key->watched || key->type != CONFIG_PATH, "%s.%s",
			      key->section, key->name);
	}
	ck_assert_uint_ge(count, 3);
}
END_TEST

static void watched_suite(Suite *suite)
{
	TCase *tc = tcase_create("watched");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, files_of_the_schema_are_watched);
	tcase_add_test(tc, another_path_is_not_reported_twice);
	tcase_add_test(tc, a_failed_build_changes_nothing);
	tcase_add_test(tc, every_file_is_watched_with_its_place);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("watched", watched_suite)
