/*
 * test_units.c - durations, sizes and bit rates: what is read, and what is refused.
 */
#include "base/units.h"

#include <inttypes.h>

#include "base/config/dscp.h"
#include "tests/unit/lib/unit.h"

enum kind { DURATION, BYTES, BITRATE };

static bool parse(enum kind kind, const char *text, uint64_t *value)
{
	int64_t seconds = 0;
	bool ok = false;

	switch (kind) {
	case DURATION:
		ok = units_duration(text, &seconds);
		*value = (uint64_t)seconds;
		break;
	case BYTES:
		ok = units_bytes(text, value);
		break;
	case BITRATE:
		ok = units_bitrate(text, value);
		break;
	}
	return ok;
}

static const struct {
	enum kind kind;
	const char *text;
	uint64_t want;
} good[] = {
	{DURATION, "0", 0},
	{DURATION, "7", 7},
	{DURATION, "30s", 30},
	{DURATION, "15m", 900},
	{DURATION, "8h", 28800},
	{DURATION, "90d", 7776000},
	{DURATION, "2w", 1209600},
	{DURATION, "007s", 7},
	{DURATION, "9223372036854775807", INT64_MAX},
	{DURATION, "153722867280912930m", INT64_MAX - 7},
	{BYTES, "1500", 1500},
	{BYTES, "1500B", 1500},
	{BYTES, "64K", 65536},
	{BYTES, "64KiB", 65536},
	{BYTES, "64kB", 64000},
	{BYTES, "3MiB", 3145728},
	{BYTES, "3MB", 3000000},
	{BYTES, "2G", 2147483648},
	{BYTES, "18446744073709551615", UINT64_MAX},
	{BYTES, "17179869183GiB", UINT64_MAX - (1 << 30) + 1},
	{BITRATE, "64000", 64000},
	{BITRATE, "64000bit", 64000},
	{BITRATE, "64kbit", 64000},
	{BITRATE, "10Mbit", 10000000},
	{BITRATE, "10Mbit/s", 10000000},
	{BITRATE, "1Gbit", 1000000000},
};

START_TEST(reads_exactly)
{
	uint64_t value = 1;
	bool ok = parse(good[_i].kind, good[_i].text, &value);

	ck_assert_msg(ok && value == good[_i].want, "\"%s\": %s %" PRIu64, good[_i].text,
		      ok ? "read as" : "refused", value);
}
END_TEST

static const struct {
	enum kind kind;
	const char *why;
	const char *text;
} bad[] = {
	{DURATION, "empty", ""},
	{DURATION, "a unit alone", "s"},
	{DURATION, "negative", "-1s"},
	{DURATION, "a plus sign", "+1s"},
	{DURATION, "a fraction", "1.5h"},
	{DURATION, "leading space", " 1s"},
	{DURATION, "a space between", "1 s"},
	{DURATION, "trailing space", "1s "},
	{DURATION, "two units", "1h30m"},
	{DURATION, "an unknown unit", "1y"},
	{DURATION, "the wrong case", "1H"},
	{DURATION, "hexadecimal", "0x10"},
	{DURATION, "an exponent", "1e3"},
	{DURATION, "one second beyond 63 bits", "9223372036854775808"},
	{DURATION, "one minute beyond 63 bits", "153722867280912931m"},
	{DURATION, "weeks that wrap 64 bits", "30500568904944w"},
	{DURATION, "21 digits", "100000000000000000000"},
	{DURATION, "a size", "1KiB"},
	{BYTES, "one beyond 64 bits", "18446744073709551616"},
	{BYTES, "gibibytes that wrap", "17179869184GiB"},
	{BYTES, "a bit rate", "1kbit"},
	{BYTES, "a duration", "1m"},
	{BITRATE, "bytes per second", "1MB"},
	{BITRATE, "gigabits that wrap", "18446744074Gbit"},
	{BITRATE, "half a suffix", "1Mbit/"},
};

START_TEST(refuses)
{
	uint64_t value = 4711;
	int64_t seconds = 4711;

	ck_assert_msg(!parse(bad[_i].kind, bad[_i].text, &value), "%s: \"%s\" was read",
		      bad[_i].why, bad[_i].text);
	if (bad[_i].kind == DURATION) {
		units_duration(bad[_i].text, &seconds);
		ck_assert_int_eq(seconds, 4711);
	} else {
		ck_assert_uint_eq(value, 4711);
	}
}
END_TEST

static const struct {
	int64_t seconds;
	const char *want;
} texts[] = {
	{0, "0s"},
	{1, "1s"},
	{90, "90s"},
	{120, "2m"},
	{5400, "90m"},
	{28800, "8h"},
	{86400, "1d"},
	{7776000, "90d"},
	{90000, "25h"},
	{-28800, "-8h"},
	{INT64_MAX, "9223372036854775807s"},
};

START_TEST(writes_the_largest_unit_without_rest)
{
	char buf[UNITS_TEXT_MAX];

	ck_assert_str_eq(units_duration_text(texts[_i].seconds, buf), texts[_i].want);
}
END_TEST

static const struct {
	uint64_t rate;
	const char *want;
} rates[] = {
	{0, "0"},
	{1, "1bit"},
	{1000, "1kbit"},
	{1500000, "1500kbit"},
	{3000000, "3Mbit"},
	{10000000000, "10Gbit"},
	{UINT64_MAX, "18446744073709551615bit"},
};

START_TEST(writes_a_bit_rate_that_reads_the_same)
{
	char buf[UNITS_TEXT_MAX];
	uint64_t again;

	ck_assert_str_eq(units_bitrate_text(rates[_i].rate, buf), rates[_i].want);
	ck_assert(units_bitrate(buf, &again));
	ck_assert_uint_eq(again, rates[_i].rate);
}
END_TEST

static const struct {
	uint64_t bytes;
	const char *want;
} sizes[] = {
	{0, "0"},
	{1, "1"},
	{1000, "1000"},
	{1024, "1K"},
	{256 << 10, "256K"},
	{1025 << 10, "1025K"},
	{UINT64_C(3) << 30, "3G"},
	{UINT64_MAX, "18446744073709551615"},
};

START_TEST(writes_a_size_that_reads_the_same)
{
	char buf[UNITS_TEXT_MAX];
	uint64_t again;

	ck_assert_str_eq(units_bytes_text(sizes[_i].bytes, buf), sizes[_i].want);
	ck_assert(units_bytes(buf, &again));
	ck_assert_uint_eq(again, sizes[_i].bytes);
}
END_TEST

START_TEST(dscp_has_names_and_numbers)
{
	static const struct {
		const char *text;
		uint8_t dscp;
		const char *printed;
	} names[] = {
		{"copy", DSCP_COPY, "copy"},
		{"", DSCP_NONE, ""},
		{"0", 0, "default"},
		{"CS0", 0, "default"},
		{"ef", 46, "ef"},
		{"46", 46, "ef"},
		{"AF41", 34, "af41"},
		{"63", 63, "63"},
		{"1", 1, "le"},
		{"07", 7, "7"},
		{"va", 44, "va"},
	};
	static const char *const wrong[] = {"64",  "-1",  "046", "0x2e",
					    "e f", "efx", "cs8", " 1"};
	char text[DSCP_TEXT_LEN];
	uint8_t dscp;

	for (size_t i = 0; i < ROWS(names); i++) {
		ck_assert_msg(dscp_parse(names[i].text, &dscp), "%s", names[i].text);
		ck_assert_uint_eq(dscp, names[i].dscp);
		ck_assert_str_eq(dscp_format(dscp, text), names[i].printed);
	}
	for (size_t i = 0; i < ROWS(wrong); i++)
		ck_assert_msg(!dscp_parse(wrong[i], &dscp), "%s", wrong[i]);
}
END_TEST

static void units_suite(Suite *suite)
{
	TCase *tc = tcase_create("units");
	tcase_add_loop_test(tc, reads_exactly, 0, ROWS(good));
	tcase_add_loop_test(tc, refuses, 0, ROWS(bad));
	tcase_add_loop_test(tc, writes_the_largest_unit_without_rest, 0, ROWS(texts));
	tcase_add_loop_test(tc, writes_a_bit_rate_that_reads_the_same, 0, ROWS(rates));
	tcase_add_loop_test(tc, writes_a_size_that_reads_the_same, 0, ROWS(sizes));
	tcase_add_test(tc, dscp_has_names_and_numbers);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("units", units_suite)
