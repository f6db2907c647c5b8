/*
 * config.c - see config.h.
 */
#include "base/config/config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config/config_syntax.h"
#include "base/config/config_value.h"
#include "base/self_name.h"
#include "base/whole_file.h"

enum { FILE_MAX = 1 << 20 };

/* --- places ---------------------------------------------------------------------------------- */

/* Is it that key's field, or an element of its list? */
static bool is_field(const struct config_walk *at, const void *field, size_t *index)
{
	const void *start = config_member(at->base, at->key->offset);
	size_t element = config_element_size(at->key->type);

	*index = CONFIG_WHOLE;
	if (start == field)
		return true;
	if (element == 0)
		return false;

	uintptr_t list = *(const uintptr_t *)start, wanted = (uintptr_t)field;
	*index = (wanted - list) / element;
	return wanted >= list && *index < config_list_count(at->key, at->base);
}

const struct config_place *config_place_of(const struct config *config, const void *field,
					   char name[CONFIG_NAME_SIZE],
					   const struct config_place **block)
{
	struct config_walk at = {0};
	size_t index = CONFIG_WHOLE;

	name[0] = '\0';
	while (config_walk(config, &at)) {
		bool title = at.section->form == CONFIG_NAMED && at.base == field;

		if (!title && !is_field(&at, field, &index))
			continue;
		*block = config_find_place(config, at.section, at.element, NULL,
					   CONFIG_WHOLE);
		if (title)
			snprintf(name, CONFIG_NAME_SIZE, "%s \"%.80s\"", at.section->name,
				 *(char *const *)at.base);
		else
			config_key_name(at.section, at.key, NULL, at.element, name);
		return title ? *block
			     : config_find_place(config, at.section, at.element, at.key,
						 index);
	}
	/* A whole section of blocks, none of which is there. */
	*block = NULL;
	for (size_t i = 0; i < config->schema->section_count; i++) {
		const struct config_section *section = &config->schema->sections[i];

		if (config_member(config, section->offset) == field)
			snprintf(name, CONFIG_NAME_SIZE, "%s", section->name);
	}
	return NULL;
}

bool config_error(const struct config *config, const void *field, char *error,
		  size_t error_size, const char *format, ...)
{
	const struct config_place *block, *place;
	char name[CONFIG_NAME_SIZE], where[32] = "", sentence[400];
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);

	size_t len = strlen(sentence);
	if (len > 0 && sentence[len - 1] == '.')
		sentence[len - 1] = '\0';
	place = config_place_of(config, field, name, &block);
	assert(name[0] != '\0'); /* of this configuration, and a row's */
	if (!place)
		place = block;
	if (place)
		snprintf(where, sizeof(where), ":%u:%u", place->line, place->column);
	snprintf(error, error_size, "%s%s: %s: %s", config->path, where, name, sentence);
	return false;
}

bool config_locate(const struct config *config, const void *field, char *error,
		   size_t error_size)
{
	return config_error(config, field, error, error_size, "%s", error);
}

unsigned config_line(const struct config *config, const void *field)
{
	const struct config_place *block, *place;
	char name[CONFIG_NAME_SIZE];

	place = config_place_of(config, field, name, &block);
	return place ? place->line : 0;
}

/* --- making ---------------------------------------------------------------------------------- */

static bool set_all_defaults(struct config *config)
{
	for (size_t i = 0; i < config->schema->section_count; i++) {
		const struct config_section *section = &config->schema->sections[i];

		for (size_t j = 0; j < config_element_count(config, section); j++) {
			if (!config_set_defaults(config, section, j))
				return false;
		}
	}
	return true;
}

/* The directory of a daemon is not that of whoever asks it. */
static bool check_path(const struct config *config, char *const *path, char *error,
		       size_t error_size)
{
	return !*path || **path == '/' ||
	       config_error(config, path, error, error_size,
			    "\"%.80s\" is not an absolute path; begin it with \"/\"",
			    *path);
}

static bool check_sockets(const struct config *config, char *error, size_t error_size)
{
	char *const *control = &config->control.socket;
	char *const *take_over = &config->take_over.socket;

	if (!check_path(config, control, error, error_size) ||
	    !check_path(config, take_over, error, error_size))
		return false;
	return !*control || !*take_over || strcmp(*control, *take_over) != 0 ||
	       config_error(config, take_over, error, error_size,
			    "control.socket is the same path; use another one");
}

static void warn_of_former_names(struct config *config)
{
	for (size_t i = 0; i < config->place_count; i++) {
		const struct config_place *place = &config->places[i];
		const char *section = place->section->name;

		if (place->index != CONFIG_FORMER)
			continue;
		config_remark_at(config, CONFIG_WARNING, place->line, place->column,
				 "\"%s\"%s%s%s has a new name; write \"%s\"",
				 place->key->former, *section ? " in section \"" : "",
				 section, *section ? "\"" : "", place->key->name);
	}
}

struct config *config_parse(const struct config_schema *schema, const char *path,
			    const char *text, size_t len, char *error, size_t error_size)
{
	struct config *config = calloc(1, schema->size);
	char *copy = NULL;

	assert(schema->size >= sizeof(*config));
	snprintf(error, error_size, "%s: out of memory; free some", path);
	if (!config)
		return NULL;
	config->schema = schema;
	config->path = strdup(path);
	if (!config->path || !set_all_defaults(config))
		goto fail;
	if (memchr(text, '\0', len)) {
		snprintf(error, error_size,
			 "%s: not a text file; give a configuration file", path);
		goto fail;
	}
	copy = strndup(text, len);
	if (!copy)
		goto fail;
	if (!config_read(config, copy, error, error_size) ||
	    !check_sockets(config, error, error_size) ||
	    !schema->check(config, error, error_size))
		goto fail;
	free(copy);
	warn_of_former_names(config);
	error[0] = '\0';
	return config;
fail:
	free(copy);
	config_free(config);
	return NULL;
}

/* Fills text with at most FILE_MAX bytes; their number, or -1 with a sentence in error. */
static ssize_t read_file(const char *path, char text[FILE_MAX + 1], char *error,
			 size_t error_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t len = fd < 0 ? -1 : whole_file_read(fd, text, FILE_MAX + 1);
	char self[64];

	if (len < 0 && errno == EACCES)
		snprintf(error, error_size,
			 "%s: %s may not read it; give it permission to read the file",
			 path, self_name(self, sizeof(self)));
	else if (len < 0 && errno == EFBIG)
		snprintf(error, error_size,
			 "%s: larger than %d bytes; give a configuration file", path,
			 FILE_MAX);
	else if (len < 0)
		snprintf(error, error_size, "%s: %s; give the configuration file with -c",
			 path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return len;
}

struct config *config_load(const struct config_schema *schema, const char *path,
			   char *error, size_t error_size)
{
	struct config *config = NULL;
	char *text = malloc(FILE_MAX + 1);

	if (!text) {
		snprintf(error, error_size, "%s: out of memory; free some", path);
		return NULL;
	}

	ssize_t len = read_file(path, text, error, error_size);
	if (len >= 0)
		config = config_parse(schema, path, text, (size_t)len, error, error_size);
	free(text);
	return config;
}

void config_free(struct config *config)
{
	struct config_walk at = {0};

	if (!config)
		return;
	while (config_walk(config, &at))
		config_value_free(at.key, at.base);
	for (size_t i = 0; i < config->schema->section_count; i++) {
		const struct config_section *section = &config->schema->sections[i];
		bool named = section->form == CONFIG_NAMED;

		if (!named && section->form != CONFIG_MANY)
			continue;
		for (size_t j = 0; named && j < config_element_count(config, section);
		     j++)
			free(*(char **)config_element(config, section, j));
		free(*(void **)config_member(config, section->offset));
	}
	for (size_t i = 0; i < config->remark_count; i++)
		free(config->remarks[i].sentence);
	free(config->remarks);
	free(config->places);
	free(config->path);
	free(config);
}

/* --- comparing ------------------------------------------------------------------------------- */

struct comparison {
	const struct config *before, *after;
	config_difference_fn *report;
	void *arg;
	size_t differences;
};

static void differ(struct comparison *comparison, const char *name, const char *before,
		   const char *after, enum reload_effect effect)
{
	comparison->differences++;
	comparison->report(comparison->arg, name, before, after, effect);
}

static enum reload_effect effect_of(const struct comparison *comparison,
				    const struct config_key *key, size_t element)
{
	const struct config_schema *schema = comparison->before->schema;

	if (key->effect != RELOAD_EFFECT_DRAINING)
		return key->effect;
	assert(schema->effect != NULL);
	return schema->effect(key, element, comparison->before, comparison->after);
}

static void compare_elements(struct comparison *comparison,
			     const struct config_section *section, size_t element,
			     const void *before, const void *after)
{
	const struct config_schema *schema = comparison->before->schema;
	char name[CONFIG_NAME_SIZE];

	for (size_t i = 0; i < schema->key_count; i++) {
		const struct config_key *key = &schema->keys[i];

		if (!config_has_key(section, key, element))
			continue;
		char *was = config_value_format(key, before);
		char *is = config_value_format(key, after);

		config_key_name(section, key, before, element, name);
		/* Out of memory: better one difference too many than one unseen. */
		if (!was || !is || strcmp(was, is) != 0)
			differ(comparison, name, was ? was : "?", is ? is : "?",
			       effect_of(comparison, key, element));
		free(was);
		free(is);
	}
}

/* Blocks with names pair by these, others by position; NULL: there is none. */
static const void *partner(const struct config_section *section, const void *base,
			   size_t element, const struct config *other)
{
	size_t count = config_element_count(other, section);

	if (section->form != CONFIG_NAMED)
		return element < count ? config_element(other, section, element) : NULL;
	for (size_t i = 0; i < count; i++) {
		const void *candidate = config_element(other, section, i);

		if (strcmp(*(char *const *)candidate, *(char *const *)base) == 0)
			return candidate;
	}
	return NULL;
}

/* A block that is on one side only. */
static void tell_block(struct comparison *comparison,
		       const struct config_section *section, const void *base,
		       size_t element, bool came)
{
	const char *there = section->there,
		   *gone = section->gone ? section->gone : "none";
	char name[CONFIG_NAME_SIZE];

	assert(section->form == CONFIG_NAMED || section->form == CONFIG_MANY);
	if (!there)
		there = *(char *const *)config_member(base, section->name_offset);
	config_element_name(section, base, element, name);
	differ(comparison, name, came ? gone : there, came ? there : gone,
	       RELOAD_EFFECT_APPLIED);
}

static void compare_section(struct comparison *comparison,
			    const struct config_section *section)
{
	const struct config *before = comparison->before, *after = comparison->after;

	for (size_t i = 0; i < config_element_count(before, section); i++) {
		const void *was = config_element(before, section, i);
		const void *is = partner(section, was, i, after);

		if (is)
			compare_elements(comparison, section, i, was, is);
		else
			tell_block(comparison, section, was, i, false);
	}
	for (size_t i = 0; i < config_element_count(after, section); i++) {
		const void *is = config_element(after, section, i);

		if (!partner(section, is, i, before))
			tell_block(comparison, section, is, i, true);
	}
}

size_t config_compare(const struct config *before, const struct config *after,
		      config_difference_fn *report, void *arg)
{
	struct comparison comparison = {before, after, report, arg, 0};

	assert(before->schema == after->schema);
	for (size_t i = 0; i < before->schema->section_count; i++)
		compare_section(&comparison, &before->schema->sections[i]);
	return comparison.differences;
}

bool config_keep_fixed(const struct config *in_force, struct config *next)
{
	struct config_walk at = {0};
	char why[CONFIG_WHY_MAX];

	assert(in_force->schema == next->schema);
	while (config_walk(next, &at)) {
		if (at.key->effect != RELOAD_EFFECT_RESTART)
			continue;
		/* A single value in a section that is there once: as a test holds. */
		assert(at.base == next && config_element_size(at.key->type) == 0);
		char *text = config_value_format(at.key, in_force);
		bool ok = text && config_value_parse(at.key, text, next, why);

		free(text);
		if (!ok)
			return false;
	}
	return true;
}

/* --- listing --------------------------------------------------------------------------------- */

bool config_list(const struct config *config, config_entry_fn *report, void *arg)
{
	struct config_walk at = {0};
	char name[CONFIG_NAME_SIZE];
	bool complete = true;

	while (config_walk(config, &at)) {
		char *value = config_value_format(at.key, at.base);

		config_key_name(at.section, at.key, at.base, at.element, name);
		if (value)
			report(arg,
			       &(struct config_entry){
				       .key = name,
				       .value = value,
				       .fallback = at.key->fallback,
				       .is_set = config_find_place(config, at.section,
								   at.element, at.key,
								   CONFIG_WHOLE) != NULL,
				       .reloads = at.key->effect != RELOAD_EFFECT_RESTART,
				       .doc = at.key->doc,
			       });
		else
			complete = false;
		free(value);
	}
	return complete;
}

void config_print_keys(const struct config_schema *schema, FILE *out)
{
	for (size_t i = 0; i < schema->key_count; i++) {
		const struct config_key *key = &schema->keys[i];

		fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", key->section, key->name,
			config_type_name(key->type),
			key->fallback ? key->fallback : "required",
			key->effect == RELOAD_EFFECT_RESTART ? "restart" : "reload",
			key->doc);
	}
}

bool config_watched(const struct config *config, size_t index, struct config_file *file)
{
	struct config_walk at = {0};

	while (config_walk(config, &at)) {
		if (!at.key->watched || index-- > 0)
			continue;
		assert(at.key->size == sizeof(file->path));
		file->field = config_member(at.base, at.key->offset);
		file->path = *(char *const *)file->field;
		config_key_name(at.section, at.key, NULL, at.element, file->key);
		return true;
	}
	return false;
}

bool config_locate_file(const struct config *config, const char *path, char *error,
			size_t error_size)
{
	struct config_file file;

	for (size_t i = 0; path && config_watched(config, i, &file); i++) {
		if (file.path == path)
			return config_locate(config, file.field, error, error_size);
	}
	return false;
}
