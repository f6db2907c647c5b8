/*
 * ms_turn.c - common checks of all messages of the MS dialect; Send and Set Active Destination.
 */
#include "relay/dialect/ms/ms_turn.h"

#include <assert.h>
#include <string.h>

#include "relay/core/changes.h"
#include "relay/core/destination.h"
#include "relay/core/forward_ms.h"
#include "relay/core/ms_auth.h"
#include "relay/core/transactions.h"
#include "relay/core/turn.h"
#include "relay/dialect/ms/ms_reply.h"
#include "relay/dialect/reply.h"
#include "stun/attr.h"
#include "stun/ms_attr.h"

/* More unknown attributes than that are not listed in a 420. */
enum { UNKNOWN_MAX = 64 };

static void drop(const struct ms_request *rq, enum drop_reason reason)
{
	counter_add(&rq->turn->counters.drops[reason], 1);
}

static bool allowed_to_stranger(const struct ms_request *rq)
{
	return reply_allowed(rq->turn, rq->tuple, rq->transport, rq->al, rq->now_ms);
}

static void refuse(struct ms_request *rq)
{
	switch (rq->auth.code) {
	case MS_UNAUTHORIZED:
	case MS_MISSING_USERNAME:
	case MS_MISSING_REALM:
	case MS_MISSING_NONCE:
	case MS_UNKNOWN_USER:
	case MS_STALE_NONCE:
		ms_reply_challenge(rq, rq->auth.code);
		break;
	default:
		ms_reply_error(rq, rq->auth.code);
	}
}

/* True if the request may go on; else it has been answered, or not if the limiter says so. */
static bool authenticate(struct ms_request *rq)
{
	bool has_integrity = rq->msg->integrity != MS_INTEGRITY_NONE;
	bool allocate = rq->msg->type == MS_ALLOCATE_REQUEST;

	/* Without integrity the answer is a challenge in any case; ask before any work. */
	if (!has_integrity && !allowed_to_stranger(rq))
		return false;

	ms_auth_check(rq->turn, rq->msg, rq->tuple, rq->al, rq->now_ms, rq->unix_s,
		      &rq->auth);
	rq->is_signed = rq->auth.reply_kind != STUN_INTEGRITY_NONE;
	if (rq->auth.code != 0)
		counter_add(&rq->turn->counters.auth_failures[rq->auth.failure], 1);
	/*
	 * A valid nonce proves the return path. Set Active Destination has none, so without an
	 * allocation it could be a replay from anywhere.
	 */
	if (has_integrity && !(allocate && rq->is_signed) && !allowed_to_stranger(rq))
		return false;
	if (rq->auth.code != 0) {
		refuse(rq);
		return false;
	}
	assert(rq->is_signed);
	rq->authenticated = allocate || rq->al != NULL;
	return true;
}

static void count_attribute(const struct ms_request *rq, uint16_t type)
{
	enum ms_attribute attribute = ms_attribute_of(type);

	counter_add(&rq->turn->counters.ms_attributes[attribute], 1);
	attribute_counts_add(&rq->turn->unknown_attributes, type);
}

/* Those that are ignored although a server must understand them. */
static void count_ignored(const struct ms_request *rq)
{
	static const uint16_t ignored[] = {MS_SKYPE_0800, MS_SKYPE_24DF, MS_SKYPE_3802};
	struct stun_attr attr;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		if (ms_msg_find(rq->msg, ignored[i], &attr))
			count_attribute(rq, ignored[i]);
}

/* False if the request has been answered with 420. */
static bool understood(struct ms_request *rq)
{
	uint16_t unknown[UNKNOWN_MAX];
	size_t count = ms_msg_unknown(rq->msg, unknown, UNKNOWN_MAX);

	count_ignored(rq);
	for (size_t i = 0; i < count; i++)
		count_attribute(rq, unknown[i]);
	if (count > 0)
		ms_reply_unknown_attributes(rq, unknown, count);
	return count == 0;
}

static bool is_this_connection(const struct allocation *al,
			       const struct ms_sequence *sequence)
{
	return memcmp(al->ms.sequence.connection_id, sequence->connection_id,
		      MS_CONNECTION_ID_LEN) == 0;
}

static void reply_destination(struct ms_request *rq, int code,
			      const struct stun_attr *sequence)
{
	struct ms_builder b;

	if (code != 0) {
		ms_reply_error(rq, code);
		return;
	}
	ms_reply_success_start(rq, &b);
	if (sequence != NULL)
		ms_builder_add(&b, MS_SEQUENCE_NUMBER, sequence->value.data,
			       sequence->value.len);
	ms_reply_finish(rq, &b, 0);
}

static int set_destination(struct ms_request *rq)
{
	struct endpoint peer;
	struct stun_attr attr;

	if (!ms_msg_find(rq->msg, MS_DESTINATION_ADDRESS, &attr) ||
	    !stun_attr_address(&attr, &peer))
		return MS_BAD_REQUEST;
	if (!destination_set(rq->turn, rq->al, &peer, rq->now_ms))
		return MS_NO_DESTINATION;
	allocation_touch(rq->al, rq->now_ms);
	return 0;
}

/* Clients of the first release number nothing, and need not. */
static void numbered_destination(struct ms_request *rq, const struct stun_attr *attr)
{
	struct ms_sequence sequence;

	if (!ms_attr_sequence(attr, &sequence)) {
		ms_reply_error(rq, MS_BAD_REQUEST);
		return;
	}
	if (!is_this_connection(rq->al, &sequence)) {
		ms_reply_error(rq, MS_NO_BINDING);
		return;
	}
	if (!sequence_take(&rq->al->ms.sequence, sequence.number)) {
		/* The client missed the answer: repeat it and do nothing else. */
		int code = transactions_recall(&rq->al->transactions, rq->msg->txid,
					       MS_TXID_LEN, rq->now_ms);
		if (code < 0)
			drop(rq, DROP_REPLAYED);
		else
			reply_destination(rq, code, attr);
		return;
	}
	int code = set_destination(rq);
	assert(code >= 0 && code <= 699);
	changes_note(rq->turn, rq->al);
	transactions_remember(&rq->al->transactions, rq->msg->txid, MS_TXID_LEN, code,
			      rq->now_ms);
	reply_destination(rq, code, attr);
}

static void set_active_destination(struct ms_request *rq)
{
	struct stun_attr attr;

	if (rq->al == NULL)
		ms_reply_error(rq, MS_NO_BINDING);
	else if (!ms_request_is_owners(rq))
		ms_reply_error(rq, MS_WRONG_USERNAME);
	else if (ms_msg_find(rq->msg, MS_SEQUENCE_NUMBER, &attr))
		numbered_destination(rq, &attr);
	else
		reply_destination(rq, set_destination(rq), NULL);
}

static enum drop_reason send_refused(const struct ms_request *rq, struct endpoint *peer,
				     struct slice *data)
{
	struct ms_sequence sequence;
	struct stun_attr attr;
	uint16_t unknown;

	if (rq->al == NULL)
		return DROP_NO_ALLOCATION;
	if (!ms_auth_send(rq->turn, rq->msg, rq->al))
		return DROP_BAD_INTEGRITY;
	if (ms_msg_unknown(rq->msg, &unknown, 1) > 0) {
		count_attribute(rq, unknown);
		return DROP_UNKNOWN_ATTRIBUTE;
	}
	if (ms_msg_find(rq->msg, MS_SEQUENCE_NUMBER, &attr)) {
		if (!ms_attr_sequence(&attr, &sequence))
			return DROP_BAD_INDICATION;
		if (!is_this_connection(rq->al, &sequence))
			return DROP_OTHER_CONNECTION;
		if (!sequence_take(&rq->al->ms.sequence, sequence.number))
			return DROP_REPLAYED;
	}
	if (!ms_msg_find(rq->msg, MS_DESTINATION_ADDRESS, &attr) ||
	    !stun_attr_address(&attr, peer) || !ms_msg_find(rq->msg, MS_DATA, &attr))
		return DROP_BAD_INDICATION;
	assert(rq->al->dialect == DIALECT_MS);
	*data = attr.value;
	return DROP_NONE;
}

/* Never answered, not even with an error. */
static void send_request(struct ms_request *rq, struct forward *forward)
{
	struct endpoint peer;
	struct slice data;

	enum drop_reason reason = send_refused(rq, &peer, &data);
	if (reason != DROP_NONE)
		drop(rq, reason);
	else
		forward_ms_send(rq->turn, rq->al, &peer, data, rq->now_ms, forward);
}

bool ms_turn_message(struct ms_request *rq, struct slice message, struct forward *forward)
{
	struct ms_msg msg;

	if (ms_msg_parse(message, &msg) != MS_PARSE_OK) {
		drop(rq, DROP_MALFORMED);
		return false;
	}
	rq->msg = &msg;
	switch (msg.type) {
	case MS_ALLOCATE_REQUEST:
		if (authenticate(rq) && understood(rq))
			ms_allocate(rq);
		break;
	case MS_SET_ACTIVE_DESTINATION_REQUEST:
		if (authenticate(rq) && understood(rq))
			set_active_destination(rq);
		break;
	case MS_SEND_REQUEST:
		send_request(rq, forward);
		break;
	case MS_ALLOCATE_RESPONSE:
	case MS_ALLOCATE_ERROR:
	case MS_DATA_INDICATION:
	case MS_SET_ACTIVE_DESTINATION_RESPONSE:
	case MS_SET_ACTIVE_DESTINATION_ERROR:
		drop(rq, DROP_UNEXPECTED_RESPONSE);
		break;
	default:
		drop(rq, DROP_UNKNOWN_METHOD);
	}
	/* Before its caller can send a reply; Send and data have none. */
	if (msg.type == MS_ALLOCATE_REQUEST ||
	    msg.type == MS_SET_ACTIVE_DESTINATION_REQUEST)
		changes_save(rq->turn, rq->now_ms);
	rq->msg = NULL;
	return true;
}
