/*
 * fuzz_proxy_header.c - any bytes as a header of the PROXY protocol, on a stream and in a
 * datagram: the verdict does not change as more bytes come, what is read is within the bytes, and
 * a client that is read is read again from what we write of it.
 */
#include "stun/proxy_header.h"

#include <string.h>

#include "stun/classify.h"
#include "tests/fuzz/fuzz.h"

static enum proxy_verdict read_copy(const uint8_t *data, size_t len,
				    enum proxy_transport transport,
				    struct proxy_header *header, size_t *needed)
{
	uint8_t *copy = malloc(len);

	if (!copy)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	*needed = 0;
	enum proxy_verdict got =
		proxy_header_read((struct slice){copy, len}, transport, header, needed);
	free(copy);
	return got;
}

static void check_round_trip(const struct proxy_header *header)
{
	uint8_t out[PROXY_HEADER_WRITTEN_MAX];
	struct proxy_header again;
	size_t needed, len = proxy_header_write(out, PROXY_STREAM, &header->client,
						&header->server);

	FUZZ_CHECK(len <= sizeof(out));
	FUZZ_CHECK(proxy_header_read((struct slice){out, len}, PROXY_STREAM, &again,
				     &needed) == PROXY_COMPLETE);
	FUZZ_CHECK(again.len == len && again.origin == PROXY_ORIGIN_CLIENT);
	FUZZ_CHECK(endpoint_equal(&again.client, &header->client));
	FUZZ_CHECK(endpoint_equal(&again.server, &header->server));
}

static void judge(const uint8_t *data, size_t size, enum proxy_transport transport)
{
	enum proxy_verdict before = PROXY_MORE;
	struct proxy_header header;
	size_t needed = 0, asked = 0;

	for (size_t len = 0; len <= size; len++) {
		enum proxy_verdict got =
			read_copy(data, len, transport, &header, &needed);

		FUZZ_CHECK(before == PROXY_MORE || got == before);
		/* Nothing is decided to be one before what was asked for is there. */
		FUZZ_CHECK(got != PROXY_COMPLETE || len >= asked);
		if (got == PROXY_MORE) {
			FUZZ_CHECK(needed > len && needed <= PROXY_HEADER_MAX);
			asked = needed;
		}
		before = got;
	}
	if (before != PROXY_COMPLETE)
		return;
	FUZZ_CHECK(header.len <= size && header.len <= PROXY_HEADER_MAX);
	if (transport == PROXY_STREAM)
		FUZZ_CHECK(stream_classify((struct slice){data, size}) == STREAM_PROXY);
	if (header.origin == PROXY_ORIGIN_CLIENT)
		check_round_trip(&header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 300)
		size = 300; /* each length is looked at */
	judge(data, size, PROXY_STREAM);
	judge(data, size, PROXY_DGRAM);
	return 0;
}
