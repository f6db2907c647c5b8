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

/* A method, a space, and the target that HTTP has and SIP has not. */
static bool begins_as_http(struct slice line)
{
	static const char *const targets[] = {"/", "http://", "https://"};
	size_t method = 0;

	while (method < line.len && line.data[method] >= 'A' && line.data[method] <= 'Z')
		method++;
	if (method == 0 || method == line.len || line.data[method] != ' ')
		return false;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		if (begins_with(slice_skip(line, method + 1), targets[i]))
			return true;
	}
	return false;
}

/* What is in arrived of the first line. */
static enum language of_text(struct slice line, bool is_complete, const char **why)
{
	if (!is_complete)
		return LANGUAGE_UNDECIDED;
	if (line.len == 0 || ends_in(line, " SIP/2.0") || begins_with(line, "SIP/2.0 "))
		return LANGUAGE_SIP;
	/* Of any version: http_framing says which are served. */
	if (line.len > 9 && memcmp(line.data + line.len - 9, " HTTP/", 6) == 0 &&
	    line.data[line.len - 2] == '.')
		return LANGUAGE_HTTP;
	*why = "ends in neither SIP/2.0 nor HTTP/1.1";
	return LANGUAGE_OTHER;
}

enum language language_of(struct slice arrived, const char **why)
{
	const uint8_t *newline =
		memchr(arrived.data, '\n',
		       arrived.len < LANGUAGE_LINE_MAX ? arrived.len : LANGUAGE_LINE_MAX);
	struct slice line = arrived;
	bool is_complete = newline != NULL;

	if (is_complete)
		line.len = (size_t)(newline - arrived.data);
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	if (!is_text(line))
		*why = "has a control character";
	else if (!is_complete && arrived.len >= LANGUAGE_LINE_MAX)
		*why = "is too long";
	else
		return of_text(line, is_complete, why);
	return begins_as_http(line) ? LANGUAGE_HTTP : LANGUAGE_OTHER;
}
