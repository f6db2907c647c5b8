/*
 * fuzz_sip_framing.c - bytes become a SIP stream that arrives in pieces of the size in
 * the first byte (0: at once). Pieces make no difference: the same messages, the same
 * end.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/mras/sip.h"
#include "auth/mras/sip_head.h"
#include "tests/fuzz/fuzz.h"

enum { FRAMES_MAX = 256 };

struct frames {
	size_t count;
	size_t ends[FRAMES_MAX];
	enum sip_framing last;
};

/*
 * A frame is exactly one message: nothing before it, its head of the stated length, and
 * the same result if parsed again.
 */
static void check_frame(struct slice arrived, size_t frame_len, size_t head_len)
{
	struct slice frame = {arrived.data, frame_len};
	struct sip_head head;

	FUZZ_CHECK(frame_len <= arrived.len && head_len > 0 && head_len <= frame_len);
	FUZZ_CHECK(head_len <= SIP_HEADERS_MAX && frame_len - head_len <= MRAS_BODY_MAX);
	FUZZ_CHECK(sip_head_parse(frame, &head) == SIP_HEAD_COMPLETE &&
		   head.len == head_len);
	FUZZ_CHECK(memcmp(frame.data + head_len - 4, "\r\n\r\n", 4) == 0);
}

/* Take the frames that have arrived; returns where the rest begins. */
static size_t take_frames(struct slice stream, size_t start, struct frames *frames)
{
	size_t frame_len;
	size_t head_len;

	for (;;) {
		struct slice arrived = slice_skip(stream, start);

		frames->last = sip_framing_next(arrived, &frame_len, &head_len);
		if (frames->last == SIP_MORE)
			FUZZ_CHECK(frame_len == 0 || frame_len > arrived.len);
		if (frames->last == SIP_KEEP_ALIVE)
			FUZZ_CHECK(frame_len == 4 &&
				   memcmp(arrived.data, "\r\n\r\n", 4) == 0);
		if (frames->last == SIP_MESSAGE)
			check_frame(arrived, frame_len, head_len);
		if ((frames->last != SIP_MESSAGE && frames->last != SIP_KEEP_ALIVE) ||
		    frames->count == FRAMES_MAX)
			return start;
		start += frame_len;
		frames->ends[frames->count++] = start;
	}
}

static void receive(struct slice stream, size_t piece, struct frames *frames)
{
	size_t start = 0;

	*frames = (struct frames){.last = SIP_MORE};
	for (size_t end = 0; end < stream.len && frames->last == SIP_MORE;) {
		end = stream.len - end > piece ? end + piece : stream.len;
		start = take_frames((struct slice){stream.data, end}, start, frames);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct frames whole;
	static struct frames pieces;

	if (size == 0)
		return 0;
	struct slice stream = {data + 1, size - 1};
	receive(stream, stream.len, &whole);
	receive(stream, data[0] > 0 ? data[0] : stream.len, &pieces);
	FUZZ_CHECK(pieces.count == whole.count);
	FUZZ_CHECK(memcmp(pieces.ends, whole.ends, whole.count * sizeof(whole.ends[0])) ==
		   0);
	FUZZ_CHECK(whole.count == FRAMES_MAX || pieces.last == whole.last);
	return 0;
}
