/*
 * fuzz_http_framing.c - bytes become an HTTP stream that arrives in pieces of the size in the
 * first byte (0: at once). Pieces change nothing: the same requests, the same refusal at the
 * same byte. What is handed on has one body of the length it names, and reads as itself.
 */
#include <string.h>
#include <strings.h>

#include "auth/mras/http_framing.h"
#include "tests/fuzz/fuzz.h"

enum { BODY_MAX = 4096, SEEN_MAX = 256 << 10 };

struct seen {
	size_t requests, continues, len, read;
	unsigned status; /* 0: not refused */
	bool has_begun;
	char bytes[SEEN_MAX]; /* what is handed on, one after the other */
};

/* Take a line with its CRLF; there are no other control characters in it. */
static struct slice take_line(struct slice *rest)
{
	struct slice line = *rest;

	for (line.len = 0; line.len + 2 <= rest->len; line.len++) {
		uint8_t byte = rest->data[line.len];

		if (byte == '\r')
			break;
		FUZZ_CHECK((byte >= ' ' && byte != 0x7F) || byte == '\t');
	}
	FUZZ_CHECK(rest->len >= line.len + 2 && line.data[line.len + 1] == '\n');
	*rest = slice_skip(*rest, line.len + 2);
	return line;
}

static bool is_field(struct slice line, const char *name)
{
	size_t len = strlen(name);

	return line.len > len && line.data[len] == ':' &&
	       strncasecmp((const char *)line.data, name, len) == 0;
}

/* A head in lines, then the one body that it announces. */
static void check_request(struct slice request)
{
	static const char name[] = "Content-Length: ";
	struct slice rest = request, line = take_line(&rest);
	size_t lengths = 0, body = 0;

	FUZZ_CHECK(line.len > 0);
	while ((line = take_line(&rest)).len > 0) {
		FUZZ_CHECK(!is_field(line, "Transfer-Encoding"));
		if (!is_field(line, "Content-Length"))
			continue;
		lengths++;
		body = strtoull((const char *)line.data + strlen(name), NULL, 10);
	}
	FUZZ_CHECK(lengths <= 1 && rest.len == body && body <= BODY_MAX);
	FUZZ_CHECK(request.len - body <= HTTP_HEAD_OUT_MAX);
}

static void take(struct http_framing *framing, struct seen *seen)
{
	size_t len;
	char *request = http_framing_take(framing, &len);

	FUZZ_CHECK(request != NULL);
	check_request((struct slice){(const uint8_t *)request, len});
	FUZZ_CHECK(len <= sizeof(seen->bytes) - seen->len);
	memcpy(seen->bytes + seen->len, request, len);
	seen->len += len;
	seen->requests++;
	free(request);
}

/* False if nothing more may be fed. */
static bool feed(struct http_framing *framing, struct slice piece, struct seen *seen)
{
	struct slice rest = piece;

	for (;;) {
		size_t before = rest.len;
		enum http_framing_result result =
			http_framing_feed(framing, &rest, BODY_MAX);

		seen->read += before - rest.len;
		switch (result) {
		case HTTP_MORE:
			FUZZ_CHECK(rest.len == 0);
			return true;
		case HTTP_CONTINUE:
			seen->continues++;
			break;
		case HTTP_REQUEST:
			take(framing, seen);
			if (seen->len > SEEN_MAX - HTTP_HEAD_OUT_MAX - BODY_MAX)
				return false;
			break;
		case HTTP_REFUSED:
			FUZZ_CHECK(framing->refusal.sentence != NULL);
			seen->status = framing->refusal.status;
			FUZZ_CHECK(seen->status >= 400 && seen->status != 500);
			return false;
		}
	}
}

static void receive(struct slice stream, size_t piece, struct seen *seen)
{
	struct http_framing framing;
	bool more = true;

	memset(seen, 0, offsetof(struct seen, bytes));
	http_framing_init(&framing);
	while (more && stream.len > 0) {
		size_t len = stream.len < piece ? stream.len : piece;

		more = feed(&framing, (struct slice){stream.data, len}, seen);
		stream = slice_skip(stream, len);
	}
	seen->has_begun = http_framing_has_begun(&framing);
	http_framing_free(&framing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seen whole, pieces;

	if (size < 2)
		return 0;
	struct slice stream = {data + 1, size - 1};
	receive(stream, stream.len, &whole);
	receive(stream, data[0] > 0 ? data[0] : stream.len, &pieces);
	FUZZ_CHECK(memcmp(&whole, &pieces, offsetof(struct seen, bytes)) == 0);
	FUZZ_CHECK(memcmp(whole.bytes, pieces.bytes, whole.len) == 0);
	if (whole.len == 0)
		return 0;
	receive((struct slice){(const uint8_t *)whole.bytes, whole.len}, whole.len,
		&pieces);
	FUZZ_CHECK(pieces.status == 0 && !pieces.has_begun &&
		   pieces.requests == whole.requests && pieces.len == whole.len);
	FUZZ_CHECK(memcmp(whole.bytes, pieces.bytes, whole.len) == 0);
	return 0;
}
