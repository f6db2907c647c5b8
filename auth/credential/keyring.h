/*
 * keyring.h - the secrets that issuer and relay share (pure: text in, keys out).
 *
 * One key per line:
 *
 *     id  base64-secret  [not-before|-]  [not-after|-]  [rest=sha1|sha256|none]
 *
 * '#' starts a comment; times are RFC 3339 UTC (2026-01-31T00:00:00Z); what is left out
 * at the end of a line has its default. The first key that is valid now signs, every key
 * that is valid now verifies. auth/credential/keyfile reads and writes the file.
 *
 * Owner    keyring_parse() makes one, keyring_free() wipes and frees it; immutable between.
 * Threads  immutable, so any number of readers.
 */
#ifndef AUTH_CREDENTIAL_KEYRING_H
#define AUTH_CREDENTIAL_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	KEYRING_MAX = 16,    /* keys in one file */
	KEY_ID_MAX = 32,     /* bytes of an id: [A-Za-z0-9._-] */
	KEY_SECRET_MIN = 16, /* bytes; shorter ones can be guessed offline */
	KEY_SECRET_MAX = 128,
	KEY_DERIVED_LEN = 20,
};

enum key_rest {
	KEY_REST_SHA1,
	KEY_REST_SHA256,
	KEY_REST_NONE, /* this key signs no REST credentials */
};

/* "sha1", "sha256" or "none", and back. */
const char *key_rest_name(enum key_rest rest);
bool key_rest_parse(const char *text, size_t len, enum key_rest *rest);

struct key {
	char id[KEY_ID_MAX + 1];
	uint8_t secret[KEY_SECRET_MAX];
	size_t secret_len;
	int64_t not_before_s; /* Unix seconds; INT64_MIN: always */
	int64_t not_after_s;  /* first second it is no longer valid; INT64_MAX: never */
	enum key_rest rest;
	/*
	 * Derived from the secret by key_derive(), one per purpose, so that no key serves
	 * two.
	 */
	uint8_t mras_client_id[KEY_DERIVED_LEN]; /* keys the identity inside a token */
	uint8_t mras_token[KEY_DERIVED_LEN];     /* signs the token */
	uint8_t mras_password[KEY_DERIVED_LEN];  /* makes the password */
	uint8_t rest_quota
		[KEY_DERIVED_LEN]; /* makes the password of a REST name with a quota */
	uint8_t mark[KEY_DERIVED_LEN]; /* tells it from another secret under its id */
};

struct keyring {
	size_t count;
	struct key keys[KEYRING_MAX];
};

/* Where and why a text was refused. Never quotes it: a part of it is secret. */
struct keyring_error {
	unsigned line;    /* counts from 1; 0: the text as a whole */
	char reason[160]; /* a whole sentence */
};

/* NULL with *error filled: bad syntax, duplicate id, secret too short, no key, too many. */
struct keyring *keyring_parse(const char *text, size_t len, struct keyring_error *error);
/* The same, but no key at all is allowed. */
struct keyring *keyring_parse_any(const char *text, size_t len,
				  struct keyring_error *error);
void keyring_free(struct keyring *ring); /* NULL is allowed; wipes the secrets */

/*
 * Fill the derived fields from the secret: HKDF-SHA256 (RFC 5869) with salt "avedge keyring"
 * and, as info, "mras client id", "mras token", "mras password", "rest quota" and "mark". False if the
 * library refuses.
 */
bool key_derive(struct key *key);

/* Whether a string may be the id of a key: 1..KEY_ID_MAX of [A-Za-z0-9._-]. */
bool key_id_is_valid(const char *id, size_t len);

/* NULL, or a whole sentence that says why this secret is too weak. */
const char *key_secret_weakness(const uint8_t *secret, size_t len);

/* Tells it from a key of its id with another secret, and reveals neither; never 0. */
uint64_t key_mark(const struct key *key);

bool key_is_valid(const struct key *key, int64_t unix_s);
/*
 * Valid by a clock that may be skew_s off either way: an issuer whose clock is ahead signs with
 * a key before its time has come here, and one whose clock is behind after it.
 */
bool key_verifies(const struct key *key, int64_t unix_s, int64_t skew_s);
/* The key that signs now, or NULL if none is valid. */
const struct key *keyring_signer(const struct keyring *ring, int64_t unix_s);

/* Borrowed, or NULL. */
const struct key *keyring_find(const struct keyring *ring, const char *id);

enum { KEY_LINE_MAX = 320 };

/* One line of a keyring file with its newline; its length, -1 if size is too small. */
int key_format(const struct key *key, char *buf, size_t size);

#endif
