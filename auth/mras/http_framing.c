/*
 * http_framing.c - see http_framing.h.
 *
 * Bytes make lines, lines make a head. Lines end with CRLF; a CR, LF or other control
 * character anywhere else is refused (RFC 9112 section 2.2, RFC 9110 section 5.5).
 */
#include "auth/mras/http_framing.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "stun/endpoint.h"

enum {
	CHUNK_DIGITS_MAX = 16, /* leading zeros included */
	HOST_MAX = 255,        /* bytes of a Host, longer than any name with its port */
};

/* --- characters ------------------------------------------------------------------------------- */

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_alpha(uint8_t byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

/* -1 if it is not a hexadecimal digit. */
static int hex_value(uint8_t byte)
{
	if (is_digit(byte))
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool is_one_of(uint8_t byte, const char *set)
{
	return byte != '\0' && strchr(set, byte) != NULL;
}

/* RFC 9110 section 5.6.2 */
static bool is_token_char(uint8_t byte)
{
	return is_digit(byte) || is_alpha(byte) || is_one_of(byte, "!#$%&'*+-.^_`|~");
}

static bool is_token(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!is_token_char(text.data[i]))
			return false;
	}
	return text.len > 0;
}

/* RFC 3986: unreserved or sub-delims, in every part of a URI. */
static bool is_uri_char(uint8_t byte)
{
	return is_digit(byte) || is_alpha(byte) || is_one_of(byte, "-._~!$&'()*+,;=");
}

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

static struct slice trim(struct slice text)
{
	while (text.len > 0 && is_blank(text.data[0]))
		text = slice_skip(text, 1);
	while (text.len > 0 && is_blank(text.data[text.len - 1]))
		text.len--;
	return text;
}

static bool equals(struct slice text, const char *word)
{
	return text.len == strlen(word) &&
	       strncasecmp((const char *)text.data, word, text.len) == 0;
}

/* Up to the first byte that is end; *rest begins after it. */
static struct slice take_until(struct slice *rest, char end)
{
	struct slice all = *rest;
	const uint8_t *at = rest->len > 0 ? memchr(rest->data, end, rest->len) : NULL;

	if (at == NULL) {
		*rest = slice_skip(*rest, rest->len);
		return all;
	}
	*rest = slice_skip(*rest, (size_t)(at - all.data) + 1);
	all.len = (size_t)(at - all.data);
	return all;
}

/* --- refusing --------------------------------------------------------------------------------- */

/* False, so that a check can end with it. The first refusal counts. */
static bool refuse(struct http_framing *framing, unsigned status, const char *sentence)
{
	assert(status >= 400 && status < 600);
	if (framing->state != HTTP_STATE_REFUSED)
		framing->refusal = (struct http_refusal){status, sentence};
	framing->state = HTTP_STATE_REFUSED;
	return false;
}

static bool out_of_memory(struct http_framing *framing)
{
	return refuse(framing, 500, "out of memory");
}

/* --- URIs ------------------------------------------------------------------------------------- */

/*
 * The %xx at the front of text: its length, or 0 if it is malformed. NUL is malformed: C ends
 * a path there.
 */
static size_t escape_len(struct slice text)
{
	assert(text.len > 0 && text.data[0] == '%');
	if (text.len < 3 || hex_value(text.data[1]) < 0 || hex_value(text.data[2]) < 0 ||
	    (text.data[1] == '0' && text.data[2] == '0'))
		return 0;
	return 3;
}

/* The characters that every part of a URI may hold, and those of more. */
static bool is_uri_text(struct slice text, const char *more)
{
	while (text.len > 0) {
		size_t len = text.data[0] == '%' ? escape_len(text)
			     : is_uri_char(text.data[0]) || is_one_of(text.data[0], more)
				     ? 1
				     : 0;

		if (len == 0)
			return false;
		text = slice_skip(text, len);
	}
	return true;
}

static bool is_port(struct slice text)
{
	unsigned port = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (!is_digit(text.data[i]))
			return false;
		port = port * 10 + (unsigned)(text.data[i] - '0');
		if (port > UINT16_MAX)
			return false;
	}
	return true;
}

/*
 * uri-host [":" port] (RFC 9110 section 7.2). An empty host is for targets without an
 * authority, which https never has (section 4.2.2).
 */
static bool is_host(struct slice text)
{
	char address[ENDPOINT_TEXT_LEN];
	struct ip_addr parsed;
	struct slice host;

	if (text.len == 0 || text.len > HOST_MAX)
		return false;
	if (text.data[0] != '[') {
		host = take_until(&text, ':');
		return host.len > 0 && is_uri_text(host, "") && is_port(text);
	}
	text = slice_skip(text, 1);
	if (memchr(text.data, ']', text.len) == NULL)
		return false;
	host = take_until(&text, ']');
	if (host.len == 0 || host.len >= sizeof(address) ||
	    memchr(host.data, ':', host.len) == NULL ||
	    memchr(host.data, '%', host.len) != NULL)
		return false;
	memcpy(address, host.data, host.len);
	address[host.len] = '\0';
	return ip_addr_parse(address, &parsed) &&
	       (text.len == 0 || (text.data[0] == ':' && is_port(slice_skip(text, 1))));
}

/* --- what is handed on -------------------------------------------------------------------------- */

static const struct slice host_name = {(const uint8_t *)"Host", 4};

static void add_field(struct http_framing *framing, struct slice name, struct slice value)
{
	text_add_slice(&framing->head, name);
	text_add_string(&framing->head, ": ");
	text_add_slice(&framing->head, value);
	text_add_string(&framing->head, "\r\n");
}

/* --- the request line --------------------------------------------------------------------------- */

/* Skip "http://" or "https://"; false if the target begins with neither. */
static bool take_scheme(struct slice *target)
{
	static const char *const schemes[] = {"https://", "http://"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i]);

		if (target->len >= len &&
		    equals((struct slice){target->data, len}, schemes[i])) {
			*target = slice_skip(*target, len);
			return true;
		}
	}
	return false;
}

/*
 * The target in origin-form. An absolute-form is read as one, and its authority, then not
 * empty, replaces Host (RFC 9112 section 3.2.2).
 */
static bool read_target(struct http_framing *framing, struct slice *target,
			struct slice *authority)
{
	*authority = (struct slice){target->data, 0};
	if (equals(*target, "*"))
		return refuse(framing, 400, "the target * is not served here");
	if (take_scheme(target)) {
		size_t len = 0;

		while (len < target->len && !is_one_of(target->data[len], "/?"))
			len++;
		*authority = (struct slice){target->data, len};
		*target = slice_skip(*target, len);
		if (!is_host(*authority))
			return refuse(framing, 400, "the target's host is malformed");
		framing->has_authority = true;
	} else if (target->len == 0 || target->data[0] != '/') {
		return refuse(framing, 400,
			      "the target must begin with /, http:// or https://");
	}
	if (!is_uri_text(*target, ":@/?"))
		return refuse(framing, 400,
			      "the target has a character or escape that is invalid");
	return true;
}

static bool read_version(struct http_framing *framing, struct slice version)
{
	if (version.len != 8 || memcmp(version.data, "HTTP/", 5) != 0 ||
	    !is_digit(version.data[5]) || version.data[6] != '.' ||
	    !is_digit(version.data[7]))
		return refuse(framing, 400,
			      "the request line must be METHOD TARGET HTTP/1.1");
	if (version.data[5] != '1')
		return refuse(framing, 505, "only HTTP/1.1 and HTTP/1.0 are served");
	framing->is_http_1_0 = version.data[7] == '0';
	return true;
}

static bool request_line(struct http_framing *framing, struct slice line)
{
	struct slice rest = line, method, target, authority;

	if (line.len == 0)
		return refuse(framing, 400,
			      "more than one empty line before the request");
	method = take_until(&rest, ' ');
	target = take_until(&rest, ' ');
	if (!read_version(framing, rest))
		return false;
	if (!is_token(method))
		return refuse(framing, 400, "the method is malformed");
	if (!read_target(framing, &target, &authority))
		return false;
	text_add_slice(&framing->head, method);
	text_add_string(&framing->head, " ");
	/* An absolute-form may have no path (RFC 9112 section 3.2.1). */
	if (target.len == 0 || target.data[0] != '/')
		text_add_string(&framing->head, "/");
	text_add_slice(&framing->head, target);
	text_add_string(&framing->head,
			framing->is_http_1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
	if (framing->has_authority)
		add_field(framing, host_name, authority);
	framing->state = HTTP_STATE_FIELDS;
	return true;
}

/* --- fields ----------------------------------------------------------------------------------- */

static void read_host(struct http_framing *framing, struct slice value)
{
	if (framing->has_host)
		refuse(framing, 400, "Host appears twice");
	else if (!is_host(value))
		refuse(framing, 400, "Host is malformed");
	else if (!framing->has_authority)
		add_field(framing, host_name, value);
	framing->has_host = true;
}

/*
 * RFC 9110 section 8.6 lets us take a list of equal numbers for one number, or refuse it:
 * honest clients send none.
 */
static void read_length(struct http_framing *framing, struct slice value)
{
	uint64_t *length = &framing->length;

	if (framing->has_length)
		refuse(framing, 400, "Content-Length appears twice");
	if (value.len == 0)
		refuse(framing, 400, "Content-Length is not a number");
	framing->has_length = true;
	for (size_t i = 0; i < value.len; i++) {
		if (!is_digit(value.data[i]))
			refuse(framing, 400, "Content-Length is not a number");
		if (__builtin_mul_overflow(*length, 10, length) ||
		    __builtin_add_overflow(*length, value.data[i] - '0', length))
			*length = UINT64_MAX;
	}
}

/*
 * One field line of codings. Only chunked, alone, is served (RFC 9112 sections 6.1 and 7);
 * where chunked is not the last, nobody knows where the body ends.
 */
static void read_codings(struct http_framing *framing, struct slice value)
{
	bool more = true;

	framing->has_coding = true;
	while (more) {
		more = memchr(value.data, ',', value.len) != NULL;
		struct slice coding = trim(take_until(&value, ','));
		struct slice name = coding;

		name = trim(take_until(&name, ';'));
		if (framing->is_chunked)
			refuse(framing, 400,
			       "chunked must be the last transfer coding, and only once");
		if (equals(coding, "chunked"))
			framing->is_chunked = true;
		else if (!is_token(name) || equals(name, "chunked"))
			refuse(framing, 400, "Transfer-Encoding is malformed");
		else
			framing->has_unknown_coding = true;
	}
}

static void read_connection(struct http_framing *framing, struct slice value)
{
	while (value.len > 0) {
		struct slice option = trim(take_until(&value, ','));

		framing->says_close |= equals(option, "close");
		framing->says_keep_alive |= equals(option, "keep-alive");
	}
}

static void read_expect(struct http_framing *framing, struct slice value)
{
	framing->expects_continue |= equals(value, "100-continue");
}

/* What we read ourselves. */
static const struct {
	const char *name;
	void (*read)(struct http_framing *framing,
		     struct slice value); /* NULL: nothing */
} own_fields[] = {
	{"Host", read_host},
	{"Content-Length", read_length},
	{"Transfer-Encoding", read_codings},
	{"Connection", read_connection},
	{"Expect", read_expect},
	/* They end at this connection (RFC 9110 section 7.6.1). */
	{"Keep-Alive", NULL},
	{"Proxy-Connection", NULL},
	{"TE", NULL},
	{"Trailer", NULL},
	{"Upgrade", NULL},
};

/* Read a field that is about the connection or the framing; false: it is another. */
static bool read_own(struct http_framing *framing, struct slice name, struct slice value)
{
	for (size_t i = 0; i < sizeof(own_fields) / sizeof(own_fields[0]); i++) {
		if (!equals(name, own_fields[i].name))
			continue;
		if (own_fields[i].read != NULL)
			own_fields[i].read(framing, value);
		return true;
	}
	return false;
}

/* Take a field line apart (RFC 9112 section 5.1). */
static bool split_field(struct http_framing *framing, struct slice line,
			struct slice *name, struct slice *value)
{
	assert(line.len > 0);
	if (++framing->fields > HTTP_FIELDS_MAX)
		return refuse(framing, 431, "too many header fields");
	if (is_blank(line.data[0]))
		return refuse(framing, 400,
			      "a header field is folded or begins with white space");
	if (memchr(line.data, ':', line.len) == NULL)
		return refuse(framing, 400, "a header field has no colon");
	*value = line;
	*name = take_until(value, ':');
	if (name->len > 0 && is_blank(name->data[name->len - 1]))
		return refuse(framing, 400,
			      "a header field has white space before its colon");
	if (!is_token(*name))
		return refuse(framing, 400, "a header field has a malformed name");
	*value = trim(*value);
	return true;
}

static bool field(struct http_framing *framing, struct slice line)
{
	struct slice name, value;

	if (!split_field(framing, line, &name, &value))
		return false;
	if (!read_own(framing, name, value))
		add_field(framing, name, value);
	return framing->state != HTTP_STATE_REFUSED;
}

/* Does one length describe the body (RFC 9112 section 6.3)? */
static bool judge_fields(struct http_framing *framing)
{
	if (!framing->has_host && !framing->is_http_1_0)
		return refuse(framing, 400, "Host is missing");
	if (framing->has_coding && framing->has_length)
		return refuse(framing, 400,
			      "Content-Length and Transfer-Encoding exclude each other");
	if (framing->has_coding && framing->is_http_1_0)
		return refuse(framing, 400, "HTTP/1.0 has no Transfer-Encoding");
	if (framing->has_unknown_coding)
		return refuse(framing, 501, "the only transfer coding served is chunked");
	if (framing->length > framing->body_max)
		return refuse(framing, 413, "the body is larger than limits.body allows");
	return true;
}

static bool head_end(struct http_framing *framing)
{
	if (!judge_fields(framing))
		return false;
	assert(!framing->has_coding || framing->is_chunked);
	framing->close = framing->says_close ||
			 (framing->is_http_1_0 && !framing->says_keep_alive);
	framing->remaining = framing->length;
	framing->state = framing->is_chunked   ? HTTP_STATE_CHUNK_SIZE
			 : framing->length > 0 ? HTTP_STATE_BODY
					       : HTTP_STATE_COMPLETE;
	return true;
}

/* --- chunks ----------------------------------------------------------------------------------- */

/* chunk-size [ chunk-ext ] (RFC 9112 section 7.1). Extensions are ignored, and bounded. */
static bool chunk_size(struct http_framing *framing, struct slice line)
{
	uint64_t size = 0;
	size_t digits = 0;

	while (digits < line.len && hex_value(line.data[digits]) >= 0) {
		if (digits == CHUNK_DIGITS_MAX)
			return refuse(framing, 400, "a chunk size has too many digits");
		size = size << 4 | (unsigned)hex_value(line.data[digits++]);
	}
	if (digits == 0)
		return refuse(framing, 400, "a chunk size is not a hexadecimal number");
	line = slice_skip(line, digits);
	framing->head_len += line.len;
	if (line.len > 0 && (trim(line).len == 0 || trim(line).data[0] != ';'))
		return refuse(framing, 400, "a chunk size has text after it");
	if (framing->head_len > HTTP_HEAD_MAX)
		return refuse(framing, 431, "the chunk extensions are too long");
	if (size > framing->body_max - framing->body.len)
		return refuse(framing, 413, "the body is larger than limits.body allows");
	framing->remaining = size;
	framing->state = size > 0 ? HTTP_STATE_CHUNK : HTTP_STATE_TRAILERS;
	return true;
}

/* Trailers are checked as fields are, and dropped (RFC 9112 section 7.1.2). */
static bool trailer(struct http_framing *framing, struct slice line)
{
	struct slice name, value;

	return split_field(framing, line, &name, &value);
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
		return line.len > 0 ? field(framing, line) : head_end(framing);
	case HTTP_STATE_CHUNK_SIZE:
		return chunk_size(framing, line);
	case HTTP_STATE_CHUNK_END:
		assert(line.len == 0);
		framing->state = HTTP_STATE_CHUNK_SIZE;
		return true;
	case HTTP_STATE_TRAILERS:
		if (line.len > 0)
			return trailer(framing, line);
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
		out_of_memory(framing);
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
		out_of_memory(framing);
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
	text_free(&framing->head);
	text_free(&framing->body);
}

bool http_framing_has_begun(const struct http_framing *framing)
{
	return framing->has_begun;
}

/* Only once, at the end of the head. HTTP/1.0 does not know it (RFC 9110 section 10.1.1). */
static bool wants_continue(struct http_framing *framing)
{
	bool wants = framing->expects_continue && !framing->is_http_1_0 &&
		     (framing->state == HTTP_STATE_BODY ||
		      framing->state == HTTP_STATE_CHUNK_SIZE);

	if (wants)
		framing->expects_continue = false;
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

char *http_framing_take(struct http_framing *framing, size_t *len)
{
	struct text *head = &framing->head;
	char *request;

	assert(framing->state == HTTP_STATE_COMPLETE && framing->remaining == 0);
	if (framing->close)
		text_add_string(head, "Connection: close\r\n");
	else if (framing->is_http_1_0)
		text_add_string(head, "Connection: keep-alive\r\n");
	if (framing->has_length || framing->is_chunked)
		text_format(head, "Content-Length: %zu\r\n", framing->body.len);
	text_add_string(head, "\r\n");
	assert(head->len <= HTTP_HEAD_OUT_MAX);
	text_add(head, framing->body.data, framing->body.len);
	request = text_finish(head, len);
	http_framing_free(framing);
	http_framing_init(framing);
	return request;
}
