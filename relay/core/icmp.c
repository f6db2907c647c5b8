/*
 * icmp.c - see icmp.h.
 */
#include "relay/core/icmp.h"

#include <stdbool.h>

#include "relay/core/allocation_table.h"
#include "relay/core/forward_parts.h"
#include "relay/core/peer_policy.h"
#include "relay/core/permission.h"
#include "relay/core/turn.h"
#include "stun/attr.h"
#include "stun/msg.h"
#include "stun/wire.h"

enum {
	ICMP_V4_UNREACHABLE = 3,
	ICMP_V4_TOO_BIG = 4, /* a code of it: fragmentation needed, and DF set */
	ICMP_V4_TIME_EXCEEDED = 11,
	ICMP_V6_UNREACHABLE = 1,
	ICMP_V6_TOO_BIG = 2,
	ICMP_V6_TIME_EXCEEDED = 3,
	ICMP_VALUE_LEN = 8,
	ICMP_CODE_BITS = 9, /* the figure of section 18.13 gives the type seven bits */
};

static bool is_told(const struct icmp_error *error)
{
	if (error->destination.ip.family == IP_V4)
		return error->type == ICMP_V4_UNREACHABLE ||
		       error->type == ICMP_V4_TIME_EXCEEDED;
	return error->type >= ICMP_V6_UNREACHABLE && error->type <= ICMP_V6_TIME_EXCEEDED;
}

static bool is_too_big(const struct icmp_error *error)
{
	return error->destination.ip.family == IP_V4
		       ? error->type == ICMP_V4_UNREACHABLE &&
				 error->code == ICMP_V4_TOO_BIG
		       : error->type == ICMP_V6_TOO_BIG;
}

static enum drop_reason refused(const struct turn *turn, struct allocation *al,
				const struct icmp_error *error,
				const struct endpoint *named, uint64_t now_ms)
{
	if (allocation_family_has_expired(al, error->destination.ip.family, now_ms))
		return DROP_NO_ALLOCATION;
	if (al->dialect == DIALECT_MS)
		return DROP_ICMP_DIALECT;
	if (!is_told(error))
		return DROP_ICMP_TYPE;
	if (!permission_find(turn, al, &named->ip, now_ms))
		return DROP_NO_PERMISSION;
	return icmp_limit_take(&al->icmp_limit, now_ms) ? DROP_NONE : DROP_ICMP_LIMIT;
}

void icmp_to_client(struct turn *turn, struct allocation *al,
		    const struct icmp_error *error, uint64_t now_ms, struct forward *out)
{
	const struct endpoint named = peer_as_named(turn, &error->destination);
	uint8_t txid[STUN_TXID_LEN], value[ICMP_VALUE_LEN] = {0};
	struct stun_builder b;

	*out = (struct forward){.slot = al->slot};
	enum drop_reason reason = refused(turn, al, error, &named, now_ms);
	if (reason != DROP_NONE) {
		forward_drop(turn, reason, out);
		return;
	}
	store_be16(value + 2, (uint16_t)(error->type << ICMP_CODE_BITS | error->code));
	if (is_too_big(error))
		store_be32(value + 4, error->mtu);

	turn->edge->random(turn->edge->self, txid, sizeof(txid));
	stun_builder_start(&b, out->header, sizeof(out->header), TURN_DATA,
			   STUN_INDICATION, txid);
	stun_add_xor_address(&b, TURN_XOR_PEER_ADDRESS, &named);
	stun_builder_add(&b, TURN_ICMP, value, sizeof(value));
	out->header_len = (uint16_t)stun_builder_finish(&b);
	assert(out->header_len > 0); /* both addresses fit a header */

	out->kind = FORWARD_TO_CLIENT;
	out->peer = named;
	counter_add(&turn->counters.icmp_told, 1);
}
