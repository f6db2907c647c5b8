/*
 * key_line.c - see key_line.h.
 */
#include "auth/credential/key_line.h"

#include <string.h>

#include "auth/credential/timestamp.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct key_word key_word_take(struct key_word *line)
{
	struct key_word word = {line->text, 0};

	while (line->len > 0 && is_blank(*line->text)) {
		line->text++;
		line->len--;
	}
	word.text = line->text;
	while (line->len > 0 && !is_blank(*line->text)) {
		line->text++;
		line->len--;
		word.len++;
	}
	return word;
}

struct key_word key_line_take(struct key_word *text)
{
	const char *end = memchr(text->text, '\n', text->len);
	struct key_word line = {text->text, end ? (size_t)(end - text->text) : text->len};
	size_t taken = line.len + (end ? 1 : 0);
	const char *comment = memchr(line.text, '#', line.len);

	text->text += taken;
	text->len -= taken;
	if (comment)
		line.len = (size_t)(comment - line.text);
	return line;
}

bool key_time_parse(struct key_word word, int64_t *unix_s)
{
	if (word.len == 1 && *word.text == '-')
		return true;
	return timestamp_parse(word.text, word.len, unix_s);
}

bool key_times_take(struct key_word *line, int64_t *not_before_s, int64_t *not_after_s)
{
	int64_t *times[] = {not_before_s, not_after_s};

	for (size_t i = 0; i < 2; i++) {
		struct key_word word = key_word_take(line);

		if (word.len > 0 && !key_time_parse(word, times[i]))
			return false;
	}
	return true;
}
