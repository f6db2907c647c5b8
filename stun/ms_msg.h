/*
 * ms_msg.h - one control message of MS-TURN: proven once, walked freely, built.
 *
 * As in STUN, a header of 20 bytes is followed by type-length-value attributes. But the
 * transaction id fills the last 16 bytes of the header, attributes are neither padded nor
 * aligned, the first one is MAGIC-COOKIE, and MESSAGE-INTEGRITY ends the body: no handler can see
 * an attribute that the integrity does not cover.
 */
#ifndef STUN_MS_MSG_H
#define STUN_MS_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/ms_registry.h"
#include "stun/msg.h"
#include "stun/wire.h"

/* The kind of a message's MESSAGE-INTEGRITY, by its length. */
enum ms_integrity {
	MS_INTEGRITY_NONE,
	MS_INTEGRITY_SHA1,
	/* Version 3 and up. Its key and padding are unconfirmed: do not advertise them. */
	MS_INTEGRITY_SHA256,
};

struct ms_msg {
	uint16_t type; /* enum ms_type, or an unknown number */
	enum ms_integrity integrity;
	const uint8_t *txid; /* 16 bytes; also the mask of XORed addresses */
	struct slice bytes;  /* the whole message */
	struct slice body;   /* attributes between MAGIC-COOKIE and MESSAGE-INTEGRITY */
	uint32_t mi_offset; /* header of MESSAGE-INTEGRITY from bytes.data, 0 if absent */
};

enum ms_parse {
	MS_PARSE_OK,
	MS_PARSE_SHORT,         /* shorter than a header and the cookie */
	MS_PARSE_NOT_MS,        /* top two bits set, or no MAGIC-COOKIE in front */
	MS_PARSE_BAD_LENGTH,    /* not that of the bytes */
	MS_PARSE_BAD_ATTR,      /* an attribute exceeds the message */
	MS_PARSE_BAD_INTEGRITY, /* MESSAGE-INTEGRITY of neither 20 nor 32 bytes */
};

/* Whether bytes begin as a message does: top two bits clear, MAGIC-COOKIE the first attribute. */
static inline bool ms_msg_begins(struct slice bytes)
{
	if (bytes.len < MS_MSG_MIN || bytes.data[0] >= 0x40)
		return false;

	const uint8_t *cookie = bytes.data + MS_HEADER_LEN;
	return load_be16(cookie) == MS_COOKIE && load_be16(cookie + 2) == MS_COOKIE_LEN &&
	       load_be32(cookie + 4) == MS_MAGIC_COOKIE;
}

/*
 * Prove one message that fills the given bytes exactly. *msg is valid only on MS_PARSE_OK and
 * borrows from bytes. Anything else is ignored, or ends the stream that it came on.
 */
enum ms_parse ms_msg_parse(struct slice bytes, struct ms_msg *msg);

/* Walk the attributes in effect; rest starts as msg->body. False at the end. */
bool ms_attr_next(struct slice *rest, struct stun_attr *attr);

/* The first attribute of that type in effect; false if there is none. */
bool ms_msg_find(const struct ms_msg *msg, uint16_t type, struct stun_attr *attr);

/*
 * The types in effect that require a 420, in order and each once. Writes and returns at most max
 * of them.
 */
size_t ms_msg_unknown(const struct ms_msg *msg, uint16_t *types, size_t max);

/*
 * A builder writes one message, MAGIC-COOKIE included, into the caller's buffer. It remembers
 * its first overflow; later adds do nothing and ms_builder_finish() returns 0. A message never
 * grows beyond MS_MSG_MAX.
 */
struct ms_builder {
	uint8_t *buf;
	size_t size;
	size_t len; /* bytes written so far, header included */
	bool failed;
};

/* txid: 16 bytes, copied. */
void ms_builder_start(struct ms_builder *b, uint8_t *buf, size_t size, uint16_t type,
		      const uint8_t *txid);
/* A reply of that type, with the transaction id of the request. */
void ms_builder_reply(struct ms_builder *b, uint8_t *buf, size_t size,
		      const struct ms_msg *request, uint16_t type);
void ms_builder_add(struct ms_builder *b, uint16_t type, const void *value, size_t len);
/*
 * Append an attribute of len bytes and return the place of its value; NULL after overflow. The
 * caller fills all of the value, which is not zeroed.
 */
uint8_t *ms_builder_reserve(struct ms_builder *b, uint16_t type, size_t len);
/* Length of the message, or 0 if it did not fit. The buffer is complete after every add. */
size_t ms_builder_finish(struct ms_builder *b);

#endif
