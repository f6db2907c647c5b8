/*
 * msg.h - one STUN message (RFC 8489 sections 5 and 14): proven once, walked freely, built.
 *
 * Parsing proves the whole message: all offsets and lengths in a stun_msg are valid, and
 * iteration cannot fail. Attributes after MESSAGE-INTEGRITY are not part of the body: no handler
 * can see an attribute that the integrity does not cover (RFC 8489 section 14.5).
 */
#ifndef STUN_MSG_H
#define STUN_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"
#include "stun/registry.h"
#include "stun/wire.h"

struct stun_msg {
	uint16_t method;
	enum stun_class class;
	bool has_cookie;      /* false: classic STUN (RFC 3489), txid is bytes 4..19 */
	bool has_fingerprint; /* present, last, and verified by stun_msg_parse() */
	const uint8_t *txid;  /* 12 bytes; without cookie 16, from bytes.data + 4 on */
	struct slice bytes;   /* the whole message, header to last attribute */
	struct slice body;    /* attributes before the first of MI, MI256, FINGERPRINT */
	/* Offsets of the attribute headers from bytes.data, 0 if absent or not in effect. */
	uint32_t mi_offset;    /* MESSAGE-INTEGRITY, not hidden behind MI256 */
	uint32_t mi256_offset; /* MESSAGE-INTEGRITY-SHA256 */
	uint32_t mi256_len; /* length of its value as received; 32 is what TURN takes */
	bool bad_mi_len;    /* MI not 20 or MI256 not 32 bytes: 400 */
};

struct stun_attr {
	uint16_t type;
	struct slice value; /* without padding */
};

enum stun_parse {
	STUN_PARSE_OK,
	STUN_PARSE_SHORT,           /* shorter than a header */
	STUN_PARSE_NOT_STUN,        /* top two bits set */
	STUN_PARSE_BAD_LENGTH,      /* not a multiple of 4, or not that of the bytes */
	STUN_PARSE_BAD_ATTR,        /* an attribute exceeds the message */
	STUN_PARSE_BAD_FINGERPRINT, /* wrong value, or not last */
};

/*
 * Prove one message that fills the given bytes exactly. *msg is valid only on STUN_PARSE_OK
 * and borrows from bytes. Cookie-less messages parse with has_cookie false.
 */
enum stun_parse stun_msg_parse(struct slice bytes, struct stun_msg *msg);

/* Walk the attributes in effect: start with rest = msg->body. False at the end. */
bool stun_attr_next(struct slice *rest, struct stun_attr *attr);

/* The first attribute of that type in effect (RFC 8489 section 14); false if there is none. */
bool stun_msg_find(const struct stun_msg *msg, uint16_t type, struct stun_attr *attr);

/*
 * A builder writes one message into the caller's buffer. It remembers its first overflow
 * (padding included); later adds do nothing and stun_builder_finish() returns 0. Padding is
 * zero, so that no memory leaks to the client.
 */
struct stun_builder {
	uint8_t *buf;
	size_t size;
	size_t len; /* bytes written so far, header included */
	bool failed;
};

/* txid: 12 bytes, copied. */
void stun_builder_start(struct stun_builder *b, uint8_t *buf, size_t size,
			uint16_t method, enum stun_class class, const uint8_t *txid);
/* The reply to a request, with its method and transaction id, without a cookie if it had none. */
void stun_builder_reply(struct stun_builder *b, uint8_t *buf, size_t size,
			const struct stun_msg *request, enum stun_class class);
void stun_builder_add(struct stun_builder *b, uint16_t type, const void *value,
		      size_t len);
/*
 * Append an attribute of len bytes and return the place of its value; NULL after overflow. The
 * padding is zeroed; the caller fills all of the value, which is not.
 */
uint8_t *stun_builder_reserve(struct stun_builder *b, uint16_t type, size_t len);
/* Length of the message, or 0 if it did not fit. The buffer is complete after every add. */
size_t stun_builder_finish(struct stun_builder *b);

/* Method and class <-> message type (RFC 8489 section 5). */
uint16_t stun_type(uint16_t method, enum stun_class class);

#endif
