/*
 * config_value.c - see config_value.h. A reason is always two halves, "what is wrong; what to
 * do".
 */
#include "base/config/config_value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/config/config_address.h"
#include "base/config/dscp.h"
#include "base/log.h"
#include "base/units.h"

typedef bool parse_fn(const struct config_key *key, const char *text, void *value,
		      char *why);
typedef void format_fn(FILE *out, const struct config_key *key, const void *value);

/* Always false. */
static bool __attribute__((format(printf, 2, 3)))
refuse(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, CONFIG_WHY_MAX, format, args);
	va_end(args);
	return false;
}

/* --- numbers --------------------------------------------------------------------------------- */

/* Fields are unsigned (or never negative) integers of 2, 4 or 8 bytes. */
static void store(const struct config_key *key, void *field, uint64_t value)
{
	assert(value <= UINT64_MAX >> (64 - 8 * key->size)); /* as key->max promises */
	if (key->size == sizeof(uint16_t))
		*(uint16_t *)field = (uint16_t)value;
	else if (key->size == sizeof(uint32_t))
		*(uint32_t *)field = (uint32_t)value;
	else
		*(uint64_t *)field = value;
}

static uint64_t fetch(const struct config_key *key, const void *field)
{
	assert(key->size == sizeof(uint16_t) || key->size == sizeof(uint32_t) ||
	       key->size == sizeof(uint64_t));
	return key->size == sizeof(uint16_t)   ? *(const uint16_t *)field
	       : key->size == sizeof(uint32_t) ? *(const uint32_t *)field
					       : *(const uint64_t *)field;
}

/* How a quantity is written, and in which unit it is kept. */
struct quantity {
	const char *what, *remedy, *range; /* for people */
	bool (*parse)(const char *text, uint64_t *value);
	const char *(*text)(uint64_t value, char buf[UNITS_TEXT_MAX]);
	uint64_t scale; /* of what is kept to what is written */
};

/* A size without a unit is a number; the unit is what to refuse. */
static bool number_parse(const char *text, uint64_t *value)
{
	return text[strspn(text, "0123456789")] == '\0' && units_bytes(text, value);
}

static const char *number_text(uint64_t value, char buf[UNITS_TEXT_MAX])
{
	snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64, value);
	return buf;
}

static bool duration_parse(const char *text, uint64_t *value)
{
	int64_t seconds;

	if (!units_duration(text, &seconds))
		return false;
	*value = (uint64_t)seconds;
	return true;
}

static const char *duration_text(uint64_t value, char buf[UNITS_TEXT_MAX])
{
	/* As the manual writes it: 0 mostly means that there is no such limit. */
	return value == 0 ? "0" : units_duration_text((int64_t)value, buf);
}

#define DURATION \
	"a duration", "write a number and s, m, h, d or w, such as 30s", "a duration"

static const struct quantity quantities[CONFIG_TYPE_COUNT] = {
	[CONFIG_NUMBER] = {"a number", "write digits only", "a number", number_parse,
			   number_text, 1},
	[CONFIG_SECONDS] = {DURATION, duration_parse, duration_text, 1},
	[CONFIG_MILLISECONDS] = {DURATION, duration_parse, duration_text, 1000},
	[CONFIG_BYTES] =
		{"a size",
		 "write a number and B, K, M or G (of 1024), or kB, MB or GB, such as 256K",
		 "a size", units_bytes, units_bytes_text, 1},
	[CONFIG_BITRATE] = {"a bit rate",
			    "write a number and kbit, Mbit or Gbit, such as 10Mbit",
			    "0 for no limit, or a rate", units_bitrate,
			    units_bitrate_text, 1},
};

static bool parse_quantity(const struct config_key *key, const char *text, void *field,
			   char *why)
{
	const struct quantity *quantity = &quantities[key->type];
	char least[UNITS_TEXT_MAX], most[UNITS_TEXT_MAX];
	/* The smallest whole unit is what one can write. */
	uint64_t min = (key->min + quantity->scale - 1) / quantity->scale;
	uint64_t max = key->max / quantity->scale, value;

	if (!quantity->parse(text, &value))
		return refuse(why, "\"%.80s\" is not %s; %s", text, quantity->what,
			      quantity->remedy);
	if ((value < min && (value != 0 || key->type != CONFIG_BITRATE)) || value > max)
		return refuse(why, "%s is out of range; write %s from %s to %s", text,
			      quantity->range, quantity->text(min, least),
			      quantity->text(max, most));
	store(key, field, value * quantity->scale);
	return true;
}

static void format_quantity(FILE *out, const struct config_key *key, const void *field)
{
	const struct quantity *quantity = &quantities[key->type];
	char text[UNITS_TEXT_MAX];

	fputs(quantity->text(fetch(key, field) / quantity->scale, text), out);
}

/* Port numbers as text are short; more digits than five are no port. */
static bool take_port(const char **text, unsigned *port)
{
	size_t digits = strspn(*text, "0123456789");

	if (digits < 1 || digits > 5)
		return false;
	*port = (unsigned)strtoul(*text, NULL, 10);
	*text += digits;
	return *port <= UINT16_MAX;
}

/* A range of numbers, not all of which are ports. */
static bool is_beyond_ports(const char *text)
{
	unsigned long first, last;
	int used = 0;

	return strspn(text, "0123456789-") == strlen(text) &&
	       sscanf(text, "%9lu-%9lu%n", &first, &last, &used) == 2 &&
	       text[used] == '\0' && (first > UINT16_MAX || last > UINT16_MAX);
}

static bool parse_range(const struct config_key *key, const char *text, void *field,
			char *why)
{
	const char *p = text;
	unsigned first, last;

	assert(key->size == 2 * sizeof(uint16_t));
	if (is_beyond_ports(text))
		return refuse(
			why, "\"%.80s\" goes beyond the last port; end it at %d or below",
			text, UINT16_MAX);
	if (!take_port(&p, &first) || *p++ != '-' || !take_port(&p, &last) || *p)
		return refuse(why,
			      "\"%.80s\" is not a port range; write FIRST-LAST, such as "
			      "50000-59999",
			      text);
	if (first > last)
		return refuse(why, "%s begins after its end; write %u-%u", text, last,
			      first);
	if (first < key->min)
		return refuse(why,
			      "%s includes ports below %" PRIu64
			      ", where system services live; begin at %" PRIu64
			      " or above",
			      text, key->min, key->min);
	memcpy(field, (const uint16_t[2]){(uint16_t)first, (uint16_t)last},
	       2 * sizeof(uint16_t));
	return true;
}

static bool parse_port(const struct config_key *key, const char *text, void *field,
		       char *why)
{
	const char *p = text;
	unsigned port;

	(void)key;
	if (!take_port(&p, &port) || *p)
		return refuse(why, "\"%.80s\" is not a port; write a number from 1 to %d",
			      text, UINT16_MAX);
	if (port == 0)
		return refuse(why, "0 is not a port; remove it, or write {} for none");
	*(uint16_t *)field = (uint16_t)port;
	return true;
}

static void format_port(FILE *out, const struct config_key *key, const void *field)
{
	(void)key;
	fprintf(out, "%u", *(const uint16_t *)field);
}

static void format_range(FILE *out, const struct config_key *key, const void *field)
{
	uint16_t range[2];

	(void)key;
	memcpy(range, field, sizeof(range));
	fprintf(out, "%u-%u", range[0], range[1]);
}

/* --- words ----------------------------------------------------------------------------------- */

static bool parse_bool(const struct config_key *key, const char *text, void *field,
		       char *why)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

	(void)key;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*(bool *)field = i % 2;
			return true;
		}
	}
	return refuse(why, "\"%.80s\" is neither true nor false; write one of them",
		      text);
}

static void format_bool(FILE *out, const struct config_key *key, const void *field)
{
	(void)key;
	fputs(*(const bool *)field ? "true" : "false", out);
}

static bool parse_word(const struct config_key *key, const char *text, void *field,
		       char *why)
{
	char list[128] = "";

	assert(key->words != NULL && key->words[0] != NULL);
	for (uint64_t i = 0; key->words[i]; i++) {
		size_t len = strlen(list);

		if (strcmp(text, key->words[i]) == 0) {
			store(key, field, i + 1);
			return true;
		}
		snprintf(list + len, sizeof(list) - len, "%s%s", i ? " or " : "",
			 key->words[i]);
	}
	return refuse(why, "\"%.80s\" is unknown; write %s", text, list);
}

static void format_word(FILE *out, const struct config_key *key, const void *field)
{
	uint64_t word = fetch(key, field);

	fputs(word > 0 ? key->words[word - 1] : "", out);
}

static bool keep_text(const char *text, void *field, char *why)
{
	char *copy = strdup(text);

	memcpy(field, &copy, sizeof(copy));
	return copy ? true : refuse(why, "out of memory; free some");
}

/*
 * What goes on the wire is printable ASCII without what ends or escapes inside a quoted string
 * (RFC 8489 section 14.9); a path may be anything without control characters.
 */
static bool is_clean(const char *text, bool for_the_wire)
{
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7F)
			return false;
		if (for_the_wire && (c > 0x7F || c == '"' || c == '\\'))
			return false;
	}
	return true;
}

static bool parse_text(const struct config_key *key, const char *text, void *field,
		       char *why)
{
	bool for_the_wire = key->type == CONFIG_TEXT || key->type == CONFIG_TEXTS;
	size_t len = strlen(text);

	if (len < key->min)
		return refuse(why, "empty; write a value, or remove the key");
	if (len > key->max)
		return refuse(why, "longer than %" PRIu64 " bytes; shorten it", key->max);
	if (!is_clean(text, for_the_wire))
		return refuse(why, "contains %s; remove it",
			      for_the_wire ? "a quote, a backslash or non-printable ASCII"
					   : "a control character");
	if (len == 0 && key->type == CONFIG_OPTIONAL) {
		memset(field, 0, sizeof(char *));
		return true;
	}
	return keep_text(text, field, why);
}

static bool parse_level(const struct config_key *key, const char *text, void *field,
			char *why)
{
	enum log_level level;

	(void)key;
	if (!log_level_parse(text, &level))
		return refuse(
			why,
			"\"%.80s\" is not a level; write error, warning, notice, info "
			"or debug",
			text);
	return keep_text(text, field, why);
}

static void format_text(FILE *out, const struct config_key *key, const void *field)
{
	const char *text = *(char *const *)field;

	(void)key;
	fputs(text ? text : "", out);
}

/* --- code points ------------------------------------------------------------------------------- */

static bool parse_dscp(const struct config_key *key, const char *text, void *field,
		       char *why)
{
	uint8_t *dscp = field;

	if (!dscp_parse(text, dscp) || *dscp > key->max)
		return refuse(why,
			      "\"%.80s\" is not a DSCP that goes here; write %sa name "
			      "such as ef or af41, or a number from 0 to %d",
			      text, key->max >= DSCP_COPY ? "copy, " : "", DSCP_MAX);
	return true;
}

static void format_dscp(FILE *out, const struct config_key *key, const void *field)
{
	char text[DSCP_TEXT_LEN];

	(void)key;
	fputs(dscp_format(*(const uint8_t *)field, text), out);
}

/* --- all kinds --------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	parse_fn *parse; /* a single value, or one element of a list */
	format_fn *format;
	size_t element; /* of a list */
	bool is_text;   /* a char *, ours to free */
} types[CONFIG_TYPE_COUNT] = {
	[CONFIG_TEXT] = {"text", parse_text, format_text, 0, true},
	[CONFIG_PATH] = {"path", parse_text, format_text, 0, true},
	[CONFIG_OPTIONAL] = {"text", parse_text, format_text, 0, true},
	[CONFIG_BOOL] = {"true or false", parse_bool, format_bool, 0, false},
	[CONFIG_NUMBER] = {"number", parse_quantity, format_quantity, 0, false},
	[CONFIG_SECONDS] = {"duration", parse_quantity, format_quantity, 0, false},
	[CONFIG_MILLISECONDS] = {"duration", parse_quantity, format_quantity, 0, false},
	[CONFIG_BYTES] = {"size", parse_quantity, format_quantity, 0, false},
	[CONFIG_BITRATE] = {"bit rate", parse_quantity, format_quantity, 0, false},
	[CONFIG_RANGE] = {"port range", parse_range, format_range, 0, false},
	[CONFIG_LEVEL] = {"level", parse_level, format_text, 0, true},
	[CONFIG_WORD] = {"word", parse_word, format_word, 0, false},
	[CONFIG_DSCP] = {"DSCP", parse_dscp, format_dscp, 0, false},
	[CONFIG_ADDRESS] = {"address", config_parse_address, config_format_address, 0,
			    false},
	[CONFIG_LOOPBACK] = {"loopback address and port", config_parse_loopback,
			     config_format_loopback, 0, false},
	[CONFIG_TEXTS] = {"texts", parse_text, format_text, sizeof(char *), true},
	[CONFIG_ADDRESSES] = {"addresses", config_parse_host, config_format_address,
			      sizeof(struct ip_addr), false},
	[CONFIG_PREFIXES] = {"prefixes", config_parse_prefix, config_format_prefix,
			     sizeof(struct ip_prefix), false},
	[CONFIG_PORTS] = {"ports", parse_port, format_port, sizeof(uint16_t), false},
};

/* Room for one value of any kind. */
union value {
	char *text;
	bool yes;
	uint64_t number;
	uint32_t small;
	uint16_t port, range[2];
	struct ip_addr ip;
	struct ip_prefix prefix;
	struct endpoint endpoint;
};

const char *config_type_name(enum config_type type)
{
	assert(type < CONFIG_TYPE_COUNT);
	return types[type].name;
}

size_t config_element_size(enum config_type type)
{
	return types[type].element;
}

bool config_is_text(enum config_type type)
{
	return types[type].parse == parse_text;
}

size_t config_list_count(const struct config_key *key, const void *base)
{
	return *(const size_t *)config_member(base, key->count_offset);
}

bool config_value_is_none(const struct config_key *key, const char *text)
{
	return key->type == CONFIG_PORTS && strcmp(text, "0") == 0;
}

static void free_text(enum config_type type, void *value)
{
	if (types[type].is_text)
		free(*(char **)value);
}

/* As text, malloc'ed; NULL if out of memory. */
static char *format(const struct config_key *key, const void *first, size_t count,
		    bool braces)
{
	size_t size, element = types[key->type].element;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs(braces ? "{" : "", out);
	for (size_t i = 0; i < count; i++) {
		fputs(i > 0 ? ", " : "", out);
		types[key->type].format(out, key, (const char *)first + i * element);
	}
	fputs(braces ? "}" : "", out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* Values are parsed into zeroed memory, so equal ones have equal bytes. */
static bool is_listed(const struct config_key *key, const char *list, size_t count,
		      const union value *value)
{
	size_t element = types[key->type].element;

	for (size_t i = 0; i < count; i++, list += element) {
		if (types[key->type].is_text
			    ? strcmp(*(char *const *)(const void *)list, value->text) == 0
			    : memcmp(list, value, element) == 0)
			return true;
	}
	return false;
}

/* value is taken over. */
static bool append(const struct config_key *key, const char *text, void *base,
		   union value *value, char *why)
{
	size_t element = types[key->type].element;
	size_t *count = config_member(base, key->count_offset);
	char **list = config_member(base, key->offset);

	assert(element > 0 && (*list || *count == 0));
	if (is_listed(key, *list, *count, value)) {
		free_text(key->type, value);
		return refuse(why, "\"%.80s\" is listed twice; remove one", text);
	}
	if (key->type == CONFIG_PORTS && *count == CONFIG_PORTS_MAX)
		return refuse(why, "more than %d ports; list fewer", CONFIG_PORTS_MAX);

	/* Room doubles at every power of two. */
	if ((*count & (*count - 1)) == 0) {
		char *larger = reallocarray(*list, 2 * *count + 1, element);
		if (!larger) {
			free_text(key->type, value);
			return refuse(why, "out of memory; free some");
		}
		*list = larger;
	}
	memcpy(*list + (*count)++ * element, value, element);
	return true;
}

bool config_value_parse(const struct config_key *key, const char *text, void *base,
			char why[CONFIG_WHY_MAX])
{
	union value value;

	assert(key->type < CONFIG_TYPE_COUNT);
	memset(&value, 0, sizeof(value));
	if (!types[key->type].parse(key, text, &value, why))
		return false;
	if (types[key->type].element > 0)
		return append(key, text, base, &value, why);
	config_value_free(key, base);
	assert(key->size <= sizeof(value));
	memcpy(config_member(base, key->offset), &value, key->size);
	return true;
}

char *config_value_format(const struct config_key *key, const void *base)
{
	const void *field = config_member(base, key->offset);

	return types[key->type].element == 0 ? format(key, field, 1, false)
					     : format(key, *(char *const *)field,
						      config_list_count(key, base), true);
}

void config_value_free(const struct config_key *key, void *base)
{
	char **field = config_member(base, key->offset);
	size_t element = types[key->type].element;

	if (element == 0) {
		free_text(key->type, field);
		memset(field, 0, key->size);
		return;
	}
	for (size_t i = 0; i < config_list_count(key, base); i++)
		free_text(key->type, *field + i * element);
	free(*field);
	*field = NULL;
	*(size_t *)config_member(base, key->count_offset) = 0;
}

/* A list is in braces, and needs no quotes. */
static bool set_default(const struct config_key *key, void *base)
{
	char why[CONFIG_WHY_MAX], text[64], *rest;
	bool ok = true;

	if (config_element_size(key->type) == 0)
		return config_value_parse(key, key->fallback, base, why);
	assert(strlen(key->fallback) < sizeof(text));
	strcpy(text, key->fallback);
	for (char *value = strtok_r(text, "{}, ", &rest); ok && value;
	     value = strtok_r(NULL, "{}, ", &rest))
		ok = config_value_parse(key, value, base, why);
	return ok;
}

bool config_set_defaults(const struct config *config,
			 const struct config_section *section, size_t element)
{
	const struct config_schema *schema = config->schema;
	void *base = config_element(config, section, element);

	for (size_t i = 0; i < schema->key_count; i++) {
		const struct config_key *key = &schema->keys[i];

		/* A default that its own key refuses is our mistake; a test walks them all. */
		if (config_has_key(section, key, element) && key->fallback &&
		    !set_default(key, base))
			return false;
	}
	return true;
}
