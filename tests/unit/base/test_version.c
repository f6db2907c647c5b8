/*
 * test_version.c - the version is the package's.
 */
#include "config.h"

#include "base/version.h"
#include "tests/unit/lib/unit.h"

START_TEST(version_is_the_packages)
{
	ck_assert_str_eq(version_string(), PACKAGE_VERSION);
}
END_TEST

static void version_suite(Suite *suite)
{
	TCase *tc = tcase_create("version");
	tcase_add_test(tc, version_is_the_packages);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("version", version_suite)
