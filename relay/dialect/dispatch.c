/*
 * dispatch.c - which handler decides about a message.
 */
#include "relay/dialect/dispatch.h"

#include <assert.h>

#include "base/debug_assert.h"
#include "relay/core/allocation.h"
#include "relay/core/changes.h"
#include "relay/core/channel.h"
#include "relay/core/forward_ms.h"
#include "relay/core/icmp.h"
#include "relay/core/mobility.h"
#include "relay/core/ms_reservation.h"
#include "relay/core/tcp_connection.h"
#include "relay/core/turn.h"
#include "relay/core/visitors.h"
#include "relay/dialect/attributes.h"
#include "relay/dialect/binding.h"
#include "relay/dialect/ietf/turn.h"
#include "relay/dialect/ietf/turn_tcp.h"
#include "relay/dialect/ms/ms_turn.h"
#include "relay/dialect/reply.h"
#include "stun/chandata.h"
#include "stun/classify.h"
#include "stun/framing.h"

static void drop(struct turn *turn, enum drop_reason reason)
{
	counter_add(&turn->counters.drops[reason], 1);
}

static enum drop_reason parse_drop_reason(enum stun_parse parse)
{
	switch (parse) {
	case STUN_PARSE_NOT_STUN:
		return DROP_NOT_STUN;
	case STUN_PARSE_BAD_FINGERPRINT:
		return DROP_BAD_FINGERPRINT;
	case STUN_PARSE_OK:
	case STUN_PARSE_SHORT:
	case STUN_PARSE_BAD_LENGTH:
	case STUN_PARSE_BAD_ATTR:
		break;
	}
	return DROP_MALFORMED;
}

/* Frames of a stream are found by length; after a wrong one the stream cannot be framed. */
static bool breaks_framing(enum stun_parse parse)
{
	return parse == STUN_PARSE_SHORT || parse == STUN_PARSE_NOT_STUN ||
	       parse == STUN_PARSE_BAD_LENGTH;
}

/* Of RFC 3489 only Binding over UDP is served (RFC 8489 section 11). */
static void classic_request(struct request *rq)
{
	if (rq->transport == TRANSPORT_DTLS) {
		/* RFC 8489 section 11 wants an answer to every classic request over DTLS. */
		if (reply_allowed_to_stranger(rq))
			reply_error(rq, STUN_SERVER_ERROR);
		return;
	}
	if (rq->transport == TRANSPORT_UDP && rq->msg->method == STUN_BINDING &&
	    rq->turn->settings->classic_stun) {
		binding_request(rq);
		return;
	}
	drop(rq->turn, DROP_BAD_COOKIE);
}

static void request(struct request *rq)
{
	if (!rq->msg->has_cookie) {
		classic_request(rq);
		return;
	}

	if (rq->binding_only && rq->msg->method != STUN_BINDING) {
		reply_error(rq, STUN_FORBIDDEN);
		return;
	}
	switch (rq->msg->method) {
	case STUN_BINDING:
		binding_request(rq);
		break;
	case TURN_ALLOCATE:
	case TURN_REFRESH:
	case TURN_CREATE_PERMISSION:
	case TURN_CHANNEL_BIND:
	case TURN_CONNECT:
	case TURN_CONNECTION_BIND:
		turn_request(rq);
		break;
	default:
		drop(rq->turn, DROP_UNKNOWN_METHOD);
	}
}

static void forwarded(struct dispatch *out)
{
	assert(out->action == DISPATCH_NOTHING || out->forward.kind == FORWARD_DROP);
	if (out->forward.kind != FORWARD_DROP)
		out->action = DISPATCH_FORWARD;
}

/*
 * Data from the 5-tuple to which a mobile client moves: it is there (RFC 8016 section 3.2.2).
 * Whether the data then passes does not matter.
 */
static void arrive(const struct request *rq)
{
	if (rq->al->moving &&
	    (rq->al->client_gone || !five_tuple_equal(&rq->al->tuple, rq->tuple))) {
		mobility_complete(rq->turn, rq->al);
		changes_save(rq->turn, rq->now_ms);
	}
}

/* The same if another worker has the allocation: it is to come here, and then this message. */
static void bring_here(const struct request *rq, struct dispatch *out)
{
	out->action = DISPATCH_HAND_OVER;
	out->worker = rq->visitor->worker;
	out->is_data = true;
}

/* Indications are never answered and never authenticated (RFC 8489 section 6.3.2). */
static void indication(const struct request *rq, const struct stun_msg *msg,
		       struct dispatch *out)
{
	struct turn *turn = rq->turn;

	if (!msg->has_cookie)
		drop(turn, DROP_BAD_COOKIE);
	else if (msg->method != STUN_BINDING && msg->method != TURN_SEND)
		drop(turn, DROP_UNKNOWN_METHOD);
	else if (msg->bad_mi_len)
		drop(turn, DROP_MALFORMED);
	else if (attributes_has_unknown(msg, attributes_understood(turn)))
		drop(turn, DROP_UNKNOWN_ATTRIBUTE);
	else if (msg->method == STUN_BINDING)
		counter_add(&turn->counters.indications, 1);
	else if (rq->visitor != NULL)
		bring_here(rq, out);
	else if (rq->al == NULL)
		drop(turn, DROP_NO_ALLOCATION);
	else if (allocation_has_data_connections(rq->al))
		drop(turn, DROP_NO_CONNECTION);
	else {
		arrive(rq);
		forward_send(turn, rq->al, msg, rq->now_ms, &out->forward);
		forwarded(out);
	}
}

static void stun_message(struct request *rq, struct slice message, struct dispatch *out)
{
	struct stun_msg msg;

	enum stun_parse parse = stun_msg_parse(message, &msg);
	if (parse != STUN_PARSE_OK) {
		drop(rq->turn, parse_drop_reason(parse));
		if (transport_is_stream(rq->transport) && breaks_framing(parse))
			out->action = DISPATCH_CLOSE;
		return;
	}

	/* Answering anything but requests would allow a loop of answers. */
	switch (msg.class) {
	case STUN_REQUEST:
		rq->msg = &msg;
		request(rq);
		rq->msg = NULL;
		/* What the reply says has to hold, whatever becomes of this process. */
		changes_save(rq->turn, rq->now_ms);
		if (rq->is_elsewhere) {
			assert(rq->reply_len == 0);
			out->action = DISPATCH_HAND_OVER;
			out->worker = (uint16_t)rq->elsewhere;
			return;
		}
		break;
	case STUN_INDICATION:
		indication(rq, &msg, out);
		break;
	case STUN_SUCCESS:
	case STUN_ERROR:
		drop(rq->turn, DROP_UNEXPECTED_RESPONSE);
		break;
	}

	assert(rq->reply_len <= rq->reply_size);
	assert(rq->reply_len == 0 || out->action == DISPATCH_NOTHING);
	out->authenticated = rq->authenticated;
	out->bound = rq->bound;
	out->worker = rq->worker;
	if (rq->reply_len > 0) {
		out->action = rq->is_bound ? DISPATCH_BIND : DISPATCH_REPLY;
		out->reply_len = rq->reply_len;
		out->reply_front = rq->reply_front;
		out->reply_port = rq->reply_port;
	} else if (rq->hand_over) {
		out->action = DISPATCH_HAND_OVER;
	} else if (rq->close) {
		out->action = DISPATCH_CLOSE;
	}
}

/* The table is swept once per turn of the loop; what has expired since is ended here. */
static struct allocation *find_allocation(struct turn *turn,
					  const struct five_tuple *tuple, uint64_t now_ms)
{
	struct allocation *al = allocation_find_any(turn->table, tuple);

	if (al == NULL || now_ms < al->expires_ms)
		return al;
	al = allocation_end_expired(turn, al, now_ms);
	changes_save(turn, now_ms);
	return al;
}

/* The first byte decides; see channel_data_max() for channels of RFC 5766. */
static enum datagram_kind classify(const struct request *rq, struct slice message)
{
	enum datagram_kind kind = datagram_classify(message);
	unsigned max = rq->visitor != NULL ? rq->visitor->channel_max
		       : rq->al != NULL    ? channel_data_max(rq->al)
					   : 0;

	if (kind == DATAGRAM_QUIC && message.data[0] <= max >> 8)
		kind = DATAGRAM_CHANNEL_DATA;
	if (rq->transport == TRANSPORT_UDP)
		counter_add(&rq->turn->counters.datagrams[kind], 1);
	return kind;
}

/* Versions 5 and 6 of MS-TURN put it there; we never announce them. */
static bool is_multiplexed(struct slice datagram)
{
	return datagram.len >= 4 && load_be16(datagram.data) == 0xFF10;
}

static void ietf_message(struct request *rq, enum datagram_kind kind,
			 struct slice message, struct dispatch *out)
{
	struct turn *turn = rq->turn;
	struct slice payload;
	uint16_t number;

	switch (kind) {
	case DATAGRAM_CHANNEL_DATA:
		if (rq->visitor != NULL && chandata_parse(message, &number, &payload)) {
			bring_here(rq, out);
			break;
		}
		if (rq->al == NULL) {
			drop(turn, DROP_NO_ALLOCATION);
			break;
		}
		if (chandata_parse(message, &number, &payload))
			arrive(rq);
		forward_channel_data(turn, rq->al, message, rq->now_ms, &out->forward);
		forwarded(out);
		break;
	case DATAGRAM_STUN:
		stun_message(rq, message, out);
		break;
	case DATAGRAM_EMPTY:
	case DATAGRAM_DTLS:
	case DATAGRAM_ZRTP:
	case DATAGRAM_RTP:
	case DATAGRAM_QUIC:
	case DATAGRAM_OTHER:
	case DATAGRAM_KIND_COUNT:
		drop(turn, is_multiplexed(message) ? DROP_MULTIPLEXED : DROP_NOT_STUN);
		if (transport_is_stream(rq->transport))
			out->action = DISPATCH_CLOSE;
		break;
	}
}

static void ms_control(const struct request *rq, struct slice message,
		       struct dispatch *out)
{
	struct ms_request ms = {
		.turn = rq->turn,
		.tuple = rq->tuple,
		.now_ms = rq->now_ms,
		.unix_s = rq->unix_s,
		.transport = rq->transport,
		.al = rq->al,
		.reply = rq->reply,
		.reply_size = rq->reply_size,
	};

	if (!ms_turn_message(&ms, message, &out->forward) &&
	    transport_is_stream(rq->transport)) {
		out->action = DISPATCH_CLOSE;
		return;
	}
	assert(ms.reply_len <= ms.reply_size);
	out->authenticated = ms.authenticated;
	if (ms.reply_len > 0) {
		out->action = DISPATCH_REPLY;
		out->reply_len = ms.reply_len;
	} else if (ms.close) {
		out->action = DISPATCH_CLOSE;
		return;
	}
	forwarded(out);
}

static void ms_data(const struct request *rq, struct slice data, struct dispatch *out)
{
	if (rq->al == NULL) {
		drop(rq->turn, DROP_NO_ALLOCATION);
		return;
	}
	forward_ms_raw(rq->turn, rq->al, data, rq->now_ms, &out->forward);
	forwarded(out);
}

/* Steps 1 to 3 of dispatch.h. An allocation survives when the dialect is turned off. */
static bool is_ms_control(const struct request *rq, struct slice message)
{
	if (rq->transport != TRANSPORT_UDP)
		return false;
	if (rq->al != NULL)
		return rq->al->dialect == DIALECT_MS && datagram_is_ms_control(message);
	if (rq->visitor != NULL)
		return false;
	return rq->turn->settings->ms.enabled && datagram_is_ms_control(message);
}

/* Checks that every message of a client passes first; false if it ends there. */
static bool begin(struct request *rq, uint8_t *reply, struct dispatch *out)
{
	struct turn *turn = rq->turn;
	const struct five_tuple *tuple = rq->tuple;

	assert(tuple->front < turn->shared->front_count);
	*out = (struct dispatch){
		.action = DISPATCH_NOTHING,
		.reply_front = tuple->front,
		.reply_port = tuple->client.port,
	};
	if (tuple->client.port == 0) {
		drop(turn, DROP_SOURCE_PORT_ZERO);
		return false;
	}
	rq->transport = turn->shared->fronts[tuple->front].transport;
	rq->al = find_allocation(turn, tuple, rq->now_ms);
	debug_assert(rq->al == NULL ||
		     (allocation_is_live(rq->al) &&
		      (rq->al->transport == rq->transport || rq->al->moving)));
	rq->visitor = rq->al == NULL ? visitors_find(turn->visitors, tuple) : NULL;
	rq->via = turn->worker;
	rq->reply = reply;
	rq->reply_size = DISPATCH_REPLY_MAX;
	rq->reply_front = tuple->front;
	rq->reply_port = tuple->client.port;
	return true;
}

static void from_client(struct request *rq, struct slice message, uint8_t *reply,
			struct dispatch *out)
{
	if (!begin(rq, reply, out))
		return;
	enum datagram_kind kind = classify(rq, message);
	if (is_ms_control(rq, message))
		ms_control(rq, message, out);
	else if (rq->al != NULL && rq->al->dialect == DIALECT_MS)
		ms_data(rq, message, out);
	else
		ietf_message(rq, kind, message, out);
}

void dispatch_from_client(struct turn *turn, const struct five_tuple *tuple,
			  struct slice message, uint64_t now_ms, int64_t unix_s,
			  uint8_t *reply, struct dispatch *out)
{
	struct request rq = {
		.turn = turn, .tuple = tuple, .now_ms = now_ms, .unix_s = unix_s};

	from_client(&rq, message, reply, out);
}

void dispatch_from_balancer(struct turn *turn, const struct five_tuple *tuple,
			    struct slice message, uint64_t now_ms, int64_t unix_s,
			    uint8_t *reply, struct dispatch *out)
{
	struct request rq = {
		.turn = turn,
		.tuple = tuple,
		.now_ms = now_ms,
		.unix_s = unix_s,
		.is_proxied = true,
	};

	from_client(&rq, message, reply, out);
	assert(out->reply_front == tuple->front && out->reply_port == tuple->client.port);
}

void dispatch_visit(struct turn *turn, const struct five_tuple *tuple, unsigned via,
		    struct slice message, uint64_t now_ms, int64_t unix_s, uint8_t *reply,
		    struct dispatch *out)
{
	struct request rq = {
		.turn = turn, .tuple = tuple, .now_ms = now_ms, .unix_s = unix_s};

	if (!begin(&rq, reply, out))
		return;
	rq.via = via;
	stun_message(&rq, message, out);
}

void dispatch_nat_discovery(struct turn *turn, const struct five_tuple *tuple,
			    struct slice message, uint64_t now_ms, int64_t unix_s,
			    uint8_t *reply, struct dispatch *out)
{
	struct request rq = {
		.turn = turn,
		.tuple = tuple,
		.now_ms = now_ms,
		.unix_s = unix_s,
		.binding_only = true,
	};

	if (!begin(&rq, reply, out))
		return;
	assert(transport_is_secure(rq.transport));
	rq.al = NULL; /* one of an earlier connection is not this one's */
	ietf_message(&rq, classify(&rq, message), message, out);
}

bool dispatch_may_answer(struct turn *turn, const struct five_tuple *tuple,
			 uint64_t now_ms)
{
	return reply_allowed(turn, tuple, TRANSPORT_UDP, NULL, now_ms);
}

void dispatch_ms_frame(struct turn *turn, const struct five_tuple *tuple,
		       struct slice frame, uint64_t now_ms, int64_t unix_s,
		       uint8_t *reply, struct dispatch *out)
{
	struct request rq = {
		.turn = turn, .tuple = tuple, .now_ms = now_ms, .unix_s = unix_s};

	if (!begin(&rq, reply, out))
		return;
	assert(frame.len >= MS_FRAME_HEADER_LEN && transport_is_stream(rq.transport));
	if (rq.al != NULL && rq.al->dialect != DIALECT_MS) {
		out->action = DISPATCH_CLOSE;
		return;
	}
	struct slice content = slice_skip(frame, MS_FRAME_HEADER_LEN);
	if (frame.data[0] == MS_FRAME_CONTROL)
		ms_control(&rq, content, out);
	else
		ms_data(&rq, content, out);
}

void dispatch_from_peer(struct turn *turn, uint32_t slot, const struct endpoint *source,
			struct slice payload, uint64_t now_ms, struct forward *out)
{
	struct allocation *al = allocation_at(turn->table, slot);
	enum drop_reason reason = al == NULL ? DROP_NO_ALLOCATION : DROP_NONE;

	if (reason == DROP_NONE && source->port == 0)
		reason = DROP_SOURCE_PORT_ZERO;
	if (reason != DROP_NONE) {
		drop(turn, reason);
		*out = (struct forward){.kind = FORWARD_DROP, .reason = reason};
		return;
	}
	debug_assert(al->slot == slot);
	forward_from_peer(turn, al, source, payload, now_ms, out);
}

void dispatch_icmp(struct turn *turn, uint32_t slot, const struct icmp_error *error,
		   uint64_t now_ms, struct forward *out)
{
	struct allocation *al = allocation_at(turn->table, slot);

	if (al != NULL) {
		icmp_to_client(turn, al, error, now_ms, out);
		return;
	}
	drop(turn, DROP_NO_ALLOCATION);
	*out = (struct forward){.kind = FORWARD_DROP, .reason = DROP_NO_ALLOCATION};
}

size_t dispatch_connected(struct turn *turn, uint32_t connection, enum peer_event outcome,
			  uint64_t now_ms, uint8_t *reply, bool *kept)
{
	size_t len = turn_tcp_answer(turn, connection, outcome, now_ms, reply,
				     DISPATCH_REPLY_MAX);

	*kept = tcp_connection_at(turn, connection)->state == TCP_CONNECTION_PENDING;
	return len;
}

size_t dispatch_attempt(struct turn *turn, uint32_t connection, uint8_t *reply)
{
	return turn_tcp_attempt(turn, connection, reply, DISPATCH_REPLY_MAX);
}

void dispatch_client_gone(struct turn *turn, const struct five_tuple *tuple,
			  enum end_reason reason, uint64_t now_ms)
{
	struct allocation *al = allocation_find_any(turn->table, tuple);

	if (al != NULL && !mobility_client_gone(turn, al, tuple))
		allocation_delete(turn, al, reason, now_ms);
	changes_save(turn, now_ms);
}

uint64_t dispatch_expire(struct turn *turn, uint64_t now_ms)
{
	uint64_t allocations = allocation_table_expire(turn, now_ms);
	uint64_t reservations =
		reservation_table_expire(turn->shared->reservations, now_ms);

	uint64_t bandwidth = ms_reservation_expire(turn, now_ms);
	uint64_t next = allocations < reservations ? allocations : reservations;

	changes_save(turn, now_ms);

	return next < bandwidth ? next : bandwidth;
}
