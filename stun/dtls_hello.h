/*
 * dtls_hello.h - as much of DTLS 1.2 (RFC 6347) as a server needs before it has any state for a
 * client: the records of a datagram, the ClientHello in one of them, and the HelloVerifyRequest that
 * answers it. DTLS 1.3 (RFC 9147) begins with the same record and the same hello.
 *
 * Nothing here allocates, and nothing is copied but what is written.
 */
#ifndef STUN_DTLS_HELLO_H
#define STUN_DTLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

enum dtls_content {
	DTLS_CHANGE_CIPHER_SPEC = 20,
	DTLS_ALERT = 21,
	DTLS_HANDSHAKE = 22,
	DTLS_APPLICATION_DATA = 23,
};

enum {
	DTLS_RECORD_HEADER_LEN = 13,
	DTLS_HANDSHAKE_HEADER_LEN = 12,
	DTLS_RANDOM_LEN = 32,
	DTLS_CLIENT_HELLO = 1,
	DTLS_HELLO_VERIFY_REQUEST = 3,
	DTLS_COOKIE_MAX = 255,
};

/* Borrowed bytes. */
struct dtls_record {
	uint8_t type;
	uint16_t version;
	uint16_t epoch;
	uint64_t sequence;    /* 48 bits */
	struct slice whole;   /* with its header */
	struct slice content; /* encrypted unless epoch is 0 */
};

/*
 * Take one record off the front of *rest (RFC 6347 section 4.1). False, with *rest unchanged, if
 * that is none: shorter than it claims, or not version 1.x of DTLS.
 */
bool dtls_record_take(struct slice *rest, struct dtls_record *record);

/* A handshake message, or a fragment of one (RFC 6347 section 4.2.2). */
struct dtls_handshake {
	uint8_t type;
	uint32_t len; /* of the message */
	uint16_t sequence;
	uint32_t offset; /* of the fragment in it; never beyond its end */
	struct slice fragment;
};

/* Take one off the content of a record in epoch 0. False, with *rest unchanged, if that is none. */
bool dtls_handshake_take(struct slice *rest, struct dtls_handshake *handshake);

/* Does a ClientHello begin with this record, in the clear? */
bool dtls_record_is_hello(const struct dtls_record *record);

struct dtls_hello {
	uint64_t record_sequence;
	uint16_t message_sequence; /* 0 at first, 1 in answer to a HelloVerifyRequest */
	uint16_t version;          /* the highest of the client, up to 1.2 */
	struct slice random;       /* DTLS_RANDOM_LEN bytes */
	struct slice cookie;       /* empty in the first one */
	/*
	 * What a cookie proves besides its source, because the client must not change it (RFC 6347
	 * section 4.2.1): version, random and session id; cipher suites and compression methods.
	 */
	struct slice before_cookie, after_cookie;
};

enum dtls_hello_parse {
	DTLS_HELLO_OK,
	DTLS_HELLO_FRAGMENTED, /* a part of one, which takes memory to put together */
	DTLS_HELLO_MALFORMED,
};

/* record: dtls_record_is_hello() says so. Borrows from it. */
enum dtls_hello_parse dtls_hello_parse(const struct dtls_record *record,
				       struct dtls_hello *hello);

enum {
	/* The shortest ClientHello, with its record: the answer must be shorter. */
	DTLS_HELLO_MIN = DTLS_RECORD_HEADER_LEN + DTLS_HANDSHAKE_HEADER_LEN + 2 +
			 DTLS_RANDOM_LEN + 1 + 1 + 2 + 2 + 1 + 1,
	DTLS_VERIFY_OVERHEAD = DTLS_RECORD_HEADER_LEN + DTLS_HANDSHAKE_HEADER_LEN + 2 + 1,
};

/*
 * Write the HelloVerifyRequest for a hello: DTLS_VERIFY_OVERHEAD bytes and the cookie, of at most
 * DTLS_COOKIE_MAX. Returns how many.
 */
size_t dtls_hello_write_verify(const struct dtls_hello *hello, struct slice cookie,
			       uint8_t *out);

#endif
