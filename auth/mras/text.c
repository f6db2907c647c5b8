/*
 * text.c - see text.h.
 */
#include "auth/mras/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_FIRST_SIZE = 512 };

/* Room for len more bytes and a NUL. */
static bool text_reserve(struct text *text, size_t len)
{
	size_t size = text->size > 0 ? text->size : TEXT_FIRST_SIZE;
	char *data;

	/* The NUL has a place of its own; without data nothing is stored. */
	assert(text->data != NULL ? text->len < text->size : text->len == 0);
	assert(text->limit == 0 || text->len <= text->limit);
	if (text->failed)
		return false;
	if (text->limit > 0 && len > text->limit - text->len)
		goto fail;
	if (len < text->size - text->len)
		return true;
	while (size - text->len <= len) {
		if (__builtin_mul_overflow(size, 2, &size))
			goto fail;
	}
	data = realloc(text->data, size);
	if (!data)
		goto fail;
	text->data = data;
	text->size = size;
	return true;
fail:
	text->failed = true;
	return false;
}

void text_add(struct text *text, const char *data, size_t len)
{
	if (len == 0 || !text_reserve(text, len))
		return;
	memcpy(text->data + text->len, data, len);
	text->len += len;
}

void text_add_string(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void text_add_slice(struct text *text, struct slice slice)
{
	text_add(text, (const char *)slice.data, slice.len);
}

void text_format(struct text *text, const char *format, ...)
{
	char line[256];
	va_list arguments;

	va_start(arguments, format);
	int len = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (len < 0 || (size_t)len >= sizeof(line))
		text->failed = true; /* longer text is added by text_add() */
	else
		text_add(text, line, (size_t)len);
}

char *text_finish(struct text *text, size_t *len)
{
	char *data = NULL;

	*len = 0;
	if (text_reserve(text, 0)) {
		data = text->data;
		*len = text->len;
		data[text->len] = '\0';
		text->data = NULL;
	}
	text_free(text);
	return data;
}

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){.limit = text->limit};
}
