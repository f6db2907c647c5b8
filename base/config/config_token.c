/*
 * config_token.c - see config_token.h.
 */
#include "base/config/config_token.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARIABLE_SIZE = 64, WHY_MAX = 500 };

static const char blanks[] = " \t\n\v\f\r";
static const char marks_and_blanks[] = "\"'{}()=+,;# \t\n\v\f\r";

bool config_token_fail(struct config_tokens *in, struct config_at at, const char *format,
		       ...)
{
	char why[WHY_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	snprintf(in->error, in->error_size, "%s:%u:%u: %s", in->path, at.line, at.column,
		 why);
	return false;
}

void config_token_begin(struct config_tokens *in, const char *path, const char *text,
			char *error, size_t error_size)
{
	/* Editors on other systems mark UTF-8 so; the mark is no part of the text. */
	if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
		text += 3;
	*in = (struct config_tokens){
		.path = path,
		.next = text,
		.line_start = text,
		.line = 1,
		.error = error,
		.error_size = error_size,
	};
}

static struct config_at here(const struct config_tokens *in)
{
	return (struct config_at){in->line, (unsigned)(in->next - in->line_start) + 1};
}

static char take(struct config_tokens *in)
{
	char c = *in->next++;

	assert(c != '\0');
	if (c == '\n') {
		in->line++;
		in->line_start = in->next;
	}
	return c;
}

static void take_to(struct config_tokens *in, const char *end)
{
	while (in->next < end)
		take(in);
}

static bool starts(const struct config_tokens *in, const char *mark)
{
	return strncmp(in->next, mark, strlen(mark)) == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Blanks and comments. False if a comment has no end. */
static bool skip_blanks(struct config_tokens *in)
{
	for (;;) {
		const char *close = strstr(in->next, "*/");

		if (is_blank(*in->next))
			take(in);
		else if (*in->next == '#' || starts(in, "//"))
			take_to(in, in->next + strcspn(in->next, "\n"));
		else if (!starts(in, "/*"))
			return true;
		else if (!close)
			return config_token_fail(
				in, here(in),
				"comment is never closed; close it with \"*/\"");
		else
			take_to(in, close + 2);
	}
}

static bool put(struct config_tokens *in, const char *text, size_t len)
{
	assert(in->len < sizeof(in->text));
	if (len >= sizeof(in->text) - in->len)
		return config_token_fail(in, in->at,
					 "value is longer than %d bytes; shorten it",
					 CONFIG_TOKEN_MAX - 1);
	memcpy(in->text + in->len, text, len);
	in->len += len;
	in->text[in->len] = '\0';
	return true;
}

/* ${NAME} or ${NAME:-DEFAULT}: the environment's value. */
static bool put_variable(struct config_tokens *in)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789_";
	struct config_at at = here(in);
	const char *start = in->next + 2, *value;
	size_t len = strspn(start, letters), rest = strcspn(start + len, "}\n");
	bool has_default = strncmp(start + len, ":-", 2) == 0;
	char name[VARIABLE_SIZE];

	assert(starts(in, "${"));
	if (start[len + rest] != '}')
		return config_token_fail(in, at,
					 "\"${\" has no end; close it with \"}\"");
	if (len == 0 || len >= sizeof(name) || (rest > 0 && !has_default))
		return config_token_fail(in, at,
					 "\"%.*s\" is not a variable; write ${NAME} or "
					 "${NAME:-DEFAULT}",
					 (int)(len + rest < 80 ? len + rest + 3 : 80),
					 in->next);
	snprintf(name, sizeof(name), "%.*s", (int)len, start);
	take_to(in, start + len + rest + 1);
	value = getenv(name);
	if (value)
		return put(in, value, strlen(value));
	if (!has_default)
		return config_token_fail(
			in, at,
			"environment variable %s is not set; set it, or write "
			"${%s:-DEFAULT}",
			name, name);
	return put(in, start + len + 2, rest - 2);
}

/* What follows a backslash in double quotes. No value may contain other control characters. */
static bool put_escape(struct config_tokens *in)
{
	static const char letters[] = "nrt", meant[] = "\n\r\t";
	struct config_at at = here(in);
	char c = in->next[1];

	assert(in->next[0] == '\\' && c != '\0');
	const char *letter = strchr(letters, c);

	take_to(in, in->next + 2);
	if (c == '\n') /* the string goes on in the next line */
		return true;
	if (isalnum((unsigned char)c) && !letter)
		return config_token_fail(
			in, at, "unknown escape \"\\%c\"; write \"\\\\\" for \"\\\"", c);
	return put(in, letter ? &meant[letter - letters] : &c, 1);
}

static bool take_quoted(struct config_tokens *in)
{
	char quote = take(in);
	bool ok = true;

	while (ok && *in->next != quote) {
		char next = in->next[0] == '\0' ? '\0' : in->next[1];
		bool escape = *in->next == '\\';

		/* No value holds a line break, so this is the line that lacks it. */
		if (next == '\0' || *in->next == '\n')
			return config_token_fail(
				in, in->at, "quote is not closed on its line; close it");
		if (quote == '"' && starts(in, "${"))
			ok = put_variable(in);
		/* In single quotes, a backslash stands for itself before anything else. */
		else if (escape && (quote == '"' || strchr("\\'\n", next)))
			ok = put_escape(in);
		else
			ok = put(in, &(char){take(in)}, 1);
	}
	return ok && take(in) == quote;
}

static bool take_word(struct config_tokens *in)
{
	bool ok = true;

	while (ok && *in->next != '\0') {
		if (starts(in, "${"))
			ok = put_variable(in);
		else if (is_blank(*in->next) || strchr("\"'{}()=+,;#", *in->next) ||
			 starts(in, "/*"))
			break;
		else
			ok = put(in, &(char){take(in)}, 1);
	}
	return ok;
}

char config_token_next(struct config_tokens *in)
{
	in->token = TOKEN_BAD;
	if (!skip_blanks(in))
		return TOKEN_BAD;
	in->at = here(in);
	in->len = 0;
	in->text[0] = '\0';

	char c = *in->next;
	if (c == '\0') {
		in->token = TOKEN_END;
	} else if (c == '"' || c == '\'') {
		if (take_quoted(in))
			in->token = TOKEN_STRING;
	} else if (strchr("{}=,", c) || starts(in, "+=")) {
		take_to(in, in->next + (c == '+' ? 2 : 1));
		in->token = c;
	} else if (c == ';') {
		config_token_fail(
			in, in->at,
			"unexpected \";\"; remove it, because a value needs no mark at its "
			"end, or put the value in quotes");
	} else if (strchr("()+", c)) {
		config_token_fail(in, in->at,
				  "unexpected \"%c\"; put the value in quotes", c);
	} else if (take_word(in)) {
		in->token = TOKEN_WORD;
	}
	return in->token;
}

/* --- what comes ------------------------------------------------------------------------------ */

char config_token_peek(const struct config_tokens *in)
{
	return in->next[strspn(in->next, blanks)];
}

bool config_token_opens_block(const struct config_tokens *in)
{
	const char *next = in->next + strspn(in->next, blanks);
	const char quote[] = {*next, '\0'};

	if (*next == '"' || *next == '\'') {
		next += 1 + strcspn(next + 1, quote);
		next += *next != '\0';
	} else {
		next += strcspn(next, marks_and_blanks);
	}
	return next[strspn(next, blanks)] == '{';
}

bool config_token_word_follows(const struct config_tokens *in, char *word, size_t size)
{
	const char *start = in->next + strspn(in->next, " \t");
	size_t len = strcspn(start, marks_and_blanks);
	char next = start[len + strspn(start + len, blanks)];

	assert(size > 0);
	snprintf(word, size, "%.*s", len < size ? (int)len : (int)size - 1, start);
	return len > 0 && strncmp(start, "//", 2) != 0 && strncmp(start, "/*", 2) != 0 &&
	       next != '=' && next != '+' && next != '{';
}
