/*
 * request.h - one request on its way to its answer.
 *
 * Owner    dispatch makes it on its stack; it borrows everything and dies with the call.
 */
#ifndef RELAY_DIALECT_REQUEST_H
#define RELAY_DIALECT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation.h"
#include "relay/core/auth.h"
#include "relay/core/changes.h"
#include "relay/core/five_tuple.h"
#include "relay/core/front.h"
#include "relay/core/mobility_ticket.h"
#include "stun/msg.h"

struct turn;
struct visitor;

struct request {
	struct turn *turn;
	const struct five_tuple *tuple;
	const struct stun_msg *msg;
	uint64_t now_ms;
	int64_t unix_s;
	enum transport transport; /* of the front it came in by */
	bool binding_only;        /* see dispatch_nat_discovery() */
	bool is_proxied;          /* see dispatch_from_balancer() */
	struct allocation *al;    /* of its 5-tuple, or NULL */
	unsigned via;             /* the worker that received it */
	/* MOBILITY-TICKET of a Refresh, see ietf/mobile.h. */
	bool has_ticket, ticket_is_valid;
	bool is_elsewhere; /* for the worker of that number ... */
	unsigned elsewhere;
	bool is_data;                  /* ... and not a request */
	const struct visitor *visitor; /* see core/visitors.h; NULL: it is none */
	struct mobility_ticket ticket;
	bool authenticated; /* auth holds; replies are signed with its key */
	struct auth auth;
	enum refusal refusal; /* of Allocate: at which limit; REFUSAL_COUNT: at none */
	uint8_t *reply;       /* the caller's buffer */
	size_t reply_size;    /* of it */
	size_t reply_len;     /* 0: no answer */
	uint16_t reply_front, reply_port; /* as in struct dispatch */
	bool close;                       /* and the stream that it came on ends */
	bool is_bound;                    /* a ConnectionBind has succeeded ... */
	uint32_t bound;                   /* ... for that connection */
	bool hand_over;                   /* it belongs to that worker */
	uint16_t worker;
};

/* Is the request from the allocation's user (RFC 8656 section 5)? Needs both. */
static inline bool request_is_owners(const struct request *rq)
{
	return owner_id_equal(&rq->auth.owner.id, &rq->al->owner.id);
}

/*
 * Its retransmissions are answered even when the nonce has run out. They do not extend that
 * time, or a recorded request could be repeated indefinitely.
 */
static inline void request_remember(struct request *rq)
{
	struct transactions *transactions = &rq->al->transactions;

	if (transactions_recall(transactions, rq->msg->txid, STUN_TXID_LEN, rq->now_ms) >=
	    0)
		return;
	transactions_remember(transactions, rq->msg->txid, STUN_TXID_LEN, 0, rq->now_ms);
	changes_note(rq->turn, rq->al);
}

#endif
