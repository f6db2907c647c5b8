/*
 * ms_msg.c - see ms_msg.h.
 */
#include "stun/ms_msg.h"

#include <string.h>

/*
 * Take one attribute, which has no padding, off the front of *rest. False, with *rest unchanged,
 * if *rest is shorter than it claims.
 */
static inline bool attr_take(struct slice *rest, struct stun_attr *attr)
{
	if (rest->len < MS_ATTR_HEADER_LEN)
		return false;

	size_t len = load_be16(rest->data + 2);
	if (rest->len - MS_ATTR_HEADER_LEN < len)
		return false;

	attr->type = load_be16(rest->data);
	attr->value = (struct slice){rest->data + MS_ATTR_HEADER_LEN, len};
	*rest = slice_skip(*rest, MS_ATTR_HEADER_LEN + len);
	return true;
}

static bool note_integrity(struct ms_msg *msg, const struct stun_attr *attr)
{
	switch (attr->value.len) {
	case MS_MI_SHA1_LEN:
		msg->integrity = MS_INTEGRITY_SHA1;
		return true;
	case MS_MI_SHA256_LEN:
		msg->integrity = MS_INTEGRITY_SHA256;
		return true;
	}
	return false;
}

enum ms_parse ms_msg_parse(struct slice bytes, struct ms_msg *msg)
{
	if (bytes.len < MS_MSG_MIN)
		return MS_PARSE_SHORT;
	if (!ms_msg_begins(bytes))
		return MS_PARSE_NOT_MS;
	if (load_be16(bytes.data + 2) != bytes.len - MS_HEADER_LEN)
		return MS_PARSE_BAD_LENGTH;

	struct slice rest = slice_skip(bytes, MS_MSG_MIN);
	*msg = (struct ms_msg){
		.type = load_be16(bytes.data),
		.txid = bytes.data + 4,
		.bytes = bytes,
		.body = rest,
	};

	while (rest.len > 0) {
		size_t offset = bytes.len - rest.len;
		struct stun_attr attr;

		if (!attr_take(&rest, &attr))
			return MS_PARSE_BAD_ATTR;
		/* Attributes after the first one are proven and ignored. */
		if (attr.type != MS_MESSAGE_INTEGRITY || msg->mi_offset != 0)
			continue;
		if (!note_integrity(msg, &attr))
			return MS_PARSE_BAD_INTEGRITY;
		msg->mi_offset = (uint32_t)offset;
		msg->body.len = offset - MS_MSG_MIN;
	}
	assert((msg->mi_offset == 0) == (msg->integrity == MS_INTEGRITY_NONE));
	return MS_PARSE_OK;
}

bool ms_attr_next(struct slice *rest, struct stun_attr *attr)
{
	bool taken = attr_take(rest, attr);

	assert(taken || rest->len == 0); /* ms_msg_parse() has proven the body */
	return taken;
}

bool ms_msg_find(const struct ms_msg *msg, uint16_t type, struct stun_attr *attr)
{
	struct slice rest = msg->body;

	while (ms_attr_next(&rest, attr))
		if (attr->type == type)
			return true;
	return false;
}

static bool listed(const uint16_t *types, size_t count, uint16_t type)
{
	for (size_t i = 0; i < count; i++)
		if (types[i] == type)
			return true;
	return false;
}

size_t ms_msg_unknown(const struct ms_msg *msg, uint16_t *types, size_t max)
{
	struct slice rest = msg->body;
	struct stun_attr attr;
	size_t count = 0;

	while (count < max && ms_attr_next(&rest, &attr))
		if (ms_attr_is_required(attr.type) && !ms_attr_is_known(attr.type) &&
		    !listed(types, count, attr.type))
			types[count++] = attr.type;
	return count;
}

void ms_builder_start(struct ms_builder *b, uint8_t *buf, size_t size, uint16_t type,
		      const uint8_t *txid)
{
	*b = (struct ms_builder){.buf = buf, .size = size};
	if (size < MS_MSG_MIN) {
		b->failed = true;
		return;
	}
	uint8_t *cookie = buf + MS_HEADER_LEN;
	store_be16(buf, type);
	store_be16(buf + 2, MS_COOKIE_ATTR_LEN);
	memcpy(buf + 4, txid, MS_TXID_LEN);
	store_be16(cookie, MS_COOKIE);
	store_be16(cookie + 2, MS_COOKIE_LEN);
	store_be32(cookie + 4, MS_MAGIC_COOKIE);
	b->len = MS_MSG_MIN;
}

void ms_builder_reply(struct ms_builder *b, uint8_t *buf, size_t size,
		      const struct ms_msg *request, uint16_t type)
{
	ms_builder_start(b, buf, size, type, request->txid);
}

uint8_t *ms_builder_reserve(struct ms_builder *b, uint16_t type, size_t len)
{
	if (b->failed)
		return NULL;

	assert(b->len >= MS_MSG_MIN && b->len <= b->size && b->len <= MS_MSG_MAX);
	size_t room = (b->size < MS_MSG_MAX ? b->size : MS_MSG_MAX) - b->len;
	if (room < MS_ATTR_HEADER_LEN || room - MS_ATTR_HEADER_LEN < len) {
		b->failed = true;
		return NULL;
	}

	uint8_t *attr = b->buf + b->len;
	store_be16(attr, type);
	store_be16(attr + 2, (uint16_t)len);

	/* Updated on every add: the HMAC covers the length so far. */
	b->len += MS_ATTR_HEADER_LEN + len;
	store_be16(b->buf + 2, (uint16_t)(b->len - MS_HEADER_LEN));
	return attr + MS_ATTR_HEADER_LEN;
}

void ms_builder_add(struct ms_builder *b, uint16_t type, const void *value, size_t len)
{
	uint8_t *to = ms_builder_reserve(b, type, len);

	if (to != NULL && len > 0)
		memcpy(to, value, len);
}

size_t ms_builder_finish(struct ms_builder *b)
{
	if (b->failed)
		return 0;
	assert(load_be16(b->buf + 2) == b->len - MS_HEADER_LEN);
	return b->len;
}
