/*
 * import_conf.c - coturn's turnserver.conf as a list of settings.
 *
 * A line is a name and, after '=' or blanks, a value, which may be quoted; '#' starts a comment
 * only at the start of a line. The last of several settings of a name counts.
 */
#include "tools/import/import_conf.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "tools/ctl/ctl.h"

enum { FILE_MAX = 1 << 20, REASON_SIZE = 320 };

static const struct import_option *find_option(const char *name)
{
	for (size_t i = 0; i < import_option_count; i++) {
		if (strcmp(import_options[i].name, name) == 0)
			return &import_options[i];
	}
	return NULL;
}

/* "0", "no", "off" and "false" in any case; everything else, also no value, is yes. */
static bool is_off(const char *value)
{
	return *value == '0' || tolower((unsigned char)*value) == 'n' ||
	       tolower((unsigned char)*value) == 'f' || strcasecmp(value, "off") == 0;
}

static char *trimmed(const char *text, size_t len)
{
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	if (len > 1 && text[0] == '"' && text[len - 1] == '"') {
		text++;
		len -= 2;
	}
	return strndup(text, len);
}

static bool make_room(struct import_conf *conf)
{
	size_t room = conf->room ? 2 * conf->room : 64;
	struct import_setting *settings;

	if (conf->count < conf->room)
		return true;
	settings = reallocarray(conf->settings, room, sizeof(*settings));
	if (!settings)
		return false;
	conf->settings = settings;
	conf->room = room;
	return true;
}

/* False if out of memory. */
static bool take_line(struct import_conf *conf, const char *line, unsigned number)
{
	const char *name = line + strspn(line, " \t");
	size_t len = strcspn(name, "= \t\r\n");
	const char *value = name + len + strspn(name + len, "= \t");
	struct import_setting *settings;

	if (*name == '#' || len == 0)
		return true;
	if (!make_room(conf))
		return false;
	assert(conf->count < conf->room);
	settings = conf->settings + conf->count;
	*settings = (struct import_setting){.line = number,
					    .name = strndup(name, len),
					    .value = trimmed(value, strlen(value))};
	conf->count++;
	if (!settings->name || !settings->value)
		return false;
	settings->option = find_option(settings->name);
	settings->off = settings->option && settings->option->flag &&
			is_off(settings->value);
	return true;
}

static bool read_lines(struct import_conf *conf, FILE *file)
{
	char *line = NULL;
	size_t size = 0, total = 0;
	unsigned number = 0;
	ssize_t len;
	bool ok = true;

	while (ok && (len = getline(&line, &size, file)) >= 0) {
		total += (size_t)len;
		if (total > FILE_MAX || memchr(line, '\0', (size_t)len)) {
			ctl_fail("%s: not a coturn configuration", conf->path);
			ok = false;
		} else if (!take_line(conf, line, ++number)) {
			ctl_fail("out of memory");
			ok = false;
		}
	}
	if (ok && ferror(file)) {
		ctl_fail("%s: %s", conf->path, strerror(errno));
		ok = false;
	}
	if (line)
		OPENSSL_cleanse(line, size);
	free(line);
	return ok;
}

struct import_conf *import_conf_read(FILE *file, const char *path)
{
	struct import_conf *conf = calloc(1, sizeof(*conf));

	if (conf)
		conf->notes = json_array();
	if (!conf || !conf->notes) {
		ctl_fail("out of memory");
		import_conf_free(conf);
		return NULL;
	}
	conf->path = path;
	if (read_lines(conf, file))
		return conf;
	import_conf_free(conf);
	return NULL;
}

struct import_conf *import_conf_load(const char *path)
{
	FILE *file = fopen(path, "re");
	struct import_conf *conf;

	if (!file) {
		ctl_fail("%s: %s", path, strerror(errno));
		return NULL;
	}
	conf = import_conf_read(file, path);
	fclose(file);
	return conf;
}

void import_conf_free(struct import_conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->count; i++) {
		free(conf->settings[i].name);
		if (conf->settings[i].value)
			OPENSSL_cleanse(conf->settings[i].value,
					strlen(conf->settings[i].value));
		free(conf->settings[i].value);
	}
	free(conf->settings);
	json_decref(conf->notes);
	free(conf);
}

const struct import_setting *import_next(const struct import_conf *conf, const char *name,
					 size_t *index)
{
	assert(*index <= conf->count);
	while (*index < conf->count) {
		const struct import_setting *setting = &conf->settings[(*index)++];

		if (!setting->off && strcmp(setting->name, name) == 0)
			return setting;
	}
	return NULL;
}

const struct import_setting *import_find(const struct import_conf *conf, const char *name)
{
	const struct import_setting *last = NULL, *setting;
	size_t index = 0;

	while ((setting = import_next(conf, name, &index)))
		last = setting;
	return last;
}

void import_note(struct import_conf *conf, const struct import_setting *setting,
		 const char *key, const char *format, ...)
{
	char reason[REASON_SIZE];
	va_list args;

	assert(setting || key);
	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	json_array_append_new(
		conf->notes,
		json_pack("{s:o, s:o, s:s}", "line",
			  setting ? json_integer(setting->line) : json_null(), "key",
			  json_string_nocheck(setting ? setting->name : key), "reason",
			  reason));
}

struct place {
	json_int_t line;
	size_t index;
	json_t *note;
};

static int by_line(const void *a, const void *b)
{
	const struct place *one = a, *other = b;

	if (one->line != other->line)
		return one->line < other->line ? -1 : 1;
	assert(one->index != other->index);
	return one->index < other->index ? -1 : 1;
}

void import_sort_notes(struct import_conf *conf)
{
	size_t count = json_array_size(conf->notes);
	struct place *places = calloc(count + 1, sizeof(*places));
	json_t *sorted = json_array();

	if (places && sorted) {
		for (size_t i = 0; i < count; i++) {
			json_t *note = json_array_get(conf->notes, i);
			json_t *line = json_object_get(note, "line");

			places[i] = (struct place){json_is_integer(line)
							   ? json_integer_value(line)
							   : INT_MAX,
						   i, note};
		}
		qsort(places, count, sizeof(*places), by_line);
		for (size_t i = 0; i < count; i++)
			json_array_append(sorted, places[i].note);
		assert(json_array_size(sorted) == count);
		json_decref(conf->notes);
		conf->notes = json_incref(sorted);
	}
	json_decref(sorted);
	free(places);
}

bool import_number(struct import_conf *conf, const char *name, int64_t min, int64_t max,
		   int64_t *number)
{
	const struct import_setting *setting = import_find(conf, name);
	char *end;
	long long value;

	assert(min <= max);
	if (!setting)
		return false;
	errno = 0;
	value = strtoll(setting->value, &end, 10);
	if (errno != 0 || end == setting->value || *end != '\0' || value < min ||
	    value > max) {
		import_note(conf, setting, NULL, "expected a number from %lld to %lld",
			    (long long)min, (long long)max);
		return false;
	}
	*number = value;
	return true;
}

const char *import_text(struct import_conf *conf, const char *name)
{
	const struct import_setting *setting = import_find(conf, name);

	if (!setting)
		return NULL;
	for (const char *p = setting->value; *p; p++) {
		/* These end or expand a quoted string of ours. */
		if ((unsigned char)*p < ' ' || *p == 0x7f || strchr("\"'\\$", *p)) {
			import_note(conf, setting, NULL,
				    "value must not contain quotes, '\\', '$' or control "
				    "characters");
			return NULL;
		}
	}
	if (*setting->value == '\0') {
		import_note(conf, setting, NULL, "value is empty");
		return NULL;
	}
	return setting->value;
}
