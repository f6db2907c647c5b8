/*
 * integrity.c - keys, MESSAGE-INTEGRITY and FINGERPRINT, computed by OpenSSL.
 */
#include "stun/integrity.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#include "stun/crc32.h"

/*
 * Looking up an algorithm by name costs more than the MAC of a STUN message, so it is done once
 * per process, and each message starts from a copy of a prepared HMAC. Set under the once below
 * and constant from then on; a NULL (out of memory at that moment, or a policy without the
 * algorithm) fails the functions that need it.
 */
static struct {
	EVP_MD *md5;
	EVP_MD *sha256;
	EVP_MAC_CTX *hmac_sha1;
	EVP_MAC_CTX *hmac_sha256;
} algorithms;

static pthread_once_t algorithms_once = PTHREAD_ONCE_INIT;

/* An HMAC without a key cannot be copied; every message sets its own. */
static EVP_MAC_CTX *hmac_prepare(EVP_MAC *hmac, char *digest)
{
	static const unsigned char any_key[1];
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);

	if (ctx != NULL && EVP_MAC_init(ctx, any_key, sizeof(any_key), params))
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

static void algorithms_prepare(void)
{
	char sha1[] = "SHA1";
	char sha256[] = "SHA256";
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	if (hmac != NULL) {
		algorithms.hmac_sha1 = hmac_prepare(hmac, sha1);
		algorithms.hmac_sha256 = hmac_prepare(hmac, sha256);
	}
	EVP_MAC_free(hmac);
	algorithms.md5 = EVP_MD_fetch(NULL, "MD5", NULL);
	algorithms.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

bool stun_integrity_ready(void)
{
	pthread_once(&algorithms_once, algorithms_prepare);
	return algorithms.md5 != NULL && algorithms.sha256 != NULL &&
	       algorithms.hmac_sha1 != NULL && algorithms.hmac_sha256 != NULL;
}

/* Hash the parts with a colon between them. out has room for the digest. */
static bool hash_joined(const EVP_MD *md, const struct slice *parts, size_t count,
			uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && md != NULL && EVP_DigestInit_ex2(ctx, md, NULL);

	for (size_t i = 0; i < count && ok; i++)
		ok = (i == 0 || EVP_DigestUpdate(ctx, ":", 1)) &&
		     EVP_DigestUpdate(ctx, parts[i].data, parts[i].len);
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL);
	EVP_MD_CTX_free(ctx);
	return ok;
}

static_assert(STUN_KEY_MAX >= 32, "the longest long-term key fits");

bool stun_key_long_term(struct stun_key *key, enum stun_password_algorithm algorithm,
			struct slice username, struct slice realm, struct slice password)
{
	const struct slice parts[] = {username, realm, password};

	pthread_once(&algorithms_once, algorithms_prepare);
	switch (algorithm) {
	case STUN_PASSWORD_MD5:
		key->len = 16;
		return hash_joined(algorithms.md5, parts, 3, key->bytes);
	case STUN_PASSWORD_SHA256:
		key->len = 32;
		return hash_joined(algorithms.sha256, parts, 3, key->bytes);
	}
	return false;
}

bool stun_userhash(uint8_t out[STUN_USERHASH_LEN], struct slice username,
		   struct slice realm)
{
	const struct slice parts[] = {username, realm};

	pthread_once(&algorithms_once, algorithms_prepare);
	return hash_joined(algorithms.sha256, parts, 2, out);
}

/* The differences between the two attributes. */
struct mac_kind {
	uint16_t type;
	size_t len;
	const EVP_MAC_CTX *prepared;
};

static struct mac_kind mac_kind_of(enum stun_integrity kind)
{
	assert(kind == STUN_INTEGRITY_SHA1 || kind == STUN_INTEGRITY_SHA256);
	pthread_once(&algorithms_once, algorithms_prepare);
	if (kind == STUN_INTEGRITY_SHA1)
		return (struct mac_kind){STUN_MESSAGE_INTEGRITY, STUN_MI_LEN,
					 algorithms.hmac_sha1};
	return (struct mac_kind){STUN_MESSAGE_INTEGRITY_SHA256, STUN_MI256_LEN,
				 algorithms.hmac_sha256};
}

bool stun_hmac(enum stun_integrity kind, const struct stun_key *key,
	       const struct slice *parts, size_t count, uint8_t *mac)
{
	struct mac_kind mk = mac_kind_of(kind);
	size_t got;

	assert(key->len <= STUN_KEY_MAX);
	EVP_MAC_CTX *ctx = mk.prepared != NULL ? EVP_MAC_CTX_dup(mk.prepared) : NULL;
	bool ok = ctx != NULL && EVP_MAC_init(ctx, key->bytes, key->len, NULL);
	for (size_t i = 0; i < count && ok; i++)
		ok = EVP_MAC_update(ctx, parts[i].data, parts[i].len);
	ok = ok && EVP_MAC_final(ctx, mac, &got, mk.len) && got == mk.len;
	EVP_MAC_CTX_free(ctx);
	return ok;
}

/*
 * The MAC of a message up to the integrity attribute at offset, as if the message ended right
 * after that attribute (RFC 8489 sections 14.5 and 14.6).
 */
static bool compute_mac(enum stun_integrity kind, const struct stun_key *key,
			const uint8_t *msg, size_t offset, size_t mac_len, uint8_t *mac)
{
	assert(offset >= STUN_HEADER_LEN && offset % 4 == 0);
	uint8_t header[STUN_HEADER_LEN];
	const struct slice text[] = {
		{header, sizeof(header)},
		{msg + sizeof(header), offset - sizeof(header)},
	};

	memcpy(header, msg, sizeof(header));
	store_be16(header + 2,
		   (uint16_t)(offset + STUN_ATTR_HEADER_LEN + mac_len - STUN_HEADER_LEN));
	return stun_hmac(kind, key, text, 2, mac);
}

bool stun_verify(const struct stun_msg *msg, enum stun_integrity kind,
		 const struct stun_key *key)
{
	uint8_t mac[STUN_MI256_LEN];

	/* The classic MESSAGE-INTEGRITY is computed differently; TURN never had it. */
	if (kind == STUN_INTEGRITY_NONE || !msg->has_cookie)
		return false;

	size_t len = mac_kind_of(kind).len;
	size_t offset = kind == STUN_INTEGRITY_SHA1 ? msg->mi_offset : msg->mi256_offset;
	if (offset == 0 || load_be16(msg->bytes.data + offset + 2) != len)
		return false;

	assert(offset + STUN_ATTR_HEADER_LEN + len <= msg->bytes.len);
	const uint8_t *value = msg->bytes.data + offset + STUN_ATTR_HEADER_LEN;
	return compute_mac(kind, key, msg->bytes.data, offset, len, mac) &&
	       CRYPTO_memcmp(mac, value, len) == 0;
}

void stun_add_integrity(struct stun_builder *b, enum stun_integrity kind,
			const struct stun_key *key)
{
	if (kind == STUN_INTEGRITY_NONE)
		return;

	struct mac_kind mk = mac_kind_of(kind);
	size_t offset = b->len;
	uint8_t *value = stun_builder_reserve(b, mk.type, mk.len);
	if (value != NULL && !compute_mac(kind, key, b->buf, offset, mk.len, value))
		b->failed = true;
}

void stun_add_fingerprint(struct stun_builder *b)
{
	size_t offset = b->len;
	uint8_t *value = stun_builder_reserve(b, STUN_FINGERPRINT, STUN_FINGERPRINT_LEN);

	if (value != NULL)
		store_be32(value, stun_crc32((struct slice){b->buf, offset}) ^
					  STUN_FINGERPRINT_XOR);
}
