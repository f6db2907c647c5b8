/*
 * test_privdrop.c - the privileges left after dropping them. Each case runs in its own
 * process; cases that need root say so when they are skipped.
 */
#include "base/privdrop.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/lib/unit.h"

static bool is_root(void)
{
	if (geteuid() == 0)
		return true;
	printf("skipped: needs root\n");
	return false;
}

START_TEST(privdrop_finds_users_and_groups)
{
	struct privdrop_identity identity;
	char error[256] = "";

	ck_assert(privdrop_lookup(NULL, NULL, &identity, error, sizeof(error)));
	ck_assert_uint_eq(identity.uid, getuid());
	ck_assert_uint_eq(identity.gid, getgid());

	ck_assert(privdrop_lookup("root", NULL, &identity, error, sizeof(error)));
	ck_assert_uint_eq(identity.uid, 0);
	ck_assert_uint_eq(identity.gid, 0);

	ck_assert(privdrop_lookup("12345", "23456", &identity, error, sizeof(error)));
	ck_assert_uint_eq(identity.uid, 12345);
	ck_assert_uint_eq(identity.gid, 23456);

	ck_assert_uint_eq(privdrop_group("root"), 0);
	ck_assert_uint_eq(privdrop_group("no-such-group"), (gid_t)-1);
	ck_assert_uint_eq(privdrop_group("4294967295"), (gid_t)-1);
	ck_assert_uint_eq(privdrop_group("1x"), (gid_t)-1);
}
END_TEST

START_TEST(privdrop_names_what_does_not_exist)
{
	struct privdrop_identity identity;
	char error[256] = "";

	ck_assert(
		!privdrop_lookup("no-such-user", NULL, &identity, error, sizeof(error)));
	ck_assert_str_eq(error, "no user \"no-such-user\"; create it or change \"user\"");
	ck_assert(
		!privdrop_lookup(NULL, "no-such-group", &identity, error, sizeof(error)));
	ck_assert_str_eq(error,
			 "no group \"no-such-group\"; create it or change \"group\"");
}
END_TEST

START_TEST(privdrop_raises_the_limit_of_files)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 64;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(privdrop_raise_files(), limit.rlim_max);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(limit.rlim_cur, limit.rlim_max);
}
END_TEST

/* User and group as the kernel knows them. */
static bool status_says(const char *line)
{
	char text[8192] = "";
	FILE *in = fopen("/proc/self/status", "r");

	if (!in)
		return false;
	text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
	fclose(in);
	return strstr(text, line) != NULL;
}

static const struct {
	const char *name;
	bool keep_bind;
	const char *effective;
} drops[] = {
	{"no capability is left", false, "CapEff:\t0000000000000000\n"},
	{"the right to bind low ports is left", true, "CapEff:\t0000000000000400\n"},
};

START_TEST(privdrop_leaves_no_other_privilege)
{
	const struct privdrop_identity identity = {.uid = 12345, .gid = 23456};
	char error[256] = "";

	if (!is_root())
		return;
	ck_assert_msg(privdrop_to(&identity, drops[_i].keep_bind, error, sizeof(error)),
		      "%s", error);
	ck_assert_msg(status_says("Uid:\t12345\t12345\t12345\t12345\n"), "%s",
		      drops[_i].name);
	ck_assert(status_says("Gid:\t23456\t23456\t23456\t23456\n"));
	ck_assert_msg(status_says(drops[_i].effective), "%s", drops[_i].name);
	ck_assert(status_says("CapInh:\t0000000000000000\n"));
	ck_assert(status_says("CapAmb:\t0000000000000000\n"));
	ck_assert(status_says("CapBnd:\t0000000000000000\n"));
	ck_assert(status_says("NoNewPrivs:\t1\n"));
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	ck_assert_int_ne(setuid(0), 0);
	ck_assert_int_lt(open("/etc/shadow", O_RDONLY), 0);
}
END_TEST

START_TEST(privdrop_without_a_user_needs_no_privilege)
{
	struct privdrop_identity identity;
	char error[256] = "";

	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(12345, 12345, 12345), 0);
	ck_assert(privdrop_lookup(NULL, NULL, &identity, error, sizeof(error)));
	ck_assert_msg(privdrop_to(&identity, true, error, sizeof(error)), "%s", error);
	ck_assert(status_says("NoNewPrivs:\t1\n"));
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
}
END_TEST

START_TEST(privdrop_refuses_what_it_cannot_do)
{
	const struct privdrop_identity identity = {.uid = 54321, .gid = 54321};
	char error[256] = "";

	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(12345, 12345, 12345), 0);
	ck_assert(!privdrop_to(&identity, false, error, sizeof(error)));
	ck_assert_msg(strstr(error, "start as root, or remove \"user\" and \"group\"") !=
			      NULL,
		      "%s", error);
}
END_TEST

static void privdrop_suite(Suite *suite)
{
	TCase *tc = tcase_create("privdrop");

	tcase_add_test(tc, privdrop_finds_users_and_groups);
	tcase_add_test(tc, privdrop_names_what_does_not_exist);
	tcase_add_test(tc, privdrop_raises_the_limit_of_files);
	tcase_add_loop_test(tc, privdrop_leaves_no_other_privilege, 0, ROWS(drops));
	tcase_add_test(tc, privdrop_without_a_user_needs_no_privilege);
	tcase_add_test(tc, privdrop_refuses_what_it_cannot_do);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("privdrop", privdrop_suite)
