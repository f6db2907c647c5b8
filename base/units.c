/*
 * units.c - durations, sizes and bit rates as people write them.
 */
#include "base/units.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations[] = {
	{"", 1},      {"s", 1},         {"m", 60}, {"h", 3600},
	{"d", 86400}, {"w", 7 * 86400}, {NULL, 0},
};

static const struct unit sizes[] = {
	{"", 1},        {"B", 1},         {"K", 1024},        {"KiB", 1024},
	{"M", 1 << 20}, {"MiB", 1 << 20}, {"G", 1 << 30},     {"GiB", 1 << 30},
	{"kB", 1000},   {"MB", 1000000},  {"GB", 1000000000}, {NULL, 0},
};

static const struct unit bitrates[] = {
	{"", 1},           {"bit", 1},           {"kbit", 1000},
	{"Mbit", 1000000}, {"Gbit", 1000000000}, {"bit/s", 1},
	{"kbit/s", 1000},  {"Mbit/s", 1000000},  {"Gbit/s", 1000000000},
	{NULL, 0},
};

static bool take_number(const char **text, uint64_t *number)
{
	const char *p = *text;
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	}
	*text = p;
	*number = n;
	return true;
}

static bool parse(const char *text, const struct unit *units, uint64_t *value)
{
	uint64_t n, product;

	if (!take_number(&text, &n))
		return false;
	while (units->name && strcmp(text, units->name) != 0)
		units++;
	if (!units->name || __builtin_mul_overflow(n, units->factor, &product))
		return false;
	*value = product;
	return true;
}

bool units_duration(const char *text, int64_t *seconds)
{
	uint64_t n;

	if (!parse(text, durations, &n) || n > INT64_MAX)
		return false;
	*seconds = (int64_t)n;
	return true;
}

bool units_bytes(const char *text, uint64_t *bytes)
{
	return parse(text, sizes, bytes);
}

bool units_bitrate(const char *text, uint64_t *bits_per_s)
{
	return parse(text, bitrates, bits_per_s);
}

/* In the first unit that divides the value; the last one is the base unit. */
static const char *text_of(uint64_t value, const char *sign, const struct unit *unit,
			   char buf[UNITS_TEXT_MAX])
{
	for (; value % unit->factor != 0; unit++)
		assert(unit->factor != 1);
	int len = snprintf(buf, UNITS_TEXT_MAX, "%s%" PRIu64 "%s", sign,
			   value / unit->factor, unit->name);
	assert(len < UNITS_TEXT_MAX);
	return buf;
}

const char *units_duration_text(int64_t seconds, char buf[UNITS_TEXT_MAX])
{
	/* Weeks are read but not written: "90d" says more than "2160h" or "12w 6d". */
	static const struct unit units[] = {
		{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};

	if (seconds == 0)
		return strcpy(buf, "0s");
	return seconds < 0 ? text_of(-(uint64_t)seconds, "-", units, buf)
			   : text_of((uint64_t)seconds, "", units, buf);
}

const char *units_bitrate_text(uint64_t bits_per_s, char buf[UNITS_TEXT_MAX])
{
	static const struct unit units[] = {
		{"Gbit", 1000000000}, {"Mbit", 1000000}, {"kbit", 1000}, {"bit", 1}};

	return bits_per_s == 0 ? strcpy(buf, "0") : text_of(bits_per_s, "", units, buf);
}

const char *units_bytes_text(uint64_t bytes, char buf[UNITS_TEXT_MAX])
{
	static const struct unit units[] = {
		{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}};

	return bytes == 0 ? strcpy(buf, "0") : text_of(bytes, "", units, buf);
}
