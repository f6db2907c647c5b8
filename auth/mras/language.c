/*
 * language.c - SIP or HTTP?
 */
#include "auth/mras/language.h"

#include <stdbool.h>
#include <string.h>

static bool ends_in(struct slice line, const char *end)
{
	size_t len = strlen(end);

	return line.len > len && memcmp(line.data + line.len - len, end, len) == 0;
}

static bool begins_with(struct slice line, const char *begin)
{
	size_t len = strlen(begin);

	return line.len >= len && memcmp(line.data, begin, len) == 0;
}

/* A first line of either has no control character; TLS in TLS and binary protocols do. */
static bool is_text(struct slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		if ((line.data[i] < ' ' && line.data[i] != '\t') || line.data[i] == 0x7F)
			return false;
	}
	return true;
}

enum language language_of(struct slice arrived)
{
	const uint8_t *newline =
		memchr(arrived.data, '\n',
		       arrived.len < LANGUAGE_LINE_MAX ? arrived.len : LANGUAGE_LINE_MAX);
	struct slice line = arrived;

	if (newline != NULL)
		line.len = (size_t)(newline - arrived.data);
	else if (line.len >= LANGUAGE_LINE_MAX)
		return LANGUAGE_OTHER;
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	if (!is_text(line))
		return LANGUAGE_OTHER;
	if (newline == NULL)
		return LANGUAGE_UNDECIDED;
	if (line.len == 0 || ends_in(line, " SIP/2.0") || begins_with(line, "SIP/2.0 "))
		return LANGUAGE_SIP;
	/* Of any version: http_framing says which are served. */
	if (line.len > 9 && memcmp(line.data + line.len - 9, " HTTP/", 6) == 0 &&
	    line.data[line.len - 2] == '.')
		return LANGUAGE_HTTP;
	return LANGUAGE_OTHER;
}
