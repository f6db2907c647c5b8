/*
 * key_line.h - lines of a file with keys: words apart by blanks, '#' starts a comment.
 *
 * Words are borrowed from the text.
 */
#ifndef AUTH_CREDENTIAL_KEY_LINE_H
#define AUTH_CREDENTIAL_KEY_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct key_word {
	const char *text;
	size_t len;
};

/* Take one line off the front of *text, without newline and comment. */
struct key_word key_line_take(struct key_word *text);

/* Take one word off the front of *line; an empty one at its end. */
struct key_word key_word_take(struct key_word *line);

/* A time, or a dash that leaves *unix_s as it is. False if it is neither. */
bool key_time_parse(struct key_word word, int64_t *unix_s);

/* Take up to two of them, not-before and not-after. False if one is neither. */
bool key_times_take(struct key_word *line, int64_t *not_before_s, int64_t *not_after_s);

#endif
