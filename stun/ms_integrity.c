/*
 * ms_integrity.c - see ms_integrity.h; stun/integrity computes.
 */
#include "stun/ms_integrity.h"

#include <openssl/crypto.h>

enum {
	HMAC_BLOCK_LEN = 64,
};

struct slice ms_key_part(struct slice part)
{
	while (part.len > 0 && part.data[0] == '"')
		part = slice_skip(part, 1);
	while (part.len > 0 &&
	       (part.data[part.len - 1] == '"' || part.data[part.len - 1] == '\0'))
		part.len--;
	return part;
}

bool ms_key(struct stun_key *key, enum ms_integrity kind, struct slice username,
	    struct slice realm, struct slice password)
{
	assert(kind != MS_INTEGRITY_NONE);
	return stun_key_long_term(
		key, kind == MS_INTEGRITY_SHA1 ? STUN_PASSWORD_MD5 : STUN_PASSWORD_SHA256,
		ms_key_part(username), ms_key_part(realm), ms_key_part(password));
}

static size_t mac_len(enum ms_integrity kind)
{
	assert(kind != MS_INTEGRITY_NONE);
	return kind == MS_INTEGRITY_SHA1 ? MS_MI_SHA1_LEN : MS_MI_SHA256_LEN;
}

/* The MAC of a message up to the integrity attribute at offset. */
static bool compute_mac(enum ms_integrity kind, const struct stun_key *key,
			const uint8_t *msg, size_t offset, uint8_t *mac)
{
	assert(offset >= MS_MSG_MIN);
	static const uint8_t zeros[HMAC_BLOCK_LEN];
	size_t padding = -offset % HMAC_BLOCK_LEN;
	const struct slice text[] = {{msg, offset}, {zeros, padding}};

	return stun_hmac(kind == MS_INTEGRITY_SHA1 ? STUN_INTEGRITY_SHA1
						   : STUN_INTEGRITY_SHA256,
			 key, text, 2, mac);
}

bool ms_verify(const struct ms_msg *msg, const struct stun_key *key)
{
	uint8_t mac[MS_MI_SHA256_LEN];

	if (msg->integrity == MS_INTEGRITY_NONE)
		return false;

	assert(msg->mi_offset + MS_ATTR_HEADER_LEN + mac_len(msg->integrity) <=
	       msg->bytes.len);
	const uint8_t *value = msg->bytes.data + msg->mi_offset + MS_ATTR_HEADER_LEN;
	return compute_mac(msg->integrity, key, msg->bytes.data, msg->mi_offset, mac) &&
	       CRYPTO_memcmp(mac, value, mac_len(msg->integrity)) == 0;
}

void ms_add_integrity(struct ms_builder *b, enum ms_integrity kind,
		      const struct stun_key *key)
{
	if (kind == MS_INTEGRITY_NONE)
		return;

	/* The HMAC covers a length that includes the attribute. */
	size_t offset = b->len;
	uint8_t *value = ms_builder_reserve(b, MS_MESSAGE_INTEGRITY, mac_len(kind));
	if (value != NULL && !compute_mac(kind, key, b->buf, offset, value))
		b->failed = true;
}
