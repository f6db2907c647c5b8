/*
 * token_keyring.c - see token_keyring.h.
 */
#include "auth/credential/token_keyring.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "auth/credential/base64.h"
#include "auth/credential/key_line.h"

static const struct {
	const char *name;
	size_t key_len;
} ciphers[TOKEN_CIPHERS] = {
	[TOKEN_A256GCM] = {"A256GCM", 32},
	[TOKEN_A128GCM] = {"A128GCM", 16},
	[TOKEN_A256CBC_HS512] = {"A256CBC-HS512", 64},
};

const char *token_cipher_name(enum token_cipher cipher)
{
	assert((size_t)cipher < TOKEN_CIPHERS);
	return ciphers[cipher].name;
}

size_t token_cipher_key_len(enum token_cipher cipher)
{
	assert((size_t)cipher < TOKEN_CIPHERS);
	return ciphers[cipher].key_len;
}

bool token_kid_is_valid(struct slice kid)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+/=@";

	if (kid.len == 0 || kid.len > TOKEN_KID_MAX)
		return false;
	for (size_t i = 0; i < kid.len; i++) {
		if (memchr(allowed, kid.data[i], sizeof(allowed) - 1) == NULL)
			return false;
	}
	return true;
}

static bool parse_cipher(struct key_word word, enum token_cipher *cipher)
{
	for (size_t i = 0; i < TOKEN_CIPHERS; i++) {
		if (strlen(ciphers[i].name) == word.len &&
		    memcmp(ciphers[i].name, word.text, word.len) == 0) {
			*cipher = (enum token_cipher)i;
			return true;
		}
	}
	return false;
}

/* One non-empty line. NULL, or why it is refused. */
static const char *parse_key(struct key_word kid, struct key_word line,
			     struct token_key *key)
{
	struct key_word text = key_word_take(&line), cipher = key_word_take(&line);
	size_t len;

	*key = (struct token_key){.not_before_s = INT64_MIN, .not_after_s = INT64_MAX};
	if (!token_kid_is_valid((struct slice){(const uint8_t *)kid.text, kid.len}))
		return "A line begins with the kid: 1 to 32 letters, digits and . _ - + / = @";
	memcpy(key->kid, kid.text, kid.len);
	if (cipher.len == 0)
		return "A line is 'kid base64-key cipher' and perhaps two times.";
	if (!parse_cipher(cipher, &key->cipher))
		return "The cipher is A256GCM, A128GCM or A256CBC-HS512.";
	if (!base64_decode(text.text, text.len, key->key, sizeof(key->key), &len) ||
	    len != ciphers[key->cipher].key_len)
		return "The key is base64, of 32 bytes for A256GCM, 16 for A128GCM, 64 for "
		       "A256CBC-HS512.";
	if (key_secret_weakness(key->key, len) != NULL)
		return key_secret_weakness(key->key, len);
	if (!key_times_take(&line, &key->not_before_s, &key->not_after_s))
		return "After the cipher come at most two times as 2026-01-31T00:00:00Z or '-'.";
	if (key->not_before_s >= key->not_after_s)
		return "The key ends before it begins.";
	return key_word_take(&line).len > 0 ? "Nothing may follow the two times." : NULL;
}

const struct token_key *token_keyring_find(const struct token_keyring *ring,
					   struct slice kid)
{
	for (size_t i = 0; i < ring->count; i++) {
		if (strlen(ring->keys[i].kid) == kid.len &&
		    memcmp(ring->keys[i].kid, kid.data, kid.len) == 0)
			return &ring->keys[i];
	}
	return NULL;
}

static void refuse(struct keyring_error *error, unsigned line, const char *reason)
{
	error->line = line;
	snprintf(error->reason, sizeof(error->reason), "%s", reason);
}

struct token_keyring *token_keyring_parse(const char *text, size_t len,
					  struct keyring_error *error)
{
	struct token_keyring *ring = calloc(1, sizeof(*ring));
	struct key_word rest = {text, len};

	if (ring == NULL) {
		refuse(error, 0, "Out of memory.");
		return NULL;
	}
	for (unsigned number = 1; rest.len > 0; number++) {
		struct key_word line = key_line_take(&rest);
		struct key_word kid = key_word_take(&line);
		struct token_key *key = &ring->keys[ring->count];
		const char *reason;

		if (kid.len == 0)
			continue;
		if (ring->count == TOKEN_KEYRING_MAX) {
			refuse(error, number, "More than 16 keys.");
			goto fail;
		}
		reason = parse_key(kid, line, key);
		if (reason == NULL &&
		    token_keyring_find(ring, (struct slice){(const uint8_t *)kid.text,
							    kid.len}) != NULL)
			reason = "Another key above has the same kid.";
		if (reason != NULL) {
			refuse(error, number, reason);
			goto fail;
		}
		ring->count++;
	}
	if (ring->count > 0)
		return ring;
	refuse(error, 0, "no key in it; write a line 'kid base64-key A256GCM'");
fail:
	token_keyring_free(ring);
	return NULL;
}

void token_keyring_free(struct token_keyring *ring)
{
	if (ring == NULL)
		return;
	OPENSSL_cleanse(ring, sizeof(*ring));
	free(ring);
}

bool token_key_is_valid(const struct token_key *key, int64_t unix_s, int64_t skew_s)
{
	const struct key times = {.not_before_s = key->not_before_s,
				  .not_after_s = key->not_after_s};

	return key_verifies(&times, unix_s, skew_s);
}

uint64_t token_key_mark(const struct token_key *key)
{
	static const char purpose[16] = "token key mark";
	uint8_t text[sizeof(purpose) + 1 + TOKEN_KEY_MAX], digest[EVP_MAX_MD_SIZE];
	size_t len = token_cipher_key_len(key->cipher);
	uint64_t mark = 0;

	memcpy(text, purpose, sizeof(purpose));
	text[sizeof(purpose)] = (uint8_t)key->cipher;
	memcpy(text + sizeof(purpose) + 1, key->key, len);
	/* It cannot fail but for want of memory. */
	if (EVP_Digest(text, sizeof(purpose) + 1 + len, digest, NULL, EVP_sha256(),
		       NULL) == 1)
		memcpy(&mark, digest, sizeof(mark));
	OPENSSL_cleanse(text, sizeof(text));
	return mark != 0 ? mark : 1;
}

bool token_key_equal(const struct token_key *a, const struct token_key *b)
{
	return strcmp(a->kid, b->kid) == 0 && a->cipher == b->cipher &&
	       CRYPTO_memcmp(a->key, b->key, sizeof(a->key)) == 0;
}
