/*
 * test_http_framing.c - exact bytes, and what becomes of them: a request, a refusal, or more
 * is wanted. However the bytes are cut, the outcome is the same.
 */
#include "auth/mras/http_framing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/lib/unit.h"

enum { BODY_MAX = 100 };

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define POST "POST / HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define TEN "0123456789"
#define ABC POST "Content-Length: 3\r\n\r\nabc"
/* Of requests as take() writes them. */
#define GOT "GET / 0:\n"
#define GOT_POST "POST / 0:\n"
#define GOT_ABC "POST / 3:abc\n"

static const struct {
	const char *name;
	const char *stream;
	size_t len; /* of stream; 0: strlen */
	unsigned want; /* the status; 0: requests are more than one and complete; 1: more is wanted */
	const char *requests; /* until then: method, path, Content-Type, length and body */
} rows[] = {
	/* RFC 9112 section 2.2: lines */
	{"a request", GET HOST "\r\n", 0, 0, GOT},
	{"two of them", GET HOST "\r\n" GET HOST "\r\n", 0, 0, GOT GOT},
	{"the end is missing", GET HOST "\r", 0, 1, ""},
	{"an empty line before it", "\r\n" GET HOST "\r\n", 0, 0, GOT},
	{"an empty line between two", ABC "\r\n" ABC, 0, 0, GOT_ABC GOT_ABC},
	{"two empty lines before it", "\r\n\r\n" GET HOST "\r\n", 0, 400, ""},
	{"bare LF after the request line", "GET / HTTP/1.1\n" HOST "\r\n", 0, 400, ""},
	{"bare LF after a field", GET "Host: a\n\r\n", 0, 400, ""},
	{"bare LF as the end", GET HOST "\n", 0, 400, ""},
	{"bare LF inside a value", GET HOST "x: a\nContent-Length: 3\r\n\r\nabc", 0, 400,
	 ""},
	{"bare CR in the request line", "GET /\r HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"bare CR in a value", GET HOST "x: a\rb\r\n\r\n", 0, 400, ""},
	{"bare CR in a name", GET HOST "x\r: a\r\n\r\n", 0, 400, ""},
	{"CR CR LF", GET HOST "x: a\r\r\n\r\n", 0, 400, ""},
	{"bare CR before the request", "\rGET / HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"blank before the first field", GET " " HOST "\r\n", 0, 400, ""},

	/* section 3: the request line */
	{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 0, 0, "GET / 0: close\n"},
	{"HTTP/1.0, kept alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 0, 0,
	 GOT},
	{"a later minor version", "GET / HTTP/1.9\r\n" HOST "\r\n", 0, 0, GOT},
	{"HTTP/2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", 0, 505, ""},
	{"HTTP/0.9", "GET / HTTP/0.9\r\n\r\n", 0, 505, ""},
	{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, 505, ""},
	{"no version", "GET /\r\n" HOST "\r\n", 0, 400, ""},
	{"lower-case version", "GET / http/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"version of two digits", "GET / HTTP/1.10\r\n" HOST "\r\n", 0, 400, ""},
	{"version without minor", "GET / HTTP/1\r\n" HOST "\r\n", 0, 400, ""},
	{"text after the version", "GET / HTTP/1.1 \r\n" HOST "\r\n", 0, 400, ""},
	{"two spaces before the target", "GET  / HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"two spaces after the target", "GET /  HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"tab instead of space", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"space in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"space before the method", " GET / HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"no method", " / HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"method that is not a token", "G(T / HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"unknown method", "FOO / HTTP/1.1\r\n" HOST "\r\n", 0, 0, "FOO / 0:\n"},
	{"NUL in the request line", "GET /\0 HTTP/1.1\r\n" HOST "\r\n", 28, 400, ""},
	{"SIP", "OPTIONS sip:a SIP/2.0\r\n\r\n", 0, 400, ""},

	/* section 3.2: the target */
	{"query", "GET /a?b=/?c%20d HTTP/1.1\r\n" HOST "\r\n", 0, 0, "GET /a 0:\n"},
	{"absolute-form", "GET http://b:80/c?d HTTP/1.1\r\n" HOST "\r\n", 0, 0,
	 "GET /c 0:\n"},
	{"absolute-form of https",
	 "GET HTTPS://[2001:db8::1]:1/ HTTP/1.1\r\n" HOST "\r\n", 0, 0, GOT},
	{"absolute-form without a path", "GET http://b HTTP/1.1\r\n" HOST "\r\n", 0, 0,
	 GOT},
	{"absolute-form with a query alone", "GET http://b?c HTTP/1.1\r\n" HOST "\r\n", 0,
	 0, GOT},
	{"absolute-form without Host", "GET http://b/ HTTP/1.1\r\n\r\n", 0, 400, ""},
	{"absolute-form without a host", "GET http:///a HTTP/1.1\r\n" HOST "\r\n", 0, 400,
	 ""},
	{"absolute-form with a user", "GET http://u@b/ HTTP/1.1\r\n" HOST "\r\n", 0, 400,
	 ""},
	{"absolute-form of another scheme", "GET ftp://b/ HTTP/1.1\r\n" HOST "\r\n", 0,
	 400, ""},
	{"asterisk-form", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"authority-form", "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"relative target", "GET a HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"escapes in the path", "GET /%61%2fb%3F%25 HTTP/1.1\r\n" HOST "\r\n", 0, 0,
	 "GET /a/b?% 0:\n"},
	{"an escape decoded once", "GET /%2500 HTTP/1.1\r\n" HOST "\r\n", 0, 0,
	 "GET /%00 0:\n"},
	{"NUL as an escape", "GET /a%00 HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"NUL as an escape in the query", "GET /?%00 HTTP/1.1\r\n" HOST "\r\n", 0, 400,
	 ""},
	{"invalid escape", "GET /%zz HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"escape cut off", "GET /%2 HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"fragment", "GET /#a HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"backslash", "GET /\\a HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},
	{"byte above 127", "GET /\xe4 HTTP/1.1\r\n" HOST "\r\n", 0, 400, ""},

	/* section 3.2: Host */
	{"no Host", GET "\r\n", 0, 400, ""},
	{"two Hosts", GET HOST HOST "\r\n", 0, 400, ""},
	{"two Hosts, HTTP/1.0", "GET / HTTP/1.0\r\n" HOST "host: b\r\n\r\n", 0, 400, ""},
	{"empty Host", GET "Host:\r\n\r\n", 0, 400, ""},
	{"Host with a port", GET "Host: a.b:5062\r\n\r\n", 0, 0, GOT},
	{"Host with an empty port", GET "Host: a:\r\n\r\n", 0, 0, GOT},
	{"Host of IPv4", GET "Host: 192.0.2.1\r\n\r\n", 0, 0, GOT},
	{"Host of IPv6", GET "Host: [::1]:1\r\n\r\n", 0, 0, GOT},
	{"Host of IPv6 without brackets", GET "Host: ::1\r\n\r\n", 0, 400, ""},
	{"Host without its closing bracket", GET "Host: [::1\r\n\r\n", 0, 400, ""},
	{"a name in brackets as Host", GET "Host: [a]\r\n\r\n", 0, 400, ""},
	{"text after the brackets of Host", GET "Host: [::1]a\r\n\r\n", 0, 400, ""},
	{"Host with a port alone", GET "Host: :80\r\n\r\n", 0, 400, ""},
	{"Host with a port that is not a number", GET "Host: a:b\r\n\r\n", 0, 400, ""},
	{"Host with a port beyond 16 bits", GET "Host: a:65536\r\n\r\n", 0, 400, ""},
	{"Host with a space", GET "Host: a b\r\n\r\n", 0, 400, ""},
	{"Host with a comma list", GET "Host: a, b\r\n\r\n", 0, 400, ""},
	{"Host with a path", GET "Host: a/b\r\n\r\n", 0, 400, ""},
	{"Host with a user", GET "Host: u@a\r\n\r\n", 0, 400, ""},

	/* section 5.1, RFC 9110 section 5.5: fields */
	{"blanks around a value", GET HOST "x:\t a b \t\r\n\r\n", 0, 0, GOT},
	{"empty value", GET HOST "x:\r\n\r\n", 0, 0, GOT},
	{"colons in a value", GET HOST "x: a:b\r\n\r\n", 0, 0, GOT},
	{"bytes above 127 in a value", GET HOST "x: \xff\r\n\r\n", 0, 0, GOT},
	{"space before the colon", POST "Content-Length : 3\r\n\r\nabc", 0, 400, ""},
	{"tab before the colon", POST "Content-Length\t: 3\r\n\r\nabc", 0, 400, ""},
	{"space inside a name", POST "Content Length: 3\r\n\r\nabc", 0, 400, ""},
	{"folded field", GET HOST "x: a\r\n b\r\n\r\n", 0, 400, ""},
	{"folded length", POST "Content-Length:\r\n 3\r\n\r\nabc", 0, 400, ""},
	{"line of blanks", GET HOST " \r\n\r\n", 0, 400, ""},
	{"no colon", GET HOST "x\r\n\r\n", 0, 400, ""},
	{"empty name", GET HOST ": a\r\n\r\n", 0, 400, ""},
	{"name that is not a token", GET HOST "x(: a\r\n\r\n", 0, 400, ""},
	{"name with a byte above 127", GET HOST "x\xe4: a\r\n\r\n", 0, 400, ""},
	{"NUL in a value", GET "Host: a\r\nx: \0\r\n\r\n", 32, 400, ""},
	{"NUL in a name", GET "Host: a\r\nx\0: \r\n\r\n", 33, 400, ""},
	{"control character in a value", GET HOST "x: \x0b\r\n\r\n", 0, 400, ""},
	{"DEL in a value", GET HOST "x: \x7f\r\n\r\n", 0, 400, ""},
	{"fields about the connection",
	 GET HOST "TE: trailers\r\nupgrade: h2c\r\nKeep-Alive: 5\r\nTrailer: x\r\n"
		  "Proxy-Connection: close\r\n\r\n",
	 0, 0, GOT},
	{"Content-Type", POST "content-type: a/b; c=d\r\n\r\n", 0, 0,
	 "POST / a/b; c=d 0:\n"},
	{"empty Content-Type", POST "Content-Type:\r\n\r\n", 0, 0, "POST /  0:\n"},
	{"Content-Type of each request",
	 POST "Content-Type: a\r\n\r\n" POST "\r\n" POST "Content-Type: b\r\n\r\n", 0, 0,
	 "POST / a 0:\n" GOT_POST "POST / b 0:\n"},
	{"two Content-Types", POST "Content-Type: a\r\nContent-Type: a\r\n\r\n", 0, 400,
	 ""},
	{"Connection: close", GET HOST "connection: x, Close\r\n\r\n", 0, 0,
	 "GET / 0: close\n"},

	/* section 6: one length */
	{"a length", ABC, 0, 0, GOT_ABC},
	{"a length of zero", POST "Content-Length: 0\r\n\r\n", 0, 0, GOT_POST},
	{"a length with zeros in front", POST "content-length: 003\r\n\r\nabc", 0, 0,
	 GOT_ABC},
	{"a body not there yet", POST "Content-Length: 3\r\n\r\nab", 0, 1, ""},
	{"a body in GET", GET HOST "Content-Length: 3\r\n\r\nabc" GET HOST "\r\n", 0, 0,
	 "GET / 3:abc\n" GOT},
	{"no length, no body", POST "\r\n" GET HOST "\r\n", 0, 0, GOT_POST GOT},
	{"a request as a body", POST "Content-Length: 27\r\n\r\n" GET HOST "\r\n", 0, 0,
	 "POST / 27:" GET HOST "\r\n\n"},
	{"length, then chunked",
	 POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 400,
	 ""},
	{"chunked, then length",
	 POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 0, 400,
	 ""},
	{"two lengths that differ",
	 POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 0, 400, ""},
	{"two equal lengths", POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 0,
	 400, ""},
	{"a list of lengths", POST "Content-Length: 3, 3\r\n\r\nabc", 0, 400, ""},
	{"empty length", POST "Content-Length:\r\n\r\nabc", 0, 400, ""},
	{"plus", POST "Content-Length: +3\r\n\r\nabc", 0, 400, ""},
	{"minus", POST "Content-Length: -3\r\n\r\nabc", 0, 400, ""},
	{"hexadecimal length", POST "Content-Length: 0x3\r\n\r\nabc", 0, 400, ""},
	{"a fraction", POST "Content-Length: 3.0\r\n\r\nabc", 0, 400, ""},
	{"a space in the length", POST "Content-Length: 3 0\r\n\r\nabc", 0, 400, ""},
	{"the largest body", POST "Content-Length: 100\r\n\r\n", 0, 1, ""},
	{"one byte more", POST "Content-Length: 101\r\n\r\n", 0, 413, ""},
	{"2^64 + 3", POST "Content-Length: 18446744073709551619\r\n\r\nabc", 0, 413, ""},

	{"chunked", CHUNKED "3\r\nabc\r\n0\r\n\r\n", 0, 0, GOT_ABC},
	{"CHUNKED", POST "transfer-encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0, 0,
	 GOT_ABC},
	{"chunked, HTTP/1.0",
	 "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 400,
	 ""},
	{"unknown coding", POST "Transfer-Encoding: gzip\r\n\r\n", 0, 501, ""},
	{"unknown coding before chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n",
	 0, 501, ""},
	{"the same in two fields",
	 POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 501,
	 ""},
	{"unknown coding with a parameter", POST "Transfer-Encoding: a;b=c\r\n\r\n", 0,
	 501, ""},
	{"almost chunked", POST "Transfer-Encoding: xchunked\r\n\r\n", 0, 501, ""},
	{"identity", POST "Transfer-Encoding: identity\r\n\r\n", 0, 501, ""},
	{"chunked, then identity",
	 POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 0, 400,
	 ""},
	{"chunked, identity", POST "Transfer-Encoding: chunked, identity\r\n\r\n", 0, 400,
	 ""},
	{"chunked, chunked", POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 0, 400,
	 ""},
	{"chunked with a parameter", POST "Transfer-Encoding: chunked;a=b\r\n\r\n", 0,
	 400, ""},
	{"chunked and a comma", POST "Transfer-Encoding: chunked,\r\n\r\n", 0, 400, ""},
	{"a comma and chunked", POST "Transfer-Encoding: ,chunked\r\n\r\n", 0, 400, ""},
	{"quoted chunked", POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 0, 400, ""},
	{"vertical tab and chunked",
	 POST "Transfer-Encoding: \x0b"
	      "chunked\r\n\r\n",
	 0, 400, ""},
	{"empty coding", POST "Transfer-Encoding:\r\n\r\n", 0, 400, ""},

	/* section 7.1: chunks */
	{"several chunks", CHUNKED "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", 0, 0, GOT_ABC},
	{"a chunk of ten", CHUNKED "A\r\n" TEN "\r\n00\r\n\r\n", 0, 0,
	 "POST / 10:" TEN "\n"},
	{"only the last chunk", CHUNKED "0\r\n\r\n", 0, 0, GOT_POST},
	{"zeros in front", CHUNKED "0000000000000003\r\nabc\r\n0\r\n\r\n", 0, 0, GOT_ABC},
	{"too many zeros in front", CHUNKED "00000000000000003\r\nabc\r\n0\r\n\r\n", 0,
	 400, ""},
	{"extensions", CHUNKED "3;a;b=\"c;d\"\r\nabc\r\n0 ;x\r\n\r\n", 0, 0, GOT_ABC},
	{"text after the size", CHUNKED "3 a\r\nabc\r\n0\r\n\r\n", 0, 400, ""},
	{"blank after the size", CHUNKED "3 \r\nabc\r\n0\r\n\r\n", 0, 400, ""},
	{"blank before the size", CHUNKED " 3\r\nabc\r\n0\r\n\r\n", 0, 400, ""},
	{"trailers", CHUNKED "3\r\nabc\r\n0\r\nContent-Length: 9\r\nx: y\r\n\r\n", 0, 0,
	 GOT_ABC},
	{"trailer that is not a field", CHUNKED "0\r\nx\r\n\r\n", 0, 400, ""},
	{"trailer with a space before the colon", CHUNKED "0\r\nx : y\r\n\r\n", 0, 400,
	 ""},
	{"the last line is missing", CHUNKED "3\r\nabc\r\n0\r\n", 0, 1, ""},
	{"a request after the last chunk", CHUNKED "0\r\n" GET HOST "\r\n", 0, 400, ""},
	{"no size", CHUNKED "\r\nabc\r\n0\r\n\r\n", 0, 400, ""},
	{"size that is not a number", CHUNKED "x\r\n", 0, 400, ""},
	{"size with 0x", CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", 0, 400, ""},
	{"size with a plus", CHUNKED "+3\r\nabc\r\n0\r\n\r\n", 0, 400, ""},
	{"size with a minus", CHUNKED "-3\r\nabc\r\n0\r\n\r\n", 0, 400, ""},
	{"bare LF after the size", CHUNKED "3\nabc\r\n0\r\n\r\n", 0, 400, ""},
	{"bare LF in an extension", CHUNKED "3;a\nbc\r\nabc\r\n0\r\n\r\n", 0, 400, ""},
	{"bare CR in an extension", CHUNKED "3;a\rbc\r\nabc\r\n0\r\n\r\n", 0, 400, ""},
	{"bare LF after the chunk", CHUNKED "3\r\nabc\n0\r\n\r\n", 0, 400, ""},
	{"bare LF after the last chunk", CHUNKED "3\r\nabc\r\n0\r\n\n", 0, 400, ""},
	{"chunk longer than its size", CHUNKED "2\r\nabc\r\n0\r\n\r\n", 0, 400, ""},
	{"chunk shorter than its size", CHUNKED "4\r\nabc\r\n0\r\n\r\n", 0, 400, ""},
	{"the largest chunk", CHUNKED "64\r\n", 0, 1, ""},
	{"one byte more in a chunk", CHUNKED "65\r\n", 0, 413, ""},
	{"one byte more in two", CHUNKED "3\r\nabc\r\n62\r\n", 0, 413, ""},
	{"the largest size", CHUNKED "ffffffffffffffff\r\n", 0, 413, ""},
	{"2^64 + 3 as a size", CHUNKED "10000000000000003\r\nabc\r\n0\r\n\r\n", 0, 400,
	 ""},
};

/* What became of a stream. */
struct seen {
	unsigned outcome;
	size_t continues, len;
	char requests[4 * HTTP_HEAD_MAX];
};

static void take(struct http_framing *framing, struct seen *seen)
{
	struct http_request request = http_framing_request(framing);
	int len = snprintf(seen->requests + seen->len, sizeof(seen->requests) - seen->len,
			   "%s %s%s%s %zu:%.*s%s\n", request.method, request.path,
			   request.content_type != NULL ? " " : "",
			   request.content_type != NULL ? request.content_type : "",
			   request.body.len, (int)request.body.len,
			   (const char *)request.body.data,
			   request.close ? " close" : "");

	ck_assert(len > 0 && (size_t)len < sizeof(seen->requests) - seen->len);
	seen->len += (size_t)len;
	http_framing_next(framing);
}

/* A copy of exactly that size, so that the address sanitizer sees one byte too many. */
static void feed(struct http_framing *framing, struct slice piece, struct seen *seen)
{
	uint8_t *copy = malloc(piece.len > 0 ? piece.len : 1);
	struct slice rest = {copy, piece.len};
	bool fed = false;

	memcpy(copy, piece.data, piece.len);
	while (!fed && seen->outcome < 400) {
		switch (http_framing_feed(framing, &rest, BODY_MAX)) {
		case HTTP_MORE:
			ck_assert_uint_eq(rest.len, 0);
			seen->outcome = http_framing_has_begun(framing);
			fed = true;
			break;
		case HTTP_CONTINUE:
			seen->continues++;
			break;
		case HTTP_REQUEST:
			take(framing, seen);
			break;
		case HTTP_REFUSED:
			seen->outcome = framing->head.refusal.status;
			ck_assert_str_ne(framing->head.refusal.sentence, "");
			break;
		}
	}
	free(copy);
}

/* In two pieces, or in pieces of one byte if the first is empty. */
static void receive(struct slice stream, size_t first, struct seen *seen)
{
	struct http_framing framing;

	*seen = (struct seen){.outcome = 0};
	http_framing_init(&framing);
	if (first > 0) {
		feed(&framing, (struct slice){stream.data, first}, seen);
		feed(&framing, slice_skip(stream, first), seen);
	} else {
		for (size_t i = 0; i < stream.len; i++)
			feed(&framing, (struct slice){stream.data + i, 1}, seen);
	}
	http_framing_free(&framing);
}

START_TEST(http_framing_of_a_stream)
{
	static struct seen seen;
	struct slice stream = {(const uint8_t *)rows[_i].stream,
			       rows[_i].len > 0 ? rows[_i].len : strlen(rows[_i].stream)};

	for (size_t first = 0; first <= stream.len; first++) {
		receive(stream, first, &seen);
		ck_assert_msg(seen.outcome == rows[_i].want,
			      "%s: got %u, cut after %zu of %zu bytes", rows[_i].name,
			      seen.outcome, first, stream.len);
		ck_assert_msg(strcmp(seen.requests, rows[_i].requests) == 0,
			      "%s: cut after %zu: %s", rows[_i].name, first,
			      seen.requests);
	}
}
END_TEST

/* HTTP_CONTINUE comes once, and only where a body follows (RFC 9110 section 10.1.1). */
static const struct {
	const char *name;
	const char *stream;
	size_t want;
} expectations[] = {
	{"a length", POST "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\nabc", 1},
	{"chunks",
	 POST
	 "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
	 1},
	{"no body", GET HOST "Expect: 100-continue\r\n\r\n", 0},
	{"HTTP/1.0",
	 "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na", 0},
	{"something else", POST "Expect: more\r\nContent-Length: 1\r\n\r\na", 0},
	{"a refused length", POST "Expect: 100-continue\r\nContent-Length: 101\r\n\r\n",
	 0},
};

START_TEST(http_framing_of_expectations)
{
	static struct seen seen;
	struct slice stream = {(const uint8_t *)expectations[_i].stream,
			       strlen(expectations[_i].stream)};

	for (size_t first = 0; first <= stream.len; first++) {
		receive(stream, first, &seen);
		ck_assert_msg(seen.continues == expectations[_i].want, "%s: %zu",
			      expectations[_i].name, seen.continues);
	}
}
END_TEST

/* front, then count times repeated, then back */
static unsigned outcome_of(const char *front, const char *repeated, size_t count,
			   const char *back)
{
	static struct seen seen;
	struct text stream = {.limit = 0};
	size_t len;

	text_add_string(&stream, front);
	for (size_t i = 0; i < count; i++)
		text_add_string(&stream, repeated);
	text_add_string(&stream, back);

	char *bytes = text_finish(&stream, &len);
	receive((struct slice){(const uint8_t *)bytes, len}, len, &seen);
	free(bytes);
	return seen.outcome;
}

START_TEST(http_framing_is_bounded)
{
	size_t line = HTTP_LINE_MAX - strlen("GET / HTTP/1.1");

	ck_assert_uint_eq(outcome_of("GET /", "a", line, " HTTP/1.1\r\n" HOST "\r\n"), 0);
	ck_assert_uint_eq(outcome_of("GET /", "a", line + 1, " HTTP/1.1"), 414);
	ck_assert_uint_eq(outcome_of(GET HOST "x:", "a", HTTP_LINE_MAX - 2, "\r\n\r\n"),
			  0);
	ck_assert_uint_eq(outcome_of(GET HOST "x:", "a", HTTP_LINE_MAX - 1, ""), 431);
	ck_assert_uint_eq(outcome_of(GET HOST, "x:\r\n", HTTP_FIELDS_MAX - 1, "\r\n"), 0);
	ck_assert_uint_eq(outcome_of(GET HOST, "x:\r\n", HTTP_FIELDS_MAX, "\r\n"), 431);
	ck_assert_uint_eq(outcome_of(GET HOST,
				     "x:" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
					     TEN TEN TEN TEN TEN TEN TEN TEN "\r\n",
				     HTTP_HEAD_MAX / 200 + 2, "\r\n"),
			  431);
	ck_assert_uint_eq(outcome_of(CHUNKED "0\r\n", "x:\r\n", HTTP_FIELDS_MAX, "\r\n"),
			  431);
	ck_assert_uint_eq(outcome_of(CHUNKED "1;", TEN, HTTP_HEAD_MAX / 10, ""), 431);
	ck_assert_uint_eq(outcome_of(CHUNKED,
				     "1;" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
					     TEN TEN TEN TEN TEN TEN TEN TEN "\r\na\r\n",
				     HTTP_HEAD_MAX / 200 + 2, ""),
			  431);
	ck_assert_uint_eq(outcome_of(CHUNKED, "1\r\na\r\n", BODY_MAX, "0\r\n\r\n"), 0);
	ck_assert_uint_eq(outcome_of(CHUNKED, "1\r\na\r\n", BODY_MAX + 1, ""), 413);
}
END_TEST

/* The bound is the one in force when the request began: a reload does not reach into it. */
START_TEST(http_framing_keeps_its_bound)
{
	struct slice first = {(const uint8_t *)CHUNKED "3\r\nabc",
			      strlen(CHUNKED "3\r\nabc")};
	struct slice second = {(const uint8_t *)"\r\n1\r\nd\r\n0\r\n\r\n", 13};
	struct http_framing framing;

	http_framing_init(&framing);
	ck_assert_int_eq(http_framing_feed(&framing, &first, 10), HTTP_MORE);
	ck_assert_int_eq(http_framing_feed(&framing, &second, 1), HTTP_REQUEST);
	http_framing_next(&framing);
	second =
		(struct slice){(const uint8_t *)CHUNKED "3\r\n", strlen(CHUNKED "3\r\n")};
	ck_assert_int_eq(http_framing_feed(&framing, &second, 1), HTTP_REFUSED);
	ck_assert_uint_eq(framing.head.refusal.status, 413);
	http_framing_free(&framing);
}
END_TEST

static void http_framing_suite(Suite *suite)
{
	TCase *tc = tcase_create("http_framing");

	tcase_add_loop_test(tc, http_framing_of_a_stream, 0, ROWS(rows));
	tcase_add_loop_test(tc, http_framing_of_expectations, 0, ROWS(expectations));
	tcase_add_test(tc, http_framing_is_bounded);
	tcase_add_test(tc, http_framing_keeps_its_bound);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("http_framing", http_framing_suite)
