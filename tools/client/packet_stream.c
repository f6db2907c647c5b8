/*
 * packet_stream.c - see packet_stream.h. Whole packets of a piece are not copied; only a packet
 * that ends in a later piece is, into memory for the longest.
 */
#include "tools/client/packet_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void packet_stream_header(uint8_t *header, size_t len)
{
	assert(len <= PACKET_STREAM_MAX);
	store_be16(header, (uint16_t)len);
}

/* Bytes of the packet that begins there, header included; 2 while its length is not there. */
static size_t whole_len(struct slice front)
{
	return front.len < PACKET_STREAM_HEADER_LEN
		       ? PACKET_STREAM_HEADER_LEN
		       : PACKET_STREAM_HEADER_LEN + (size_t)load_be16(front.data);
}

static bool is_whole(struct slice front)
{
	return front.len >= PACKET_STREAM_HEADER_LEN && front.len >= whole_len(front);
}

static bool keep(struct packet_stream *stream, struct slice *piece, size_t len)
{
	if (stream->partial == NULL)
		stream->partial = malloc(PACKET_STREAM_HEADER_LEN + PACKET_STREAM_MAX);
	if (stream->partial == NULL)
		return false;
	if (len > piece->len)
		len = piece->len;
	memcpy(stream->partial + stream->len, piece->data, len);
	stream->len += len;
	*piece = slice_skip(*piece, len);
	return true;
}

/* Add to the packet that has begun. Its length first: then it is known what is missing. */
static bool complete(struct packet_stream *stream, struct slice *piece,
		     packet_stream_found *found, void *arg)
{
	struct slice front;

	do {
		front = (struct slice){stream->partial, stream->len};
		if (is_whole(front)) {
			stream->len = 0;
			found(arg, slice_skip(front, PACKET_STREAM_HEADER_LEN));
			return true;
		}
		if (!keep(stream, piece, whole_len(front) - front.len))
			return false;
	} while (piece->len > 0 ||
		 is_whole((struct slice){stream->partial, stream->len}));
	return true;
}

bool packet_stream_take(struct packet_stream *stream, struct slice piece,
			packet_stream_found *found, void *arg)
{
	while (piece.len > 0) {
		size_t len = whole_len(piece);

		if (stream->len > 0) {
			if (!complete(stream, &piece, found, arg))
				return false;
		} else if (is_whole(piece)) {
			found(arg, (struct slice){piece.data + PACKET_STREAM_HEADER_LEN,
						  len - PACKET_STREAM_HEADER_LEN});
			piece = slice_skip(piece, len);
		} else {
			return keep(stream, &piece, piece.len);
		}
	}
	return true;
}

void packet_stream_clear(struct packet_stream *stream)
{
	free(stream->partial);
	*stream = (struct packet_stream){NULL, 0};
}
