/*
 * config_remark.c - remarks on a valid configuration; see config.h.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/config/config.h"
#include "base/config/config_syntax.h"
#include "base/config/config_value.h"
#include "base/log.h"

enum { SENTENCE_MAX = 600 };

size_t config_remark_count(const struct config *config, enum config_remark_level level)
{
	size_t count = 0;

	for (size_t i = 0; i < config->remark_count; i++)
		count += config->remarks[i].level == level;
	return count;
}

static void tell(const struct config *config, const struct config_remark *remark,
		 FILE *out)
{
	bool warning = remark->level == CONFIG_WARNING;
	char where[32] = "";

	if (remark->line != 0)
		snprintf(where, sizeof(where), ":%u:%u", remark->line, remark->column);
	if (out)
		fprintf(out, "%s%s: %s: %s\n", config->path, where,
			warning ? "warning" : "info", remark->sentence);
	else
		log_write(LOG_SUBSYSTEM, warning ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
			  "%s%s: %s", config->path, where, remark->sentence);
}

void config_tell_remarks(struct config *config, FILE *out)
{
	for (size_t i = 0; i < config->remark_count; i++) {
		if (!config->remarks[i].told)
			tell(config, &config->remarks[i], out);
		config->remarks[i].told = true;
	}
}

void config_remember_remarks(const struct config *before, struct config *next)
{
	for (size_t i = 0; i < next->remark_count; i++) {
		struct config_remark *remark = &next->remarks[i];

		for (size_t j = 0; j < before->remark_count && !remark->told; j++)
			remark->told = before->remarks[j].told &&
				       strcmp(before->remarks[j].sentence,
					      remark->sentence) == 0;
	}
}

static bool is_before(const struct config_remark *a, const struct config_remark *b)
{
	return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* In the order of the file, and of their making at one place. */
static void insert(struct config *config, const struct config_remark *remark)
{
	struct config_remark *remarks = config->remarks;
	size_t at = config->remark_count;

	for (size_t i = 0; i < config->remark_count; i++) {
		if (remarks[i].line == remark->line &&
		    remarks[i].column == remark->column &&
		    strcmp(remarks[i].sentence, remark->sentence) == 0)
			return;
	}
	remarks = reallocarray(remarks, config->remark_count + 1, sizeof(*remarks));
	if (!remarks)
		return;
	config->remarks = remarks;

	struct config_remark own = *remark;
	own.sentence = strdup(remark->sentence);
	if (!own.sentence)
		return;
	for (; at > 0 && is_before(remark, &remarks[at - 1]); at--)
		remarks[at] = remarks[at - 1];
	remarks[at] = own;
	config->remark_count++;
}

static void add(struct config *config, enum config_remark_level level, unsigned line,
		unsigned column, const char *name, const char *format, va_list args)
{
	char sentence[SENTENCE_MAX];
	int len = *name ? snprintf(sentence, sizeof(sentence), "%s: ", name) : 0;

	assert(len >= 0 && (size_t)len < sizeof(sentence));
	vsnprintf(sentence + len, sizeof(sentence) - (size_t)len, format, args);

	size_t end = strlen(sentence);
	if (end > 0 && sentence[end - 1] == '.')
		sentence[end - 1] = '\0';
	insert(config, &(struct config_remark){level, line, column, sentence, false});
}

static void add_on(struct config *config, enum config_remark_level level,
		   const void *field, const char *format, va_list args)
{
	const struct config_place *block, *place;
	char name[CONFIG_NAME_SIZE];

	place = config_place_of(config, field, name, &block);
	assert(name[0] != '\0'); /* of this configuration, and a row's */
	if (!place)
		place = block;
	add(config, level, place ? place->line : 0, place ? place->column : 0, name,
	    format, args);
}

void config_warn(struct config *config, const void *field, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_on(config, CONFIG_WARNING, field, format, args);
	va_end(args);
}

void config_inform(struct config *config, const void *field, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_on(config, CONFIG_INFO, field, format, args);
	va_end(args);
}

void config_remark_at(struct config *config, enum config_remark_level level,
		      unsigned line, unsigned column, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(config, level, line, column, "", format, args);
	va_end(args);
}

static bool is_twin(const struct config *config, const struct config_section *section,
		    size_t a, size_t b)
{
	const struct config_schema *schema = config->schema;
	bool same = true;

	for (size_t i = 0; same && i < schema->key_count; i++) {
		const struct config_key *key = &schema->keys[i];

		if (!config_has_key(section, key, a))
			continue;
		char *one = config_value_format(key, config_element(config, section, a));
		char *two = config_value_format(key, config_element(config, section, b));

		same = one && two && strcmp(one, two) == 0;
		free(one);
		free(two);
	}
	return same;
}

static void warn_of_twin(struct config *config, const struct config_section *section,
			 size_t element)
{
	for (size_t i = 0; i < element; i++) {
		const struct config_place *one, *two;

		if (!is_twin(config, section, element, i))
			continue;
		one = config_find_place(config, section, element, NULL, CONFIG_WHOLE);
		two = config_find_place(config, section, i, NULL, CONFIG_WHOLE);
		assert(one && two); /* blocks are there only if they are written */
		config_remark_at(config, CONFIG_WARNING, one->line, one->column,
				 "%s: says the same as the one in line %u; remove one of "
				 "them",
				 section->name, two->line);
		return;
	}
}

void config_warn_of_twins(struct config *config)
{
	for (size_t i = 0; i < config->schema->section_count; i++) {
		const struct config_section *section = &config->schema->sections[i];

		for (size_t j = 0; section->form == CONFIG_MANY &&
				   j < config_element_count(config, section);
		     j++)
			warn_of_twin(config, section, j);
	}
}

void config_remark_on_realm(struct config *config, char *const *realm)
{
	size_t len = strlen(*realm);

	if (len % 4 != 0)
		config_inform(config, realm,
			      "a few old clients cannot log in to a realm of %zu "
			      "characters; for them use %zu, a multiple of four",
			      len, len + 4 - len % 4);
}
