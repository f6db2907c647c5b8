/*
 * fuzz_http_framing.c - bytes become an HTTP stream that arrives at once, in pieces of the size in
 * the first byte, byte by byte, and cut in two at every position. That changes nothing: the
 * same requests, the same refusal at the same byte.
 */
#include <string.h>

#include "auth/mras/http_framing.h"
#include "tests/fuzz/cuts.h"
#include "tests/fuzz/fuzz.h"

enum { BODY_MAX = 4096, SEEN_MAX = 256 << 10 };

struct seen {
	size_t requests, continues, closes, len, read;
	struct http_refusal refusal;
	bool has_begun, is_full;
	char bytes[SEEN_MAX]; /* of the requests, one after the other */
};

static void add(struct seen *seen, const void *bytes, size_t len)
{
	FUZZ_CHECK(len <= SEEN_MAX - seen->len);
	memcpy(seen->bytes + seen->len, bytes, len);
	seen->len += len;
}

static void take(struct http_framing *framing, struct seen *seen)
{
	const struct http_request request = http_framing_request(framing);

	FUZZ_CHECK(request.method[0] != '\0' && strpbrk(request.method, " \r\n") == NULL);
	FUZZ_CHECK(request.path[0] == '/' && strlen(request.path) <= HTTP_LINE_MAX);
	FUZZ_CHECK(request.body.len <= BODY_MAX && request.body.data != NULL);
	add(seen, request.method, strlen(request.method) + 1);
	add(seen, request.path, strlen(request.path) + 1);
	if (request.content_type != NULL) {
		FUZZ_CHECK(strpbrk(request.content_type, "\r\n") == NULL);
		add(seen, request.content_type, strlen(request.content_type) + 1);
	}
	add(seen, request.body.data, request.body.len);
	seen->requests++;
	seen->closes += request.close;
	seen->is_full = seen->len > SEEN_MAX - 2 * HTTP_HEAD_MAX - BODY_MAX;
	http_framing_next(framing);
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
			if (seen->is_full)
				return false;
			break;
		case HTTP_REFUSED:
			seen->refusal = framing->head.refusal;
			FUZZ_CHECK(seen->refusal.status >= 400 &&
				   seen->refusal.status != 500 &&
				   seen->refusal.sentence != NULL);
			return false;
		}
	}
}

/* The first piece, then pieces of that size. */
static void receive(struct slice stream, size_t first, size_t piece, struct seen *seen)
{
	struct http_framing framing;
	size_t len = first;
	bool more = true;

	memset(seen, 0, offsetof(struct seen, bytes));
	http_framing_init(&framing);
	while (more && stream.len > 0) {
		if (len > stream.len)
			len = stream.len;
		more = feed(&framing, (struct slice){stream.data, len}, seen);
		stream = slice_skip(stream, len);
		len = piece;
	}
	seen->has_begun = http_framing_has_begun(&framing);
	http_framing_free(&framing);
}

static bool is_equal(const struct seen *a, const struct seen *b)
{
	return a->requests == b->requests && a->continues == b->continues &&
	       a->closes == b->closes && a->read == b->read &&
	       a->refusal.status == b->refusal.status &&
	       a->refusal.sentence == b->refusal.sentence &&
	       a->has_begun == b->has_begun && a->len == b->len &&
	       memcmp(a->bytes, b->bytes, a->len) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seen whole, pieces;

	if (size < 2)
		return 0;
	struct slice stream = {data + 1, size - 1};
	size_t cuts = cuts_count(stream.len);

	receive(stream, stream.len, stream.len, &whole);
	for (size_t i = 0; i < cuts + 2; i++) {
		if (i < cuts)
			receive(stream, cuts_at(stream.len, i), stream.len, &pieces);
		else if (i == cuts)
			receive(stream, 1, 1, &pieces);
		else if (data[0] > 1)
			receive(stream, data[0], data[0], &pieces);
		FUZZ_CHECK(is_equal(&whole, &pieces));
	}
	return 0;
}
