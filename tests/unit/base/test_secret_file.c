/*
 * test_secret_file.c - which file is read if only root may read some of them.
 */
#include "base/secret_file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/lib/unit.h"

enum { NOBODY = 65534 };

static char top[] = P_tmpdir "/avedge-secret-XXXXXX";

/*
 * open/ and private/ with files as in /etc, credentials/ with copies. private/ cannot be
 * searched, as if it belonged to root.
 */
static const char *const files[] = {
	"/open/keys",
	"/open/relay.key",
	"/private/keys",
	"/private/relay.key",
	"/private/other.key",
	"/private/no.key",
	"/credentials/open_keys",
	"/credentials/private_keys",
	"/credentials/private_relay.key",
	"/credentials/relay.key",
	"/credentials/other.key",
	"/credentials/gone.key",
};
static const char *const directories[] = {"/open", "/private", "/credentials"};

static char *at_top(char *buf, const char *path)
{
	snprintf(buf, PATH_MAX, "%s%s", top, path);
	return buf;
}

static void setup(void)
{
	char path[PATH_MAX];

	strcpy(top + strlen(top) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(chmod(top, 0755), 0);
	for (size_t i = 0; i < ARRAY_LEN(directories); i++)
		ck_assert_int_eq(mkdir(at_top(path, directories[i]), 0755), 0);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		int fd = open(at_top(path, files[i]), O_CREAT | O_WRONLY | O_CLOEXEC,
			      0644);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(fchmod(fd, 0644), 0);
		close(fd);
	}
	ck_assert_int_eq(chmod(at_top(path, "/private"), 0), 0);
	setenv("CREDENTIALS_DIRECTORY", at_top(path, "/credentials"), 1);
	/* Root may read everything. */
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(NOBODY), 0);
}

static void teardown(void)
{
	char path[PATH_MAX];

	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	chmod(at_top(path, "/private"), 0755);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		unlink(at_top(path, files[i]));
	for (size_t i = 0; i < ARRAY_LEN(directories); i++)
		rmdir(at_top(path, directories[i]));
	rmdir(top);
}

static const struct {
	const char *name;
	const char *path;
	const char *want;
} rows[] = {
	{"a readable file is read where it is", "/open/keys", "/open/keys"},
	{"a readable file is read, although it has a credential", "/open/relay.key",
	 "/open/relay.key"},
	{"by its directory", "/private/keys", "/credentials/private_keys"},
	{"the directory wins over the name alone", "/private/relay.key",
	 "/credentials/private_relay.key"},
	{"a single file", "/private/other.key", "/credentials/other.key"},
	{"no credential: the error is about the file", "/private/no.key",
	 "/private/no.key"},
	{"a missing file is not replaced", "/open/gone.key", "/open/gone.key"},
};

START_TEST(is_found)
{
	char path[PATH_MAX], want[PATH_MAX], buf[PATH_MAX];
	const char *got = secret_file_path(at_top(path, rows[_i].path), buf, sizeof(buf));

	ck_assert_msg(strcmp(got, at_top(want, rows[_i].want)) == 0, "%s: %s",
		      rows[_i].name, got);
}
END_TEST

START_TEST(without_systemd_nothing_changes)
{
	char path[PATH_MAX], buf[PATH_MAX];

	unsetenv("CREDENTIALS_DIRECTORY");
	at_top(path, "/private/keys");
	ck_assert_ptr_eq(secret_file_path(path, buf, sizeof(buf)), path);
}
END_TEST

START_TEST(long_names_are_not_cut)
{
	char path[PATH_MAX], want[PATH_MAX];
	char buf[PATH_MAX];
	size_t enough = strlen(at_top(want, "/credentials/private_keys")) + 1;

	at_top(path, "/private/keys");
	ck_assert_ptr_eq(secret_file_path(path, buf, enough), buf);
	ck_assert_str_eq(buf, want);
	ck_assert_ptr_eq(secret_file_path(path, buf, enough - 1), path);
}
END_TEST

static void secret_file_suite(Suite *suite)
{
	TCase *tc = tcase_create("secret_file");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, is_found, 0, ROWS(rows));
	tcase_add_test(tc, without_systemd_nothing_changes);
	tcase_add_test(tc, long_names_are_not_cut);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("secret_file", secret_file_suite)
