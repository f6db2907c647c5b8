/*
 * ms_bandwidth.c - decoding and adding the attributes of MS-TURNBWM.
 */
#include "stun/ms_bandwidth.h"

#include "stun/ms_attr.h"

enum {
	MESSAGE_LEN = 4,
	AMOUNT_LEN = 16,
	PATH_LEN = 12,
};

/* The top bits of a path's answer. */
#define PATH_USABLE 0x80000000u
#define PATH_PSTN_FAILOVER 0x40000000u

bool ms_attr_bandwidth_message(const struct stun_attr *attr, uint16_t *message)
{
	if (attr->value.len != MESSAGE_LEN)
		return false;
	*message = load_be16(attr->value.data + 2);
	return true;
}

void ms_add_bandwidth_message(struct ms_builder *b, uint16_t message)
{
	ms_add_u32(b, MS_BANDWIDTH_MESSAGE, message);
}

bool ms_attr_reservation_id(const struct stun_attr *attr, struct slice *id)
{
	if (attr->value.len != MS_RESERVATION_ID_LEN)
		return false;
	*id = attr->value;
	return true;
}

void ms_add_reservation_id(struct ms_builder *b, const uint8_t *id)
{
	ms_builder_add(b, MS_RESERVATION_ID, id, MS_RESERVATION_ID_LEN);
}

bool ms_attr_reservation_amount(const struct stun_attr *attr,
				struct ms_reservation_amount *out)
{
	const uint8_t *value = attr->value.data;

	if (attr->value.len != AMOUNT_LEN)
		return false;
	*out = (struct ms_reservation_amount){
		.min_send = load_be32(value),
		.max_send = load_be32(value + 4),
		.min_receive = load_be32(value + 8),
		.max_receive = load_be32(value + 12),
	};
	return true;
}

void ms_add_reservation_amount(struct ms_builder *b,
			       const struct ms_reservation_amount *amount)
{
	uint8_t *to = ms_builder_reserve(b, MS_RESERVATION_AMOUNT, AMOUNT_LEN);

	if (to == NULL)
		return;
	store_be32(to, amount->min_send);
	store_be32(to + 4, amount->max_send);
	store_be32(to + 8, amount->min_receive);
	store_be32(to + 12, amount->max_receive);
}

static bool has_failover(uint16_t type)
{
	return type == MS_REMOTE_SITE_RESPONSE || type == MS_LOCAL_SITE_RESPONSE;
}

bool ms_attr_path(const struct stun_attr *attr, struct ms_path *out)
{
	const uint8_t *value = attr->value.data;

	if (attr->value.len != PATH_LEN)
		return false;

	uint32_t bits = load_be32(value);
	*out = (struct ms_path){
		.usable = bits & PATH_USABLE,
		.pstn_failover = has_failover(attr->type) && (bits & PATH_PSTN_FAILOVER),
		.max_send = load_be32(value + 4),
		.max_receive = load_be32(value + 8),
	};
	return true;
}

void ms_add_path(struct ms_builder *b, uint16_t type, const struct ms_path *path)
{
	uint8_t *to = ms_builder_reserve(b, type, PATH_LEN);
	uint32_t bits = path->usable ? PATH_USABLE : 0;

	if (to == NULL)
		return;
	if (path->pstn_failover && has_failover(type))
		bits |= PATH_PSTN_FAILOVER;
	store_be32(to, bits);
	store_be32(to + 4, path->max_send);
	store_be32(to + 8, path->max_receive);
}
