/*
 * framing.c - cutting a stream into messages.
 *
 * Each byte is judged as soon as it is there, so a stranger's garbage is refused after one
 * byte, or eight, and not after the 64 KiB that its length field promises.
 */
#include "stun/framing.h"

#include "stun/chandata.h"
#include "stun/registry.h"

enum {
	/* Type, length and cookie: all that framing needs of a STUN header. */
	STUN_PREFIX_LEN = 8,
};

static enum framing whole_or_more(struct slice arrived, size_t frame_len,
				  enum framing whole)
{
	return arrived.len < frame_len ? FRAMING_MORE : whole;
}

static enum framing next_stun(struct slice arrived, size_t *frame_len)
{
	if (arrived.len < 4)
		return FRAMING_MORE;
	size_t len = load_be16(arrived.data + 2);
	if (len % 4 != 0)
		return FRAMING_BROKEN;

	if (arrived.len < STUN_PREFIX_LEN)
		return FRAMING_MORE;
	if (load_be32(arrived.data + 4) != STUN_MAGIC_COOKIE)
		return FRAMING_BROKEN;

	*frame_len = STUN_HEADER_LEN + len;
	return whole_or_more(arrived, *frame_len, FRAMING_STUN);
}

static enum framing next_channel_data(struct slice arrived, size_t *frame_len)
{
	if (arrived.len < CHANDATA_HEADER_LEN)
		return FRAMING_MORE;

	*frame_len = CHANDATA_HEADER_LEN + padded4(load_be16(arrived.data + 2));
	return whole_or_more(arrived, *frame_len, FRAMING_CHANNEL_DATA);
}

enum framing framing_next(struct slice arrived, size_t *frame_len)
{
	return framing_next_channels(arrived, CHANNEL_NUMBER_MAX, frame_len);
}

enum framing framing_next_channels(struct slice arrived, uint16_t channel_max,
				   size_t *frame_len)
{
	*frame_len = 0;
	if (arrived.len == 0)
		return FRAMING_MORE;

	/* Channel numbers fill exactly the first bytes 0x40 to 0x4F, or to 0x7F. */
	uint8_t first = arrived.data[0];
	if (first < CHANNEL_NUMBER_MIN >> 8)
		return next_stun(arrived, frame_len);
	if (first <= channel_max >> 8)
		return next_channel_data(arrived, frame_len);
	return FRAMING_BROKEN;
}
