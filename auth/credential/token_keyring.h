/*
 * token_keyring.h - the long-term keys that an authorization server and the relay share for access
 * tokens (RFC 7635 section 4.1.2; pure: text in, keys out).
 *
 * One key per line:
 *
 *     kid  base64-key  A256GCM|A128GCM|A256CBC-HS512  [not-before|-]  [not-after|-]
 *
 * '#' starts a comment; times are RFC 3339 UTC (2026-01-31T00:00:00Z). The kid stands in the
 * USERNAME of a request and says which key opens its token. auth/credential/token_keyfile reads
 * the file.
 *
 * Owner    token_keyring_parse() makes one, token_keyring_free() wipes and frees it; immutable
 *          between.
 * Threads  immutable, so any number of readers.
 */
#ifndef AUTH_CREDENTIAL_TOKEN_KEYRING_H
#define AUTH_CREDENTIAL_TOKEN_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/credential/keyring.h"
#include "stun/wire.h"

enum {
	TOKEN_KEYRING_MAX = 16,
	TOKEN_KID_MAX =
		KEY_ID_MAX, /* bytes; records and revocation name keys of both kinds */
	TOKEN_KEY_MAX = 64, /* bytes of a key */
};

/* As "enc" of RFC 7635 section 4.1.1 has them. */
enum token_cipher {
	TOKEN_A256GCM,
	TOKEN_A128GCM,
	TOKEN_A256CBC_HS512, /* half of the key authenticates */
	TOKEN_CIPHERS
};

const char *token_cipher_name(enum token_cipher cipher);
/* Bytes of its keys: 32, 16 or 64. */
size_t token_cipher_key_len(enum token_cipher cipher);

struct token_key {
	char kid[TOKEN_KID_MAX + 1];
	enum token_cipher cipher;
	uint8_t key[TOKEN_KEY_MAX];
	int64_t not_before_s; /* Unix seconds; INT64_MIN: always */
	int64_t not_after_s;  /* first second it is no longer valid; INT64_MAX: never */
};

struct token_keyring {
	size_t count;
	struct token_key keys[TOKEN_KEYRING_MAX];
};

/* NULL with *error filled: bad syntax, duplicate kid, key of another length, no key, too many. */
struct token_keyring *token_keyring_parse(const char *text, size_t len,
					  struct keyring_error *error);
void token_keyring_free(struct token_keyring *ring); /* NULL is allowed; wipes the keys */

/* Borrowed, or NULL. Any bytes may be asked for. */
const struct token_key *token_keyring_find(const struct token_keyring *ring,
					   struct slice kid);

/* Valid by a clock that may be skew_s off either way; see key_verifies(). */
bool token_key_is_valid(const struct token_key *key, int64_t unix_s, int64_t skew_s);

/* Tells it from another key of its kid, and reveals neither; never 0. */
uint64_t token_key_mark(const struct token_key *key);

/* The same key, not only one of the same kid. */
bool token_key_equal(const struct token_key *a, const struct token_key *b);

/* 1..TOKEN_KID_MAX of letters, digits and '.', '_', '-', '+', '/', '=', '@'. */
bool token_kid_is_valid(struct slice kid);

#endif
