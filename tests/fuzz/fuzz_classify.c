/*
 * fuzz_classify.c - any bytes as a datagram and as the start of a connection: neither
 * classifier reads past the end, and a kind once decided does not change with more bytes.
 */
#include <string.h>

#include "stun/classify.h"
#include "tests/fuzz/fuzz.h"

static enum stream_kind classify_copy(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len);
	if (!copy)
		abort();
	memcpy(copy, data, len);

	struct slice bytes = {copy, len};
	enum datagram_kind datagram = datagram_classify(bytes);
	enum stream_kind stream = stream_classify(bytes);

	FUZZ_CHECK(datagram < DATAGRAM_KIND_COUNT && datagram_kind_name(datagram));
	FUZZ_CHECK((datagram == DATAGRAM_EMPTY) == (len == 0));
	FUZZ_CHECK(stream < STREAM_KIND_COUNT && stream_kind_name(stream));
	FUZZ_CHECK(stream != STREAM_STUN || datagram == DATAGRAM_STUN);
	free(copy);
	return stream;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum stream_kind before = STREAM_UNDECIDED;
	size_t most = size < 2 * STREAM_CLASSIFY_MAX ? size : 2 * STREAM_CLASSIFY_MAX;

	for (size_t len = 0; len <= most; len++) {
		enum stream_kind kind = classify_copy(data, len);

		FUZZ_CHECK(before == STREAM_UNDECIDED || kind == before);
		FUZZ_CHECK(len < STREAM_CLASSIFY_MAX || kind != STREAM_UNDECIDED);
		before = kind;
	}
	if (size > most)
		FUZZ_CHECK(classify_copy(data, size) == before);
	return 0;
}
