/*
 * msg.c - see msg.h.
 */
#include "stun/msg.h"

#include <string.h>

#include "stun/crc32.h"

/* The header's length field counts whole attributes, so it ends at 65532. */
#define BODY_MAX ((size_t)UINT16_MAX & ~(size_t)3)

/* The bits of a message type are M11..M7 C1 M6..M4 C0 M3..M0 (RFC 8489 section 5). */
uint16_t stun_type(uint16_t method, enum stun_class class)
{
	unsigned m = method;
	unsigned c = class;

	assert(m < 0x1000 && c <= STUN_ERROR);
	return (uint16_t)((m & 0x00F) | (m & 0x070) << 1 | (m & 0xF80) << 2 |
			  (c & 1) << 4 | (c & 2) << 7);
}

static uint16_t type_method(uint16_t type)
{
	return (uint16_t)((type & 0x000F) | (type & 0x00E0) >> 1 | (type & 0x3E00) >> 2);
}

static enum stun_class type_class(uint16_t type)
{
	return (enum stun_class)((type & 0x0010) >> 4 | (type & 0x0100) >> 7);
}

/*
 * Take one attribute off the front of *rest (RFC 8489 section 14); padding is skipped whatever
 * its content. False, with *rest unchanged, if *rest is shorter than it claims.
 */
static inline bool attr_take(struct slice *rest, struct stun_attr *attr)
{
	if (rest->len < STUN_ATTR_HEADER_LEN)
		return false;

	size_t len = load_be16(rest->data + 2);
	size_t padded = padded4(len);
	if (rest->len - STUN_ATTR_HEADER_LEN < padded)
		return false;

	attr->type = load_be16(rest->data);
	attr->value = (struct slice){rest->data + STUN_ATTR_HEADER_LEN, len};
	*rest = slice_skip(*rest, STUN_ATTR_HEADER_LEN + padded);
	return true;
}

/*
 * The CRC covers all bytes before the attribute. The header's length includes the attribute,
 * which is the last one.
 */
static bool fingerprint_matches(const struct stun_msg *msg, const struct stun_attr *attr,
				size_t offset)
{
	struct slice covered = {msg->bytes.data, offset};

	return attr->value.len == STUN_FINGERPRINT_LEN &&
	       load_be32(attr->value.data) ==
		       (stun_crc32(covered) ^ STUN_FINGERPRINT_XOR);
}

/*
 * Note one of the three attributes that end a message: [MI] [MI256] [FINGERPRINT]. Any other
 * between them is ignored, and so are repetitions and an MI after MI256 (RFC 8489 section 9).
 */
static enum stun_parse note_tail(struct stun_msg *msg, const struct stun_attr *attr,
				 size_t offset, bool is_last)
{
	bool first = msg->mi_offset == 0 && msg->mi256_offset == 0;

	assert(offset >= STUN_HEADER_LEN && offset < msg->bytes.len);
	if (first)
		msg->body.len = offset - STUN_HEADER_LEN;

	switch (attr->type) {
	case STUN_MESSAGE_INTEGRITY:
		if (!first)
			break;
		msg->mi_offset = (uint32_t)offset;
		msg->bad_mi_len |= attr->value.len != STUN_MI_LEN;
		break;
	case STUN_MESSAGE_INTEGRITY_SHA256:
		if (msg->mi256_offset != 0)
			break;
		msg->mi256_offset = (uint32_t)offset;
		msg->mi256_len = (uint32_t)attr->value.len;
		msg->bad_mi_len |= attr->value.len != STUN_MI256_LEN;
		break;
	case STUN_FINGERPRINT:
		if (!is_last || !fingerprint_matches(msg, attr, offset))
			return STUN_PARSE_BAD_FINGERPRINT;
		msg->has_fingerprint = true;
		break;
	}
	return STUN_PARSE_OK;
}

static inline bool ends_body(uint16_t type)
{
	return type == STUN_MESSAGE_INTEGRITY || type == STUN_MESSAGE_INTEGRITY_SHA256 ||
	       type == STUN_FINGERPRINT;
}

enum stun_parse stun_msg_parse(struct slice bytes, struct stun_msg *msg)
{
	if (bytes.len < STUN_HEADER_LEN)
		return STUN_PARSE_SHORT;

	uint16_t type = load_be16(bytes.data);
	if (type & 0xC000)
		return STUN_PARSE_NOT_STUN;

	size_t len = load_be16(bytes.data + 2);
	if (len % 4 != 0 || len != bytes.len - STUN_HEADER_LEN)
		return STUN_PARSE_BAD_LENGTH;

	bool has_cookie = load_be32(bytes.data + 4) == STUN_MAGIC_COOKIE;
	struct slice rest = slice_skip(bytes, STUN_HEADER_LEN);
	*msg = (struct stun_msg){
		.method = type_method(type),
		.class = type_class(type),
		.has_cookie = has_cookie,
		.txid = bytes.data + (has_cookie ? 8 : 4),
		.bytes = bytes,
		.body = rest,
	};

	while (rest.len > 0) {
		size_t offset = bytes.len - rest.len;
		struct stun_attr attr;

		if (!attr_take(&rest, &attr))
			return STUN_PARSE_BAD_ATTR;
		if (ends_body(attr.type)) {
			enum stun_parse got =
				note_tail(msg, &attr, offset, rest.len == 0);
			if (got != STUN_PARSE_OK)
				return got;
		}
	}
	return STUN_PARSE_OK;
}

bool stun_attr_next(struct slice *rest, struct stun_attr *attr)
{
	bool taken = attr_take(rest, attr);

	assert(taken || rest->len == 0); /* stun_msg_parse() has proven the body */
	return taken;
}

bool stun_msg_find(const struct stun_msg *msg, uint16_t type, struct stun_attr *attr)
{
	struct slice rest = msg->body;

	while (stun_attr_next(&rest, attr))
		if (attr->type == type)
			return true;
	return false;
}

/* Type and length; the caller writes the other sixteen bytes of the header. */
static void start(struct stun_builder *b, uint8_t *buf, size_t size, uint16_t method,
		  enum stun_class class)
{
	*b = (struct stun_builder){.buf = buf, .size = size};
	if (size < STUN_HEADER_LEN) {
		b->failed = true;
		return;
	}
	store_be16(buf, stun_type(method, class));
	store_be16(buf + 2, 0);
	b->len = STUN_HEADER_LEN;
}

void stun_builder_start(struct stun_builder *b, uint8_t *buf, size_t size,
			uint16_t method, enum stun_class class, const uint8_t *txid)
{
	start(b, buf, size, method, class);
	if (b->failed)
		return;
	store_be32(buf + 4, STUN_MAGIC_COOKIE);
	memcpy(buf + 8, txid, STUN_TXID_LEN);
}

void stun_builder_reply(struct stun_builder *b, uint8_t *buf, size_t size,
			const struct stun_msg *request, enum stun_class class)
{
	start(b, buf, size, request->method, class);
	if (b->failed)
		return;
	/* Cookie and transaction id, or the sixteen bytes of a classic id. */
	memcpy(buf + 4, request->bytes.data + 4, 4 + STUN_TXID_LEN);
}

uint8_t *stun_builder_reserve(struct stun_builder *b, uint16_t type, size_t len)
{
	size_t body_max = BODY_MAX;

	if (b->failed)
		return NULL;
	assert(b->len >= STUN_HEADER_LEN && b->len <= b->size);
	if (b->size - STUN_HEADER_LEN < body_max)
		body_max = b->size - STUN_HEADER_LEN;

	size_t room = body_max - (b->len - STUN_HEADER_LEN);
	if (len > UINT16_MAX || room < STUN_ATTR_HEADER_LEN ||
	    room - STUN_ATTR_HEADER_LEN < padded4(len)) {
		b->failed = true;
		return NULL;
	}

	uint8_t *attr = b->buf + b->len;
	uint8_t *value = attr + STUN_ATTR_HEADER_LEN;
	store_be16(attr, type);
	store_be16(attr + 2, (uint16_t)len);
	memset(value + len, 0, padded4(len) - len);

	/* Updated on every add: the MACs and the CRC cover the length so far. */
	b->len += STUN_ATTR_HEADER_LEN + padded4(len);
	store_be16(b->buf + 2, (uint16_t)(b->len - STUN_HEADER_LEN));
	return value;
}

void stun_builder_add(struct stun_builder *b, uint16_t type, const void *value,
		      size_t len)
{
	uint8_t *to = stun_builder_reserve(b, type, len);

	if (to != NULL && len > 0)
		memcpy(to, value, len);
}

size_t stun_builder_finish(struct stun_builder *b)
{
	if (b->failed)
		return 0;
	assert(load_be16(b->buf + 2) == b->len - STUN_HEADER_LEN);
	return b->len;
}
