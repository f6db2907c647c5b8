/*
 * auth_request.h - requests of the long-term credential mechanism, with any attribute
 * left out or wrong. For tests of auth; asserts with libcheck.
 */
#ifndef TESTS_UNIT_CORE_AUTH_REQUEST_H
#define TESTS_UNIT_CORE_AUTH_REQUEST_H

#include "stun/msg.h"
#include "tests/unit/core/fake_edge.h"

/* Two keys that verify and one that is no longer valid. */
extern const char auth_keys[];

/* What a request omits or gets wrong. */
enum {
	NO_USERNAME = 1 << 0,
	NO_REALM = 1 << 1,
	NO_NONCE = 1 << 2,
	WITH_USERHASH = 1 << 3,
	BAD_USERHASH = 1 << 4, /* 31 bytes */
	PAS = 1 << 5,
	PAS_SHORT = 1 << 6, /* SHA-256 alone */
	PAS_REORDERED = 1 << 7,
	PA_MD5 = 1 << 8,
	PA_SHA256 = 1 << 9,
	PA_OTHER = 1 << 10,
	PA_PARAMETERS = 1 << 11,
	PA_TWICE = 1 << 12, /* two entries in one PASSWORD-ALGORITHM */
	PA_CUT = 1 << 13,   /* two bytes */
	WRONG_REALM = 1 << 14,
	WRONG_PASSWORD = 1 << 15,
	FOREIGN_NONCE = 1 << 16, /* issued to another port */
	STALE_NONCE = 1 << 17,
	PLAIN_NONCE = 1 << 18, /* without the nonce cookie */
	MI = 1 << 19,
	MI256 = 1 << 20,
	MI_BAD = 1 << 21,   /* MESSAGE-INTEGRITY that does not match */
	MI_SHORT = 1 << 22, /* 16 bytes of it */
	MI256_SHORT = 1 << 23,
	MI256_LONG = 1 << 24, /* 36 bytes */
	KEY_SHA256 = 1 << 25,
	STRIPPED_NONCE = 1 << 26, /* ours, with the feature bits cleared */

	SHA256 = PAS | PA_SHA256 | KEY_SHA256 | MI256,
	MD5 = MI,
};

struct asking {
	uint16_t method;      /* 0: Allocate */
	const char *username; /* NULL: valid for ten minutes */
	size_t username_len;  /* 0: up to the NUL */
	const char *key_id;   /* NULL: "k1" */
	int what;
	uint8_t txid;
};

/* "EXPIRY:alice"; overwritten by the next call. */
const char *alice(const struct fixture *fixture, int64_t expires_in_s);

/* A key of the fixture's ring. */
const struct key *key_of(const struct fixture *fixture, const char *id);

void add_nonce(const struct fixture *fixture, struct stun_builder *b, int what);

/* The source of all requests. */
struct five_tuple auth_source(void);

/* Builds in one static buffer. */
struct stun_msg auth_request(const struct fixture *fixture, struct asking asking);

#endif
