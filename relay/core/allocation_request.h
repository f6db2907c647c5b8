/*
 * allocation_request.h - what an Allocate request asks for, checked by the dialect.
 *
 * Owner    made on the stack of the dialect; it borrows what it points to.
 */
#ifndef RELAY_CORE_ALLOCATION_REQUEST_H
#define RELAY_CORE_ALLOCATION_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/counters.h"
#include "relay/core/five_tuple.h"
#include "relay/core/front.h"
#include "relay/core/owner.h"
#include "relay/core/owner_proof.h"

struct allocation_request {
	struct five_tuple tuple;
	enum dialect dialect;
	uint8_t family; /* IP_V4 or IP_V6 */
	bool dual; /* IPv6 as well, if it can be had; family is IPv4, relay_transport UDP */
	enum transport relay_transport;   /* of the relayed address: UDP or TCP */
	bool data_connections;            /* RFC 6062; TCP only */
	uint32_t lifetime_s;              /* granted */
	bool even_port, reserve_next;     /* EVEN-PORT and its R bit */
	const uint8_t *reservation_token; /* 8 bytes, or NULL */
	const uint8_t *txid;              /* 12 bytes */
	const struct owner *owner;
	const struct owner_proof *proof; /* of the owner; NULL: not known */
	uint64_t ends_ms;                /* see core/revocation.h; 0: never */
	enum refusal *why;               /* set with 486 and 508; NULL: not asked */
};

#endif
