/*
 * keyring.c - the secrets that issuer and relay share: text in, keys out.
 */
#include "auth/credential/keyring.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "auth/credential/base64.h"
#include "auth/credential/key_line.h"
#include "auth/credential/timestamp.h"

/* A secret with fewer distinct bytes was typed by hand and is not random. */
enum { SECRET_DISTINCT_MIN = 8 };

static const char *const rest_names[] = {
	[KEY_REST_SHA1] = "sha1",
	[KEY_REST_SHA256] = "sha256",
	[KEY_REST_NONE] = "none",
};

const char *key_rest_name(enum key_rest rest)
{
	assert((size_t)rest < sizeof(rest_names) / sizeof(rest_names[0]));
	return rest_names[rest];
}

bool key_rest_parse(const char *text, size_t len, enum key_rest *rest)
{
	for (size_t i = 0; i < sizeof(rest_names) / sizeof(rest_names[0]); i++) {
		if (strlen(rest_names[i]) == len &&
		    memcmp(rest_names[i], text, len) == 0) {
			*rest = (enum key_rest)i;
			return true;
		}
	}
	return false;
}

static bool hkdf(const struct key *key, const char *purpose, uint8_t out[KEY_DERIVED_LEN])
{
	static const uint8_t salt[] = "avedge keyring";
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	size_t len = KEY_DERIVED_LEN;
	bool ok = ctx && EVP_PKEY_derive_init(ctx) > 0 &&
		  EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) > 0 &&
		  EVP_PKEY_CTX_set1_hkdf_salt(ctx, salt, sizeof(salt) - 1) > 0 &&
		  EVP_PKEY_CTX_set1_hkdf_key(ctx, key->secret, (int)key->secret_len) >
			  0 &&
		  EVP_PKEY_CTX_add1_hkdf_info(ctx, (const uint8_t *)purpose,
					      (int)strlen(purpose)) > 0 &&
		  EVP_PKEY_derive(ctx, out, &len) > 0;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

bool key_derive(struct key *key)
{
	assert(key->secret_len <= KEY_SECRET_MAX);
	return hkdf(key, "mras client id", key->mras_client_id) &&
	       hkdf(key, "mras token", key->mras_token) &&
	       hkdf(key, "mras password", key->mras_password) &&
	       hkdf(key, "rest quota", key->rest_quota) && hkdf(key, "mark", key->mark);
}

bool key_id_is_valid(const char *id, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (len == 0 || len > KEY_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!memchr(allowed, id[i], sizeof(allowed) - 1))
			return false;
	}
	return true;
}

const char *key_secret_weakness(const uint8_t *secret, size_t len)
{
	bool seen[256] = {false};
	unsigned distinct = 0;

	if (len < KEY_SECRET_MIN)
		return "The secret is shorter than 128 bits and can be guessed.";
	if (len > KEY_SECRET_MAX)
		return "The secret is longer than 128 bytes.";
	for (size_t i = 0; i < len; i++) {
		distinct += !seen[secret[i]];
		seen[secret[i]] = true;
	}
	if (distinct < SECRET_DISTINCT_MIN)
		return "The secret repeats the same few bytes and can be guessed.";
	return NULL;
}

static bool is_rest_option(struct key_word word)
{
	return word.len > 5 && memcmp(word.text, "rest=", 5) == 0;
}

/* The words after the secret. NULL, or why they are refused. */
static const char *parse_options(struct key_word line, struct key *key)
{
	int64_t *times[] = {&key->not_before_s, &key->not_after_s};
	struct key_word word = key_word_take(&line);

	for (size_t i = 0; i < 2 && word.len > 0 && !is_rest_option(word); i++) {
		if (!key_time_parse(word, times[i]))
			return "After the secret come two times as 2026-01-31T00:00:00Z or '-', "
			       "then rest=sha1, rest=sha256 or rest=none.";
		word = key_word_take(&line);
	}
	if (key->not_before_s >= key->not_after_s)
		return "The key ends before it begins.";
	if (word.len > 0) {
		if (!is_rest_option(word) ||
		    !key_rest_parse(word.text + 5, word.len - 5, &key->rest))
			return "The last word of a key is rest=sha1, rest=sha256 or rest=none.";
		if (key_word_take(&line).len > 0)
			return "Nothing may follow rest=.";
	}
	return NULL;
}

/* One non-empty line. NULL, or why it is refused. */
static const char *parse_key(struct key_word id, struct key_word line, struct key *key)
{
	struct key_word secret = key_word_take(&line);
	const char *weakness;

	*key = (struct key){.not_before_s = INT64_MIN, .not_after_s = INT64_MAX};
	if (!key_id_is_valid(id.text, id.len))
		return "A line begins with the key's id: 1 to 32 letters, digits, '.', '_', '-'.";
	memcpy(key->id, id.text, id.len);
	if (secret.len == 0)
		return "The secret is missing: a line is 'id base64-secret'.";
	if (!base64_decode(secret.text, secret.len, key->secret, sizeof(key->secret),
			   &key->secret_len))
		return "The secret is not base64 with its padding, or longer than 128 bytes.";
	weakness = key_secret_weakness(key->secret, key->secret_len);
	if (weakness)
		return weakness;
	return parse_options(line, key);
}

__attribute__((format(printf, 3, 4))) static void refuse(struct keyring_error *error,
							 unsigned line,
							 const char *format, ...)
{
	va_list args;

	error->line = line;
	va_start(args, format);
	vsnprintf(error->reason, sizeof(error->reason), format, args);
	va_end(args);
}

const struct key *keyring_find(const struct keyring *ring, const char *id)
{
	for (size_t i = 0; i < ring->count; i++) {
		if (strcmp(ring->keys[i].id, id) == 0)
			return &ring->keys[i];
	}
	return NULL;
}

struct keyring *keyring_parse_any(const char *text, size_t len,
				  struct keyring_error *error)
{
	struct keyring *ring = calloc(1, sizeof(*ring));
	struct key_word rest = {text, len};

	if (!ring) {
		refuse(error, 0, "Out of memory.");
		return NULL;
	}
	for (unsigned number = 1; rest.len > 0; number++) {
		struct key_word line = key_line_take(&rest);
		struct key_word id = key_word_take(&line);
		struct key *key = &ring->keys[ring->count];
		const char *reason;

		if (id.len == 0)
			continue;
		if (ring->count == KEYRING_MAX) {
			refuse(error, number, "More than %d keys.", KEYRING_MAX);
			goto fail;
		}
		reason = parse_key(id, line, key);
		if (!reason && keyring_find(ring, key->id))
			reason = "Another key above has the same id.";
		if (!reason && !key_derive(key))
			reason = "The crypto library cannot derive keys from the secret.";
		if (reason) {
			refuse(error, number, "%s", reason);
			goto fail;
		}
		assert(key->not_before_s < key->not_after_s);
		ring->count++;
	}
	return ring;
fail:
	keyring_free(ring);
	return NULL;
}

struct keyring *keyring_parse(const char *text, size_t len, struct keyring_error *error)
{
	struct keyring *ring = keyring_parse_any(text, len, error);

	if (!ring || ring->count > 0)
		return ring;
	refuse(error, 0, "no key in it; make one with 'avedgectl key new'");
	keyring_free(ring);
	return NULL;
}

void keyring_free(struct keyring *ring)
{
	if (!ring)
		return;
	OPENSSL_cleanse(ring, sizeof(*ring));
	free(ring);
}

uint64_t key_mark(const struct key *key)
{
	uint64_t mark;

	memcpy(&mark, key->mark, sizeof(mark));
	return mark != 0 ? mark : 1;
}

bool key_is_valid(const struct key *key, int64_t unix_s)
{
	return unix_s >= key->not_before_s && unix_s < key->not_after_s;
}

bool key_verifies(const struct key *key, int64_t unix_s, int64_t skew_s)
{
	int64_t latest_s, earliest_s;

	assert(skew_s >= 0);
	if (__builtin_add_overflow(unix_s, skew_s, &latest_s))
		latest_s = INT64_MAX;
	if (__builtin_sub_overflow(unix_s, skew_s, &earliest_s))
		earliest_s = INT64_MIN;
	return latest_s >= key->not_before_s && earliest_s < key->not_after_s;
}

const struct key *keyring_signer(const struct keyring *ring, int64_t unix_s)
{
	for (size_t i = 0; i < ring->count; i++) {
		if (key_is_valid(&ring->keys[i], unix_s))
			return &ring->keys[i];
	}
	return NULL;
}

int key_format(const struct key *key, char *buf, size_t size)
{
	char secret[BASE64_SIZE(KEY_SECRET_MAX)];
	char from[TIMESTAMP_SIZE] = "-";
	char to[TIMESTAMP_SIZE] = "-";
	int len = -1;

	assert(key->secret_len <= sizeof(key->secret));
	base64_encode(key->secret, key->secret_len, secret);
	if ((key->not_before_s == INT64_MIN ||
	     timestamp_format(key->not_before_s, from)) &&
	    (key->not_after_s == INT64_MAX || timestamp_format(key->not_after_s, to)))
		len = snprintf(buf, size, "%s %s %s %s rest=%s\n", key->id, secret, from,
			       to, key_rest_name(key->rest));
	OPENSSL_cleanse(secret, sizeof(secret));
	return len >= 0 && (size_t)len < size ? len : -1;
}
