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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/*
 * The last header of a datagram that was let in. A client's datagrams often come one after the other, with the
 * same bytes in front. All zero: none.
 */
enum { PROXY_LAST_MAX = 64 }; /* a longer header is read each time */
struct proxy_last {
	uint32_t generation; /* of the settings by which it was judged */
	enum proxy_result result;
	struct five_tuple balancer, client;
	size_t len;
	uint8_t bytes[PROXY_LAST_MAX];
};

/*
 * The same for a datagram, whose header is taken off its front if it is let in. On the packet path.
 */
enum proxy_result proxy_take(struct delivery *delivery, struct proxy_last *last,
			     struct slice *datagram, struct five_tuple *tuple);

static inline bool proxy_lets_in(enum proxy_result result)
{
	return result <= PROXY_RESULT_UNKNOWN;
}

/* Count what somebody sent who is not a balancer and put a header in front. */
void proxy_stranger(struct delivery *delivery, const struct five_tuple *tuple);

#endif
