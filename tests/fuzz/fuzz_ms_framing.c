/*
 * fuzz_ms_framing.c - a stream of MS frames cut into pieces gives the same frames as the
 * whole, and a frame can be written again.
 *
 * The first byte is the size of the pieces (0: one byte each); the rest is the stream.
 */
#include <string.h>

#include "stun/classify.h"
#include "stun/framing.h"
#include "stun/ms_msg.h"
#include "tests/fuzz/fuzz.h"

/* How far the stream could be framed, and what stopped it. */
struct progress {
	size_t frames;
	size_t done;
	enum ms_framing state;
};

static void check_frame(enum ms_framing kind, struct slice frame)
{
	bool is_control = kind == MS_FRAMING_CONTROL;
	struct slice inside = slice_skip(frame, MS_FRAME_HEADER_LEN);
	uint8_t header[MS_FRAME_HEADER_LEN];
	struct ms_msg msg;

	FUZZ_CHECK(is_control || kind == MS_FRAMING_DATA);
	ms_frame_write_header(header, is_control ? MS_FRAME_CONTROL : MS_FRAME_DATA,
			      inside.len);
	FUZZ_CHECK(memcmp(header, frame.data, sizeof(header)) == 0);
	if (!is_control)
		return;

	/* Only the attributes are left to the parser. */
	FUZZ_CHECK(datagram_is_ms_control(inside));
	enum ms_parse got = ms_msg_parse(inside, &msg);
	FUZZ_CHECK(got == MS_PARSE_OK || got == MS_PARSE_BAD_ATTR ||
		   got == MS_PARSE_BAD_INTEGRITY);
}

/* Take the frames in stream[0..arrived), which is an allocation of that size. */
static void advance(struct progress *p, const uint8_t *stream, size_t arrived)
{
	size_t len = arrived - p->done;
	uint8_t *copy = malloc(len);
	struct slice rest = {copy, len};

	if (!copy)
		abort();
	memcpy(copy, stream + p->done, len);
	for (;;) {
		size_t frame_len = 1;

		p->state = ms_framing_next(rest, &frame_len);
		FUZZ_CHECK(frame_len <= MS_FRAMING_MAX);
		if (p->state == MS_FRAMING_BROKEN)
			FUZZ_CHECK(frame_len == 0);
		if (p->state == MS_FRAMING_MORE)
			FUZZ_CHECK(frame_len == 0 || frame_len > rest.len);
		if (p->state == MS_FRAMING_MORE || p->state == MS_FRAMING_BROKEN)
			break;
		FUZZ_CHECK(frame_len >= MS_FRAME_HEADER_LEN && frame_len <= rest.len);
		check_frame(p->state, (struct slice){rest.data, frame_len});
		rest = slice_skip(rest, frame_len);
		p->done += frame_len;
		p->frames++;
	}
	free(copy);
}

/* If a connection starts as MS framing, its first two bytes are valid framing. */
static void check_classifier(const uint8_t *stream, size_t len)
{
	size_t frame_len;

	if (len < STREAM_CLASSIFY_MAX)
		return;
	if (stream_classify((struct slice){stream, STREAM_CLASSIFY_MAX}) ==
	    STREAM_MS_FRAMED)
		FUZZ_CHECK(ms_framing_next((struct slice){stream, 2}, &frame_len) ==
			   MS_FRAMING_MORE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;

	const uint8_t *stream = data + 1;
	size_t len = size - 1;
	size_t piece = data[0] + (size_t)1;
	struct progress whole = {0}, cut = {0};

	check_classifier(stream, len);
	advance(&whole, stream, len);
	for (size_t arrived = 0; cut.state != MS_FRAMING_BROKEN;) {
		advance(&cut, stream, arrived);
		if (arrived == len)
			break;
		arrived = len - arrived < piece ? len : arrived + piece;
	}
	FUZZ_CHECK(whole.frames == cut.frames);
	FUZZ_CHECK(whole.done == cut.done);
	FUZZ_CHECK(whole.state == cut.state);
	return 0;
}
