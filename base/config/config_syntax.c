/*
 * config_syntax.c - see config_syntax.h. Every value goes straight into its field. Sections do not nest.
 */
#include "base/config/config_syntax.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config/config_token.h"
#include "base/config/config_value.h"
#include "base/config/nearest.h"

enum { NAME_SIZE = 64, REST_SIZE = 48 };

struct reader {
	struct config *config;
	const struct config_schema *schema;
	struct config_tokens in;
	const struct config_section *section; /* the open block, */
	struct config_at opened;              /* where it begins */
	size_t element;
};

/* Always false. */
#define FAIL(reader, ...) config_token_fail(&(reader)->in, __VA_ARGS__)

static char advance(struct reader *reader)
{
	return config_token_next(&reader->in);
}

static bool is_text(char token)
{
	return token == TOKEN_WORD || token == TOKEN_STRING;
}

/* What was taken last does not belong there. Always false. */
static bool unexpected(struct reader *reader)
{
	const char mark[] = {reader->in.token, '\0'};

	if (reader->in.token == TOKEN_BAD)
		return false;
	if (reader->in.token == '}')
		return FAIL(
			reader, reader->in.at,
			"\"}\" closes nothing; remove it, or open the section or list");
	if (reader->in.token == TOKEN_WORD && *reader->in.text == '[')
		return FAIL(reader, reader->in.at,
			    "unexpected \"[\"; write a list in braces, {value, value}");
	return FAIL(reader, reader->in.at,
		    "unexpected \"%.80s\"; write key = value, key = {value, value} or "
		    "section { ... }",
		    is_text(reader->in.token) ? reader->in.text : mark);
}

/* --- words that are not known ---------------------------------------------------------------- */

/* The key may exist elsewhere: worth more than a word like it. */
static bool unknown_key(struct reader *reader, struct config_at at, const char *word)
{
	const struct config_schema *schema = reader->schema;
	const char *section = reader->section->name;
	const struct config_key *elsewhere = NULL;
	struct nearest nearest = {.word = word};
	char where[NAME_SIZE] = "";

	if (*section)
		snprintf(where, sizeof(where), " in section \"%s\"", section);
	for (size_t i = 0; i < schema->key_count; i++) {
		const struct config_key *key = &schema->keys[i];
		bool open = strcmp(key->section, section) == 0;

		if (!elsewhere && strcmp(key->name, word) == 0)
			elsewhere = key;
		if (open)
			nearest_try(&nearest, key->name);
	}
	if (elsewhere && *elsewhere->section)
		return FAIL(reader, at,
			    "unknown key \"%s\"%s; it belongs in section \"%s\"", word,
			    where, elsewhere->section);
	if (elsewhere)
		return FAIL(reader, at,
			    "unknown key \"%s\"%s; it belongs outside of all sections",
			    word, where);

	for (size_t i = 1; !*section && i < schema->section_count; i++)
		nearest_try(&nearest, schema->sections[i].name);
	if (nearest.found)
		return FAIL(reader, at, "unknown key \"%s\"%s; did you mean \"%s\"?",
			    word, where, nearest.found);
	return FAIL(reader, at,
		    "unknown key \"%.80s\"%s; remove it (the manual page lists all keys)",
		    word, where);
}

static bool unknown_section(struct reader *reader, struct config_at at, const char *word)
{
	const struct config_schema *schema = reader->schema;
	struct nearest nearest = {.word = word};
	char list[4 * NAME_SIZE] = "";

	for (size_t i = 1; i < schema->section_count; i++) {
		size_t len = strlen(list);

		nearest_try(&nearest, schema->sections[i].name);
		snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "",
			 schema->sections[i].name);
	}
	if (nearest.found)
		return FAIL(reader, at, "unknown section \"%s\"; did you mean \"%s\"?",
			    word, nearest.found);
	return FAIL(reader, at, "unknown section \"%.80s\"; it may be one of: %s", word,
		    list);
}

static bool unknown_title(struct reader *reader, const struct config_section *section)
{
	struct nearest nearest = {.word = reader->in.text};
	char list[2 * NAME_SIZE] = "";

	for (const char *const *title = section->titles; *title; title++) {
		size_t len = strlen(list);

		nearest_try(&nearest, *title);
		snprintf(list + len, sizeof(list) - len, "%s\"%s\"", len ? ", " : "",
			 *title);
	}
	if (nearest.found)
		return FAIL(reader, reader->in.at,
			    "unknown %s \"%s\"; did you mean \"%s\"?", section->name,
			    reader->in.text, nearest.found);
	return FAIL(reader, reader->in.at, "unknown %s \"%.80s\"; it may be one of: %s",
		    section->name, reader->in.text, list);
}

/* --- statements ------------------------------------------------------------------------------ */

static bool add_place(struct reader *reader, const struct config_key *key, size_t index,
		      struct config_at at)
{
	struct config *config = reader->config;
	struct config_place *places = config->places;

	assert(at.line > 0 && at.line <= reader->in.line && at.column > 0);
	assert(!key || config_has_key(reader->section, key, reader->element));
	/* Room doubles at every power of two. */
	if ((config->place_count & (config->place_count - 1)) == 0)
		places = reallocarray(places, 2 * config->place_count + 1,
				      sizeof(*places));
	if (!places)
		return FAIL(reader, at, "out of memory; free some");
	config->places = places;
	places[config->place_count++] = (struct config_place){
		.section = reader->section,
		.key = key,
		.element = reader->element,
		.index = index,
		.line = at.line,
		.column = at.column,
	};
	return true;
}

const struct config_place *config_find_place(const struct config *config,
					     const struct config_section *section,
					     size_t element, const struct config_key *key,
					     size_t index)
{
	assert(key || index == CONFIG_WHOLE);
	for (size_t i = 0; i < config->place_count; i++) {
		const struct config_place *place = &config->places[i];

		if (place->section == section && place->element == element &&
		    place->key == key && place->index == index)
			return place;
	}
	return NULL;
}

/* Of the open block, or one of its keys. */
static const struct config_place *find_place(const struct reader *reader,
					     const struct config_key *key)
{
	return config_find_place(reader->config, reader->section, reader->element, key,
				 CONFIG_WHOLE);
}

static bool set_value(struct reader *reader, const struct config_key *key)
{
	void *base = config_element(reader->config, reader->section, reader->element);
	bool list = config_element_size(key->type) > 0;
	char why[CONFIG_WHY_MAX], name[CONFIG_NAME_SIZE];

	assert(is_text(reader->in.token));
	if (!config_value_parse(key, reader->in.text, base, why)) {
		config_key_name(reader->section, key, NULL, reader->element, name);
		return FAIL(reader, reader->in.at, "%s: %s", name, why);
	}
	return !list ||
	       add_place(reader, key, config_list_count(key, base) - 1, reader->in.at);
}

static const struct config_section *find_section(const struct reader *reader,
						 const char *name)
{
	for (size_t i = 1; i < reader->schema->section_count; i++) {
		if (strcmp(reader->schema->sections[i].name, name) == 0)
			return &reader->schema->sections[i];
	}
	return NULL;
}

static bool is_former(const struct config_key *key, const char *name)
{
	return key->former && strcmp(key->former, name) == 0;
}

static const struct config_key *find_key(const struct reader *reader, const char *name)
{
	for (size_t i = 0; i < reader->schema->key_count; i++) {
		const struct config_key *key = &reader->schema->keys[i];

		if (strcmp(key->section, reader->section->name) == 0 &&
		    (strcmp(key->name, name) == 0 || is_former(key, name)))
			return key;
	}
	return NULL;
}

/* Is the word that was taken last the start of the next statement, and not an element? */
static bool ends_list(const struct reader *reader)
{
	char next = config_token_peek(&reader->in);

	return reader->in.token == TOKEN_WORD &&
	       (next == '=' || next == '{' ||
		(find_section(reader, reader->in.text) && next != ',' && next != '}'));
}

static bool not_closed(struct reader *reader, const struct config_key *key,
		       struct config_at open)
{
	return FAIL(
		reader, open,
		"list \"%s\" is still open before \"%.80s\" in line %u; close it with "
		"\"}\"",
		key->name, reader->in.text, reader->in.at.line);
}

/* What is in the braces of a list, and the closing one. */
static bool read_list(struct reader *reader, const struct config_key *key)
{
	struct config_at open = reader->in.at;

	assert(reader->in.token == '{' && config_element_size(key->type) > 0);
	while (advance(reader) != '}') {
		if (reader->in.token == TOKEN_END)
			return FAIL(reader, open,
				    "list \"%s\" is still open at the end of the file; "
				    "close it with \"}\"",
				    key->name);
		if (ends_list(reader))
			return not_closed(reader, key, open);
		if (!is_text(reader->in.token))
			return unexpected(reader);
		if (!set_value(reader, key))
			return false;
		if (advance(reader) == '}')
			break;
		if (reader->in.token == TOKEN_END)
			continue;
		if (ends_list(reader))
			return not_closed(reader, key, open);
		if (is_text(reader->in.token))
			return FAIL(reader, reader->in.at,
				    "no comma before \"%.80s\"; write {value, value}",
				    reader->in.text);
		if (reader->in.token != ',')
			return unexpected(reader);
	}
	return true;
}

static bool no_value(struct reader *reader, const struct config_key *key,
		     struct config_at at)
{
	return FAIL(reader, at, "\"%s\" has no value; write one, or remove the key",
		    key->name);
}

/* A word on the line of the value that begins no statement: the value has a blank. */
static bool find_rest(const struct reader *reader, char rest[REST_SIZE])
{
	return config_token_word_follows(&reader->in, rest, REST_SIZE) &&
	       !find_key(reader, rest) && !find_section(reader, rest);
}

/* The first word of the value was taken last. Always false. */
static bool refuse_blank(struct reader *reader, const struct config_key *key,
			 const char *rest)
{
	void *base = config_element(reader->config, reader->section, reader->element);
	bool text = config_is_text(key->type);
	char name[CONFIG_NAME_SIZE], why[CONFIG_WHY_MAX], whole[2 * REST_SIZE];

	config_key_name(reader->section, key, NULL, reader->element, name);
	if (config_element_size(key->type) > 0)
		return FAIL(reader, reader->in.at,
			    "%s: more than one value; write {%.40s, %s}", name,
			    reader->in.text, rest);
	snprintf(whole, sizeof(whole), "%.40s%s", reader->in.text, rest);
	/* What is read is lost with the rest of the file. */
	if (!text && config_value_parse(key, whole, base, why))
		return FAIL(reader, reader->in.at,
			    "%s: \"%.40s %s\" has a blank; write %s", name,
			    reader->in.text, rest, whole);
	snprintf(whole, sizeof(whole), "%.40s %s", reader->in.text, rest);
	if (text || config_value_parse(key, whole, base, why))
		return FAIL(reader, reader->in.at,
			    "%s: \"%s\" has a blank; put it in quotes", name, whole);
	return FAIL(reader, reader->in.at, "%s: %s", name, why);
}

/* The key has been taken; the next token is the one after its value. */
static bool read_value(struct reader *reader, const struct config_key *key,
		       struct config_at at)
{
	const struct config_place *first = find_place(reader, key);
	void *base = config_element(reader->config, reader->section, reader->element);
	bool list = config_element_size(key->type) > 0, assigned;
	char rest[REST_SIZE];

	assert(strcmp(key->section, reader->section->name) == 0);
	if (!config_has_key(reader->section, key, reader->element))
		return FAIL(reader, at,
			    "\"%s\" has no meaning in %s %s; move it to %s %s", key->name,
			    reader->section->name,
			    reader->section->titles[reader->element],
			    reader->section->name,
			    reader->section->titles[!reader->element]);
	if (advance(reader) == TOKEN_BAD)
		return false;
	if (reader->in.token != '=' && reader->in.token != TOKEN_APPEND)
		return FAIL(reader, at, "\"%s\" has no value; write %s = %s", key->name,
			    key->name, list ? "{value, value}" : "value");
	if (reader->in.token == TOKEN_APPEND && !list)
		return FAIL(reader, at,
			    "\"%s\" is not a list; write = instead of +=", key->name);
	assigned = reader->in.token == '=';
	if (assigned && first)
		return FAIL(reader, at,
			    "\"%s\" is given a second time, first in line %u; keep one "
			    "of them",
			    key->name, first->line);
	if (advance(reader) == TOKEN_BAD)
		return false;
	if (reader->in.token == '{' && !list)
		return FAIL(reader, reader->in.at,
			    "\"%s\" is not a list; remove the braces", key->name);
	if (reader->in.token == TOKEN_END || reader->in.token == '}')
		return no_value(reader, key, at);
	if (list && reader->in.token == TOKEN_WORD && *reader->in.text == '[')
		return unexpected(reader);
	if (!first && !add_place(reader, key, CONFIG_WHOLE, reader->in.at))
		return false;
	/* A list that is written replaces the default; += appends to it. */
	if (list && assigned)
		config_value_free(key, base);
	if (reader->in.token == '{') {
		if (!read_list(reader, key))
			return false;
	} else if (!is_text(reader->in.token)) {
		return unexpected(reader);
	} else if (find_rest(reader, rest)) {
		return refuse_blank(reader, key, rest);
	} else if (list && assigned && config_value_is_none(key, reader->in.text)) {
		/* Empty already. */
	} else if (!set_value(reader, key)) {
		return false;
	}
	/* What was taken for its value is the next key. */
	if (advance(reader) == '=' || reader->in.token == TOKEN_APPEND)
		return no_value(reader, key, at);
	return reader->in.token != TOKEN_BAD;
}

/* One element more, with defaults, under the title that was taken last. */
static bool add_element(struct reader *reader, const struct config_section *section)
{
	char **array = config_member(reader->config, section->offset);
	size_t *count = config_member(reader->config, section->count_offset);
	char *larger = reallocarray(*array, *count + 1, section->size);

	assert(section->form == CONFIG_NAMED || section->form == CONFIG_MANY);
	if (larger) {
		*array = larger;
		memset(larger + *count * section->size, 0, section->size);
		reader->element = (*count)++;
	}
	if (larger && section->form == CONFIG_NAMED) {
		char *title = strdup(reader->in.text);

		for (char *p = title; p && *p; p++)
			*p = (char)tolower((unsigned char)*p);
		memcpy(larger + reader->element * section->size, &title, sizeof(title));
		if (!title)
			larger = NULL;
	}
	return (larger &&
		config_set_defaults(reader->config, section, reader->element)) ||
	       FAIL(reader, reader->in.at, "out of memory; free some");
}

/* The element of that title; the count if there is none. */
static size_t find_element(const struct reader *reader,
			   const struct config_section *section, const char *title)
{
	size_t count = config_element_count(reader->config, section), i = 0;

	for (; i < count; i++) {
		const char *known =
			section->form == CONFIG_TITLED
				? section->titles[i]
				: *(char **)config_element(reader->config, section, i);

		if (section->form == CONFIG_TITLED ? strcmp(known, title) == 0
						   : strcasecmp(known, title) == 0)
			break;
	}
	return i;
}

/* The title has been taken. */
static bool find_titled(struct reader *reader, const struct config_section *section,
			struct config_at at)
{
	assert(section->form != CONFIG_ONCE && is_text(reader->in.token));
	reader->element = find_element(reader, section, reader->in.text);
	if (reader->element < config_element_count(reader->config, section)) {
		const struct config_place *first = find_place(reader, NULL);

		return !first || FAIL(reader, at,
				      "%s \"%s\" is given a second time, first in line "
				      "%u; keep one of them",
				      section->name, reader->in.text, first->line);
	}
	if (section->form == CONFIG_TITLED)
		return unknown_title(reader, section);
	return add_element(reader, section);
}

/* The section's name has been taken; the next token is the first one in the block. */
static bool open_block(struct reader *reader, const struct config_section *section,
		       struct config_at at)
{
	bool titled = section->form == CONFIG_TITLED || section->form == CONFIG_NAMED;

	reader->section = section;
	reader->opened = at;
	reader->element = 0;
	if (advance(reader) == TOKEN_BAD)
		return false;
	if (titled && !is_text(reader->in.token))
		return FAIL(reader, at,
			    "section \"%s\" has no title; write it between the word and "
			    "the brace",
			    section->name);
	if (titled && (!find_titled(reader, section, at) || advance(reader) == TOKEN_BAD))
		return false;
	if (section->form == CONFIG_MANY && !add_element(reader, section))
		return false;
	if (reader->in.token != '{')
		return FAIL(reader, reader->in.at,
			    "section \"%s\" has no brace; write %s { ... }",
			    section->name, section->name);
	return add_place(reader, NULL, CONFIG_WHOLE, at) && advance(reader) != TOKEN_BAD;
}

static bool read_statement(struct reader *reader)
{
	const struct config_section *top = &reader->schema->sections[0], *section;
	const struct config_key *key;
	struct config_at at = reader->in.at;

	if (reader->in.token == '}' && reader->section != top) {
		reader->section = top;
		reader->element = 0;
		return advance(reader) != TOKEN_BAD;
	}
	if (reader->in.token != TOKEN_WORD)
		return unexpected(reader);
	key = find_key(reader, reader->in.text);
	if (key && is_former(key, reader->in.text) &&
	    config_has_key(reader->section, key, reader->element) &&
	    !add_place(reader, key, CONFIG_FORMER, at))
		return false;
	if (key)
		return read_value(reader, key, at);
	section = find_section(reader, reader->in.text);
	if (!section && config_token_opens_block(&reader->in))
		return unknown_section(reader, at, reader->in.text);
	if (!section)
		return unknown_key(reader, at, reader->in.text);
	if (reader->section != top)
		return FAIL(reader, at,
			    "\"%s\" begins while section \"%s\" is open; close that with "
			    "\"}\"",
			    reader->in.text, reader->section->name);
	return open_block(reader, section, at);
}

bool config_read(struct config *config, const char *text, char *error, size_t error_size)
{
	struct reader reader = {
		.config = config,
		.schema = config->schema,
		.section = &config->schema->sections[0],
	};

	assert(*reader.section->name == '\0' && reader.section->form == CONFIG_ONCE);
	config_token_begin(&reader.in, config->path, text, error, error_size);
	if (advance(&reader) == TOKEN_BAD)
		return false;
	while (reader.in.token != TOKEN_END) {
		if (!read_statement(&reader))
			return false;
	}
	if (reader.section == &config->schema->sections[0])
		return true;

	return FAIL(&reader, reader.opened,
		    "section \"%s\" is still open at the end of the file; close it with "
		    "\"}\"",
		    reader.section->name);
}
