/*
 * fuzz_packet_stream.c - a stream of packets cut into pieces gives the same packets as the
 * whole, and they can be written again.
 *
 * The first byte is the size of the pieces (0: one byte each); the rest is the stream.
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tools/client/packet_stream.h"

/* The stream, rewritten from the packets that were read. */
struct written {
	uint8_t *bytes;
	size_t len, size;
};

static void write_again(void *arg, struct slice packet)
{
	struct written *written = arg;

	FUZZ_CHECK(packet.len <= PACKET_STREAM_MAX);
	FUZZ_CHECK(written->size - written->len >= PACKET_STREAM_HEADER_LEN + packet.len);
	packet_stream_header(written->bytes + written->len, packet.len);
	written->len += PACKET_STREAM_HEADER_LEN;
	memcpy(written->bytes + written->len, packet.data, packet.len);
	written->len += packet.len;
}

/* Each piece is an allocation of its own: reading past its end is an error. */
static void take(struct packet_stream *stream, const uint8_t *bytes, size_t len,
		 struct written *written)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, bytes, len);
	FUZZ_CHECK(packet_stream_take(stream, (struct slice){copy, len}, write_again,
				      written));
	free(copy);
}

static size_t check(const uint8_t *bytes, size_t len, size_t piece)
{
	struct written written = {malloc(len > 0 ? len : 1), 0, len};
	struct packet_stream stream = {0};

	if (!written.bytes)
		abort();
	for (size_t at = 0; at < len; at += piece)
		take(&stream, bytes + at, len - at < piece ? len - at : piece, &written);
	/* Only the incomplete last packet is not rewritten. */
	FUZZ_CHECK(memcmp(written.bytes, bytes, written.len) == 0);
	FUZZ_CHECK(written.len + stream.len == len);
	packet_stream_clear(&stream);
	free(written.bytes);
	return written.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;

	size_t len = size - 1;
	size_t whole = check(data + 1, len, len > 0 ? len : 1);

	FUZZ_CHECK(check(data + 1, len, data[0] + (size_t)1) == whole);
	return 0;
}
