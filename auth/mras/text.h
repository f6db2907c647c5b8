/*
 * text.h - a growing buffer of text. It remembers its first failure (out of memory, or
 * beyond its limit): later adds do nothing and text_finish() returns NULL, so that
 * writing an answer is a list of adds and one test.
 */
#ifndef AUTH_MRAS_TEXT_H
#define AUTH_MRAS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "stun/wire.h"

struct text {
	char *data; /* not terminated */
	size_t len, size;
	size_t limit; /* bytes at most; 0: no limit */
	bool failed;
};

void text_add(struct text *text, const char *data, size_t len);
void text_add_string(struct text *text, const char *string);
void text_add_slice(struct text *text, struct slice slice);
void text_format(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The text with a final NUL that *len does not count; malloc'ed, the caller's. NULL with
 * *len 0 if an add failed. The text is empty afterwards.
 */
char *text_finish(struct text *text, size_t *len);
void text_free(struct text *text);

#endif
