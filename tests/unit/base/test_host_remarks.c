/*
 * test_host_remarks.c - which ports of a range the system gives to anybody.
 */
#include "base/config/host_remarks.h"

#include "tests/unit/lib/unit.h"

static const struct {
	const char *name;
	uint16_t first, last;
	const char *range, *reserved;
	bool want;
	uint16_t low, high;
} ranges[] = {
	{"all of it", 50000, 59999, "32768\t60999\n", "", true, 50000, 59999},
	{"its start", 60000, 61999, "32768\t60999", "", true, 60000, 60999},
	{"its end", 20000, 32768, "32768 60999", "", true, 32768, 32768},
	{"below", 20000, 32767, "32768 60999", "", false, 0, 0},
	{"above", 61000, 65535, "32768 60999", "", false, 0, 0},
	{"reserved", 50000, 59999, "32768 60999", "50000-59999\n", false, 0, 0},
	{"reserved with others", 50000, 50001, "32768 60999", "8080,50000,50001-50009",
	 false, 0, 0},
	{"reserved in part", 50000, 50009, "32768 60999", "50000-50003,50009", true,
	 50004, 50008},
	{"one port is free", 50000, 50009, "32768 60999", "50000-50006,50008-50009", true,
	 50007, 50007},
	{"reserved elsewhere", 50000, 50009, "32768 60999", "5000-5009", true, 50000,
	 50009},
	{"the last port", 65535, 65535, "1024 65535", "65534", true, 65535, 65535},
	{"unknown", 50000, 50009, "", "", false, 0, 0},
	{"nonsense", 50000, 50009, "32768 60999", "x-y", true, 50000, 50009},
};

START_TEST(ephemeral_ports_that_are_not_reserved)
{
	uint16_t low = 0, high = 0;
	bool got = host_remarks_ephemeral(ranges[_i].first, ranges[_i].last,
					  ranges[_i].range, ranges[_i].reserved, &low,
					  &high);

	ck_assert_msg(got == ranges[_i].want && low == ranges[_i].low &&
			      high == ranges[_i].high,
		      "%s: %d, %u-%u", ranges[_i].name, got, low, high);
}
END_TEST

static void host_remarks_suite(Suite *suite)
{
	TCase *tc = tcase_create("host_remarks");

	tcase_add_loop_test(tc, ephemeral_ports_that_are_not_reserved, 0, ROWS(ranges));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("host_remarks", host_remarks_suite)
