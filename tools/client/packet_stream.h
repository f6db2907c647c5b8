/*
 * packet_stream.h - packets on a byte stream, each with its length in two bytes in front (RFC 4571
 * section 2). The ends of an ICE connection over TCP send packets like that; a relay between them
 * sees bytes and may cut them anywhere.
 *
 * Owner    the struct that embeds it; zeroed is empty.
 */
#ifndef TOOLS_CLIENT_PACKET_STREAM_H
#define TOOLS_CLIENT_PACKET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

enum {
	PACKET_STREAM_HEADER_LEN = 2,
	PACKET_STREAM_MAX = 65535, /* bytes of a packet */
};

struct packet_stream {
	uint8_t *partial; /* the packet that has begun, with its length in front */
	size_t len;       /* of it so far */
};

/* One packet, borrowed for the call; can be empty. Must not touch the stream. */
typedef void packet_stream_found(void *arg, struct slice packet);

/* Write the two bytes in front of len bytes, len <= PACKET_STREAM_MAX. */
void packet_stream_header(uint8_t *header, size_t len);

/* The next piece of the stream. False: out of memory, and the stream cannot go on. */
bool packet_stream_take(struct packet_stream *stream, struct slice piece,
			packet_stream_found *found, void *arg);

/* Forget what has begun and give back its memory. */
void packet_stream_clear(struct packet_stream *stream);

#endif
