/*
 * test_keyfile.c - the keyring file: which files are accepted, and that a save replaces
 * the file completely or not at all.
 */
#include "auth/credential/keyfile.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/lib/unit.h"

static const char line[] = "one MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n";

static char directory[] = P_tmpdir "/avedge-keyfile-XXXXXX";
static char path[64];
static char error[512];

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/keys", directory);
}

/* The number of files in the directory. */
static int files(void)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	int count = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)))
		count += *entry->d_name != '.';
	closedir(dir);
	return count;
}

static void teardown(void)
{
	char name[512];
	DIR *dir = opendir(directory);
	struct dirent *entry;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", directory, entry->d_name);
		if (unlink(name) < 0)
			rmdir(name);
	}
	closedir(dir);
	rmdir(directory);
}

static void write_file(const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static struct keyring *load(void)
{
	struct keyring *ring = keyfile_load(path, error, sizeof(error));

	ck_assert_msg(ring != NULL, "%s", error);
	return ring;
}

/* The load fails and the error contains all of these. */
static void refused(const char *first, const char *second)
{
	ck_assert_ptr_null(keyfile_load(path, error, sizeof(error)));
	ck_assert_msg(strncmp(error, path, strlen(path)) == 0, "%s", error);
	ck_assert_msg(strstr(error, first) && strstr(error, second), "%s", error);
}

static const struct {
	mode_t mode;
	bool good;
} modes[] = {
	{0640, true},  {0600, true},  {0440, true},   {0400, true},  {0644, false},
	{0660, false}, {0641, false}, {0642, false},  {0650, false}, {0740, false},
	{0700, false}, {0777, false}, {04640, false},
};

START_TEST(only_owner_and_group_may_read_it)
{
	write_file(line, strlen(line), modes[_i].mode);
	if (modes[_i].good)
		keyring_free(load());
	else
		refused("mode", "chmod 0640");
}
END_TEST

START_TEST(a_missing_file_says_how_to_make_one)
{
	refused("does not exist", "avedgectl key new --keys");
}
END_TEST

START_TEST(an_error_names_its_line)
{
	static const char text[] = "# comment\n\none short\n";

	write_file(text, strlen(text), 0640);
	refused("keys:3: ", "base64");
}
END_TEST

START_TEST(an_empty_file_names_no_line)
{
	write_file("", 0, 0640);
	refused("keys: ", "no key");
}
END_TEST

START_TEST(a_file_of_64_kib_is_the_largest)
{
	static char text[65537];

	memset(text, '\n', sizeof(text));
	memcpy(text, line, strlen(line));
	write_file(text, 65536, 0640);
	keyring_free(load());
	write_file(text, 65537, 0640);
	refused("64 KiB", "");
}
END_TEST

START_TEST(a_pipe_or_directory_is_not_a_keyring)
{
	if (_i == 0)
		ck_assert_int_eq(mkfifo(path, 0640), 0);
	else
		ck_assert_int_eq(mkdir(path, 0640), 0);
	refused("regular file", "");
}
END_TEST

START_TEST(a_link_is_followed)
{
	char target[80];

	write_file(line, strlen(line), 0640);
	snprintf(target, sizeof(target), "%s/real", directory);
	ck_assert_int_eq(rename(path, target), 0);
	ck_assert_int_eq(symlink("real", path), 0);

	struct keyring *ring = load();
	struct stat st;
	ck_assert_int_eq(keyfile_save(path, ring, error, sizeof(error)), 0);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	ck_assert_int_eq(files(), 2);
	keyring_free(ring);
}
END_TEST

START_TEST(a_new_file_gets_mode_0640)
{
	struct keyring ring = {.count = 1};
	struct stat st;

	umask(0777);
	ck_assert_int_eq(key_generate(&ring.keys[0], "one"), 0);
	ck_assert_int_eq(keyfile_save(path, &ring, error, sizeof(error)), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);

	struct keyring *again = load();
	ck_assert_uint_eq(again->count, 1);
	ck_assert_mem_eq(again->keys[0].secret, ring.keys[0].secret, 43);
	ck_assert_mem_eq(again->keys[0].mras_token, ring.keys[0].mras_token,
			 KEY_DERIVED_LEN);
	keyring_free(again);
}
END_TEST

/* A reader of the old file still sees the old text, because a new file took its name. */
START_TEST(a_save_replaces_the_whole_file)
{
	struct keyring *ring;
	struct stat before;
	struct stat after;
	char text[256];

	write_file(line, strlen(line), 0600);
	int fd = open(path, O_RDONLY);
	ck_assert_int_eq(fstat(fd, &before), 0);
	ring = load();
	ring->count = 2;
	ck_assert_int_eq(key_generate(&ring->keys[1], "two"), 0);
	ck_assert_int_eq(keyfile_save(path, ring, error, sizeof(error)), 0);
	keyring_free(ring);

	ck_assert_int_eq(read(fd, text, sizeof(text)), (ssize_t)strlen(line));
	ck_assert_mem_eq(text, line, strlen(line));
	close(fd);
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert(before.st_ino != after.st_ino);
	ck_assert_uint_eq(after.st_mode & 07777, 0600);
	ck_assert_uint_eq(after.st_uid, before.st_uid);
	ck_assert_uint_eq(after.st_gid, before.st_gid);
	ck_assert_int_eq(files(), 1);
	ring = load();
	ck_assert_uint_eq(ring->count, 2);
	keyring_free(ring);
}
END_TEST

START_TEST(a_save_that_fails_changes_nothing)
{
	write_file(line, strlen(line), 0640);
	struct keyring *ring = load();

	/* A five-digit year cannot be written. */
	ring->keys[0].not_after_s = 253402300800;
	ck_assert_int_eq(keyfile_save(path, ring, error, sizeof(error)), -1);
	ck_assert_msg(strstr(error, "cannot replace"), "%s", error);
	keyring_free(ring);
	ck_assert_int_eq(files(), 1);
	ring = load();
	ck_assert(ring->keys[0].not_after_s == INT64_MAX);
	keyring_free(ring);
}
END_TEST

START_TEST(a_missing_directory_is_reported)
{
	struct keyring ring = {.count = 0};

	snprintf(path, sizeof(path), "%s/none/keys", directory);
	ck_assert_int_eq(keyfile_save(path, &ring, error, sizeof(error)), -1);
	ck_assert_int_eq(keyfile_lock(path, error, sizeof(error)), -1);
	ck_assert_msg(strstr(error, "directory"), "%s", error);
}
END_TEST

START_TEST(one_process_changes_the_file_at_a_time)
{
	int lock = keyfile_lock(path, error, sizeof(error));
	int other = open(directory, O_RDONLY | O_DIRECTORY);

	ck_assert_int_ge(lock, 0);
	ck_assert_int_eq(flock(other, LOCK_EX | LOCK_NB), -1);
	close(lock);
	ck_assert_int_eq(flock(other, LOCK_EX | LOCK_NB), 0);
	close(other);
}
END_TEST

START_TEST(a_generated_key_needs_no_quotes_and_differs_each_time)
{
	struct key a;
	struct key b;

	ck_assert_int_eq(key_generate(&a, NULL), 0);
	ck_assert_int_eq(key_generate(&b, "b"), 0);
	ck_assert_str_eq(b.id, "b");
	ck_assert(key_id_is_valid(a.id, strlen(a.id)));
	ck_assert_uint_eq(a.secret_len, 43);
	for (size_t i = 0; i < a.secret_len; i++) {
		int c = a.secret[i];

		ck_assert_msg(isalnum(c) || c == '.' || c == '_', "0x%02x needs quoting",
			      c);
	}
	ck_assert_mem_ne(a.secret, b.secret, 43);
	ck_assert_mem_ne(a.mras_token, b.mras_token, KEY_DERIVED_LEN);
	ck_assert_ptr_null(key_secret_weakness(a.secret, a.secret_len));
	ck_assert_int_eq(key_generate(&a, "not an id"), -1);
}
END_TEST

static void keyfile_suite(Suite *suite)
{
	TCase *tc = tcase_create("keyfile");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, only_owner_and_group_may_read_it, 0, ROWS(modes));
	tcase_add_test(tc, a_missing_file_says_how_to_make_one);
	tcase_add_test(tc, an_error_names_its_line);
	tcase_add_test(tc, an_empty_file_names_no_line);
	tcase_add_test(tc, a_file_of_64_kib_is_the_largest);
	tcase_add_loop_test(tc, a_pipe_or_directory_is_not_a_keyring, 0, 2);
	tcase_add_test(tc, a_link_is_followed);
	tcase_add_test(tc, a_new_file_gets_mode_0640);
	tcase_add_test(tc, a_save_replaces_the_whole_file);
	tcase_add_test(tc, a_save_that_fails_changes_nothing);
	tcase_add_test(tc, a_missing_directory_is_reported);
	tcase_add_test(tc, one_process_changes_the_file_at_a_time);
	tcase_add_test(tc, a_generated_key_needs_no_quotes_and_differs_each_time);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("keyfile", keyfile_suite)
