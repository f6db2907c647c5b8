/*
 * padding.h - ChannelData on a stream that its sender did not pad (RFC 8656 section 12.5). The
 * padding has any value and is ignored, so the frame itself looks right; but it ends within the
 * next message, and what follows is taken for something else, or for nothing. Then the bytes at
 * its end and those that follow it, put together, begin a message: that is the evidence.
 *
 * Owner    embedded in whatever reads the stream; all zero at first.
 */
#ifndef STUN_PADDING_H
#define STUN_PADDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

struct padding {
	uint8_t bytes[3]; /* of the frame before, first len bytes */
	uint8_t len;      /* 0: that needed none */
};

enum padding_verdict {
	PADDING_PRESENT,   /* or no evidence that it is missing */
	PADDING_UNCERTAIN, /* that takes more bytes: at most 8 from the frame's data on */
	PADDING_MISSING,
};

/* A complete frame of framing_next() has been taken off the stream. */
void padding_note(struct padding *padding, struct slice frame);

/*
 * Was the frame before sent without its padding? rest: what follows it, which may be empty. A
 * message begins in the padding if it has the cookie of STUN, or a channel number that is_bound.
 */
enum padding_verdict padding_judge(const struct padding *padding, struct slice rest,
				   uint16_t channel_max,
				   bool (*is_bound)(const void *self, uint16_t number),
				   const void *self);

#endif
