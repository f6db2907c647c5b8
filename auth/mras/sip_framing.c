/*
 * sip_framing.c - where a SIP message ends in a stream (RFC 3261 section 18.3).
 */
#include <string.h>

#include "auth/mras/sip.h"

#include "auth/mras/sip_head.h"
#include <assert.h>

static bool speaks_of_body(enum sip_header_id id)
{
	return id == SIP_CONTENT_TYPE || id == SIP_CONTENT_ENCODING ||
	       id == SIP_CONTENT_DISPOSITION || id == SIP_CONTENT_LANGUAGE;
}

/* False if it is unknown. */
static bool body_len(const struct sip_head *head, uint64_t *len)
{
	struct slice rest = head->headers;
	struct sip_header header;
	bool has_length = false;
	bool has_body = false;

	*len = 0;
	while (sip_header_next(&rest, &header)) {
		if (header.id == SIP_CONTENT_LENGTH) {
			if (has_length || !sip_read_number(header.value, len))
				return false;
			has_length = true;
		}
		has_body = has_body || speaks_of_body(header.id);
	}
	return has_length || !has_body;
}

enum sip_framing sip_framing_next(struct slice arrived, size_t *frame_len,
				  size_t *head_len)
{
	static const char keep_alive[4] = "\r\n\r\n";
	size_t same = arrived.len < sizeof(keep_alive) ? arrived.len : sizeof(keep_alive);
	struct slice front = arrived;
	struct sip_head head;
	uint64_t len;

	*frame_len = 0;
	*head_len = 0;
	if (same == 0)
		return SIP_MORE;
	if (memcmp(arrived.data, keep_alive, same) == 0) {
		if (same < sizeof(keep_alive))
			return SIP_MORE;
		*frame_len = same;
		return SIP_KEEP_ALIVE;
	}
	if (front.len > SIP_HEADERS_MAX)
		front.len = SIP_HEADERS_MAX;
	switch (sip_head_parse(front, &head)) {
	case SIP_HEAD_BROKEN:
		return SIP_BROKEN;
	case SIP_HEAD_MORE:
		return front.len == SIP_HEADERS_MAX ? SIP_TOO_LARGE : SIP_MORE;
	case SIP_HEAD_COMPLETE:
		break;
	}
	if (!body_len(&head, &len))
		return SIP_BROKEN;
	if (len > MRAS_BODY_MAX)
		return SIP_TOO_LARGE;
	assert(head.len > 0 && head.len <= front.len);
	*head_len = head.len;
	*frame_len = head.len + (size_t)len;
	return arrived.len < *frame_len ? SIP_MORE : SIP_MESSAGE;
}
