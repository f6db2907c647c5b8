/*
 * ms_admission.c - the bandwidth part of an Allocate ([MS-TURNBWM] section 3.3.5): a check asks
 * what the paths of a call have room for, a commit reserves it, and an update changes, keeps or
 * gives back a reservation.
 *
 * The part counts only if it is complete; else it is ignored and nothing of it is answered. A
 * message that the specification wants and that we need not have, such as the location profile,
 * is not missed. Whatever the answer is, it has the message of the request: see ms_reply.c.
 *
 * We have no map of sites and links: all paths of a call are judged by our own limits, which is
 * what a path through this relay meets.
 */
#include <assert.h>
#include <string.h>

#include "relay/core/ms_reservation.h"
#include "relay/core/turn.h"
#include "relay/dialect/ms/ms_reply.h"
#include "relay/dialect/ms/ms_turn.h"
#include "stun/ms_attr.h"
#include "stun/ms_bandwidth.h"

static void count(const struct ms_request *rq, enum admission event)
{
	counter_add(&rq->turn->counters.admissions[event], 1);
}

static bool read_amount(const struct ms_request *rq, struct ms_bandwidth_part *part)
{
	struct stun_attr attr;

	return ms_msg_find(rq->msg, MS_RESERVATION_AMOUNT, &attr) &&
	       ms_attr_reservation_amount(&attr, &part->amount) &&
	       ms_reservation_amount_is_valid(&part->amount);
}

static bool has_site(const struct ms_request *rq, uint16_t type)
{
	struct endpoint site;
	struct stun_attr attr;

	return ms_msg_find(rq->msg, type, &attr) &&
	       ms_attr_xor_address(&attr, rq->msg->txid, &site);
}

static bool is_zero(const struct ms_bandwidth_part *part)
{
	return part->has_amount && part->amount.max_send == 0 &&
	       part->amount.max_receive == 0;
}

/*
 * Does it name the reservation of its allocation? One that was given back is still known, so that
 * the answer to a repetition is the same.
 */
static bool names_reservation(const struct ms_request *rq,
			      const struct ms_bandwidth_part *part)
{
	const struct ms_reservation *reservation;
	struct stun_attr attr;
	struct slice id;

	if (!ms_msg_find(rq->msg, MS_RESERVATION_ID, &attr) ||
	    !ms_attr_reservation_id(&attr, &id))
		return false;
	/* Without an allocation it can only be the repetition of one that ended it. */
	if (rq->al == NULL)
		return is_zero(part);
	reservation = ms_reservation_of(rq->turn, rq->al);
	if (reservation->state != MS_RESERVATION_MADE &&
	    !(reservation->state == MS_RESERVATION_ENDED && is_zero(part)))
		return false;
	return memcmp(id.data, reservation->id, sizeof(reservation->id)) == 0;
}

static bool is_complete(const struct ms_request *rq, const struct ms_bandwidth_part *part)
{
	switch (part->message) {
	case MS_BANDWIDTH_CHECK:
		return part->has_amount && has_site(rq, MS_REMOTE_SITE);
	case MS_BANDWIDTH_COMMIT:
		return part->has_amount && has_site(rq, MS_REMOTE_SITE) &&
		       has_site(rq, MS_LOCAL_SITE);
	case MS_BANDWIDTH_UPDATE:
		return names_reservation(rq, part);
	default:
		return false;
	}
}

void ms_admission_read(struct ms_request *rq)
{
	struct ms_bandwidth_part *part = &rq->bandwidth;
	struct stun_attr attr;

	*part = (struct ms_bandwidth_part){0};
	if (!rq->turn->settings->ms.bandwidth_management ||
	    !ms_msg_find(rq->msg, MS_BANDWIDTH_MESSAGE, &attr))
		return;
	part->has_amount = read_amount(rq, part);
	part->counts = ms_attr_bandwidth_message(&attr, &part->message) &&
		       is_complete(rq, part);
	if (!part->counts)
		count(rq, ADMISSION_IGNORED);
}

bool ms_admission_is_late(const struct ms_request *rq)
{
	return rq->al == NULL && rq->bandwidth.counts &&
	       rq->bandwidth.message == MS_BANDWIDTH_UPDATE;
}

/* Computed, so that the answer to a repeated request names it again. */
static void make_id(const struct ms_request *rq, uint8_t id[MS_RESERVATION_ID_LEN])
{
	const struct siphash_key *key = &rq->turn->shared->hash_key;
	uint8_t text[8 + MS_TXID_LEN + 1];

	store_be64(text, rq->al->id);
	memcpy(text + 8, rq->msg->txid, MS_TXID_LEN);
	for (uint8_t half = 0; half < 2; half++) {
		text[sizeof(text) - 1] = half;
		store_be64(id + 8 * half, siphash(key, text, sizeof(text)));
	}
}

static void commit(struct ms_request *rq)
{
	const struct ms_reservation *reservation = ms_reservation_of(rq->turn, rq->al);
	uint8_t id[MS_RESERVATION_ID_LEN];

	make_id(rq, id);
	if (reservation->state == MS_RESERVATION_MADE &&
	    memcmp(id, reservation->id, sizeof(id)) == 0) {
		rq->bandwidth.is_reserved = true;
		return;
	}
	rq->bandwidth.is_reserved = ms_reservation_commit(
		rq->turn, rq->al, id, &rq->bandwidth.amount, rq->now_ms);
	count(rq,
	      rq->bandwidth.is_reserved ? ADMISSION_COMMITTED : ADMISSION_COMMIT_DENIED);
}

/* Clients report again and again during a call, so what passed since then is recent. */
static bool relays(const struct ms_request *rq)
{
	return destination_is_set(&rq->al->active) ||
	       ms_reservation_has_relayed(rq->turn, rq->al);
}

static void update(struct ms_request *rq)
{
	struct ms_bandwidth_part *part = &rq->bandwidth;
	struct allocation *al = rq->al;

	if (is_zero(part)) {
		if (ms_reservation_of(rq->turn, al)->state == MS_RESERVATION_MADE)
			count(rq, ADMISSION_CANCELLED);
		ms_reservation_end(rq->turn, al);
		part->ends_session = !relays(rq);
	} else if (!part->has_amount) {
		ms_reservation_refresh(rq->turn, al, rq->now_ms);
		count(rq, ADMISSION_UPDATED);
	} else {
		bool met = ms_reservation_update(rq->turn, al, &part->amount, rq->now_ms);

		count(rq, met ? ADMISSION_UPDATED : ADMISSION_UPDATE_DENIED);
	}
}

void ms_admission_release(struct ms_request *rq)
{
	assert(rq->al != NULL);
	if (rq->bandwidth.counts && rq->bandwidth.message == MS_BANDWIDTH_UPDATE)
		ms_reservation_end(rq->turn, rq->al);
}

void ms_admission_apply(struct ms_request *rq)
{
	const struct ms_bandwidth_part *part = &rq->bandwidth;

	assert(rq->al != NULL);
	if (!part->counts)
		return;
	if (part->message == MS_BANDWIDTH_COMMIT)
		commit(rq);
	else if (part->message == MS_BANDWIDTH_UPDATE)
		update(rq);
	ms_reservation_report(rq->turn, rq->al);
}

static void add_paths(const struct ms_request *rq, struct ms_builder *b)
{
	const struct ms_reservation_amount *amount = &rq->bandwidth.amount;
	struct ms_path path = {0};
	struct stun_attr attr;

	path.usable = ms_reservation_judge(rq->turn, rq->al, amount, &path.max_send,
					   &path.max_receive);
	path.pstn_failover = !path.usable && rq->turn->settings->ms.pstn_failover;
	if (!path.usable)
		count(rq, ADMISSION_CHECK_FAILED);
	else if (path.max_send < amount->max_send ||
		 path.max_receive < amount->max_receive)
		count(rq, ADMISSION_CHECK_LOWERED);
	else
		count(rq, ADMISSION_CHECK_MET);
	ms_add_path(b, MS_REMOTE_SITE_RESPONSE, &path);
	if (ms_msg_find(rq->msg, MS_REMOTE_RELAY_SITE, &attr))
		ms_add_path(b, MS_REMOTE_RELAY_SITE_RESPONSE, &path);
	ms_add_path(b, MS_LOCAL_SITE_RESPONSE, &path);
	ms_add_path(b, MS_LOCAL_RELAY_SITE_RESPONSE, &path);
}

void ms_admission_add(const struct ms_request *rq, struct ms_builder *b)
{
	const struct ms_bandwidth_part *part = &rq->bandwidth;
	const struct ms_reservation *reservation;

	if (!part->counts)
		return;
	reservation = ms_reservation_of(rq->turn, rq->al);
	switch (part->message) {
	case MS_BANDWIDTH_CHECK:
		add_paths(rq, b);
		break;
	case MS_BANDWIDTH_COMMIT:
		if (part->is_reserved)
			ms_add_reservation_id(b, reservation->id);
		break;
	case MS_BANDWIDTH_UPDATE:
		ms_add_reservation_id(b, reservation->id);
		ms_add_reservation_amount(b, &reservation->amount);
		break;
	}
}
