/*
 * proxy.h - whose connection or datagram it is that a balancer hands on. What a PROXY header says
 * (stun/proxy_header.h) is believed of an address in side.*.balancers and of nobody else; from
 * there, it has to be in front. Each result is counted.
 *
 * The client that a header names is judged like one that has come itself, by side.*.clients. A
 * balancer needs no entry there: with LOCAL, for a health check, it is its own client.
 *
 * Threads  the worker's, whose delivery it is.
 */
#ifndef RELAY_FRONT_PROXY_H
#define RELAY_FRONT_PROXY_H

#include "relay/core/counters.h"
#include "relay/core/five_tuple.h"
#include "stun/proxy_header.h"
#include "stun/wire.h"

struct delivery;

/*
 * Who the client behind a balancer is. tuple: with the balancer as its client, in whose place
 * the one that the header names is put. Returns the result, which is counted; those up to
 * PROXY_RESULT_UNKNOWN let it in.
 */
enum proxy_result proxy_judge(struct delivery *delivery, enum proxy_verdict verdict,
			      const struct proxy_header *header,
			      struct five_tuple *tuple);

static inline bool proxy_lets_in(enum proxy_result result)
{
	return result <= PROXY_RESULT_UNKNOWN;
}

/* Count what somebody sent who is not a balancer and put a header in front. */
void proxy_stranger(struct delivery *delivery, const struct five_tuple *tuple);

#endif
