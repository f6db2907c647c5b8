/*
 * turn.c - common checks of all TURN requests, and the handlers of the short ones.
 */
#include "relay/dialect/ietf/turn.h"

#include <assert.h>

#include "relay/core/changes.h"
#include "relay/core/channel.h"
#include "relay/core/permission.h"
#include "relay/core/turn.h"
#include "relay/dialect/attributes.h"
#include "relay/dialect/ietf/mobile.h"
#include "relay/dialect/ietf/refresh.h"
#include "relay/dialect/ietf/turn_tcp.h"
#include "relay/dialect/reply.h"
#include "stun/attr.h"
#include "stun/chandata.h"

/*
 * More addresses than that in one CreatePermission are refused with 508; a datagram of 1500
 * bytes holds 117.
 */
enum { PEERS_MAX = 256 };

/*
 * Without third-party authorization a token can prove nothing, and another 401 would not say so: 420
 * does (RFC 7635 section 7).
 */
static bool has_unexpected_token(const struct request *rq)
{
	struct stun_attr attr;

	return rq->turn->settings->token_keys == NULL &&
	       stun_msg_find(rq->msg, STUN_ACCESS_TOKEN, &attr);
}

/* True if the request may go on; else it has been answered, or not if the limiter says so. */
static bool authenticate(struct request *rq)
{
	struct counters *counters = &rq->turn->counters;
	bool has_integrity = rq->msg->mi_offset != 0 || rq->msg->mi256_offset != 0;

	/* Without integrity the answer is a challenge in any case; ask before any work. */
	if (!has_integrity && !reply_allowed_to_stranger(rq))
		return false;

	/* Tickets and connection ids name an allocation of another 5-tuple. */
	const struct allocation *own = rq->al;

	if (rq->has_ticket)
		own = mobile_named(rq);
	else if (rq->msg->method == TURN_CONNECTION_BIND)
		own = turn_tcp_allocation_of(rq);
	auth_check(rq->turn, rq->msg, rq->tuple, own, rq->now_ms, rq->unix_s, &rq->auth);
	if (rq->auth.code == 0) {
		rq->authenticated = true;
		return true;
	}

	if (rq->auth.code == STUN_STALE_NONCE && turn_tcp_hand_over(rq))
		return false;
	counter_add(&counters->auth_failures[rq->auth.failure], 1);
	if (has_integrity && !reply_allowed_to_stranger(rq))
		return false;
	if (rq->auth.code == STUN_BAD_REQUEST)
		reply_error(rq, rq->auth.code);
	else if (has_integrity && has_unexpected_token(rq))
		reply_unknown_attributes(rq, &(uint16_t){STUN_ACCESS_TOKEN}, 1);
	else
		reply_challenge(rq, rq->auth.code);
	return false;
}

/* RFC 8656 section 8.2. */
static void refresh(struct request *rq)
{
	struct refresh asked;
	struct stun_builder b;
	int code = refresh_check(rq, &asked);

	if (code != 0) {
		reply_error(rq, code);
		return;
	}
	uint32_t lifetime_s = refresh_do(rq, &asked);

	reply_success_start(rq, &b);
	stun_add_u32(&b, TURN_LIFETIME, lifetime_s);
	reply_finish(rq, &b, 0);
}

/* 0 and all peers of the request, or 400, or 508 for more than fit. */
static int collect_peers(const struct stun_msg *msg, struct endpoint peers[PEERS_MAX],
			 size_t *count)
{
	struct slice rest = msg->body;
	struct stun_attr attr;
	size_t found = 0;

	/* All must be well formed before any other check (RFC 8656 section 10.2). */
	while (stun_attr_next(&rest, &attr)) {
		struct endpoint peer;

		if (attr.type != TURN_XOR_PEER_ADDRESS)
			continue;
		if (!stun_attr_xor_address(&attr, msg->txid, &peer))
			return STUN_BAD_REQUEST;
		if (found < PEERS_MAX)
			peers[found] = peer;
		found++;
	}
	if (found == 0)
		return STUN_BAD_REQUEST;
	if (found > PEERS_MAX)
		return STUN_INSUFFICIENT_CAPACITY;
	*count = found;
	return 0;
}

/* Common end of requests that change permissions or channels. */
static void finish(struct request *rq, int code)
{
	if (code != 0) {
		reply_error(rq, code);
		return;
	}
	request_remember(rq);
	reply_success(rq);
}

/* RFC 8656 section 10.2. */
static void create_permission(struct request *rq)
{
	struct endpoint peers[PEERS_MAX];
	size_t count;

	int code = collect_peers(rq->msg, peers, &count);
	assert(code != 0 || count <= PEERS_MAX);
	if (code == 0)
		code = permission_install(rq->turn, rq->al, peers, count, rq->now_ms,
					  NULL);
	finish(rq, code);
}

/* Why the numbers of a ChannelBind were answered with 400. */
static const char *bad_channel(const struct request *rq, uint16_t number,
			       const struct endpoint *peer)
{
	if (number < CHANNEL_NUMBER_MIN || number > CHANNEL_NUMBER_MAX_RFC5766)
		return "no channel number";
	if (number > channel_number_max(rq->turn, rq->al))
		return "channel number above 0x4FFF (RFC 8656)";
	if (peer->port == 0)
		return "peer port 0";
	return "channel or peer bound otherwise";
}

/* RFC 8656 section 12.2. */
static void bind_channel(struct request *rq)
{
	struct stun_attr number_attr, peer_attr;
	struct endpoint peer;
	uint16_t number;

	if (allocation_has_data_connections(rq->al)) {
		reply_error_because(rq, STUN_FORBIDDEN,
				    "a TCP allocation has no channels");
		return;
	}
	if (!stun_msg_find(rq->msg, TURN_CHANNEL_NUMBER, &number_attr) ||
	    !stun_attr_channel_number(&number_attr, &number) ||
	    !stun_msg_find(rq->msg, TURN_XOR_PEER_ADDRESS, &peer_attr) ||
	    !stun_attr_xor_address(&peer_attr, rq->msg->txid, &peer)) {
		reply_error(rq, STUN_BAD_REQUEST);
		return;
	}

	int code = channel_bind(rq->turn, rq->al, number, &peer, rq->now_ms, NULL);
	if (code == STUN_BAD_REQUEST)
		reply_error_because(rq, code, bad_channel(rq, number, &peer));
	else
		finish(rq, code);
}

void turn_request(struct request *rq)
{
	uint16_t unknown[ATTRIBUTES_UNKNOWN_MAX];

	mobile_read_ticket(rq);
	if (mobile_is_elsewhere(rq))
		return;
	if (!authenticate(rq))
		return;

	size_t count =
		attributes_unknown(rq->msg, attributes_understood(rq->turn), unknown);
	if (count > 0) {
		reply_unknown_attributes(rq, unknown, count);
		return;
	}

	/* An Allocate on a 5-tuple in use is 437, never 441 (RFC 8656 section 7.2). */
	if (rq->msg->method == TURN_ALLOCATE) {
		turn_allocate(rq);
		return;
	}
	if (rq->has_ticket) {
		mobile_refresh(rq);
		return;
	}
	if (rq->msg->method == TURN_CONNECTION_BIND) {
		turn_connection_bind(rq);
		return;
	}
	if (rq->al == NULL) {
		reply_error(rq, STUN_ALLOCATION_MISMATCH);
		return;
	}
	if (!request_is_owners(rq)) {
		reply_error(rq, STUN_WRONG_CREDENTIALS);
		return;
	}
	if (!rq->al->shows_rfc8656 && attributes_show_rfc8656(rq->msg)) {
		changes_note(rq->turn, rq->al);
		rq->al->shows_rfc8656 = true;
	}

	switch (rq->msg->method) {
	case TURN_REFRESH:
		refresh(rq);
		break;
	case TURN_CREATE_PERMISSION:
		create_permission(rq);
		break;
	case TURN_CONNECT:
		turn_connect(rq);
		break;
	default:
		assert(rq->msg->method == TURN_CHANNEL_BIND);
		bind_channel(rq);
		break;
	}
}
