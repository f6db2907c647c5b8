/*
 * framing.h - where one message ends in a TCP or TLS stream (RFC 8489 section 6.2.2,
 * RFC 8656 section 12.5): STUN by its header length, ChannelData padded to four bytes.
 */
#ifndef STUN_FRAMING_H
#define STUN_FRAMING_H

#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

enum framing {
	FRAMING_MORE,		/* the frame is not complete; *frame_len if known, else 0 */
	FRAMING_STUN,		/* a STUN message of *frame_len bytes */
	FRAMING_CHANNEL_DATA,	/* ChannelData of *frame_len bytes, padding included */
	FRAMING_BROKEN,		/* cannot be framed: the connection must be closed (T-375) */
};

/* Longest frame: a STUN body of 65532 bytes and its header; ChannelData ends at 65540. */
#define FRAMING_MAX (20 + 65532)

/*
 * Look at the front of what has arrived. *frame_len is the size of the first frame as soon
 * as it is known, from the 4th byte of ChannelData and the 8th of STUN on; 0 before that and
 * with FRAMING_BROKEN. Broken are a ChannelData header whose number is not a channel number,
 * a STUN length that is not a multiple of four, and a wrong cookie: classic STUN is spoken
 * over UDP only. More bytes never make a broken stream whole again.
 */
enum framing framing_next(struct slice arrived, size_t *frame_len);

/* The same where channel numbers go up to channel_max (0x4FFF or 0x7FFF). */
enum framing framing_next_channels(struct slice arrived, uint16_t channel_max,
                                   size_t *frame_len);

#endif
