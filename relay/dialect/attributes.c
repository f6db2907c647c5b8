/*
 * attributes.c - comprehension-required attributes, understood or not.
 */
#include "relay/dialect/attributes.h"

#include <assert.h>
#include <string.h>

#include "relay/core/turn.h"
#include "stun/registry.h"

unsigned attributes_understood(const struct turn *turn)
{
	return turn->settings->token_keys != NULL ? ATTRIBUTES_ACCESS_TOKEN : 0;
}

/*
 * With neither flag set CHANGE-REQUEST asks for a plain Binding, as clients of RFC 3489 send it
 * (section 11.2.4 there, RFC 5780 section 7.2), which needs no second address to answer from.
 */
static bool understands_change(const struct stun_attr *attr, unsigned understood)
{
	return attr->value.len == 4 &&
	       ((understood & ATTRIBUTES_CHANGE) != 0 ||
		(load_be32(attr->value.data) & (STUN_CHANGE_IP | STUN_CHANGE_PORT)) == 0);
}

static bool is_understood(const struct stun_msg *msg, const struct stun_attr *attr,
			  unsigned understood)
{
	bool is_binding = msg->method == STUN_BINDING;

	switch (attr->type) {
	case STUN_CHANGE_REQUEST:
		return is_binding && understands_change(attr, understood);
	case STUN_ACCESS_TOKEN:
		return (understood & ATTRIBUTES_ACCESS_TOKEN) != 0;
	case STUN_PADDING:
		return is_binding && (understood & ATTRIBUTES_PADDING) != 0;
	case STUN_RESPONSE_PORT:
		return is_binding && (understood & ATTRIBUTES_RESPONSE_PORT) != 0;
	case STUN_MAPPED_ADDRESS:
	case STUN_USERNAME:
	case STUN_MESSAGE_INTEGRITY:
	case STUN_ERROR_CODE:
	case STUN_UNKNOWN_ATTRIBUTES:
	case TURN_CHANNEL_NUMBER:
	case TURN_LIFETIME:
	case TURN_XOR_PEER_ADDRESS:
	case TURN_DATA_ATTR:
	case STUN_REALM:
	case STUN_NONCE:
	case TURN_XOR_RELAYED_ADDRESS:
	case TURN_REQUESTED_ADDRESS_FAMILY:
	case TURN_EVEN_PORT:
	case TURN_REQUESTED_TRANSPORT:
	case TURN_DONT_FRAGMENT:
	case STUN_MESSAGE_INTEGRITY_SHA256:
	case STUN_PASSWORD_ALGORITHM:
	case STUN_USERHASH:
	case STUN_XOR_MAPPED_ADDRESS:
	case TURN_RESERVATION_TOKEN:
	case TURN_CONNECTION_ID:
		return true;
	default:
		return !stun_attr_is_required(attr->type);
	}
}

bool attributes_show_rfc8656(const struct stun_msg *msg)
{
	struct slice rest = msg->body;
	struct stun_attr attr;

	if (msg->mi256_offset != 0)
		return true;
	while (stun_attr_next(&rest, &attr)) {
		switch (attr.type) {
		case STUN_PASSWORD_ALGORITHM:
		case STUN_PASSWORD_ALGORITHMS:
		case STUN_USERHASH:
		case STUN_ALTERNATE_DOMAIN:
		case TURN_ADDITIONAL_ADDRESS_FAMILY:
		case TURN_ADDRESS_ERROR_CODE:
		case TURN_ICMP:
			return true;
		default:
			break;
		}
	}
	return false;
}

bool attributes_has_unknown(const struct stun_msg *msg, unsigned understood)
{
	struct slice rest = msg->body;
	struct stun_attr attr;

	while (stun_attr_next(&rest, &attr))
		if (!is_understood(msg, &attr, understood))
			return true;
	return false;
}

size_t attributes_unknown(const struct stun_msg *msg, unsigned understood,
			  uint16_t types[ATTRIBUTES_UNKNOWN_MAX])
{
	/*
	 * One bit per type, because a stranger's message over TCP may hold 16,000 attributes:
	 * looking each of them up in the list would be quadratic.
	 */
	uint8_t seen[0x8000 / 8];
	struct slice rest = msg->body;
	struct stun_attr attr;
	size_t count = 0;

	if (!attributes_has_unknown(msg, understood))
		return 0;

	memset(seen, 0, sizeof(seen));
	while (count < ATTRIBUTES_UNKNOWN_MAX && stun_attr_next(&rest, &attr)) {
		uint8_t bit = (uint8_t)(1u << (attr.type & 7));

		if (is_understood(msg, &attr, understood) || (seen[attr.type >> 3] & bit))
			continue;
		seen[attr.type >> 3] |= bit;
		types[count++] = attr.type;
	}
	assert(count > 0);
	return count;
}
