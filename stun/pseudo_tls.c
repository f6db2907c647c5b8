/*
 * pseudo_tls.c - two constant messages with variable fields.
 */
#include "stun/pseudo_tls.h"

#include <stdbool.h>
#include <string.h>

enum {
	/* In both messages, after record header, handshake header and version. */
	STAMP_AT = 11,
	RANDOM_AT = 15,
	RANDOM_END = 43,
	/* In the answer only. */
	SESSION_ID_AT = 44,
	SESSION_ID_END = 76,
};

static_assert(RANDOM_END - RANDOM_AT == PSEUDO_TLS_RANDOM_LEN,
	      "random bytes fill their field");
static_assert(SESSION_ID_END - SESSION_ID_AT == PSEUDO_TLS_SESSION_ID_LEN,
	      "the session id fills its field");

/* The constant bytes; is_free() names the others. */
static const uint8_t hello_form[PSEUDO_TLS_HELLO_LEN] = {
	0x16,
	0x03,
	0x01,
	0x00,
	0x2d, /* handshake record, 45 bytes */
	0x01,
	0x00,
	0x00,
	0x29, /* ClientHello, 41 bytes */
	0x03,
	0x01,                /* TLS 1.0, then stamp and random */
	[RANDOM_END] = 0x00, /* no session id */
	0x00,
	0x02,
	0x00,
	0x18, /* one cipher suite */
	0x01,
	0x00, /* one compression method, none */
};

static const uint8_t answer_form[PSEUDO_TLS_ANSWER_LEN] = {
	0x16,
	0x03,
	0x01,
	0x00,
	0x4e, /* handshake record, 78 bytes */
	0x02,
	0x00,
	0x00,
	0x46, /* ServerHello, 70 bytes */
	0x03,
	0x01,                /* TLS 1.0, then stamp and random */
	[RANDOM_END] = 0x20, /* session id of 32 bytes */
	[SESSION_ID_END] = 0x00,
	0x18, /* the cipher suite */
	0x00, /* no compression */
	0x0e,
	0x00,
	0x00,
	0x00, /* ServerHelloDone, empty */
};

static bool is_free(size_t at, size_t len)
{
	return (at >= STAMP_AT && at < RANDOM_END) ||
	       (len == PSEUDO_TLS_ANSWER_LEN && at >= SESSION_ID_AT &&
		at < SESSION_ID_END);
}

static enum pseudo_tls compare(struct slice arrived, const uint8_t *form, size_t len)
{
	size_t seen = arrived.len < len ? arrived.len : len;

	for (size_t i = 0; i < seen; i++)
		if (arrived.data[i] != form[i] && !is_free(i, len))
			return PSEUDO_TLS_BROKEN;
	return seen < len ? PSEUDO_TLS_MORE : PSEUDO_TLS_COMPLETE;
}

enum pseudo_tls pseudo_tls_hello(struct slice arrived)
{
	return compare(arrived, hello_form, sizeof(hello_form));
}

enum pseudo_tls pseudo_tls_answer(struct slice arrived)
{
	return compare(arrived, answer_form, sizeof(answer_form));
}

void pseudo_tls_write_answer(uint8_t *answer, int64_t unix_s, const uint8_t *random,
			     const uint8_t *session_id)
{
	memcpy(answer, answer_form, sizeof(answer_form));
	store_be32(answer + STAMP_AT, (uint32_t)unix_s);
	memcpy(answer + RANDOM_AT, random, PSEUDO_TLS_RANDOM_LEN);
	memcpy(answer + SESSION_ID_AT, session_id, PSEUDO_TLS_SESSION_ID_LEN);
}

void pseudo_tls_write_hello(uint8_t *hello, int64_t unix_s, const uint8_t *random)
{
	memcpy(hello, hello_form, sizeof(hello_form));
	store_be32(hello + STAMP_AT, (uint32_t)unix_s);
	memcpy(hello + RANDOM_AT, random, PSEUDO_TLS_RANDOM_LEN);
}
