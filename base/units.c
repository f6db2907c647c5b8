/*
 * units.c - durations, sizes and bit rates as people write them.
 */
#include "base/units.h"

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
	uint64_t n;

	if (!take_number(&text, &n))
		return false;
	for (; units->name; units++) {
		if (strcmp(text, units->name) == 0)
			return !__builtin_mul_overflow(n, units->factor, value);
	}
	return false;
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
	uint64_t n;

	if (!parse(text, sizes, &n))
		return false;
	*bytes = n;
	return true;
}

bool units_bitrate(const char *text, uint64_t *bits_per_s)
{
	uint64_t n;

	if (!parse(text, bitrates, &n))
		return false;
	*bits_per_s = n;
	return true;
}

const char *units_duration_text(int64_t seconds, char buf[UNITS_TEXT_MAX])
{
	/* Weeks are read but not written: "90d" says more than "2160h" or "12w 6d". */
	static const struct unit written[] = {
		{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
	size_t i = 0;

	while (i < 3 && (seconds == 0 || seconds % (int64_t)written[i].factor != 0))
		i++;
	snprintf(buf, UNITS_TEXT_MAX, "%" PRId64 "%s",
		 seconds / (int64_t)written[i].factor, written[i].name);
	return buf;
}

const char *units_bitrate_text(uint64_t bits_per_s, char buf[UNITS_TEXT_MAX])
{
	static const struct unit written[] = {
		{"Gbit", 1000000000}, {"Mbit", 1000000}, {"kbit", 1000}, {"bit", 1}};
	size_t i = 0;

	if (bits_per_s == 0)
		return strcpy(buf, "0");
	while (bits_per_s % written[i].factor != 0)
		i++;
	snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64 "%s", bits_per_s / written[i].factor,
		 written[i].name);
	return buf;
}

const char *units_bytes_text(uint64_t bytes, char buf[UNITS_TEXT_MAX])
{
	static const struct unit written[] = {
		{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}};
	size_t i = 0;

	if (bytes == 0)
		return strcpy(buf, "0");
	while (bytes % written[i].factor != 0)
		i++;
	snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64 "%s", bytes / written[i].factor,
		 written[i].name);
	return buf;
}
