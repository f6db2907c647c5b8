/*
 * config_remark.c - remarks on a valid configuration; see config.h.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/config/config.h"
#include "base/config/config_syntax.h"

enum { SENTENCE_MAX = 600 };

const char *config_remark_level_name(enum config_remark_level level)
{
	assert(level == CONFIG_INFO || level == CONFIG_WARNING);
	return level == CONFIG_INFO ? "info" : "warning";
}

size_t config_remark_count(const struct config *config, enum config_remark_level level)
{
	size_t count = 0;

	for (size_t i = 0; i < config->remark_count; i++)
		count += config->remarks[i].level == level;
	return count;
}

void config_remark_text(const struct config *config, const struct config_remark *remark,
			bool named, char *text, size_t size)
{
	char where[32] = "";

	if (remark->line != 0)
		snprintf(where, sizeof(where), ":%u:%u", remark->line, remark->column);
	snprintf(text, size, "%s%s: %s%s%s", config->path, where,
		 named ? config_remark_level_name(remark->level) : "", named ? ": " : "",
		 remark->sentence);
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
	insert(config, &(struct config_remark){level, line, column, sentence});
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
