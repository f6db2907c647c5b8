/*
 * fuzz_sip_framing.c - bytes become a SIP stream that arrives at once, in pieces of the size in
 * the first byte (0: of one byte), and cut in two at every position. That changes nothing: the
 * same messages, the same end.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/mras/sip.h"
#include "auth/mras/sip_head.h"
#include "tests/fuzz/cuts.h"
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

/* The first piece, then pieces of that size. */
static void receive(struct slice stream, size_t first, size_t piece,
		    struct frames *frames)
{
	size_t start = 0, end = 0, len = first;

	*frames = (struct frames){.last = SIP_MORE};
	while (end < stream.len && frames->last == SIP_MORE) {
		end = stream.len - end > len ? end + len : stream.len;
		start = take_frames((struct slice){stream.data, end}, start, frames);
		len = piece;
	}
}

static bool is_equal(const struct frames *a, const struct frames *b)
{
	return a->count == b->count &&
	       memcmp(a->ends, b->ends, a->count * sizeof(a->ends[0])) == 0 &&
	       (a->count == FRAMES_MAX || a->last == b->last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct frames whole;
	static struct frames pieces;

	if (size == 0)
		return 0;
	struct slice stream = {data + 1, size - 1};
	size_t cuts = cuts_count(stream.len);

	receive(stream, stream.len, stream.len, &whole);
	for (size_t i = 0; i < cuts; i++) {
		receive(stream, cuts_at(stream.len, i), stream.len, &pieces);
		FUZZ_CHECK(is_equal(&pieces, &whole));
	}
	if (data[0] > 0 || stream.len <= CUTS_EVERY_MAX) {
		size_t piece = data[0] > 0 ? data[0] : 1;

		receive(stream, piece, piece, &pieces);
		FUZZ_CHECK(is_equal(&pieces, &whole));
	}
	return 0;
}
