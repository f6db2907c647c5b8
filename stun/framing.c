/*
 * framing.c - see framing.h.
 *
 * Each byte is checked as it arrives, so garbage is refused after one byte, or eight, and not
 * after the 64 KiB that its length field promises.
 */
#include "stun/framing.h"

#include "stun/chandata.h"
#include "stun/ms_msg.h"
#include "stun/registry.h"

enum {
	/* Type, length and cookie: the part of a STUN header that framing needs. */
	STUN_PREFIX_LEN = 8,
};

static enum framing whole_or_more(struct slice arrived, size_t frame_len,
				  enum framing whole)
{
	assert(frame_len <= FRAMING_MAX);
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
	assert(channel_max == CHANNEL_NUMBER_MAX ||
	       channel_max == CHANNEL_NUMBER_MAX_RFC5766);
	*frame_len = 0;
	if (arrived.len == 0)
		return FRAMING_MORE;

	/* Channel numbers occupy exactly the first bytes 0x40 to 0x4F, or 0x7F. */
	uint8_t first = arrived.data[0];
	if (first < CHANNEL_NUMBER_MIN >> 8)
		return next_stun(arrived, frame_len);
	if (first <= channel_max >> 8)
		return next_channel_data(arrived, frame_len);
	return FRAMING_BROKEN;
}

/* Whether the bytes so far of a control frame can be a message that fills the frame. */
static bool ms_can_be_message(struct slice arrived, size_t len)
{
	struct slice message = slice_skip(arrived, MS_FRAME_HEADER_LEN);

	if (len < MS_MSG_MIN)
		return false;
	if (message.len >= 4 && load_be16(message.data + 2) != len - MS_HEADER_LEN)
		return false;
	return message.len < MS_MSG_MIN || ms_msg_begins(message);
}

enum ms_framing ms_framing_next(struct slice arrived, size_t *frame_len)
{
	*frame_len = 0;
	if (arrived.len == 0)
		return MS_FRAMING_MORE;

	bool is_control = arrived.data[0] == MS_FRAME_CONTROL;
	if (!is_control && arrived.data[0] != MS_FRAME_DATA)
		return MS_FRAMING_BROKEN;
	if (arrived.len >= 2 && arrived.data[1] != 0)
		return MS_FRAMING_BROKEN;
	if (arrived.len < MS_FRAME_HEADER_LEN)
		return MS_FRAMING_MORE;

	size_t len = load_be16(arrived.data + 2);
	if (is_control && !ms_can_be_message(arrived, len))
		return MS_FRAMING_BROKEN;
	*frame_len = MS_FRAME_HEADER_LEN + len;
	if (arrived.len < *frame_len)
		return MS_FRAMING_MORE;
	return is_control ? MS_FRAMING_CONTROL : MS_FRAMING_DATA;
}

void ms_frame_write_header(uint8_t *header, enum ms_frame type, size_t len)
{
	assert(type == MS_FRAME_CONTROL || type == MS_FRAME_DATA);
	assert(len <= MS_FRAME_PAYLOAD_MAX);
	header[0] = (uint8_t)type;
	header[1] = 0;
	store_be16(header + 2, (uint16_t)len);
}
