/*
 * icmp.h - ICMP errors about datagrams that were sent to a peer, told to the client (RFC 8656
 * sections 11.5 and 18.13). Pure; the caller got the error from the system.
 *
 * Threads  the worker of turn.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_ICMP_H
#define RELAY_CORE_ICMP_H

#include <stdint.h>

#include "relay/core/forward_verdict.h"
#include "stun/endpoint.h"

struct allocation;
struct turn;

struct icmp_error {
	struct endpoint destination; /* of the datagram in error; its family is ICMP's */
	uint8_t type, code;
	uint32_t mtu; /* of the next link, for "too big"; else ignored */
};

/*
 * The verdict: a Data indication with the ICMP attribute, complete in out->header, or a drop:
 *   DROP_ICMP_TYPE      not a type that clients are told: 3 and 11, or 1 to 3 of ICMPv6
 *   DROP_NO_PERMISSION  the destination has none (the sender of the error needs none)
 *   DROP_ICMP_LIMIT     more than ICMP_PER_SECOND
 *   DROP_NO_ALLOCATION  it has expired
 *   DROP_ICMP_DIALECT   MS-TURN has no message for it
 * Bytes of errors are not charged to the client's bandwidth: it did not ask for them.
 */
void icmp_to_client(struct turn *turn, struct allocation *al,
		    const struct icmp_error *error, uint64_t now_ms, struct forward *out);

#endif
