/*
 * config_token.h - the text of a configuration file as tokens: words, strings and marks, with their
 * places. For base/config alone.
 */
#ifndef BASE_CONFIG_CONFIG_TOKEN_H
#define BASE_CONFIG_CONFIG_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

/* What was taken last: a mark stands for itself. */
enum {
	TOKEN_END = '\0',
	TOKEN_WORD = 'w',
	TOKEN_STRING = 's', /* quoted */
	TOKEN_APPEND = '+', /* += */
	TOKEN_BAD = '!',    /* an error has been written */
};

enum { CONFIG_TOKEN_MAX = 4096 };

struct config_at {
	unsigned line, column; /* from 1; columns count bytes */
};

struct config_tokens {
	const char *path;              /* for errors */
	const char *next, *line_start; /* the text ends with \0, and has no other */
	unsigned line;
	char token;                  /* the one that was taken last, */
	struct config_at at;         /* where it begins */
	char text[CONFIG_TOKEN_MAX]; /* what a word or string says */
	size_t len;
	char *error;
	size_t error_size;
};

/* path and text are borrowed. */
void config_token_begin(struct config_tokens *in, const char *path, const char *text,
			char *error, size_t error_size);

/* Take the next token; TOKEN_BAD if that fails. */
char config_token_next(struct config_tokens *in);

/* Write "PATH:LINE:COLUMN: sentence" as the error. Always false. */
bool config_token_fail(struct config_tokens *in, struct config_at at, const char *format,
		       ...) __attribute__((format(printf, 3, 4)));

/* The character that follows behind blanks; '\0' at the end. */
char config_token_peek(const struct config_tokens *in);

/* Does a block open, after a title or without one? */
bool config_token_opens_block(const struct config_tokens *in);

/*
 * Does a word follow on the same line that is neither a key with its value nor a section? word: as
 * much of it as fits into size.
 */
bool config_token_word_follows(const struct config_tokens *in, char *word, size_t size);

#endif
