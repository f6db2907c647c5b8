/*
 * fuzz_framing.c - a stream cut into pieces gives the same frames as the whole, and where it
 * breaks the same verdict on the padding of the frame before.
 *
 * The first byte is the size of the pieces (0: one byte each); the rest is the stream.
 */
#include <string.h>

#include "stun/chandata.h"
#include "stun/framing.h"
#include "stun/padding.h"
#include "stun/registry.h"
#include "tests/fuzz/fuzz.h"

/* How far the stream could be framed, and what stopped it. */
struct progress {
	size_t frames;
	size_t done;
	enum framing state;
	struct padding padding; /* of the last frame */
	enum padding_verdict verdict;
};

/* Every other channel is bound. */
static bool is_bound(const void *self, uint16_t number)
{
	(void)self;
	return number % 2 != 0;
}

/* Of the client: both kinds see the same bytes. */
static uint16_t channel_max;

static void check_frame(enum framing kind, struct slice frame)
{
	uint16_t number;
	struct slice payload;

	if (kind == FRAMING_STUN) {
		FUZZ_CHECK(frame.len >= STUN_HEADER_LEN && frame.len % 4 == 0);
		FUZZ_CHECK(frame.len - STUN_HEADER_LEN == load_be16(frame.data + 2));
		return;
	}
	FUZZ_CHECK(kind == FRAMING_CHANNEL_DATA);
	FUZZ_CHECK(chandata_parse(frame, &number, &payload));
	FUZZ_CHECK(number >= CHANNEL_NUMBER_MIN && number <= channel_max);
	FUZZ_CHECK(CHANDATA_HEADER_LEN + padded4(payload.len) == frame.len);
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

		p->state = framing_next_channels(rest, channel_max, &frame_len);
		FUZZ_CHECK(frame_len <= FRAMING_MAX);
		if (p->state == FRAMING_BROKEN)
			FUZZ_CHECK(frame_len == 0);
		if (p->state == FRAMING_MORE)
			FUZZ_CHECK(frame_len == 0 || frame_len > rest.len);
		if (p->state == FRAMING_MORE || p->state == FRAMING_BROKEN)
			break;
		FUZZ_CHECK(frame_len > 0 && frame_len <= rest.len);
		check_frame(p->state, (struct slice){rest.data, frame_len});
		padding_note(&p->padding, (struct slice){rest.data, frame_len});
		rest = slice_skip(rest, frame_len);
		p->done += frame_len;
		p->frames++;
	}
	p->verdict = padding_judge(&p->padding, rest, channel_max, is_bound, NULL);
	if (rest.len >= 8)
		FUZZ_CHECK(p->verdict != PADDING_UNCERTAIN);
	free(copy);
}

/* Nothing that follows can change what is known now. */
static bool is_decided(const struct progress *p)
{
	return p->state == FRAMING_BROKEN && p->verdict != PADDING_UNCERTAIN;
}

static void compare(const uint8_t *data, size_t size)
{
	const uint8_t *stream = data + 1;
	size_t len = size - 1;
	size_t piece = data[0] + (size_t)1;
	struct progress whole = {0}, cut = {0};

	advance(&whole, stream, len);
	for (size_t arrived = 0; !is_decided(&cut);) {
		advance(&cut, stream, arrived);
		if (arrived == len)
			break;
		arrived = len - arrived < piece ? len : arrived + piece;
	}
	FUZZ_CHECK(whole.frames == cut.frames);
	FUZZ_CHECK(whole.done == cut.done);
	FUZZ_CHECK(whole.state == cut.state);
	FUZZ_CHECK(whole.verdict == cut.verdict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t kinds[] = {CHANNEL_NUMBER_MAX, CHANNEL_NUMBER_MAX_RFC5766};

	for (size_t i = 0; i < 2 && size > 0; i++) {
		channel_max = kinds[i];
		compare(data, size);
	}
	return 0;
}
