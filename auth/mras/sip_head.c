/*
 * sip_head.c - start line and headers of a SIP message.
 */
#include "auth/mras/sip_head.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* RFC 3261 section 25.1, token */
bool sip_is_token_char(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= 'a' && byte <= 'z') ||
	       (byte != '\0' && strchr("-.!%*_+`'~", byte));
}

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

/*
 * Take a line off the front of *rest, without its CRLF. An incomplete line must be right
 * as far as it goes.
 */
static enum sip_head_status line_take(struct slice *rest, struct slice *line)
{
	const uint8_t *cr = memchr(rest->data, '\r', rest->len);
	size_t len = cr ? (size_t)(cr - rest->data) : rest->len;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = rest->data[i];

		if (byte == '\n' ||
		    (byte == '\0' && (i == 0 || rest->data[i - 1] != '\\')))
			return SIP_HEAD_BROKEN;
	}
	if (rest->len - len < 2)
		return SIP_HEAD_MORE;
	if (rest->data[len + 1] != '\n')
		return SIP_HEAD_BROKEN;
	*line = (struct slice){rest->data, len};
	*rest = slice_skip(*rest, len + 2);
	return SIP_HEAD_COMPLETE;
}

/* The length of the name before the colon; 0 if the line is not a header. */
static size_t name_len(struct slice line)
{
	size_t len = 0;
	size_t colon;

	while (len < line.len && sip_is_token_char(line.data[len]))
		len++;
	for (colon = len; colon < line.len && is_blank(line.data[colon]);)
		colon++;
	return colon < line.len && line.data[colon] == ':' ? len : 0;
}

/* "METHOD uri SIP/x" or "SIP/x ...": no other line is worth waiting for. */
static bool may_be_start_line(struct slice line)
{
	return (line.len >= 4 && strncasecmp((const char *)line.data, "SIP/", 4) == 0) ||
	       memmem(line.data, line.len, " SIP/", 5) ||
	       memmem(line.data, line.len, " sip/", 5);
}

enum sip_head_status sip_head_parse(struct slice arrived, struct sip_head *head)
{
	struct slice rest = arrived;
	struct slice line;
	enum sip_head_status status = line_take(&rest, &line);

	if (status == SIP_HEAD_COMPLETE && line.len == 0)
		status = line_take(&rest, &line);
	if (status != SIP_HEAD_COMPLETE)
		return status;
	if (!may_be_start_line(line))
		return SIP_HEAD_BROKEN;
	head->start_line = line;
	head->headers = (struct slice){rest.data, 0};
	for (;;) {
		size_t headers_len = (size_t)(rest.data - head->headers.data);

		status = line_take(&rest, &line);
		if (status != SIP_HEAD_COMPLETE)
			return status;
		if (line.len == 0) {
			head->headers.len = headers_len;
			head->len = arrived.len - rest.len;
			assert(head->len >= head->start_line.len + headers_len);
			return SIP_HEAD_COMPLETE;
		}
		if (is_blank(line.data[0]) ? headers_len == 0 : name_len(line) == 0)
			return SIP_HEAD_BROKEN;
	}
}

static const struct {
	const char *name;
	char compact;
} names[SIP_HEADER_COUNT] = {
	[SIP_OTHER] = {"", 0},
	[SIP_CALL_ID] = {"Call-ID", 'i'},
	[SIP_CONTENT_DISPOSITION] = {"Content-Disposition", 0},
	[SIP_CONTENT_ENCODING] = {"Content-Encoding", 'e'},
	[SIP_CONTENT_LANGUAGE] = {"Content-Language", 0},
	[SIP_CONTENT_LENGTH] = {"Content-Length", 'l'},
	[SIP_CONTENT_TYPE] = {"Content-Type", 'c'},
	[SIP_CSEQ] = {"CSeq", 0},
	[SIP_FROM] = {"From", 'f'},
	[SIP_MAX_FORWARDS] = {"Max-Forwards", 0},
	[SIP_RECORD_ROUTE] = {"Record-Route", 0},
	[SIP_REQUIRE] = {"Require", 0},
	[SIP_TO] = {"To", 't'},
	[SIP_VIA] = {"Via", 'v'},
};

static enum sip_header_id header_id(struct slice name)
{
	enum sip_header_id id;

	for (id = SIP_OTHER + 1; id < SIP_HEADER_COUNT; id++) {
		if (name.len == 1 && names[id].compact == (name.data[0] | 0x20))
			return id;
		if (name.len == strlen(names[id].name) &&
		    strncasecmp((const char *)name.data, names[id].name, name.len) == 0)
			return id;
	}
	return SIP_OTHER;
}

static bool is_space(uint8_t byte)
{
	return is_blank(byte) || byte == '\r' || byte == '\n';
}

static struct slice without_space(struct slice text)
{
	while (text.len > 0 && is_space(text.data[0]))
		text = slice_skip(text, 1);
	while (text.len > 0 && is_space(text.data[text.len - 1]))
		text.len--;
	return text;
}

bool sip_header_next(struct slice *rest, struct sip_header *header)
{
	struct slice line;
	struct slice all = *rest;

	if (rest->len == 0)
		return false;
	do {
		enum sip_head_status status = line_take(rest, &line);

		assert(status == SIP_HEAD_COMPLETE);
		(void)status;
	} while (rest->len > 0 && is_blank(rest->data[0]));
	all.len -= rest->len;

	size_t len = name_len(all);
	assert(len > 0); /* sip_head_parse() has seen its name and colon */
	header->id = header_id((struct slice){all.data, len});
	while (all.data[len] != ':')
		len++;
	header->value = without_space(slice_skip(all, len + 1));
	return true;
}

bool sip_header_only(const struct sip_head *head, enum sip_header_id id,
		     struct slice *value, size_t *count)
{
	struct slice rest = head->headers;
	struct sip_header header;

	assert(id > SIP_OTHER && id < SIP_HEADER_COUNT);
	*count = 0;
	while (sip_header_next(&rest, &header)) {
		if (header.id == id && (*count)++ == 0)
			*value = header.value;
	}
	return *count == 1;
}

bool sip_read_number(struct slice text, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, text.data[i] - '0', number))
			*number = UINT64_MAX;
	}
	return text.len > 0;
}
