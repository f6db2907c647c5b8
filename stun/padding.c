/*
 * padding.c - see padding.h.
 */
#include "stun/padding.h"

#include <assert.h>
#include <string.h>

#include "stun/chandata.h"
#include "stun/framing.h"
#include "stun/registry.h"

/* Type, length and cookie of STUN tell whether it is STUN. */
enum { EVIDENCE_MAX = 8 };

void padding_note(struct padding *padding, struct slice frame)
{
	size_t len;

	padding->len = 0;
	if (frame.len < CHANDATA_HEADER_LEN || frame.data[0] < CHANNEL_NUMBER_MIN >> 8)
		return;
	len = frame.len - CHANDATA_HEADER_LEN - load_be16(frame.data + 2);
	assert(len < 4);
	memcpy(padding->bytes, frame.data + frame.len - len, len);
	padding->len = (uint8_t)len;
}

enum padding_verdict padding_judge(const struct padding *padding, struct slice rest,
				   uint16_t channel_max,
				   bool (*is_bound)(const void *self, uint16_t number),
				   const void *self)
{
	uint8_t bytes[EVIDENCE_MAX];
	size_t more = sizeof(bytes) - padding->len, frame_len;

	assert(padding->len < 4);
	if (padding->len == 0)
		return PADDING_PRESENT;
	memcpy(bytes, padding->bytes, padding->len);
	if (more > rest.len)
		more = rest.len;
	memcpy(bytes + padding->len, rest.data, more);

	struct slice start = {bytes, padding->len + more};
	enum framing framing = framing_next_channels(start, channel_max, &frame_len);
	if (framing == FRAMING_BROKEN)
		return PADDING_PRESENT;
	if (bytes[0] >= CHANNEL_NUMBER_MIN >> 8 && start.len >= 2 &&
	    !is_bound(self, load_be16(bytes)))
		return PADDING_PRESENT;
	return frame_len > 0 ? PADDING_MISSING : PADDING_UNCERTAIN;
}
