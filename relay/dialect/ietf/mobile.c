/*
 * mobile.c - see mobile.h.
 */
#include "relay/dialect/ietf/mobile.h"

#include <assert.h>
#include <string.h>

#include "relay/core/mobility.h"
#include "relay/core/mobility_end.h"
#include "relay/core/turn.h"
#include "relay/core/visitors.h"
#include "relay/dialect/ietf/refresh.h"
#include "relay/dialect/reply.h"
#include "stun/attr.h"

void mobile_read_ticket(struct request *rq)
{
	struct stun_attr attr;

	assert(!rq->has_ticket);
	if (rq->msg->method != TURN_REFRESH ||
	    !stun_msg_find(rq->msg, TURN_MOBILITY_TICKET, &attr))
		return;
	rq->has_ticket = true;
	rq->ticket_is_valid = mobility_ticket_open(&rq->turn->shared->mobility_key,
						   attr.value, &rq->ticket);
}

/* Not yet authenticated: another worker may have the key, but a stranger costs it nothing. */
static bool has_nonce(const struct request *rq)
{
	const struct turn_settings *settings = rq->turn->settings;
	const struct slice realm = {(const uint8_t *)settings->realm,
				    strlen(settings->realm)};
	struct stun_attr nonce;

	return stun_msg_find(rq->msg, STUN_NONCE, &nonce) &&
	       nonce_check(&settings->nonce_key, rq->tuple, realm, nonce.value,
			   rq->now_ms) == NONCE_VALID;
}

bool mobile_is_elsewhere(struct request *rq)
{
	unsigned worker = rq->turn->worker;

	if (rq->visitor != NULL)
		worker = rq->visitor->worker;
	if (rq->ticket_is_valid && rq->turn->settings->mobility && rq->al == NULL)
		mobility_locate(rq->turn, rq->ticket.name, &worker);
	if (worker == rq->turn->worker || !has_nonce(rq))
		return false;
	rq->is_elsewhere = true;
	rq->elsewhere = worker;
	return true;
}

struct allocation *mobile_named(const struct request *rq)
{
	struct allocation *al;

	if (!rq->ticket_is_valid)
		return NULL;
	al = mobility_find(rq->turn, rq->ticket.name);
	/* Not swept yet; see find_allocation() in dispatch.c. */
	return al != NULL && !allocation_has_expired(al, rq->now_ms) ? al : NULL;
}

void mobile_add_ticket(const struct request *rq, struct stun_builder *b)
{
	if (!rq->al->mobile)
		return;

	uint8_t *value =
		stun_builder_reserve(b, TURN_MOBILITY_TICKET, MOBILITY_TICKET_LEN);

	if (value != NULL && !mobility_ticket(rq->turn, rq->al, value))
		b->failed = true;
}

int mobile_check_allocate(struct request *rq, bool *wanted)
{
	struct stun_attr attr;

	*wanted = stun_msg_find(rq->msg, TURN_MOBILITY_TICKET, &attr);
	if (!*wanted)
		return 0;
	if (attr.value.len != 0) {
		mobility_count(rq->turn, MOBILITY_BAD_TICKET);
		return STUN_BAD_REQUEST;
	}
	if (!rq->turn->settings->mobility) {
		mobility_count(rq->turn, MOBILITY_FORBIDDEN);
		return STUN_MOBILITY_FORBIDDEN;
	}
	return 0;
}

static void refuse(struct request *rq, enum mobility_event why)
{
	static const uint16_t codes[MOBILITY_EVENT_COUNT] = {
		[MOBILITY_FORBIDDEN] = STUN_MOBILITY_FORBIDDEN,
		[MOBILITY_BAD_TICKET] = STUN_BAD_REQUEST,
		[MOBILITY_OLD_TICKET] = STUN_BAD_REQUEST,
		[MOBILITY_SAME_ADDRESS] = STUN_BAD_REQUEST,
		[MOBILITY_NO_ALLOCATION] = STUN_ALLOCATION_MISMATCH,
		[MOBILITY_IN_USE] = STUN_ALLOCATION_MISMATCH,
		[MOBILITY_WRONG_OWNER] = STUN_WRONG_CREDENTIALS,
		[MOBILITY_TRANSPORT] = STUN_BAD_REQUEST,
		[MOBILITY_ADDRESS] = STUN_FORBIDDEN,
		[MOBILITY_LIMIT] = STUN_QUOTA_REACHED,
	};

	assert(codes[why] != 0);
	mobility_count(rq->turn, why);
	reply_error_because(rq, codes[why],
			    why == MOBILITY_LIMIT ? refusal_text(rq->refusal)
						  : mobility_event_text(why));
}

static void reply_moved(struct request *rq, uint32_t lifetime_s)
{
	struct stun_builder b;

	reply_success_start(rq, &b);
	stun_add_u32(&b, TURN_LIFETIME, lifetime_s);
	if (rq->al != NULL)
		mobile_add_ticket(rq, &b);
	reply_finish(rq, &b, 0);
}

/* The ticket is good and the client may go there: do what else the Refresh asks for. */
static void move(struct request *rq, const struct mobility_move *where)
{
	struct refresh refresh;
	int code = refresh_check(rq, &refresh);

	if (code != 0) {
		reply_error(rq, code);
		return;
	}
	/* Deleting needs no place to be charged. */
	if (refresh.lifetime_s == 0 && refresh.family == rq->al->families) {
		reply_moved(rq, refresh_do(rq, &refresh));
		return;
	}
	if (!mobility_prepare(rq->turn, rq->al, where, rq->now_ms, &rq->refusal)) {
		counter_add(&rq->turn->counters.refusals[rq->refusal], 1);
		refuse(rq, MOBILITY_LIMIT);
		return;
	}
	uint32_t lifetime_s = refresh_do(rq, &refresh);

	mobility_answered(rq->turn, rq->al, lifetime_s);
	reply_moved(rq, lifetime_s);
}

void mobile_refresh(struct request *rq)
{
	const struct mobility_move where = {
		.ticket = &rq->ticket,
		.to = rq->tuple,
		.owner = &rq->auth.owner,
		.txid = rq->msg->txid,
		.via = rq->via,
		.fingerprint = rq->msg->has_fingerprint,
	};
	struct allocation *named = mobile_named(rq);
	enum mobility_event verdict = MOBILITY_PREPARED;
	uint32_t answered_s;
	unsigned worker;

	assert(rq->authenticated && rq->has_ticket);
	if (!rq->turn->settings->mobility)
		verdict = MOBILITY_FORBIDDEN;
	else if (!rq->ticket_is_valid)
		verdict = MOBILITY_BAD_TICKET;
	else if (named == NULL && rq->al != NULL &&
		 mobility_locate(rq->turn, rq->ticket.name, &worker))
		verdict = MOBILITY_IN_USE; /* and the other one is another worker's */
	else if (named == NULL)
		verdict = MOBILITY_NO_ALLOCATION;
	if (verdict != MOBILITY_PREPARED) {
		refuse(rq, verdict);
		return;
	}

	rq->al = named;
	if (mobility_is_repeated(rq->turn, named, &where, rq->now_ms, &answered_s)) {
		mobility_count(rq->turn, MOBILITY_REPEATED);
		reply_moved(rq, answered_s);
		return;
	}
	verdict = mobility_judge(rq->turn, named, &where, rq->now_ms);
	if (verdict != MOBILITY_PREPARED)
		refuse(rq, verdict);
	else
		move(rq, &where);
}
