/*
 * dtls_hello.c - see dtls_hello.h.
 */
#include "stun/dtls_hello.h"

#include <assert.h>
#include <string.h>

enum {
	VERSION_1_0 = 0xFEFF,
	VERSION_MAJOR = 0xFE,
	SEQUENCE_AT = 5,
	LENGTH_AT = 11,
};

static uint32_t load_be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | load_be16(p + 1);
}

static void store_be24(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 16);
	store_be16(p + 1, (uint16_t)value);
}

static uint64_t load_be48(const uint8_t *p)
{
	return (uint64_t)load_be16(p) << 32 | load_be32(p + 2);
}

static void store_be48(uint8_t *p, uint64_t value)
{
	store_be16(p, (uint16_t)(value >> 32));
	store_be32(p + 2, (uint32_t)value);
}

bool dtls_record_take(struct slice *rest, struct dtls_record *record)
{
	const uint8_t *p = rest->data;

	if (rest->len < DTLS_RECORD_HEADER_LEN || p[1] != VERSION_MAJOR)
		return false;

	size_t len = load_be16(p + LENGTH_AT);
	if (rest->len - DTLS_RECORD_HEADER_LEN < len)
		return false;
	*record = (struct dtls_record){
		.type = p[0],
		.version = load_be16(p + 1),
		.epoch = load_be16(p + 3),
		.sequence = load_be48(p + SEQUENCE_AT),
		.whole = {p, DTLS_RECORD_HEADER_LEN + len},
		.content = {p + DTLS_RECORD_HEADER_LEN, len},
	};
	*rest = slice_skip(*rest, record->whole.len);
	return true;
}

bool dtls_handshake_take(struct slice *rest, struct dtls_handshake *handshake)
{
	const uint8_t *p = rest->data;

	if (rest->len < DTLS_HANDSHAKE_HEADER_LEN)
		return false;

	uint32_t len = load_be24(p + 1), offset = load_be24(p + 6);
	size_t fragment = load_be24(p + 9);
	if (offset > len || fragment > len - offset ||
	    rest->len - DTLS_HANDSHAKE_HEADER_LEN < fragment)
		return false;
	*handshake = (struct dtls_handshake){
		.type = p[0],
		.len = len,
		.sequence = load_be16(p + 4),
		.offset = offset,
		.fragment = {p + DTLS_HANDSHAKE_HEADER_LEN, fragment},
	};
	*rest = slice_skip(*rest, DTLS_HANDSHAKE_HEADER_LEN + fragment);
	return true;
}

bool dtls_record_is_hello(const struct dtls_record *record)
{
	return record->type == DTLS_HANDSHAKE && record->epoch == 0 &&
	       record->content.len > 0 && record->content.data[0] == DTLS_CLIENT_HELLO;
}

/* Take so many bytes off the front. False, with *rest unchanged, if there are fewer. */
static bool take(struct slice *rest, size_t len, struct slice *taken)
{
	if (rest->len < len)
		return false;
	*taken = (struct slice){rest->data, len};
	*rest = slice_skip(*rest, len);
	return true;
}

/* A vector whose length is in front of it, in one byte or in two. */
static bool take_vector(struct slice *rest, size_t length_len, struct slice *vector)
{
	struct slice after = *rest, length;

	if (!take(&after, length_len, &length) ||
	    !take(&after, length_len == 1 ? length.data[0] : load_be16(length.data),
		  vector))
		return false;
	*rest = after;
	return true;
}

/* RFC 6347 section 4.2.1. Extensions are left to those who go on with the handshake. */
static bool parse_body(struct slice body, struct dtls_hello *hello)
{
	struct slice rest = body, version, session_id, suites, compression;

	if (!take(&rest, 2, &version) || !take(&rest, DTLS_RANDOM_LEN, &hello->random) ||
	    !take_vector(&rest, 1, &session_id))
		return false;
	hello->version = load_be16(version.data);
	hello->before_cookie = (struct slice){body.data, body.len - rest.len};
	if (!take_vector(&rest, 1, &hello->cookie))
		return false;
	hello->after_cookie = rest;
	if (!take_vector(&rest, 2, &suites) || !take_vector(&rest, 1, &compression))
		return false;
	hello->after_cookie.len -= rest.len;
	return version.data[0] == VERSION_MAJOR && suites.len >= 2 &&
	       suites.len % 2 == 0 && compression.len > 0;
}

enum dtls_hello_parse dtls_hello_parse(const struct dtls_record *record,
				       struct dtls_hello *hello)
{
	struct slice rest = record->content;
	struct dtls_handshake message;

	assert(dtls_record_is_hello(record));
	memset(hello, 0, sizeof(*hello));
	if (!dtls_handshake_take(&rest, &message))
		return DTLS_HELLO_MALFORMED;
	if (message.fragment.len < message.len)
		return DTLS_HELLO_FRAGMENTED;
	if (rest.len > 0 || !parse_body(message.fragment, hello))
		return DTLS_HELLO_MALFORMED;
	hello->record_sequence = record->sequence;
	hello->message_sequence = message.sequence;
	return DTLS_HELLO_OK;
}

/*
 * RFC 6347 section 4.2.1: version 1.0 whatever comes next, and the sequence number of the hello, so
 * that no number has to be remembered.
 */
size_t dtls_hello_write_verify(const struct dtls_hello *hello, struct slice cookie,
			       uint8_t *out)
{
	size_t body = 2 + 1 + cookie.len, content = DTLS_HANDSHAKE_HEADER_LEN + body;
	uint8_t *p = out + DTLS_RECORD_HEADER_LEN;

	assert(cookie.len > 0 && cookie.len <= DTLS_COOKIE_MAX);
	out[0] = DTLS_HANDSHAKE;
	store_be16(out + 1, VERSION_1_0);
	store_be16(out + 3, 0);
	store_be48(out + SEQUENCE_AT, hello->record_sequence);
	store_be16(out + LENGTH_AT, (uint16_t)content);

	p[0] = DTLS_HELLO_VERIFY_REQUEST;
	store_be24(p + 1, (uint32_t)body);
	store_be16(p + 4, 0);
	store_be24(p + 6, 0);
	store_be24(p + 9, (uint32_t)body);
	p += DTLS_HANDSHAKE_HEADER_LEN;
	store_be16(p, VERSION_1_0);
	p[2] = (uint8_t)cookie.len;
	memcpy(p + 3, cookie.data, cookie.len);
	return DTLS_RECORD_HEADER_LEN + content;
}
