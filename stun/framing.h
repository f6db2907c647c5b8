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

/* Longest frame: ChannelData of 65535 bytes and its padding, or STUN of 65532 and its header. */
#define FRAMING_MAX (4 + 65536 + 16)

/*
 * Look at the front of what has arrived. *frame_len is the size of the first frame as soon
 * as its header is there. A ChannelData header whose number is not a channel number, a STUN
 * length that is not a multiple of four and a wrong cookie are FRAMING_BROKEN.
 */
enum framing framing_next(struct slice arrived, size_t *frame_len);

#endif
