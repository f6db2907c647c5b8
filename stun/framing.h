/*
 * framing.h - splits a TCP or TLS stream into messages (RFC 8489 section 6.2.2,
 * RFC 8656 section 12.5): STUN by its header length, ChannelData padded to four bytes.
 */
#ifndef STUN_FRAMING_H
#define STUN_FRAMING_H

#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

enum framing {
	FRAMING_MORE,         /* the frame is not complete; *frame_len if known, else 0 */
	FRAMING_STUN,         /* a STUN message of *frame_len bytes */
	FRAMING_CHANNEL_DATA, /* ChannelData of *frame_len bytes, padding included */
	FRAMING_BROKEN,       /* cannot be framed: close the connection */
};

/* Longest frame: a STUN body of 65532 bytes and its header; ChannelData ends at 65540. */
#define FRAMING_MAX (20 + 65532)

/*
 * Look at the front of the bytes that have arrived. *frame_len is the size of the first frame as
 * soon as it is known, from the 4th byte of ChannelData and the 8th of STUN on; 0 before that and
 * with FRAMING_BROKEN. A stream is broken if the number of ChannelData is not a channel number, a
 * STUN length is not a multiple of four, or the cookie is wrong: classic STUN exists over UDP
 * only. It stays broken whatever follows.
 */
enum framing framing_next(struct slice arrived, size_t *frame_len);

/* The same with channel numbers up to channel_max: 0x4FFF or 0x7FFF. */
enum framing framing_next_channels(struct slice arrived, uint16_t channel_max,
				   size_t *frame_len);

/*
 * MS-TURN over a stream: each message and each piece of data follows a header of four bytes: type
 * 2 or 3, zero, and the length of the rest. Nothing is padded.
 */
enum {
	MS_FRAME_HEADER_LEN = 4,
	MS_FRAME_PAYLOAD_MAX = 65535,
	MS_FRAMING_MAX = MS_FRAME_HEADER_LEN + MS_FRAME_PAYLOAD_MAX,
};

enum ms_frame {
	MS_FRAME_CONTROL = 0x02,
	MS_FRAME_DATA = 0x03,
};

enum ms_framing {
	MS_FRAMING_MORE,    /* the frame is not complete; *frame_len if known, else 0 */
	MS_FRAMING_CONTROL, /* a message; *frame_len includes the header of four bytes */
	MS_FRAMING_DATA, /* data from or to the active destination, likewise; may be empty */
	MS_FRAMING_BROKEN, /* cannot be framed: close the connection */
};

/*
 * Look at the front of the bytes that have arrived. *frame_len is the size of the first frame,
 * header included, as soon as it is known; 0 before that and with MS_FRAMING_BROKEN. A stream is
 * broken by a type other than 2 and 3, a second byte other than 0, or a control frame that cannot
 * be a message: too short, of another length than its message, or without MAGIC-COOKIE in front.
 * It stays broken whatever follows.
 */
enum ms_framing ms_framing_next(struct slice arrived, size_t *frame_len);

/* Write the header of a frame of len bytes, at most MS_FRAME_PAYLOAD_MAX. */
void ms_frame_write_header(uint8_t *header, enum ms_frame type, size_t len);

#endif
