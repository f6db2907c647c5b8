/*
 * config_syntax.c - see config_syntax.h. Tokens, then statements; every value goes straight into
 * its field. Sections do not nest.
 */
#include "base/config/config_syntax.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config/config_value.h"
#include "base/config/nearest.h"

enum { TEXT_MAX = 4096, NAME_SIZE = 64, REST_SIZE = 48 };

/* What was taken last: a mark stands for itself. */
enum {
	TOKEN_END = '\0',
	TOKEN_WORD = 'w',
	TOKEN_STRING = 's', /* quoted */
	TOKEN_APPEND = '+', /* += */
	TOKEN_BAD = '!',    /* an error has been written */
};

static const char blanks[] = " \t\n\v\f\r";
static const char marks_and_blanks[] = "\"'{}()=+,;# \t\n\v\f\r";

struct place {
	unsigned line, column;
};

struct reader {
	struct config *config;
	const struct config_schema *schema;
	const char *next, *line_start; /* the text ends with \0, and has no other */
	unsigned line;
	char token;          /* the one that was taken last, */
	struct place at;     /* where it begins */
	char text[TEXT_MAX]; /* what a word or string says */
	size_t len;
	const struct config_section *section; /* the open block, */
	struct place opened;                  /* where it begins */
	size_t element;
	char *error;
	size_t error_size;
};

/* Always false. */
static bool __attribute__((format(printf, 3, 4)))
fail(struct reader *reader, struct place at, const char *format, ...)
{
	char why[CONFIG_WHY_MAX + NAME_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	snprintf(reader->error, reader->error_size, "%s:%u:%u: %s", reader->config->path,
		 at.line, at.column, why);
	return false;
}

/* --- tokens ---------------------------------------------------------------------------------- */

static struct place here(const struct reader *reader)
{
	return (struct place){reader->line,
			      (unsigned)(reader->next - reader->line_start) + 1};
}

static char take(struct reader *reader)
{
	char c = *reader->next++;

	assert(c != '\0');
	if (c == '\n') {
		reader->line++;
		reader->line_start = reader->next;
	}
	return c;
}

static void take_to(struct reader *reader, const char *end)
{
	while (reader->next < end)
		take(reader);
}

static bool starts(const struct reader *reader, const char *mark)
{
	return strncmp(reader->next, mark, strlen(mark)) == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Blanks and comments. False if a comment has no end. */
static bool skip_blanks(struct reader *reader)
{
	for (;;) {
		const char *close = strstr(reader->next, "*/");

		if (is_blank(*reader->next))
			take(reader);
		else if (*reader->next == '#' || starts(reader, "//"))
			take_to(reader, reader->next + strcspn(reader->next, "\n"));
		else if (!starts(reader, "/*"))
			return true;
		else if (!close)
			return fail(reader, here(reader),
				    "comment is never closed; close it with \"*/\"");
		else
			take_to(reader, close + 2);
	}
}

static bool put(struct reader *reader, const char *text, size_t len)
{
	assert(reader->len < sizeof(reader->text));
	if (len >= sizeof(reader->text) - reader->len)
		return fail(reader, reader->at,
			    "value is longer than %d bytes; shorten it", TEXT_MAX - 1);
	memcpy(reader->text + reader->len, text, len);
	reader->len += len;
	reader->text[reader->len] = '\0';
	return true;
}

/* ${NAME} or ${NAME:-DEFAULT}: the environment's value. */
static bool put_variable(struct reader *reader)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789_";
	struct place at = here(reader);
	const char *start = reader->next + 2, *value;
	size_t len = strspn(start, letters), rest = strcspn(start + len, "}\n");
	bool has_default = strncmp(start + len, ":-", 2) == 0;
	char name[NAME_SIZE];

	assert(starts(reader, "${"));
	if (start[len + rest] != '}')
		return fail(reader, at, "\"${\" has no end; close it with \"}\"");
	if (len == 0 || len >= sizeof(name) || (rest > 0 && !has_default))
		return fail(reader, at,
			    "\"%.*s\" is not a variable; write ${NAME} or "
			    "${NAME:-DEFAULT}",
			    (int)(len + rest < 80 ? len + rest + 3 : 80), reader->next);
	snprintf(name, sizeof(name), "%.*s", (int)len, start);
	take_to(reader, start + len + rest + 1);
	value = getenv(name);
	if (value)
		return put(reader, value, strlen(value));
	if (!has_default)
		return fail(reader, at,
			    "environment variable %s is not set; set it, or write "
			    "${%s:-DEFAULT}",
			    name, name);
	return put(reader, start + len + 2, rest - 2);
}

/* What follows a backslash in double quotes. No value may contain other control characters. */
static bool put_escape(struct reader *reader)
{
	static const char letters[] = "nrt", meant[] = "\n\r\t";
	struct place at = here(reader);
	char c = reader->next[1];

	assert(reader->next[0] == '\\' && c != '\0');
	const char *letter = strchr(letters, c);

	take_to(reader, reader->next + 2);
	if (c == '\n') /* the string goes on in the next line */
		return true;
	if (isalnum((unsigned char)c) && !letter)
		return fail(reader, at,
			    "unknown escape \"\\%c\"; write \"\\\\\" for \"\\\"", c);
	return put(reader, letter ? &meant[letter - letters] : &c, 1);
}

static bool take_quoted(struct reader *reader)
{
	char quote = take(reader);
	bool ok = true;

	while (ok && *reader->next != quote) {
		char next = reader->next[0] == '\0' ? '\0' : reader->next[1];
		bool escape = *reader->next == '\\';

		/* No value holds a line break, so this is the line that lacks it. */
		if (next == '\0' || *reader->next == '\n')
			return fail(reader, reader->at,
				    "quote is not closed on its line; close it");
		if (quote == '"' && starts(reader, "${"))
			ok = put_variable(reader);
		/* In single quotes, a backslash stands for itself before anything else. */
		else if (escape && (quote == '"' || strchr("\\'\n", next)))
			ok = put_escape(reader);
		else
			ok = put(reader, &(char){take(reader)}, 1);
	}
	return ok && take(reader) == quote;
}

static bool take_word(struct reader *reader)
{
	bool ok = true;

	while (ok && *reader->next != '\0') {
		if (starts(reader, "${"))
			ok = put_variable(reader);
		else if (is_blank(*reader->next) ||
			 strchr("\"'{}()=+,;#", *reader->next) || starts(reader, "/*"))
			break;
		else
			ok = put(reader, &(char){take(reader)}, 1);
	}
	return ok;
}

/* Take the next token; TOKEN_BAD if that fails. */
static char advance(struct reader *reader)
{
	reader->token = TOKEN_BAD;
	if (!skip_blanks(reader))
		return TOKEN_BAD;
	reader->at = here(reader);
	reader->len = 0;
	reader->text[0] = '\0';

	char c = *reader->next;
	if (c == '\0') {
		reader->token = TOKEN_END;
	} else if (c == '"' || c == '\'') {
		if (take_quoted(reader))
			reader->token = TOKEN_STRING;
	} else if (strchr("{}=,", c) || starts(reader, "+=")) {
		take_to(reader, reader->next + (c == '+' ? 2 : 1));
		reader->token = c;
	} else if (c == ';') {
		fail(reader, reader->at,
		     "unexpected \";\"; remove it, because a value needs no mark at its "
		     "end, or put the value in quotes");
	} else if (strchr("()+", c)) {
		fail(reader, reader->at, "unexpected \"%c\"; put the value in quotes", c);
	} else if (take_word(reader)) {
		reader->token = TOKEN_WORD;
	}
	return reader->token;
}

/* What follows the token that was taken last, behind blanks; '\0' at the end. */
static char peek(const struct reader *reader)
{
	return reader->next[strspn(reader->next, blanks)];
}

static bool is_text(char token)
{
	return token == TOKEN_WORD || token == TOKEN_STRING;
}

/* What was taken last does not belong there. Always false. */
static bool unexpected(struct reader *reader)
{
	const char mark[] = {reader->token, '\0'};

	if (reader->token == TOKEN_BAD)
		return false;
	if (reader->token == '}')
		return fail(
			reader, reader->at,
			"\"}\" closes nothing; remove it, or open the section or list");
	if (reader->token == TOKEN_WORD && *reader->text == '[')
		return fail(reader, reader->at,
			    "unexpected \"[\"; write a list in braces, {value, value}");
	return fail(reader, reader->at,
		    "unexpected \"%.80s\"; write key = value, key = {value, value} or "
		    "section { ... }",
		    is_text(reader->token) ? reader->text : mark);
}

/* --- words that are not known ---------------------------------------------------------------- */

/* The key may exist elsewhere: worth more than a word like it. */
static bool unknown_key(struct reader *reader, struct place at, const char *word)
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
		return fail(reader, at,
			    "unknown key \"%s\"%s; it belongs in section \"%s\"", word,
			    where, elsewhere->section);
	if (elsewhere)
		return fail(reader, at,
			    "unknown key \"%s\"%s; it belongs outside of all sections",
			    word, where);

	for (size_t i = 1; !*section && i < schema->section_count; i++)
		nearest_try(&nearest, schema->sections[i].name);
	if (nearest.found)
		return fail(reader, at, "unknown key \"%s\"%s; did you mean \"%s\"?",
			    word, where, nearest.found);
	return fail(reader, at,
		    "unknown key \"%.80s\"%s; remove it (the manual page lists all keys)",
		    word, where);
}

/* Does a block open, after a title or without one, behind the word that was taken last? */
static bool opens_block(const struct reader *reader)
{
	const char *next = reader->next + strspn(reader->next, blanks);
	const char quote[] = {*next, '\0'};

	if (*next == '"' || *next == '\'') {
		next += 1 + strcspn(next + 1, quote);
		next += *next != '\0';
	} else {
		next += strcspn(next, marks_and_blanks);
	}
	return next[strspn(next, blanks)] == '{';
}

static bool unknown_section(struct reader *reader, struct place at, const char *word)
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
		return fail(reader, at, "unknown section \"%s\"; did you mean \"%s\"?",
			    word, nearest.found);
	return fail(reader, at, "unknown section \"%.80s\"; it may be one of: %s", word,
		    list);
}

static bool unknown_title(struct reader *reader, const struct config_section *section)
{
	struct nearest nearest = {.word = reader->text};
	char list[2 * NAME_SIZE] = "";

	for (const char *const *title = section->titles; *title; title++) {
		size_t len = strlen(list);

		nearest_try(&nearest, *title);
		snprintf(list + len, sizeof(list) - len, "%s\"%s\"", len ? ", " : "",
			 *title);
	}
	if (nearest.found)
		return fail(reader, reader->at, "unknown %s \"%s\"; did you mean \"%s\"?",
			    section->name, reader->text, nearest.found);
	return fail(reader, reader->at, "unknown %s \"%.80s\"; it may be one of: %s",
		    section->name, reader->text, list);
}

/* --- statements ------------------------------------------------------------------------------ */

static bool add_place(struct reader *reader, const struct config_key *key, size_t index,
		      struct place at)
{
	struct config *config = reader->config;
	struct config_place *places = config->places;

	assert(at.line > 0 && at.line <= reader->line && at.column > 0);
	assert(!key || config_has_key(reader->section, key, reader->element));
	/* Room doubles at every power of two. */
	if ((config->place_count & (config->place_count - 1)) == 0)
		places = reallocarray(places, 2 * config->place_count + 1,
				      sizeof(*places));
	if (!places)
		return fail(reader, at, "out of memory; free some");
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

	assert(is_text(reader->token));
	if (!config_value_parse(key, reader->text, base, why)) {
		config_key_name(reader->section, key, NULL, reader->element, name);
		return fail(reader, reader->at, "%s: %s", name, why);
	}
	return !list ||
	       add_place(reader, key, config_list_count(key, base) - 1, reader->at);
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
	char next = peek(reader);

	return reader->token == TOKEN_WORD &&
	       (next == '=' || next == '{' ||
		(find_section(reader, reader->text) && next != ',' && next != '}'));
}

static bool not_closed(struct reader *reader, const struct config_key *key,
		       struct place open)
{
	return fail(
		reader, open,
		"list \"%s\" is still open before \"%.80s\" in line %u; close it with "
		"\"}\"",
		key->name, reader->text, reader->at.line);
}

/* What is in the braces of a list, and the closing one. */
static bool read_list(struct reader *reader, const struct config_key *key)
{
	struct place open = reader->at;

	assert(reader->token == '{' && config_element_size(key->type) > 0);
	while (advance(reader) != '}') {
		if (reader->token == TOKEN_END)
			return fail(reader, open,
				    "list \"%s\" is still open at the end of the file; "
				    "close it with \"}\"",
				    key->name);
		if (ends_list(reader))
			return not_closed(reader, key, open);
		if (!is_text(reader->token))
			return unexpected(reader);
		if (!set_value(reader, key))
			return false;
		if (advance(reader) == '}')
			break;
		if (reader->token == TOKEN_END)
			continue;
		if (ends_list(reader))
			return not_closed(reader, key, open);
		if (is_text(reader->token))
			return fail(reader, reader->at,
				    "no comma before \"%.80s\"; write {value, value}",
				    reader->text);
		if (reader->token != ',')
			return unexpected(reader);
	}
	return true;
}

static bool no_value(struct reader *reader, const struct config_key *key, struct place at)
{
	return fail(reader, at, "\"%s\" has no value; write one, or remove the key",
		    key->name);
}

/*
 * A word that follows the value on its line and begins no statement: the value has a blank. False
 * if there is none.
 */
static bool find_rest(const struct reader *reader, char rest[REST_SIZE])
{
	const char *word = reader->next + strspn(reader->next, " \t");
	size_t len = strcspn(word, marks_and_blanks);
	char next = word[len + strspn(word + len, blanks)];

	snprintf(rest, REST_SIZE, "%.*s", len < REST_SIZE ? (int)len : REST_SIZE - 1,
		 word);
	return len > 0 && strncmp(word, "//", 2) != 0 && strncmp(word, "/*", 2) != 0 &&
	       next != '=' && next != '+' && next != '{' && !find_key(reader, rest) &&
	       !find_section(reader, rest);
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
		return fail(reader, reader->at,
			    "%s: more than one value; write {%.40s, %s}", name,
			    reader->text, rest);
	snprintf(whole, sizeof(whole), "%.40s%s", reader->text, rest);
	/* What is read is lost with the rest of the file. */
	if (!text && config_value_parse(key, whole, base, why))
		return fail(reader, reader->at, "%s: \"%.40s %s\" has a blank; write %s",
			    name, reader->text, rest, whole);
	snprintf(whole, sizeof(whole), "%.40s %s", reader->text, rest);
	if (text || config_value_parse(key, whole, base, why))
		return fail(reader, reader->at,
			    "%s: \"%s\" has a blank; put it in quotes", name, whole);
	return fail(reader, reader->at, "%s: %s", name, why);
}

/* The key has been taken; the next token is the one after its value. */
static bool read_value(struct reader *reader, const struct config_key *key,
		       struct place at)
{
	const struct config_place *first = find_place(reader, key);
	void *base = config_element(reader->config, reader->section, reader->element);
	bool list = config_element_size(key->type) > 0, assigned;
	char rest[REST_SIZE];

	assert(strcmp(key->section, reader->section->name) == 0);
	if (!config_has_key(reader->section, key, reader->element))
		return fail(reader, at,
			    "\"%s\" has no meaning in %s %s; move it to %s %s", key->name,
			    reader->section->name,
			    reader->section->titles[reader->element],
			    reader->section->name,
			    reader->section->titles[!reader->element]);
	if (advance(reader) == TOKEN_BAD)
		return false;
	if (reader->token != '=' && reader->token != TOKEN_APPEND)
		return fail(reader, at, "\"%s\" has no value; write %s = %s", key->name,
			    key->name, list ? "{value, value}" : "value");
	if (reader->token == TOKEN_APPEND && !list)
		return fail(reader, at,
			    "\"%s\" is not a list; write = instead of +=", key->name);
	assigned = reader->token == '=';
	if (assigned && first)
		return fail(reader, at,
			    "\"%s\" is given a second time, first in line %u; keep one "
			    "of them",
			    key->name, first->line);
	if (advance(reader) == TOKEN_BAD)
		return false;
	if (reader->token == '{' && !list)
		return fail(reader, reader->at, "\"%s\" is not a list; remove the braces",
			    key->name);
	if (reader->token == TOKEN_END || reader->token == '}')
		return no_value(reader, key, at);
	if (list && reader->token == TOKEN_WORD && *reader->text == '[')
		return unexpected(reader);
	if (!first && !add_place(reader, key, CONFIG_WHOLE, reader->at))
		return false;
	/* A list that is written replaces the default; += appends to it. */
	if (list && assigned)
		config_value_free(key, base);
	if (reader->token == '{') {
		if (!read_list(reader, key))
			return false;
	} else if (!is_text(reader->token)) {
		return unexpected(reader);
	} else if (find_rest(reader, rest)) {
		return refuse_blank(reader, key, rest);
	} else if (list && assigned && config_value_is_none(key, reader->text)) {
		/* Empty already. */
	} else if (!set_value(reader, key)) {
		return false;
	}
	/* What was taken for its value is the next key. */
	if (advance(reader) == '=' || reader->token == TOKEN_APPEND)
		return no_value(reader, key, at);
	return reader->token != TOKEN_BAD;
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
		char *title = strdup(reader->text);

		for (char *p = title; p && *p; p++)
			*p = (char)tolower((unsigned char)*p);
		memcpy(larger + reader->element * section->size, &title, sizeof(title));
		if (!title)
			larger = NULL;
	}
	return (larger &&
		config_set_defaults(reader->config, section, reader->element)) ||
	       fail(reader, reader->at, "out of memory; free some");
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
			struct place at)
{
	assert(section->form != CONFIG_ONCE && is_text(reader->token));
	reader->element = find_element(reader, section, reader->text);
	if (reader->element < config_element_count(reader->config, section)) {
		const struct config_place *first = find_place(reader, NULL);

		return !first || fail(reader, at,
				      "%s \"%s\" is given a second time, first in line "
				      "%u; keep one of them",
				      section->name, reader->text, first->line);
	}
	if (section->form == CONFIG_TITLED)
		return unknown_title(reader, section);
	return add_element(reader, section);
}

/* The section's name has been taken; the next token is the first one in the block. */
static bool open_block(struct reader *reader, const struct config_section *section,
		       struct place at)
{
	bool titled = section->form == CONFIG_TITLED || section->form == CONFIG_NAMED;

	reader->section = section;
	reader->opened = at;
	reader->element = 0;
	if (advance(reader) == TOKEN_BAD)
		return false;
	if (titled && !is_text(reader->token))
		return fail(reader, at,
			    "section \"%s\" has no title; write it between the word and "
			    "the brace",
			    section->name);
	if (titled && (!find_titled(reader, section, at) || advance(reader) == TOKEN_BAD))
		return false;
	if (section->form == CONFIG_MANY && !add_element(reader, section))
		return false;
	if (reader->token != '{')
		return fail(reader, reader->at,
			    "section \"%s\" has no brace; write %s { ... }",
			    section->name, section->name);
	return add_place(reader, NULL, CONFIG_WHOLE, at) && advance(reader) != TOKEN_BAD;
}

static bool read_statement(struct reader *reader)
{
	const struct config_section *top = &reader->schema->sections[0], *section;
	const struct config_key *key;
	struct place at = reader->at;

	if (reader->token == '}' && reader->section != top) {
		reader->section = top;
		reader->element = 0;
		return advance(reader) != TOKEN_BAD;
	}
	if (reader->token != TOKEN_WORD)
		return unexpected(reader);
	key = find_key(reader, reader->text);
	if (key && is_former(key, reader->text) &&
	    config_has_key(reader->section, key, reader->element) &&
	    !add_place(reader, key, CONFIG_FORMER, at))
		return false;
	if (key)
		return read_value(reader, key, at);
	section = find_section(reader, reader->text);
	if (!section && opens_block(reader))
		return unknown_section(reader, at, reader->text);
	if (!section)
		return unknown_key(reader, at, reader->text);
	if (reader->section != top)
		return fail(reader, at,
			    "\"%s\" begins while section \"%s\" is open; close that with "
			    "\"}\"",
			    reader->text, reader->section->name);
	return open_block(reader, section, at);
}

bool config_read(struct config *config, const char *text, char *error, size_t error_size)
{
	struct reader reader = {
		.config = config,
		.schema = config->schema,
		.next = text,
		.line_start = text,
		.line = 1,
		.section = &config->schema->sections[0],
		.error = error,
		.error_size = error_size,
	};

	assert(*reader.section->name == '\0' && reader.section->form == CONFIG_ONCE);
	/* Editors on other systems mark UTF-8 so; the mark is no part of the text. */
	if (starts(&reader, "\xEF\xBB\xBF"))
		reader.line_start = reader.next += 3;
	if (advance(&reader) == TOKEN_BAD)
		return false;
	while (reader.token != TOKEN_END) {
		if (!read_statement(&reader))
			return false;
	}
	if (reader.section == &config->schema->sections[0])
		return true;

	return fail(&reader, reader.opened,
		    "section \"%s\" is still open at the end of the file; close it with "
		    "\"}\"",
		    reader.section->name);
}
