/*
 * http_head.c - see http_head.h.
 */
#include "auth/mras/http_head.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "stun/endpoint.h"

enum { HOST_MAX = 255 }; /* bytes of a Host, longer than any name with its port */

/* --- characters ------------------------------------------------------------------------------- */

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_alpha(uint8_t byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

int http_hex_value(uint8_t byte)
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

bool http_refuse(struct http_refusal *refusal, unsigned status, const char *sentence)
{
	assert(status >= 400 && status < 600);
	if (refusal->status == 0)
		*refusal = (struct http_refusal){status, sentence};
	return false;
}

static bool refuse(struct http_head *head, unsigned status, const char *sentence)
{
	return http_refuse(&head->refusal, status, sentence);
}

/* --- URIs ------------------------------------------------------------------------------------- */

/*
 * The %xx at the front of text: its length, or 0 if it is malformed. NUL is malformed: C ends
 * a path there.
 */
static size_t escape_len(struct slice text)
{
	assert(text.len > 0 && text.data[0] == '%');
	if (text.len < 3 || http_hex_value(text.data[1]) < 0 ||
	    http_hex_value(text.data[2]) < 0 ||
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
 * The target in origin-form. An absolute-form is read as one (RFC 9112 section 3.2.2).
 */
static bool read_target(struct http_head *head, struct slice *target)
{
	struct slice authority = *target;

	if (equals(*target, "*"))
		return refuse(head, 400, "the target * is not served here");
	if (take_scheme(target)) {
		authority = *target;
		authority.len = 0;
		while (authority.len < target->len &&
		       !is_one_of(target->data[authority.len], "/?"))
			authority.len++;
		*target = slice_skip(*target, authority.len);
		if (!is_host(authority))
			return refuse(head, 400, "the target's host is malformed");
	} else if (target->len == 0 || target->data[0] != '/') {
		return refuse(head, 400,
			      "the target must begin with /, http:// or https://");
	}
	if (!is_uri_text(*target, ":@/?"))
		return refuse(head, 400,
			      "the target has a character or escape that is invalid");
	return true;
}

static bool read_version(struct http_head *head, struct slice version)
{
	if (version.len != 8 || memcmp(version.data, "HTTP/", 5) != 0 ||
	    !is_digit(version.data[5]) || version.data[6] != '.' ||
	    !is_digit(version.data[7]))
		return refuse(head, 400,
			      "the request line must be METHOD TARGET HTTP/1.1");
	if (version.data[5] != '1')
		return refuse(head, 505, "only HTTP/1.1 and HTTP/1.0 are served");
	head->is_http_1_0 = version.data[7] == '0';
	return true;
}

/* Decoded. An absolute-form may have no path (RFC 9112 section 3.2.1). */
static void add_path(struct http_head *head, struct slice path)
{
	if (path.len == 0)
		text_add_string(&head->text, "/");
	while (path.len > 0) {
		bool is_escape = path.data[0] == '%';
		char byte = (char)(is_escape ? http_hex_value(path.data[1]) << 4 |
						       http_hex_value(path.data[2])
					     : path.data[0]);

		assert(!is_escape || (escape_len(path) == 3 && byte != '\0'));
		text_add(&head->text, &byte, 1);
		path = slice_skip(path, is_escape ? 3 : 1);
	}
	text_add(&head->text, "", 1);
}

/* False with 500 if one of the additions before failed. */
static bool text_fits(struct http_head *head)
{
	return !head->text.failed || refuse(head, 500, "out of memory");
}

bool http_head_request_line(struct http_head *head, struct slice line)
{
	struct slice rest = line, method, target;

	assert(head->text.len == 0);
	if (line.len == 0)
		return refuse(head, 400, "more than one empty line before the request");
	method = take_until(&rest, ' ');
	target = take_until(&rest, ' ');
	if (!read_version(head, rest))
		return false;
	if (!is_token(method))
		return refuse(head, 400, "the method is malformed");
	if (!read_target(head, &target))
		return false;
	text_add_slice(&head->text, method);
	text_add(&head->text, "", 1);
	head->path_at = head->text.len;
	add_path(head, take_until(&target, '?'));
	return text_fits(head);
}

/* --- fields ----------------------------------------------------------------------------------- */

static void read_host(struct http_head *head, struct slice value)
{
	if (head->has_host)
		refuse(head, 400, "Host appears twice");
	else if (!is_host(value))
		refuse(head, 400, "Host is malformed");
	head->has_host = true;
}

/*
 * RFC 9110 section 8.6 lets us take a list of equal numbers for one number, or refuse it:
 * honest clients send none.
 */
static void read_length(struct http_head *head, struct slice value)
{
	uint64_t *length = &head->length;

	if (head->has_length)
		refuse(head, 400, "Content-Length appears twice");
	if (value.len == 0)
		refuse(head, 400, "Content-Length is not a number");
	head->has_length = true;
	for (size_t i = 0; i < value.len; i++) {
		if (!is_digit(value.data[i]))
			refuse(head, 400, "Content-Length is not a number");
		if (__builtin_mul_overflow(*length, 10, length) ||
		    __builtin_add_overflow(*length, value.data[i] - '0', length))
			*length = UINT64_MAX;
	}
}

/*
 * One field line of codings. Only chunked, alone, is served (RFC 9112 sections 6.1 and 7);
 * where chunked is not the last, nobody knows where the body ends.
 */
static void read_codings(struct http_head *head, struct slice value)
{
	bool more = true;

	head->has_coding = true;
	while (more) {
		more = memchr(value.data, ',', value.len) != NULL;
		struct slice coding = trim(take_until(&value, ','));
		struct slice name = coding;

		name = trim(take_until(&name, ';'));
		if (head->is_chunked)
			refuse(head, 400,
			       "chunked must be the last transfer coding, and only once");
		if (equals(coding, "chunked"))
			head->is_chunked = true;
		else if (!is_token(name) || equals(name, "chunked"))
			refuse(head, 400, "Transfer-Encoding is malformed");
		else
			head->has_unknown_coding = true;
	}
}

static void read_connection(struct http_head *head, struct slice value)
{
	while (value.len > 0) {
		struct slice option = trim(take_until(&value, ','));

		head->says_close |= equals(option, "close");
		head->says_keep_alive |= equals(option, "keep-alive");
	}
}

static void read_expect(struct http_head *head, struct slice value)
{
	head->expects_continue |= equals(value, "100-continue");
}

static void read_content_type(struct http_head *head, struct slice value)
{
	if (head->type_at != 0)
		refuse(head, 400, "Content-Type appears twice");
	head->type_at = head->text.len;
	text_add_slice(&head->text, value);
	text_add(&head->text, "", 1);
}

/* The fields that mean something here. */
static const struct {
	const char *name;
	void (*read)(struct http_head *head, struct slice value);
} own_fields[] = {
	{"Host", read_host},
	{"Content-Length", read_length},
	{"Content-Type", read_content_type},
	{"Transfer-Encoding", read_codings},
	{"Connection", read_connection},
	{"Expect", read_expect},
};

/* Take a field line apart (RFC 9112 section 5.1). */
static bool split_field(struct http_head *head, struct slice line, struct slice *name,
			struct slice *value)
{
	assert(line.len > 0);
	if (++head->fields > HTTP_FIELDS_MAX)
		return refuse(head, 431, "too many header fields");
	if (is_blank(line.data[0]))
		return refuse(head, 400,
			      "a header field is folded or begins with white space");
	if (memchr(line.data, ':', line.len) == NULL)
		return refuse(head, 400, "a header field has no colon");
	*value = line;
	*name = take_until(value, ':');
	if (name->len > 0 && is_blank(name->data[name->len - 1]))
		return refuse(head, 400,
			      "a header field has white space before its colon");
	if (!is_token(*name))
		return refuse(head, 400, "a header field has a malformed name");
	*value = trim(*value);
	return true;
}

bool http_head_field(struct http_head *head, struct slice line)
{
	struct slice name, value;

	if (!split_field(head, line, &name, &value))
		return false;
	for (size_t i = 0; i < sizeof(own_fields) / sizeof(own_fields[0]); i++) {
		if (equals(name, own_fields[i].name))
			own_fields[i].read(head, value);
	}
	return head->refusal.status == 0 && text_fits(head);
}

bool http_head_trailer(struct http_head *head, struct slice line)
{
	struct slice name, value;

	return split_field(head, line, &name, &value);
}

bool http_head_end(struct http_head *head, size_t body_max)
{
	if (!head->has_host && !head->is_http_1_0)
		return refuse(head, 400, "Host is missing");
	if (head->has_coding && head->has_length)
		return refuse(head, 400,
			      "Content-Length and Transfer-Encoding exclude each other");
	if (head->has_coding && head->is_http_1_0)
		return refuse(head, 400, "HTTP/1.0 has no Transfer-Encoding");
	if (head->has_unknown_coding)
		return refuse(head, 501, "the only transfer coding served is chunked");
	if (head->length > body_max)
		return refuse(head, 413, "the body is larger than limits.body allows");
	assert(!head->has_coding || head->is_chunked);
	return true;
}

struct http_request http_head_request(const struct http_head *head)
{
	const char *text = head->text.data;

	assert(head->path_at > 0 && text[head->path_at] == '/');
	return (struct http_request){
		.body = {(const uint8_t *)"", 0},
		.method = text,
		.path = text + head->path_at,
		.content_type = head->type_at != 0 ? text + head->type_at : NULL,
		.close = head->says_close ||
			 (head->is_http_1_0 && !head->says_keep_alive),
	};
}

void http_head_free(struct http_head *head)
{
	text_free(&head->text);
}
