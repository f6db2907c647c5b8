/*
 * test_openmetrics.c - the text in both formats, byte by byte.
 */
#include "base/metrics/openmetrics.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/lib/unit.h"

static struct openmetrics om;

static void begin(enum openmetrics_form form)
{
	openmetrics_init(&om, form);
}

static void expect(const char *want)
{
	size_t len = 0;
	char *text = openmetrics_finish(&om, &len);

	ck_assert_str_eq(text, want);
	ck_assert_uint_eq(len, strlen(want));
	free(text);
}

START_TEST(openmetrics_of_each_type)
{
	static const double bounds[] = {0.5, 60};
	static const uint64_t counts[] = {3, 0, 1};
	static const struct openmetrics_histogram histogram = {
		.bounds = bounds, .counts = counts, .bound_count = 2, .sum = 90.25};

	begin(OPENMETRICS_1_0_0);
	openmetrics_family(&om, METRIC_GAUGE, "a_ports", NULL, "Ports.");
	openmetrics_count(&om, 7, NULL);
	openmetrics_family(&om, METRIC_COUNTER, "a_bytes", "bytes", "Bytes.");
	openmetrics_count(&om, UINT64_MAX, "side", "inside", NULL);
	openmetrics_count(&om, 0, "side", "outside", "kind", "x", NULL);
	openmetrics_family(&om, METRIC_INFO, "a_build", NULL, "Build.");
	openmetrics_count(&om, 1, "version", "1", NULL);
	openmetrics_family(&om, METRIC_HISTOGRAM, "a_time_seconds", "seconds", "Time.");
	openmetrics_histogram(&om, &histogram, "of", "it", NULL);
	expect("# TYPE a_ports gauge\n"
	       "# HELP a_ports Ports.\n"
	       "a_ports 7\n"
	       "# TYPE a_bytes counter\n"
	       "# UNIT a_bytes bytes\n"
	       "# HELP a_bytes Bytes.\n"
	       "a_bytes_total{side=\"inside\"} 18446744073709551615\n"
	       "a_bytes_total{side=\"outside\",kind=\"x\"} 0\n"
	       "# TYPE a_build info\n"
	       "# HELP a_build Build.\n"
	       "a_build_info{version=\"1\"} 1\n"
	       "# TYPE a_time_seconds histogram\n"
	       "# UNIT a_time_seconds seconds\n"
	       "# HELP a_time_seconds Time.\n"
	       "a_time_seconds_bucket{of=\"it\",le=\"0.5\"} 3\n"
	       "a_time_seconds_bucket{of=\"it\",le=\"60.0\"} 3\n"
	       "a_time_seconds_bucket{of=\"it\",le=\"+Inf\"} 4\n"
	       "a_time_seconds_sum{of=\"it\"} 90.25\n"
	       "a_time_seconds_count{of=\"it\"} 4\n"
	       "# EOF\n");
}
END_TEST

START_TEST(the_older_format_differs)
{
	begin(PROMETHEUS_0_0_4);
	openmetrics_family(&om, METRIC_COUNTER, "a_bytes", "bytes", "Bytes.");
	openmetrics_count(&om, 5, NULL);
	openmetrics_family(&om, METRIC_INFO, "a_build", NULL, "Build.");
	openmetrics_count(&om, 1, "version", "1", NULL);
	expect("# TYPE a_bytes_total counter\n"
	       "# HELP a_bytes_total Bytes.\n"
	       "a_bytes_total 5\n"
	       "# TYPE a_build_info gauge\n"
	       "# HELP a_build_info Build.\n"
	       "a_build_info{version=\"1\"} 1\n");
}
END_TEST

START_TEST(labels_are_escaped)
{
	begin(PROMETHEUS_0_0_4);
	openmetrics_family(&om, METRIC_GAUGE, "a", NULL, "Say \"a\\b\"\nand c.");
	openmetrics_count(&om, 1, "l", "\"} 1\n\\", NULL);
	expect("# TYPE a gauge\n"
	       "# HELP a Say \"a\\\\b\"\\nand c.\n"
	       "a{l=\"\\\"} 1\\n\\\\\"} 1\n");
	begin(OPENMETRICS_1_0_0);
	openmetrics_family(&om, METRIC_GAUGE, "a", NULL, "Say \"a\".");
	expect("# TYPE a gauge\n"
	       "# HELP a Say \\\"a\\\".\n"
	       "# EOF\n");
}
END_TEST

static const struct {
	double value;
	const char *want;
} numbers[] = {
	{0, "a 0.0\n"},
	{-3, "a -3.0\n"},
	{0.1, "a 0.1\n"},
	{1795421968, "a 1795421968.0\n"},
	{1.0 / 3, "a 0.3333333333333333\n"},
	{1e300, "a 1e+300\n"},
	{DBL_MIN, "a 2.2250738585072014e-308\n"},
	{(double)INFINITY, "a +Inf\n"},
	{-(double)INFINITY, "a -Inf\n"},
	{(double)NAN, "a NaN\n"},
};

START_TEST(numbers_read_back_as_they_were)
{
	static const char head[] = "# TYPE a gauge\n# HELP a b\n";
	char want[128];

	begin(PROMETHEUS_0_0_4);
	openmetrics_family(&om, METRIC_GAUGE, "a", NULL, "b");
	openmetrics_real(&om, numbers[_i].value, NULL);
	snprintf(want, sizeof(want), "%s%s", head, numbers[_i].want);
	expect(want);
}
END_TEST

START_TEST(a_long_text_grows)
{
	char *text;
	size_t len;

	begin(OPENMETRICS_1_0_0);
	openmetrics_family(&om, METRIC_GAUGE, "a", NULL, "b");
	for (unsigned i = 0; i < 100000; i++)
		openmetrics_count(&om, 1, NULL);
	text = openmetrics_finish(&om, &len);
	ck_assert_uint_eq(len, strlen("# TYPE a gauge\n# HELP a b\n# EOF\n") + 400000);
	ck_assert_str_eq(text + len - 10, "a 1\n# EOF\n");
	free(text);
}
END_TEST

START_TEST(a_failure_is_remembered)
{
	begin(OPENMETRICS_1_0_0);
	om.failed = true;
	openmetrics_family(&om, METRIC_GAUGE, "a", NULL, "b");
	openmetrics_count(&om, 1, NULL);
	ck_assert_ptr_null(openmetrics_finish(&om, NULL));
	expect("# EOF\n"); /* and begins anew */
}
END_TEST

static void openmetrics_suite(Suite *suite)
{
	TCase *tc = tcase_create("openmetrics");
	tcase_add_test(tc, openmetrics_of_each_type);
	tcase_add_test(tc, the_older_format_differs);
	tcase_add_test(tc, labels_are_escaped);
	tcase_add_loop_test(tc, numbers_read_back_as_they_were, 0, ROWS(numbers));
	tcase_add_test(tc, a_long_text_grows);
	tcase_add_test(tc, a_failure_is_remembered);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("openmetrics", openmetrics_suite)
