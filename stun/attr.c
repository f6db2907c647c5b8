/*
 * attr.c - see attr.h.
 */
#include "stun/attr.h"

#include <string.h>

enum {
	NONCE_COOKIE_PREFIX_LEN = 9, /* "obMatJos2" */
};

bool stun_attr_masked_address(const struct stun_attr *attr, const uint8_t *mask,
			      struct endpoint *out)
{
	if (attr->value.len < STUN_ADDRESS_HEADER_LEN)
		return false;

	const uint8_t *value = attr->value.data;
	size_t len = ip_addr_len(value[1]);
	if (len == 0 || attr->value.len != STUN_ADDRESS_HEADER_LEN + len)
		return false;

	*out = (struct endpoint){
		.ip.family = value[1],
		.port = load_be16(value + 2) ^ load_be16(mask),
	};
	for (size_t i = 0; i < len; i++)
		out->ip.bytes[i] = value[STUN_ADDRESS_HEADER_LEN + i] ^ mask[i];
	return true;
}

size_t stun_masked_address_len(const struct endpoint *ep)
{
	size_t len = ip_addr_len(ep->ip.family);

	assert(len > 0);
	return STUN_ADDRESS_HEADER_LEN + len;
}

void stun_write_masked_address(uint8_t *value, const uint8_t *mask,
			       const struct endpoint *ep)
{
	value[0] = 0;
	value[1] = ep->ip.family;
	store_be16(value + 2, ep->port ^ load_be16(mask));
	for (size_t i = 0; i < ip_addr_len(ep->ip.family); i++)
		value[STUN_ADDRESS_HEADER_LEN + i] = ep->ip.bytes[i] ^ mask[i];
}

static void add_address(struct stun_builder *b, uint16_t type, const uint8_t *mask,
			const struct endpoint *ep)
{
	uint8_t *value = stun_builder_reserve(b, type, stun_masked_address_len(ep));

	if (value != NULL)
		stun_write_masked_address(value, mask, ep);
}

static const uint8_t no_mask[16];

bool stun_attr_address(const struct stun_attr *attr, struct endpoint *out)
{
	return stun_attr_masked_address(attr, no_mask, out);
}

bool stun_attr_xor_address(const struct stun_attr *attr, const uint8_t *txid,
			   struct endpoint *out)
{
	uint8_t mask[4 + STUN_TXID_LEN];

	store_be32(mask, STUN_MAGIC_COOKIE);
	memcpy(mask + 4, txid, STUN_TXID_LEN);
	return stun_attr_masked_address(attr, mask, out);
}

void stun_add_address(struct stun_builder *b, uint16_t type, const struct endpoint *ep)
{
	add_address(b, type, no_mask, ep);
}

void stun_add_xor_address(struct stun_builder *b, uint16_t type,
			  const struct endpoint *ep)
{
	/* The header holds the mask: cookie, then transaction id. */
	if (!b->failed)
		add_address(b, type, b->buf + 4, ep);
}

bool stun_attr_u32(const struct stun_attr *attr, uint32_t *out)
{
	if (attr->value.len != 4)
		return false;
	*out = load_be32(attr->value.data);
	return true;
}

void stun_add_u32(struct stun_builder *b, uint16_t type, uint32_t value)
{
	uint8_t *to = stun_builder_reserve(b, type, 4);

	if (to != NULL)
		store_be32(to, value);
}

bool stun_attr_channel_number(const struct stun_attr *attr, uint16_t *number)
{
	if (attr->value.len != 4)
		return false;
	*number = load_be16(attr->value.data);
	return true;
}

bool stun_attr_first_of_four(const struct stun_attr *attr, uint8_t *value)
{
	if (attr->value.len != 4)
		return false;
	*value = attr->value.data[0];
	return true;
}

bool stun_attr_even_port(const struct stun_attr *attr, bool *reserve_next)
{
	if (attr->value.len != 1)
		return false;
	*reserve_next = attr->value.data[0] & 0x80;
	return true;
}

bool stun_attr_error_code(const struct stun_attr *attr, int *code, struct slice *reason)
{
	if (attr->value.len < 4)
		return false;

	int hundreds = attr->value.data[2] & 0x07;
	int number = attr->value.data[3];
	if (hundreds < 3 || hundreds > 6 || number > 99)
		return false;

	*code = hundreds * 100 + number;
	*reason = slice_skip(attr->value, 4);
	return true;
}

void stun_add_error_code(struct stun_builder *b, int code, const char *reason)
{
	size_t len = strlen(reason);

	assert(code >= 300 && code <= 699);
	assert(len < 128); /* RFC 8489 section 14.8 */
	uint8_t *value = stun_builder_reserve(b, STUN_ERROR_CODE, 4 + len);
	if (value == NULL)
		return;
	store_be16(value, 0);
	value[2] = (uint8_t)(code / 100);
	value[3] = (uint8_t)(code % 100);
	memcpy(value + 4, reason, len);
}

static bool listed(const uint16_t *types, size_t count, uint16_t type)
{
	for (size_t i = 0; i < count; i++)
		if (types[i] == type)
			return true;
	return false;
}

void stun_add_unknown_attributes(struct stun_builder *b, const uint16_t *types,
				 size_t count)
{
	size_t distinct = 0;

	for (size_t i = 0; i < count; i++)
		distinct += !listed(types, i, types[i]);

	uint8_t *to = stun_builder_reserve(b, STUN_UNKNOWN_ATTRIBUTES, 2 * distinct);
	if (to == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		if (listed(types, i, types[i]))
			continue;
		assert(distinct > 0);
		distinct--;
		store_be16(to, types[i]);
		to += 2;
	}
	assert(distinct == 0);
}

bool stun_password_next(struct slice *rest, struct stun_password_entry *entry,
			bool *malformed)
{
	*malformed = false;
	if (rest->len == 0)
		return false;

	if (rest->len >= 4) {
		size_t len = load_be16(rest->data + 2);
		if (padded4(len) <= rest->len - 4) {
			entry->algorithm = load_be16(rest->data);
			entry->parameters = (struct slice){rest->data + 4, len};
			*rest = slice_skip(*rest, 4 + padded4(len));
			return true;
		}
	}
	*malformed = true;
	return false;
}

static_assert(sizeof(STUN_NONCE_COOKIE) - 1 == NONCE_COOKIE_PREFIX_LEN &&
		      NONCE_COOKIE_PREFIX_LEN + 4 == STUN_NONCE_COOKIE_LEN,
	      "a prefix and four digits");

static const char base64[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void stun_nonce_cookie(char out[STUN_NONCE_COOKIE_LEN], uint32_t features)
{
	assert(features <= 0xFFFFFF);
	memcpy(out, STUN_NONCE_COOKIE, NONCE_COOKIE_PREFIX_LEN);
	for (int i = 0; i < 4; i++)
		out[NONCE_COOKIE_PREFIX_LEN + i] =
			base64[features >> (18 - 6 * i) & 0x3F];
}

bool stun_nonce_features(struct slice nonce, uint32_t *features)
{
	uint32_t bits = 0;

	if (nonce.len < STUN_NONCE_COOKIE_LEN ||
	    memcmp(nonce.data, STUN_NONCE_COOKIE, NONCE_COOKIE_PREFIX_LEN) != 0)
		return false;

	for (int i = 0; i < 4; i++) {
		const char *digit =
			memchr(base64, nonce.data[NONCE_COOKIE_PREFIX_LEN + i], 64);
		if (digit == NULL)
			return false;
		bits = bits << 6 | (uint32_t)(digit - base64);
	}
	*features = bits;
	return true;
}
