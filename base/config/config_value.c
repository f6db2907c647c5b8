/*
 * config_value.c - one value of the configuration: from text to its field, and back.
 *
 * A reason is always two halves, "what is wrong; what to do".
 */
#include "base/config/config_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/config/config_address.h"
#include "base/log.h"
#include "base/units.h"

static void *field_of(const struct config_key *key, void *base)
{
	return (char *)base + key->offset;
}

static const void *const_field_of(const struct config_key *key, const void *base)
{
	return (const char *)base + key->offset;
}

/* Fields are unsigned (or never negative) integers of 2, 4 or 8 bytes. */
static void store(const struct config_key *key, void *field, uint64_t value)
{
	uint16_t u16 = (uint16_t)value;
	uint32_t u32 = (uint32_t)value;

	if (key->size == sizeof(u16))
		memcpy(field, &u16, sizeof(u16));
	else if (key->size == sizeof(u32))
		memcpy(field, &u32, sizeof(u32));
	else
		memcpy(field, &value, sizeof(value));
}

static bool parse_number(const struct config_key *key, const char *text, void *field,
			 const struct config_reason *why)
{
	uint64_t value;

	/* A size without a unit is a number; the unit is what to refuse. */
	if (text[strspn(text, "0123456789")] || !units_bytes(text, &value))
		return config_refuse(why, "\"%s\" is not a number; write digits alone",
				     text);
	if (value < key->min || value > key->max)
		return config_refuse(why,
				     "%s is out of range; write a number from %" PRIu64
				     " to %" PRIu64,
				     text, key->min, key->max);
	store(key, field, value);
	return true;
}

static const char *duration_text(uint64_t milliseconds, char buf[UNITS_TEXT_MAX])
{
	if (milliseconds % 1000)
		snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64 "ms", milliseconds);
	else
		units_duration_text((int64_t)(milliseconds / 1000), buf);
	return buf;
}

static bool parse_duration(const struct config_key *key, const char *text, void *field,
			   const struct config_reason *why)
{
	uint64_t scale = key->type == CONFIG_MILLISECONDS ? 1000 : 1;
	char least[UNITS_TEXT_MAX], most[UNITS_TEXT_MAX];
	int64_t seconds;

	if (!units_duration(text, &seconds))
		return config_refuse(
			why,
			"\"%s\" is not a duration; write a number and s, m, h, d or w,"
			" such as 30s",
			text);

	uint64_t value = (uint64_t)seconds;
	if (value > key->max / scale || value * scale < key->min) {
		/* The smallest whole second is what one can write. */
		uint64_t from = (key->min + scale - 1) / scale;

		return config_refuse(why,
				     "%s is out of range; write a duration from %s to %s",
				     text, duration_text(from * 1000, least),
				     duration_text(key->max / scale * 1000, most));
	}
	store(key, field, value * scale);
	return true;
}

static bool parse_bytes(const struct config_key *key, const char *text, void *field,
			const struct config_reason *why)
{
	uint64_t value;

	if (!units_bytes(text, &value))
		return config_refuse(
			why,
			"\"%s\" is not a size; write a number and B, K, M or G, such "
			"as 256K",
			text);
	if (value < key->min || value > key->max)
		return config_refuse(why,
				     "%s is out of range; write a size from %" PRIu64
				     "B to %" PRIu64 "B",
				     text, key->min, key->max);
	store(key, field, value);
	return true;
}

static bool parse_bitrate(const struct config_key *key, const char *text, void *field,
			  const struct config_reason *why)
{
	char least[UNITS_TEXT_MAX], most[UNITS_TEXT_MAX];
	uint64_t value;

	if (!units_bitrate(text, &value))
		return config_refuse(
			why,
			"\"%s\" is not a bit rate; write a number and kbit, Mbit or "
			"Gbit, such as 10Mbit",
			text);
	if (value != 0 && (value < key->min || value > key->max))
		return config_refuse(
			why,
			"%s is out of range; write a rate from %s to %s, or 0 for "
			"no limit",
			text, units_bitrate_text(key->min, least),
			units_bitrate_text(key->max, most));
	store(key, field, value);
	return true;
}

static bool parse_bool(const char *text, void *field, const struct config_reason *why)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			bool value = i % 2;

			memcpy(field, &value, sizeof(value));
			return true;
		}
	}
	return config_refuse(why, "\"%s\" is neither yes nor no; write true or false",
			     text);
}

/* Port numbers as text are short; more digits than five are no port. */
static bool parse_port(const char **text, unsigned *port)
{
	size_t digits = strspn(*text, "0123456789");

	if (digits < 1 || digits > 5)
		return false;
	*port = (unsigned)strtoul(*text, NULL, 10);
	*text += digits;
	return *port <= UINT16_MAX;
}

static bool parse_range(const struct config_key *key, const char *text, void *field,
			const struct config_reason *why)
{
	const char *p = text;
	unsigned first, last;

	if (!parse_port(&p, &first) || *p++ != '-' || !parse_port(&p, &last) || *p)
		return config_refuse(
			why,
			"\"%s\" is not a port range; write FIRST-LAST, such as "
			"50000-59999",
			text);
	if (first > last)
		return config_refuse(why, "%s begins after its end; write %u-%u", text,
				     last, first);
	if (first < key->min)
		return config_refuse(why,
				     "%s reaches below port %" PRIu64
				     ", where system services live; begin at %" PRIu64
				     " or above",
				     text, key->min, key->min);

	uint16_t range[2] = {(uint16_t)first, (uint16_t)last};
	memcpy(field, range, sizeof(range));
	return true;
}

static bool keep_text(const char *text, void *field, const struct config_reason *why)
{
	char *copy = strdup(text);

	if (!copy)
		return config_refuse(why, "out of memory; free some");
	memcpy(field, &copy, sizeof(copy));
	return true;
}

static bool is_for_the_wire(const struct config_key *key)
{
	return key->type == CONFIG_TEXT || key->type == CONFIG_TEXTS;
}

/*
 * What goes on the wire is printable ASCII without what ends or escapes inside a quoted string
 * (RFC 8489 section 14.9); a path may be anything without control characters.
 */
static bool is_clean(const struct config_key *key, const char *text)
{
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7F)
			return false;
		if (is_for_the_wire(key) && (c > 0x7F || c == '"' || c == '\\'))
			return false;
	}
	return true;
}

static bool parse_text(const struct config_key *key, const char *text, void *field,
		       const struct config_reason *why)
{
	size_t len = strlen(text);

	if (len < key->min)
		return config_refuse(why, "empty; write a value, or remove the key");
	if (len > key->max)
		return config_refuse(why, "longer than %" PRIu64 " bytes; shorten it",
				     key->max);
	if (!is_clean(key, text))
		return config_refuse(
			why, "contains %s; remove it",
			is_for_the_wire(key)
				? "a quote, a backslash or what is not printable ASCII"
				: "a control character");
	if (len == 0 && key->type == CONFIG_OPTIONAL)
		return true;
	return keep_text(text, field, why);
}

static bool parse_level(const char *text, void *field, const struct config_reason *why)
{
	enum log_level level;

	if (!log_level_parse(text, &level))
		return config_refuse(
			why,
			"\"%s\" is not a level; write error, warning, notice, info or "
			"debug",
			text);
	return keep_text(text, field, why);
}

static bool parse_word(const struct config_key *key, const char *text, void *field,
		       const struct config_reason *why)
{
	char list[128] = "";

	for (uint64_t i = 0; key->words[i]; i++) {
		size_t len = strlen(list);

		if (strcmp(text, key->words[i]) == 0) {
			store(key, field, i);
			return true;
		}
		snprintf(list + len, sizeof(list) - len, "%s%s", i ? " or " : "",
			 key->words[i]);
	}
	return config_refuse(why, "\"%s\" is not one of its words; write %s", text, list);
}

static bool parse_one_address(const char *text, void *field,
			      const struct config_reason *why)
{
	struct ip_addr ip = {.family = IP_NONE};

	if (*text != '\0' && !config_address_parse(text, &ip, why))
		return false;
	memcpy(field, &ip, sizeof(ip));
	return true;
}

static bool parse_loopback(const char *text, void *field, const struct config_reason *why)
{
	struct endpoint ep = {.ip = {.family = IP_NONE}};

	if (*text != '\0' && (!endpoint_parse(text, 0, &ep) || ep.port == 0))
		return config_refuse(
			why,
			"\"%s\" is not an address and port; write one such as "
			"127.0.0.1:9478",
			text);
	if (*text != '\0' && !ip_addr_is_loopback(&ep.ip))
		return config_refuse(
			why,
			"%s is not a loopback address; write one such as 127.0.0.1, "
			"because everybody may ask there",
			text);
	memcpy(field, &ep, sizeof(ep));
	return true;
}

static void *list_of(const struct config_key *key, const void *base)
{
	void *list;

	memcpy(&list, const_field_of(key, base), sizeof(list));
	return list;
}

static size_t count_of(const struct config_key *key, const void *base)
{
	size_t count;

	memcpy(&count, (const char *)base + key->count_offset, sizeof(count));
	return count;
}

/* Room for one more at the end of the list; NULL if out of memory. */
static void *list_grow(const struct config_key *key, void *base, size_t element)
{
	size_t count = count_of(key, base) + 1;
	void *list = reallocarray(list_of(key, base), count, element);

	if (!list)
		return NULL;
	memcpy(field_of(key, base), &list, sizeof(list));
	memcpy((char *)base + key->count_offset, &count, sizeof(count));
	return (char *)list + (count - 1) * element;
}

static bool add_text(const struct config_key *key, const char *text, void *base,
		     const struct config_reason *why)
{
	char *const *known = list_of(key, base);
	char *copy;

	for (size_t i = 0; i < count_of(key, base); i++) {
		if (strcmp(known[i], text) == 0)
			return config_refuse(why, "\"%s\" is named twice; remove one",
					     text);
	}
	if (!parse_text(key, text, &copy, why))
		return false;

	char **added = list_grow(key, base, sizeof(*added));
	if (!added) {
		free(copy);
		return config_refuse(why, "out of memory; free some");
	}
	*added = copy;
	return true;
}

static bool add_address(const struct config_key *key, const char *text, void *base,
			const struct config_reason *why)
{
	struct ip_addr ip;

	if (!config_address_parse(text, &ip, why))
		return false;

	const struct config_address *known = list_of(key, base);
	for (size_t i = 0; i < count_of(key, base); i++) {
		if (ip_addr_equal(&known[i].local, &ip))
			return config_refuse(why, "%s is named twice; remove one", text);
	}

	struct config_address *added = list_grow(key, base, sizeof(*added));
	if (!added)
		return config_refuse(why, "out of memory; free some");
	*added = (struct config_address){.local = ip, .public = {.family = IP_NONE}};
	return true;
}

/* The public form of the first address that has none yet: they pair by position. */
static bool add_public(const struct config_key *key, const char *text, void *base,
		       const struct config_reason *why)
{
	struct config_address *addresses = list_of(key, base);
	size_t count = count_of(key, base), i = 0;
	struct ip_addr ip;

	if (!config_address_parse(text, &ip, why))
		return false;
	for (; i < count && addresses[i].public.family != IP_NONE; i++) {
		if (ip_addr_equal(&addresses[i].public, &ip))
			return config_refuse(
				why,
				"%s is named twice; give each address a public one of "
				"its own",
				text);
	}
	if (i == count)
		return config_refuse(
			why,
			"%s has no partner, there are only %zu \"addresses\"; write one "
			"public address for each of them",
			text, count);
	if (addresses[i].local.family != ip.family) {
		char local[ENDPOINT_TEXT_LEN];

		return config_refuse(
			why,
			"%s is paired with %s, which is of the other family; write both "
			"lists in the same order",
			text, ip_addr_format(&addresses[i].local, local, sizeof(local)));
	}
	addresses[i].public = ip;
	return true;
}

static bool add_prefix(const struct config_key *key, const char *text, void *base,
		       const struct config_reason *why)
{
	struct ip_prefix prefix;

	if (!config_prefix_parse(text, &prefix, why))
		return false;

	const struct ip_prefix *known = list_of(key, base);
	for (size_t i = 0; i < count_of(key, base); i++) {
		if (known[i].len == prefix.len && ip_addr_equal(&known[i].ip, &prefix.ip))
			return config_refuse(why, "%s is named twice; remove one", text);
	}

	struct ip_prefix *added = list_grow(key, base, sizeof(*added));
	if (!added)
		return config_refuse(why, "out of memory; free some");
	*added = prefix;
	return true;
}

bool config_value_parse(const struct config_key *key, const char *text, void *base,
			char *why, size_t why_size)
{
	const struct config_reason reason = {.text = why, .size = why_size};
	void *field = field_of(key, base);

	switch (key->type) {
	case CONFIG_TEXT:
	case CONFIG_PATH:
	case CONFIG_OPTIONAL:
		return parse_text(key, text, field, &reason);
	case CONFIG_BOOL:
		return parse_bool(text, field, &reason);
	case CONFIG_NUMBER:
		return parse_number(key, text, field, &reason);
	case CONFIG_SECONDS:
	case CONFIG_MILLISECONDS:
		return parse_duration(key, text, field, &reason);
	case CONFIG_BYTES:
		return parse_bytes(key, text, field, &reason);
	case CONFIG_BITRATE:
		return parse_bitrate(key, text, field, &reason);
	case CONFIG_RANGE:
		return parse_range(key, text, field, &reason);
	case CONFIG_LEVEL:
		return parse_level(text, field, &reason);
	case CONFIG_WORD:
		return parse_word(key, text, field, &reason);
	case CONFIG_ADDRESS:
		return parse_one_address(text, field, &reason);
	case CONFIG_LOOPBACK:
		return parse_loopback(text, field, &reason);
	case CONFIG_TEXTS:
		return add_text(key, text, base, &reason);
	case CONFIG_ADDRESSES:
		return add_address(key, text, base, &reason);
	case CONFIG_PUBLIC:
		return add_public(key, text, base, &reason);
	case CONFIG_PREFIXES:
		return add_prefix(key, text, base, &reason);
	}
	return false;
}
