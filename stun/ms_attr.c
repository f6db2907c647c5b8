/*
 * ms_attr.c - decoding and adding structured attribute values of MS-TURN.
 */
#include "stun/ms_attr.h"

#include <string.h>

enum {
	SEQUENCE_LEN = MS_CONNECTION_ID_LEN + 4,
	ERROR_HEADER_LEN = 4, /* two zero bytes, class, number */
};

static const uint8_t no_mask[MS_TXID_LEN];

bool ms_attr_xor_address(const struct stun_attr *attr, const uint8_t *txid,
			 struct endpoint *out)
{
	return stun_attr_masked_address(attr, txid, out);
}

static void add_address(struct ms_builder *b, uint16_t type, const uint8_t *mask,
			const struct endpoint *ep)
{
	uint8_t *value = ms_builder_reserve(b, type, stun_masked_address_len(ep));

	if (value != NULL)
		stun_write_masked_address(value, mask, ep);
}

void ms_add_address(struct ms_builder *b, uint16_t type, const struct endpoint *ep)
{
	add_address(b, type, no_mask, ep);
}

void ms_add_xor_address(struct ms_builder *b, uint16_t type, const struct endpoint *ep)
{
	if (!b->failed)
		add_address(b, type, b->buf + MS_HEADER_LEN - MS_TXID_LEN, ep);
}

void ms_add_u32(struct ms_builder *b, uint16_t type, uint32_t value)
{
	uint8_t *to = ms_builder_reserve(b, type, 4);

	if (to != NULL)
		store_be32(to, value);
}

void ms_add_family(struct ms_builder *b, uint8_t family)
{
	ms_add_u32(b, MS_REQUESTED_ADDRESS_FAMILY, (uint32_t)family << 24);
}

void ms_add_error_code(struct ms_builder *b, int code, const char *reason)
{
	size_t len = strlen(reason);

	assert(code >= 300 && code <= 699);
	uint8_t *value = ms_builder_reserve(b, MS_ERROR_CODE, ERROR_HEADER_LEN + len);
	if (value == NULL)
		return;
	store_be16(value, 0);
	value[2] = (uint8_t)(code / 100);
	value[3] = (uint8_t)(code % 100);
	memcpy(value + ERROR_HEADER_LEN, reason, len);
}

void ms_add_unknown_attributes(struct ms_builder *b, const uint16_t *types, size_t count)
{
	uint8_t *to = ms_builder_reserve(b, MS_UNKNOWN_ATTRIBUTES, 2 * count);

	if (to == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		store_be16(to + 2 * i, types[i]);
}

bool ms_unknown_next(struct slice *rest, uint16_t *type)
{
	if (rest->len < 2)
		return false;
	*type = load_be16(rest->data);
	*rest = slice_skip(*rest, 2);
	return true;
}

bool ms_attr_sequence(const struct stun_attr *attr, struct ms_sequence *out)
{
	if (attr->value.len != SEQUENCE_LEN)
		return false;
	memcpy(out->connection_id, attr->value.data, MS_CONNECTION_ID_LEN);
	out->number = load_be32(attr->value.data + MS_CONNECTION_ID_LEN);
	return true;
}

void ms_add_sequence(struct ms_builder *b, const struct ms_sequence *sequence)
{
	uint8_t *to = ms_builder_reserve(b, MS_SEQUENCE_NUMBER, SEQUENCE_LEN);

	if (to == NULL)
		return;
	memcpy(to, sequence->connection_id, MS_CONNECTION_ID_LEN);
	store_be32(to + MS_CONNECTION_ID_LEN, sequence->number);
}

bool ms_attr_service_quality(const struct stun_attr *attr, struct ms_service_quality *out)
{
	if (attr->value.len != 4)
		return false;
	out->stream_type = load_be16(attr->value.data);
	out->quality = load_be16(attr->value.data + 2);
	return true;
}

void ms_add_service_quality(struct ms_builder *b,
			    const struct ms_service_quality *quality)
{
	ms_add_u32(b, MS_SERVICE_QUALITY,
		   (uint32_t)quality->stream_type << 16 | quality->quality);
}

bool ms_attr_text(const struct stun_attr *attr, struct slice *out)
{
	if (attr->value.len > MS_TEXT_MAX)
		return false;
	*out = attr->value;
	return true;
}

size_t ms_data_indication_header(uint8_t *header, const uint8_t *txid,
				 const struct endpoint *peer, size_t payload_len)
{
	struct ms_builder b;

	assert(payload_len <= MS_MSG_MAX - ms_data_header_len(peer));
	ms_builder_start(&b, header, MS_DATA_HEADER_V6, MS_DATA_INDICATION, txid);
	ms_add_address(&b, MS_REMOTE_ADDRESS, peer);
	ms_builder_add(&b, MS_DATA, NULL, 0);

	/* Both lengths include the payload, which follows the header. */
	size_t len = ms_builder_finish(&b);
	assert(len == ms_data_header_len(peer));
	store_be16(header + len - 2, (uint16_t)payload_len);
	store_be16(header + 2, (uint16_t)(len - MS_HEADER_LEN + payload_len));
	return len;
}
