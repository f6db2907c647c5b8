/*
 * ctl_text.c - texts for a terminal.
 *
 * User names are chosen by strangers and appear on an administrator's screen: nothing in them may
 * reach the terminal as a command.
 */
#include "tools/ctl/ctl_text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "auth/credential/timestamp.h"

enum { ESCAPE_MAX = 16, DAY_S = 86400, SOON_DAYS = 30 };

/* Decode one UTF-8 character: its length, or 0 if invalid. */
static size_t take(const char *text, uint32_t *character)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len = p[0] < 0x80   ? 1
		     : p[0] < 0xc2 ? 0
		     : p[0] < 0xe0 ? 2
		     : p[0] < 0xf0 ? 3
				   : 4;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	if (len == 0 || p[0] > 0xf4)
		return 0;
	*character = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (p[i] & 0x3f);
	}
	if (*character < least[len] || *character > 0x10ffff ||
	    (*character >= 0xd800 && *character < 0xe000))
		return 0;
	return len;
}

/* Invisible, and can make a line read differently from what it says. */
static bool turns_text(uint32_t character)
{
	return character == 0x061c || (character >= 0x200b && character <= 0x200f) ||
	       (character >= 0x2028 && character <= 0x202e) ||
	       (character >= 0x2060 && character <= 0x206f) || character == 0xfeff ||
	       (character >= 0xfff9 && character <= 0xfffb) ||
	       (character >= 0xe0000 && character <= 0xe007f);
}

const char *ctl_clean(const char *text, char *buf, size_t size)
{
	size_t used = 0;

	assert(size > 0);
	while (*text) {
		char piece[ESCAPE_MAX];
		uint32_t character = 0;
		size_t len = take(text, &character);

		if (len == 0)
			snprintf(piece, sizeof(piece), "\\x%02x", (unsigned char)*text);
		else if (character == '\\' || (character >= ' ' && character < 0x7f))
			snprintf(piece, sizeof(piece), "%c", (int)character);
		else if (character < 0x80)
			snprintf(piece, sizeof(piece), "\\x%02x", character);
		else if (turns_text(character) || wcwidth((wchar_t)character) < 0)
			snprintf(piece, sizeof(piece), "\\u%04x", character);
		else
			snprintf(piece, sizeof(piece), "%.*s", (int)len, text);
		if (used + strlen(piece) >= size)
			break;
		strcpy(buf + used, piece);
		used += strlen(piece);
		text += len ? len : 1;
	}
	assert(used < size);
	buf[used] = '\0';
	return buf;
}

static size_t columns_of(uint32_t character)
{
	int columns = wcwidth((wchar_t)character);

	return columns < 0 ? 1 : (size_t)columns;
}

size_t ctl_columns(const char *text)
{
	size_t columns = 0;
	uint32_t character;
	size_t len;

	for (; *text; text += len ? len : 1) {
		len = take(text, &character);
		columns += len ? columns_of(character) : 1;
	}
	return columns;
}

size_t ctl_fit(const char *text, size_t columns)
{
	size_t used = 0, bytes = 0;

	while (text[bytes]) {
		uint32_t character = '?';
		size_t len = take(text + bytes, &character);

		assert(len <= 4);
		used += columns_of(character);
		if (used > columns)
			break;
		bytes += len ? len : 1;
	}
	return bytes;
}

const char *ctl_member(const json_t *object, const char *name, char buf[CTL_CELL_MAX])
{
	const json_t *value = json_object_get(object, name);

	if (json_is_string(value))
		ctl_clean(json_string_value(value), buf, CTL_CELL_MAX);
	else if (json_is_integer(value))
		snprintf(buf, CTL_CELL_MAX, "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
	else if (json_is_real(value))
		snprintf(buf, CTL_CELL_MAX, "%.6g", json_real_value(value));
	else if (json_is_boolean(value))
		strcpy(buf, json_is_true(value) ? "yes" : "no");
	else
		strcpy(buf, "-");
	return buf;
}

int64_t ctl_integer(const json_t *object, const char *name)
{
	return (int64_t)json_integer_value(json_object_get(object, name));
}

double ctl_real(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

/* Up to three digits, or two with a fraction, and a prefix. */
static const char *scaled(double value, const char *unit, char buf[CTL_FIGURE_MAX])
{
	static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
	size_t i = 0;

	/* 999.5 would be printed as 1000. */
	for (; value >= 999.5 && i + 1 < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		value /= 1000;
	snprintf(buf, CTL_FIGURE_MAX, i > 0 && value < 99.95 ? "%.1f%s%s" : "%.0f%s%s",
		 value, prefixes[i], unit);
	return buf;
}

const char *ctl_count_text(double value, char buf[CTL_FIGURE_MAX])
{
	return scaled(value, "", buf);
}

const char *ctl_rate_text(double bps, char buf[CTL_FIGURE_MAX])
{
	return scaled(bps, "bit/s", buf);
}

const char *ctl_age_text(int64_t seconds, char buf[CTL_FIGURE_MAX])
{
	int64_t s = seconds < 0 ? 0 : seconds;

	if (s < 120)
		snprintf(buf, CTL_FIGURE_MAX, "%" PRId64 "s", s);
	else if (s < 3600)
		snprintf(buf, CTL_FIGURE_MAX, "%" PRId64 "m%02" PRId64 "s", s / 60,
			 s % 60);
	else if (s < 86400)
		snprintf(buf, CTL_FIGURE_MAX, "%" PRId64 "h%02" PRId64 "m", s / 3600,
			 s / 60 % 60);
	else
		snprintf(buf, CTL_FIGURE_MAX, "%" PRId64 "d%02" PRId64 "h", s / 86400,
			 s / 3600 % 24);
	return buf;
}

const char *ctl_left_text(const char *not_after, int64_t now_s, char buf[CTL_FIGURE_MAX])
{
	char age[CTL_FIGURE_MAX];
	int64_t end_s, left_s;

	*buf = '\0';
	if (!timestamp_parse(not_after, strlen(not_after), &end_s))
		return buf;
	left_s = end_s - now_s;
	if (left_s <= 0)
		snprintf(buf, CTL_FIGURE_MAX, ", EXPIRED %.16s ago",
			 ctl_age_text(-left_s, age));
	else if (left_s < 2 * DAY_S)
		snprintf(buf, CTL_FIGURE_MAX, ", %.16s left", ctl_age_text(left_s, age));
	else if (left_s < SOON_DAYS * DAY_S)
		snprintf(buf, CTL_FIGURE_MAX, ", %d days left", (int)(left_s / DAY_S));
	return buf;
}
