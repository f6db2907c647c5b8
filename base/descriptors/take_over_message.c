/*
 * take_over_message.c - see take_over_message.h.
 */
#include "base/descriptors/take_over_message.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char magic[] = "avedge take-over ";

static const char *const words[TAKE_OVER_KIND_COUNT] = {
	[TAKE_OVER_HELLO] = "hello", [TAKE_OVER_DESCRIPTORS] = "descriptors",
	[TAKE_OVER_END] = "end",     [TAKE_OVER_DONE] = "done",
	[TAKE_OVER_GO] = "go",       [TAKE_OVER_NO] = "no",
};

/* Take what is in front of that byte, and the byte. False, with *rest unchanged, if it is not there. */
static bool take_until(struct slice *rest, char byte, struct slice *taken)
{
	const uint8_t *end = rest->len > 0 ? memchr(rest->data, byte, rest->len) : NULL;

	if (end == NULL)
		return false;
	*taken = (struct slice){rest->data, (size_t)(end - rest->data)};
	*rest = slice_skip(*rest, taken->len + 1);
	return true;
}

static bool is(struct slice bytes, const char *text)
{
	return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

/* Decimal, without leading zeros. */
static bool read_number(struct slice digits, uint32_t *number)
{
	uint64_t value = 0;

	if (digits.len == 0 || digits.len > 9 ||
	    (digits.data[0] == '0' && digits.len > 1))
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.data[i] < '0' || digits.data[i] > '9')
			return false;
		value = value * 10 + (digits.data[i] - '0');
	}
	*number = (uint32_t)value;
	return value <= TAKE_OVER_COUNT_MAX;
}

static bool is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789._-");

	return len > 0 && name[len] == '\0';
}

static bool is_printable(struct slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		if (bytes.data[i] < ' ' || bytes.data[i] > '~')
			return false;
	}
	return true;
}

/* With its NUL. */
static bool read_string(struct slice bytes, char *string, size_t size)
{
	if (bytes.len >= size || !is_printable(bytes))
		return false;
	memcpy(string, bytes.data, bytes.len);
	string[bytes.len] = '\0';
	return true;
}

static bool read_name(struct slice *line, char name[TAKE_OVER_NAME_MAX])
{
	struct slice bytes;

	return take_until(line, ' ', &bytes) &&
	       read_string(bytes, name, TAKE_OVER_NAME_MAX) && is_name(name);
}

/* line: what stands behind the word and its space; NULL: nothing does. */
static bool read_rest(struct slice *line, struct take_over_message *message)
{
	bool ok = line != NULL;

	switch (message->kind) {
	case TAKE_OVER_HELLO:
		ok = ok && read_name(line, message->name) && line->len > 0 &&
		     read_string(*line, message->text, sizeof(message->text));
		break;
	case TAKE_OVER_DESCRIPTORS:
		ok = ok && read_name(line, message->name) &&
		     read_number(*line, &message->count) && message->count > 0;
		break;
	case TAKE_OVER_END:
		ok = ok && read_number(*line, &message->count);
		break;
	case TAKE_OVER_DONE:
	case TAKE_OVER_GO:
		ok = !ok;
		break;
	case TAKE_OVER_NO:
		ok = ok && line->len > 0 &&
		     read_string(*line, message->text, sizeof(message->text));
		break;
	case TAKE_OVER_KIND_COUNT:
		ok = false;
		break;
	}
	return ok;
}

static bool read_line(struct slice line, struct take_over_message *message)
{
	struct slice word = line;
	bool has_more = take_until(&line, ' ', &word);

	for (int kind = 0; kind < TAKE_OVER_KIND_COUNT; kind++) {
		if (!is(word, words[kind]))
			continue;
		message->kind = (enum take_over_kind)kind;
		return read_rest(has_more ? &line : NULL, message);
	}
	return false;
}

enum take_over_verdict take_over_message_read(struct slice packet,
					      struct take_over_message *message)
{
	struct slice first, line;
	uint32_t version;

	memset(message, 0, sizeof(*message));
	if (!take_until(&packet, '\n', &first) || first.len < sizeof(magic) - 1 ||
	    memcmp(first.data, magic, sizeof(magic) - 1) != 0 ||
	    !read_number(slice_skip(first, sizeof(magic) - 1), &version))
		return TAKE_OVER_GARBAGE;
	/* What follows is said in other ways, perhaps. */
	if (version != TAKE_OVER_VERSION)
		return TAKE_OVER_OTHER_VERSION;
	if (!take_until(&packet, '\n', &line) || packet.len > 0 ||
	    !read_line(line, message)) {
		memset(message, 0, sizeof(*message));
		return TAKE_OVER_GARBAGE;
	}
	return TAKE_OVER_READ;
}

static void make_printable(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}

size_t take_over_message_write(const struct take_over_message *message,
			       char packet[TAKE_OVER_MESSAGE_MAX])
{
	const char *word = words[message->kind];
	char text[TAKE_OVER_TEXT_MAX];
	int start = snprintf(packet, TAKE_OVER_MESSAGE_MAX, "%s%d\n", magic,
			     TAKE_OVER_VERSION);
	char *line = packet + start;
	size_t room = (size_t)(TAKE_OVER_MESSAGE_MAX - start);
	int len = 0;

	memcpy(text, message->text, sizeof(text));
	make_printable(text);
	switch (message->kind) {
	case TAKE_OVER_HELLO:
		assert(is_name(message->name) && text[0] != '\0');
		len = snprintf(line, room, "%s %s %s\n", word, message->name, text);
		break;
	case TAKE_OVER_DESCRIPTORS:
		assert(is_name(message->name) && message->count > 0);
		len = snprintf(line, room, "%s %s %u\n", word, message->name,
			       message->count);
		break;
	case TAKE_OVER_END:
		len = snprintf(line, room, "%s %u\n", word, message->count);
		break;
	case TAKE_OVER_DONE:
	case TAKE_OVER_GO:
		len = snprintf(line, room, "%s\n", word);
		break;
	case TAKE_OVER_NO:
		assert(text[0] != '\0');
		len = snprintf(line, room, "%s %s\n", word, text);
		break;
	case TAKE_OVER_KIND_COUNT:
		break;
	}
	assert(len > 0 && (size_t)len < room && message->count <= TAKE_OVER_COUNT_MAX);
	return (size_t)(start + len);
}
