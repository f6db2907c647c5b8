/*
 * access_token.c - see access_token.h. Nothing of a token is used before its tag has matched, and
 * every length in it is compared with the bytes that are there before it is used.
 */
#include "auth/credential/access_token.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
	CONTENT_MAX = 2 + ACCESS_TOKEN_MAC_KEY_LONG + 8 + 4,
	GCM_TAG_LEN = 16,
	BLOCK_LEN = 16, /* of AES */
	HALF_KEY = 32,  /* of A256CBC-HS512: the one that authenticates, then the other */
	HS512_LEN = 64,
	HS512_TAG_LEN = 32,
};

static_assert(ACCESS_TOKEN_MAX ==
		      2 + CONTENT_MAX / BLOCK_LEN * BLOCK_LEN + BLOCK_LEN + HS512_TAG_LEN,
	      "the longest is one of A256CBC-HS512");
static_assert(ACCESS_TOKEN_MAX >= 2 + ACCESS_TOKEN_NONCE_LEN + CONTENT_MAX + GCM_TAG_LEN,
	      "one of AES-GCM is shorter");

static const EVP_CIPHER *gcm_of(const struct token_key *key)
{
	return key->cipher == TOKEN_A128GCM ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
}

/* --- the content ----------------------------------------------------------------------------- */

static bool read_content(struct slice content, struct access_token *token)
{
	if (content.len < 2)
		return false;

	size_t key_len = load_be16(content.data);

	content = slice_skip(content, 2);
	if (key_len != ACCESS_TOKEN_MAC_KEY_SHORT && key_len != ACCESS_TOKEN_MAC_KEY_LONG)
		return false;
	if (content.len != key_len + 8 + 4)
		return false;
	assert(key_len <= sizeof(token->mac_key));
	memcpy(token->mac_key, content.data, key_len);
	token->mac_key_len = key_len;
	content = slice_skip(content, key_len);
	token->issued_s = load_be64(content.data) >> 16;
	token->issued_frac = load_be16(content.data + 6);
	token->lifetime_s = load_be32(content.data + 8);
	return true;
}

static size_t write_content(const struct access_token *token, uint8_t out[CONTENT_MAX])
{
	size_t len = token->mac_key_len;

	assert(len == ACCESS_TOKEN_MAC_KEY_SHORT || len == ACCESS_TOKEN_MAC_KEY_LONG);
	assert(token->issued_s < (uint64_t)1 << 48);
	store_be16(out, (uint16_t)len);
	memcpy(out + 2, token->mac_key, len);
	store_be64(out + 2 + len, token->issued_s << 16 | token->issued_frac);
	store_be32(out + 2 + len + 8, token->lifetime_s);
	return 2 + len + 8 + 4;
}

/* --- AES-GCM ---------------------------------------------------------------------------------- */

/* The length of the content, or 0 if the tag does not match. sealed: nonce, content, tag. */
static size_t open_gcm(const struct token_key *key, struct slice sealed,
		       struct slice server_name, uint8_t out[CONTENT_MAX])
{
	const uint8_t *nonce = sealed.data;
	EVP_CIPHER_CTX *ctx;
	uint8_t tag[GCM_TAG_LEN];
	int len = 0, none = 0;

	if (sealed.len <= ACCESS_TOKEN_NONCE_LEN + GCM_TAG_LEN ||
	    sealed.len > ACCESS_TOKEN_NONCE_LEN + CONTENT_MAX + GCM_TAG_LEN)
		return 0;

	struct slice hidden = slice_skip(sealed, ACCESS_TOKEN_NONCE_LEN);

	hidden.len -= GCM_TAG_LEN;
	memcpy(tag, hidden.data + hidden.len, sizeof(tag));
	ctx = EVP_CIPHER_CTX_new();
	bool ok = ctx != NULL &&
		  EVP_DecryptInit_ex(ctx, gcm_of(key), NULL, key->key, nonce) == 1 &&
		  EVP_DecryptUpdate(ctx, NULL, &none, server_name.data,
				    (int)server_name.len) == 1 &&
		  EVP_DecryptUpdate(ctx, out, &len, hidden.data, (int)hidden.len) == 1 &&
		  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, sizeof(tag), tag) == 1 &&
		  EVP_DecryptFinal_ex(ctx, out + len, &none) == 1;

	EVP_CIPHER_CTX_free(ctx);
	assert(!ok || (size_t)len == hidden.len);
	return ok ? (size_t)len : 0;
}

static size_t seal_gcm(const struct token_key *key, struct slice content,
		       struct slice server_name, const uint8_t *nonce, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *hidden = out + ACCESS_TOKEN_NONCE_LEN;
	int len = 0, none = 0;
	bool ok = ctx != NULL &&
		  EVP_EncryptInit_ex(ctx, gcm_of(key), NULL, key->key, nonce) == 1 &&
		  EVP_EncryptUpdate(ctx, NULL, &none, server_name.data,
				    (int)server_name.len) == 1 &&
		  EVP_EncryptUpdate(ctx, hidden, &len, content.data, (int)content.len) ==
			  1 &&
		  EVP_EncryptFinal_ex(ctx, hidden + len, &none) == 1 &&
		  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, GCM_TAG_LEN,
				      hidden + len) == 1;

	EVP_CIPHER_CTX_free(ctx);
	memcpy(out, nonce, ACCESS_TOKEN_NONCE_LEN);
	return ok ? ACCESS_TOKEN_NONCE_LEN + (size_t)len + GCM_TAG_LEN : 0;
}

/* --- AES-CBC with HMAC ------------------------------------------------------------------------ */

/* MAC(AUTH, A || S || AL), cut to T_LEN (RFC 7635 section 6.2). */
static bool hs512(const struct token_key *key, struct slice hidden,
		  struct slice server_name, uint8_t tag[HS512_TAG_LEN])
{
	uint8_t text[ACCESS_TOKEN_SERVER_NAME_MAX + ACCESS_TOKEN_MAX + 8];
	uint8_t mac[HS512_LEN];
	unsigned mac_len = 0;
	size_t len = server_name.len + hidden.len;

	assert(server_name.len <= ACCESS_TOKEN_SERVER_NAME_MAX &&
	       hidden.len <= ACCESS_TOKEN_MAX);
	memcpy(text, server_name.data, server_name.len);
	memcpy(text + server_name.len, hidden.data, hidden.len);
	store_be64(text + len, (uint64_t)server_name.len * 8);
	bool ok = HMAC(EVP_sha512(), key->key, HALF_KEY, text, len + 8, mac, &mac_len) !=
			  NULL &&
		  mac_len == sizeof(mac);
	memcpy(tag, mac, HS512_TAG_LEN);
	return ok;
}

static const uint8_t zero_iv[BLOCK_LEN];

static size_t open_cbc(const struct token_key *key, struct slice sealed,
		       struct slice server_name, uint8_t out[CONTENT_MAX])
{
	uint8_t text[CONTENT_MAX + BLOCK_LEN], tag[HS512_TAG_LEN];
	struct slice hidden = {sealed.data, 0};
	int len = 0, last = 0;

	if (sealed.len < BLOCK_LEN + HS512_TAG_LEN)
		return 0;
	hidden.len = sealed.len - HS512_TAG_LEN;
	if (hidden.len % BLOCK_LEN != 0 || hidden.len > sizeof(text) ||
	    !hs512(key, hidden, server_name, tag) ||
	    CRYPTO_memcmp(tag, hidden.data + hidden.len, sizeof(tag)) != 0)
		return 0;

	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool ok = ctx != NULL &&
		  EVP_DecryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, key->key + HALF_KEY,
				     zero_iv) == 1 &&
		  EVP_DecryptUpdate(ctx, text, &len, hidden.data, (int)hidden.len) == 1 &&
		  EVP_DecryptFinal_ex(ctx, text + len, &last) == 1;

	EVP_CIPHER_CTX_free(ctx);
	ok = ok && (size_t)(len + last) <= CONTENT_MAX;
	if (ok)
		memcpy(out, text, (size_t)(len + last));
	OPENSSL_cleanse(text, sizeof(text));
	return ok ? (size_t)(len + last) : 0;
}

static size_t seal_cbc(const struct token_key *key, struct slice content,
		       struct slice server_name, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len = 0, last = 0;
	bool ok = ctx != NULL &&
		  EVP_EncryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, key->key + HALF_KEY,
				     zero_iv) == 1 &&
		  EVP_EncryptUpdate(ctx, out, &len, content.data, (int)content.len) ==
			  1 &&
		  EVP_EncryptFinal_ex(ctx, out + len, &last) == 1;

	EVP_CIPHER_CTX_free(ctx);

	const struct slice hidden = {out, (size_t)(len + last)};

	ok = ok && hs512(key, hidden, server_name, out + hidden.len);
	return ok ? hidden.len + HS512_TAG_LEN : 0;
}

/* --- both ------------------------------------------------------------------------------------- */

bool access_token_open(struct slice bytes, const struct token_key *key,
		       struct slice server_name, struct access_token *token)
{
	size_t wanted = key->cipher == TOKEN_A256CBC_HS512 ? 0 : ACCESS_TOKEN_NONCE_LEN;
	uint8_t content[CONTENT_MAX];
	size_t len;

	assert(server_name.len <= ACCESS_TOKEN_SERVER_NAME_MAX);
	*token = (struct access_token){.mac_key_len = 0};
	if (bytes.len < 2 || load_be16(bytes.data) != wanted)
		return false;
	bytes = slice_skip(bytes, 2);
	len = wanted == 0 ? open_cbc(key, bytes, server_name, content)
			  : open_gcm(key, bytes, server_name, content);

	bool ok = len > 0 && read_content((struct slice){content, len}, token);

	OPENSSL_cleanse(content, sizeof(content));
	return ok;
}

size_t access_token_make(const struct access_token *token, const struct token_key *key,
			 struct slice server_name, const uint8_t *nonce,
			 uint8_t out[ACCESS_TOKEN_MAX])
{
	bool is_cbc = key->cipher == TOKEN_A256CBC_HS512;
	uint8_t bytes[CONTENT_MAX];
	const struct slice content = {bytes, write_content(token, bytes)};
	size_t len;

	assert(server_name.len <= ACCESS_TOKEN_SERVER_NAME_MAX);
	store_be16(out, is_cbc ? 0 : ACCESS_TOKEN_NONCE_LEN);
	len = is_cbc ? seal_cbc(key, content, server_name, out + 2)
		     : seal_gcm(key, content, server_name, nonce, out + 2);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	assert(len + 2 <= ACCESS_TOKEN_MAX);
	return len > 0 ? len + 2 : 0;
}

int64_t access_token_left_s(const struct access_token *token, int64_t unix_s)
{
	int64_t issued_s = (int64_t)token->issued_s; /* 48 bits */
	int64_t off_s;

	if (__builtin_sub_overflow(unix_s, issued_s, &off_s) || off_s == INT64_MIN)
		return 0;
	return (int64_t)token->lifetime_s + ACCESS_TOKEN_DELTA_S -
	       (off_s < 0 ? -off_s : off_s);
}
