/*
 * http_framing.c - see http_framing.h.
 *
 * Bytes make lines, lines make a head. Lines end with CRLF; a CR, LF or other control
 * character anywhere else is refused (RFC 9112 section 2.2, RFC 9110 section 5.5).
 */
#include "auth/mras/http_framing.h"

#include <assert.h>

enum { CHUNK_DIGITS_MAX = 16 }; /* leading zeros included */

static bool refuse(struct http_framing *framing, unsigned status, const char *sentence)
{
	framing->state = HTTP_STATE_REFUSED;
	return http_refuse(&framing->head.refusal, status, sentence);
}

/* What the head says of its line: false if it refuses. */
static bool judged(struct http_framing *framing, bool accepted)
{
	if (!accepted)
		framing->state = HTTP_STATE_REFUSED;
	return accepted;
}

static bool request_line(struct http_framing *framing, struct slice line)
{
	framing->state = HTTP_STATE_FIELDS;
	return judged(framing, http_head_request_line(&framing->head, line));
}

static bool head_end(struct http_framing *framing)
{
	const struct http_head *head = &framing->head;

	framing->remaining = head->length;
	framing->state = head->is_chunked   ? HTTP_STATE_CHUNK_SIZE
			 : head->length > 0 ? HTTP_STATE_BODY
					    : HTTP_STATE_COMPLETE;
	return judged(framing, http_head_end(&framing->head, framing->body_max));
}

/* --- chunks ----------------------------------------------------------------------------------- */

/* chunk-size [ chunk-ext ] (RFC 9112 section 7.1). Extensions are ignored, and bounded. */
static bool chunk_size(struct http_framing *framing, struct slice line)
{
	uint64_t size = 0;
	size_t digits = 0;

	while (digits < line.len && http_hex_value(line.data[digits]) >= 0) {
		if (digits == CHUNK_DIGITS_MAX)
			return refuse(framing, 400, "a chunk size has too many digits");
		size = size << 4 | (unsigned)http_hex_value(line.data[digits++]);
	}
	if (digits == 0)
		return refuse(framing, 400, "a chunk size is not a hexadecimal number");
	line = slice_skip(line, digits);
	framing->head_len += line.len;
	bool is_extended = line.len > 0;
	while (line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t'))
		line = slice_skip(line, 1);
	if (is_extended && (line.len == 0 || line.data[0] != ';'))
		return refuse(framing, 400, "a chunk size has text after it");
	if (framing->head_len > HTTP_HEAD_MAX)
		return refuse(framing, 431, "the chunk extensions are too long");
	if (size > framing->body_max - framing->body.len)
		return refuse(framing, 413, "the body is larger than limits.body allows");
	framing->remaining = size;
	framing->state = size > 0 ? HTTP_STATE_CHUNK : HTTP_STATE_TRAILERS;
	return true;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* A line is complete. */
static bool take_line(struct http_framing *framing)
{
	struct slice line = {(const uint8_t *)framing->line.data, framing->line.len};

	switch (framing->state) {
	case HTTP_STATE_LINE:
		/* One empty line may precede a request (RFC 9112 section 2.2). */
		if (line.len == 0 && !framing->skipped_line) {
			framing->skipped_line = true;
			return true;
		}
		return request_line(framing, line);
	case HTTP_STATE_FIELDS:
		return line.len > 0
			       ? judged(framing, http_head_field(&framing->head, line))
			       : head_end(framing);
	case HTTP_STATE_CHUNK_SIZE:
		return chunk_size(framing, line);
	case HTTP_STATE_CHUNK_END:
		assert(line.len == 0);
		framing->state = HTTP_STATE_CHUNK_SIZE;
		return true;
	case HTTP_STATE_TRAILERS:
		if (line.len > 0)
			return judged(framing, http_head_trailer(&framing->head, line));
		framing->state = HTTP_STATE_COMPLETE;
		return true;
	case HTTP_STATE_BODY:
	case HTTP_STATE_CHUNK:
	case HTTP_STATE_COMPLETE:
	case HTTP_STATE_REFUSED:
		break;
	}
	assert(!"a state of lines");
	return false;
}

/* Is there room for one more byte in this line, and in the head? */
static bool has_room(struct http_framing *framing)
{
	switch (framing->state) {
	case HTTP_STATE_LINE:
		if (framing->line.len == HTTP_LINE_MAX)
			return refuse(framing, 414, "the request line is too long");
		framing->head_len++;
		return true;
	case HTTP_STATE_CHUNK_END:
		return refuse(framing, 400, "a chunk is longer than its size");
	case HTTP_STATE_FIELDS:
	case HTTP_STATE_TRAILERS:
		framing->head_len++;
		break;
	case HTTP_STATE_CHUNK_SIZE: /* chunk_size() counts its extensions */
	case HTTP_STATE_BODY:
	case HTTP_STATE_CHUNK:
	case HTTP_STATE_COMPLETE:
	case HTTP_STATE_REFUSED:
		break;
	}
	if (framing->line.len == HTTP_LINE_MAX || framing->head_len > HTTP_HEAD_MAX)
		return refuse(framing, 431, "the header fields are too long");
	return true;
}

/* One byte of a line. */
static void line_byte(struct http_framing *framing, uint8_t byte)
{
	const char character = (char)byte;

	if (byte == '\n') {
		if (!framing->has_cr) {
			refuse(framing, 400, "a line ends without CR");
			return;
		}
		framing->has_cr = false;
		if (take_line(framing))
			framing->line.len = 0;
		return;
	}
	if (framing->has_cr) {
		refuse(framing, 400, "a CR is not followed by LF");
		return;
	}
	if (byte == '\r') {
		framing->has_cr = true;
		return;
	}
	if ((byte < ' ' && byte != '\t') || byte == 0x7F) {
		refuse(framing, 400, "a line has a control character");
		return;
	}
	if (!has_room(framing))
		return;
	text_add(&framing->line, &character, 1);
	if (framing->line.failed)
		refuse(framing, 500, "out of memory");
}

/* Bytes of the body or of a chunk, as many as are there. */
static void body_bytes(struct http_framing *framing, struct slice *arrived)
{
	size_t len = arrived->len < framing->remaining ? arrived->len
						       : (size_t)framing->remaining;

	assert(len > 0 && framing->body.len + len <= framing->body_max);
	text_add(&framing->body, (const char *)arrived->data, len);
	*arrived = slice_skip(*arrived, len);
	framing->remaining -= len;
	if (framing->body.failed)
		refuse(framing, 500, "out of memory");
	else if (framing->remaining == 0)
		framing->state = framing->state == HTTP_STATE_CHUNK ? HTTP_STATE_CHUNK_END
								    : HTTP_STATE_COMPLETE;
}

/* --- requests ----------------------------------------------------------------------------------- */

void http_framing_init(struct http_framing *framing)
{
	*framing = (struct http_framing){.state = HTTP_STATE_LINE};
}

void http_framing_free(struct http_framing *framing)
{
	text_free(&framing->line);
	http_head_free(&framing->head);
	text_free(&framing->body);
}

bool http_framing_has_begun(const struct http_framing *framing)
{
	return framing->has_begun;
}

/* Only once, at the end of the head. HTTP/1.0 does not know it (RFC 9110 section 10.1.1). */
static bool wants_continue(struct http_framing *framing)
{
	bool wants = framing->head.expects_continue && !framing->head.is_http_1_0 &&
		     (framing->state == HTTP_STATE_BODY ||
		      framing->state == HTTP_STATE_CHUNK_SIZE);

	if (wants)
		framing->head.expects_continue = false;
	return wants;
}

enum http_framing_result http_framing_feed(struct http_framing *framing,
					   struct slice *arrived, size_t body_max)
{
	assert(framing->state != HTTP_STATE_COMPLETE &&
	       framing->state != HTTP_STATE_REFUSED);
	if (!framing->has_begun)
		framing->body_max = body_max;
	while (arrived->len > 0) {
		framing->has_begun = true;
		if (framing->state == HTTP_STATE_BODY ||
		    framing->state == HTTP_STATE_CHUNK) {
			body_bytes(framing, arrived);
		} else {
			line_byte(framing, arrived->data[0]);
			*arrived = slice_skip(*arrived, 1);
		}
		if (framing->state == HTTP_STATE_REFUSED)
			return HTTP_REFUSED;
		if (framing->state == HTTP_STATE_COMPLETE)
			return HTTP_REQUEST;
		if (wants_continue(framing))
			return HTTP_CONTINUE;
	}
	return HTTP_MORE;
}

struct http_request http_framing_request(const struct http_framing *framing)
{
	struct http_request request = http_head_request(&framing->head);

	assert(framing->state == HTTP_STATE_COMPLETE && framing->remaining == 0);
	if (framing->body.len > 0)
		request.body = (struct slice){(const uint8_t *)framing->body.data,
					      framing->body.len};
	return request;
}

void http_framing_next(struct http_framing *framing)
{
	assert(framing->state == HTTP_STATE_COMPLETE);
	http_framing_free(framing);
	http_framing_init(framing);
}
