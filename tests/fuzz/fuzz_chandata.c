/*
 * fuzz_chandata.c - any bytes as a ChannelData datagram: the data lies inside it, and
 * writing its header gives the header that was read.
 */
#include <string.h>

#include "stun/chandata.h"
#include "stun/classify.h"
#include "stun/framing.h"
#include "tests/fuzz/fuzz.h"

static volatile unsigned seen;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {data, size};
	uint16_t number;
	struct slice payload;
	size_t frame_len;

	if (!chandata_parse(bytes, &number, &payload)) {
		/*
		 * The header's length exceeds the datagram, or the header is incomplete.
		 */
		FUZZ_CHECK(size < CHANDATA_HEADER_LEN ||
			   load_be16(data + 2) > size - CHANDATA_HEADER_LEN);
		return 0;
	}

	FUZZ_CHECK(payload.data == data + CHANDATA_HEADER_LEN);
	FUZZ_CHECK(payload.len <= size - CHANDATA_HEADER_LEN);
	for (size_t i = 0; i < payload.len; i++)
		seen ^= payload.data[i];

	uint8_t header[CHANDATA_HEADER_LEN];
	chandata_write_header(header, number, payload.len);
	FUZZ_CHECK(memcmp(header, data, sizeof(header)) == 0);

	/* In a stream the same bytes are a frame once the padding has arrived. */
	enum framing framed = framing_next(bytes, &frame_len);
	if (datagram_classify(bytes) == DATAGRAM_CHANNEL_DATA) {
		FUZZ_CHECK(number >= CHANNEL_NUMBER_MIN && number <= CHANNEL_NUMBER_MAX);
		FUZZ_CHECK(frame_len == CHANDATA_HEADER_LEN + padded4(payload.len));
		FUZZ_CHECK(framed ==
			   (size < frame_len ? FRAMING_MORE : FRAMING_CHANNEL_DATA));
	} else {
		FUZZ_CHECK(framed != FRAMING_CHANNEL_DATA);
	}
	return 0;
}
