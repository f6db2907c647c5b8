/*
 * turn_tcp.c - see turn_tcp.h.
 */
#include "relay/dialect/ietf/turn_tcp.h"

#include <assert.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/mobility.h"
#include "relay/core/tcp_connection.h"
#include "relay/core/turn.h"
#include "relay/dialect/reply.h"
#include "stun/attr.h"

int turn_tcp_check_allocate(const struct request *rq)
{
	struct stun_attr attr;

	if (!rq->turn->settings->tcp_allocations)
		return STUN_UNSUPPORTED_TRANSPORT;
	if (!transport_is_stream(rq->transport) ||
	    stun_msg_find(rq->msg, TURN_DONT_FRAGMENT, &attr) ||
	    stun_msg_find(rq->msg, TURN_EVEN_PORT, &attr) ||
	    stun_msg_find(rq->msg, TURN_RESERVATION_TOKEN, &attr))
		return STUN_BAD_REQUEST;
	/* A second listening address is what RFC 8656 has for UDP. */
	if (stun_msg_find(rq->msg, TURN_ADDITIONAL_ADDRESS_FAMILY, &attr))
		return STUN_BAD_REQUEST;
	return 0;
}

/* --- Connect --------------------------------------------------------------------------------- */

static bool find_peer(const struct stun_msg *msg, struct endpoint *peer)
{
	struct stun_attr attr;

	return stun_msg_find(msg, TURN_XOR_PEER_ADDRESS, &attr) &&
	       stun_attr_xor_address(&attr, msg->txid, peer) && peer->port != 0;
}

/* How its answer is made, by which time the request is gone. */
static void keep_request(const struct request *rq, struct tcp_connect *connect)
{
	memcpy(connect->txid, rq->msg->txid, STUN_TXID_LEN);
	connect->kind = rq->auth.reply_kind;
	connect->key = rq->auth.owner.key;
	connect->has_fingerprint = rq->msg->has_fingerprint;
}

static void begin(struct request *rq, const struct endpoint *peer)
{
	struct turn *turn = rq->turn;
	struct endpoint local = *peer;
	uint32_t index;

	int code = tcp_connection_begin(turn, rq->al, peer, rq->now_ms, &index);
	if (code != 0) {
		reply_error(rq, code);
		return;
	}
	keep_request(rq, &tcp_connection_at(turn, index)->connect);
	peer_policy_to_local(turn->settings->policy, &local);
	if (turn->edge->tcp_connect(turn->edge->self, index, &local) != 0) {
		tcp_connection_gone(turn, index, PEER_CONNECT_FAILED);
		reply_error(rq, STUN_CONNECTION_FAILED);
	}
}

/*
 * No data comes on a control connection, so a Connect on the new one is what shows that a mobile
 * client is there (RFC 8016 section 3.2.2); its answer has to go there.
 */
static void arrive(const struct request *rq)
{
	if (rq->al->moving &&
	    (rq->al->client_gone || !five_tuple_equal(&rq->al->tuple, rq->tuple)))
		mobility_complete(rq->turn, rq->al);
}

void turn_connect(struct request *rq)
{
	struct endpoint peer;

	assert(rq->authenticated && rq->al != NULL);
	if (!allocation_has_data_connections(rq->al))
		reply_error_because(rq, STUN_BAD_REQUEST, "no TCP allocation");
	else if (!find_peer(rq->msg, &peer))
		reply_error(rq, STUN_BAD_REQUEST);
	else if (!allocation_has_family(rq->al, peer.ip.family))
		reply_error(rq, STUN_PEER_FAMILY_MISMATCH);
	else {
		arrive(rq);
		begin(rq, &peer);
	}
}

/* The code to answer with; 0: connected, and policy still allows it. */
static int outcome_code(struct turn *turn, uint32_t connection, enum peer_event outcome,
			uint64_t now_ms)
{
	if (outcome != PEER_CONNECTED) {
		assert(outcome == PEER_CONNECT_FAILED || outcome == PEER_CONNECT_TIMEOUT);
		return STUN_CONNECTION_FAILED;
	}
	return tcp_connection_established(turn, connection, now_ms) ? 0 : STUN_FORBIDDEN;
}

/* A request without its attributes: as much as the answer needs. */
static void as_request(const struct tcp_connect *connect, uint8_t header[STUN_HEADER_LEN],
		       struct stun_msg *msg)
{
	struct stun_builder b;

	stun_builder_start(&b, header, STUN_HEADER_LEN, TURN_CONNECT, STUN_REQUEST,
			   connect->txid);
	enum stun_parse parse =
		stun_msg_parse((struct slice){header, stun_builder_finish(&b)}, msg);
	assert(parse == STUN_PARSE_OK);
	(void)parse;
	msg->has_fingerprint = connect->has_fingerprint;
}

size_t turn_tcp_answer(struct turn *turn, uint32_t connection, enum peer_event outcome,
		       uint64_t now_ms, uint8_t *answer, size_t size)
{
	struct tcp_connection *c = tcp_connection_at(turn, connection);
	struct allocation *al = allocation_at(turn->table, c->slot);
	uint8_t header[STUN_HEADER_LEN];
	struct stun_msg msg;
	struct stun_builder b;
	struct request rq = {
		.turn = turn,
		.tuple = &al->tuple,
		.msg = &msg,
		.now_ms = now_ms,
		.transport = al->transport,
		.al = al,
		.authenticated = true,
		.auth = {.owner.key = c->connect.key, .reply_kind = c->connect.kind},
		.reply = answer,
		.reply_size = size,
	};

	assert(c->state == TCP_CONNECTION_CONNECTING);
	as_request(&c->connect, header, &msg);
	int code = outcome_code(turn, connection, outcome, now_ms);
	if (code == 0) {
		reply_success_start(&rq, &b);
		stun_add_u32(&b, TURN_CONNECTION_ID, c->id);
		reply_finish(&rq, &b, 0);
		c->connect = (struct tcp_connect){0};
	} else {
		reply_error(&rq, code);
		tcp_connection_gone(turn, connection,
				    code == STUN_FORBIDDEN ? PEER_REFUSED : outcome);
	}
	return rq.reply_len;
}

/* --- ConnectionAttempt ----------------------------------------------------------------------- */

size_t turn_tcp_attempt(struct turn *turn, uint32_t connection, uint8_t *indication,
			size_t size)
{
	const struct tcp_connection *c = tcp_connection_at(turn, connection);
	const struct allocation *al = allocation_at(turn->table, c->slot);
	uint8_t txid[STUN_TXID_LEN];
	struct stun_builder b;

	assert(c->state == TCP_CONNECTION_PENDING && c->is_incoming);
	turn->edge->random(turn->edge->self, txid, sizeof(txid));
	stun_builder_start(&b, indication, size, TURN_CONNECTION_ATTEMPT, STUN_INDICATION,
			   txid);
	stun_add_xor_address(&b, TURN_XOR_PEER_ADDRESS, &c->peer);
	stun_add_u32(&b, TURN_CONNECTION_ID, c->id);
	if (al->fingerprint)
		stun_add_fingerprint(&b);
	return stun_builder_finish(&b);
}

/* --- ConnectionBind -------------------------------------------------------------------------- */

static bool find_id(const struct stun_msg *msg, uint32_t *id)
{
	struct stun_attr attr;

	return stun_msg_find(msg, TURN_CONNECTION_ID, &attr) && stun_attr_u32(&attr, id);
}

static bool is_here(const struct request *rq, uint32_t id)
{
	return tcp_connection_worker(rq->turn, id) == rq->turn->worker;
}

/* The pending connection of that id, whose allocation is in force; or NONE. */
static uint32_t find_pending(const struct request *rq, uint32_t id)
{
	uint32_t index = tcp_connection_find(rq->turn, id);

	if (index == TCP_CONNECTION_NONE)
		return index;
	const struct tcp_connection *c = tcp_connection_at(rq->turn, index);
	const struct allocation *al = allocation_at(rq->turn->table, c->slot);
	return c->state == TCP_CONNECTION_PENDING &&
			       !allocation_has_expired(al, rq->now_ms)
		       ? index
		       : TCP_CONNECTION_NONE;
}

const struct allocation *turn_tcp_allocation_of(const struct request *rq)
{
	uint32_t id;

	if (!find_id(rq->msg, &id) || !is_here(rq, id))
		return NULL;
	uint32_t index = find_pending(rq, id);
	if (index == TCP_CONNECTION_NONE)
		return NULL;
	return allocation_at(rq->turn->table, tcp_connection_at(rq->turn, index)->slot);
}

/* TCP and TLS on one port are two fronts. */
static bool is_same_server_address(const struct turn *turn, uint16_t a, uint16_t b)
{
	const struct front *fronts = turn->shared->fronts;

	return a == b || endpoint_equal(&fronts[a].local, &fronts[b].local);
}

static void bind(struct request *rq, uint32_t id)
{
	struct turn *turn = rq->turn;
	uint32_t index = find_pending(rq, id);

	if (index == TCP_CONNECTION_NONE) {
		reply_error_because(rq, STUN_BAD_REQUEST, "no pending connection");
		return;
	}
	const struct tcp_connection *c = tcp_connection_at(turn, index);
	const struct allocation *al = allocation_at(turn->table, c->slot);
	if (!owner_id_equal(&rq->auth.owner.id, &al->owner.id)) {
		reply_error(rq, STUN_WRONG_CREDENTIALS);
		return;
	}
	if (!is_same_server_address(turn, rq->tuple->front, al->tuple.front)) {
		reply_error_because(rq, STUN_BAD_REQUEST, "another server address");
		return;
	}
	reply_success(rq);
	if (rq->reply_len == 0)
		return;
	tcp_connection_bind(turn, index, rq->tuple);
	rq->is_bound = true;
	rq->bound = index;
}

bool turn_tcp_hand_over(struct request *rq)
{
	uint32_t id;

	/* A control connection stays where its allocation is. */
	if (rq->msg->method != TURN_CONNECTION_BIND ||
	    !transport_is_stream(rq->transport) || rq->al != NULL ||
	    !find_id(rq->msg, &id) || is_here(rq, id))
		return false;
	rq->hand_over = true;
	rq->worker = (uint16_t)tcp_connection_worker(rq->turn, id);
	return true;
}

void turn_connection_bind(struct request *rq)
{
	uint32_t id;

	assert(rq->authenticated);
	if (!transport_is_stream(rq->transport)) {
		reply_error_because(rq, STUN_BAD_REQUEST, "not on TCP or TLS");
	} else if (rq->al != NULL) {
		reply_error_because(rq, STUN_BAD_REQUEST, "a control connection");
	} else if (!find_id(rq->msg, &id)) {
		reply_error(rq, STUN_BAD_REQUEST);
	} else if (!turn_tcp_hand_over(rq)) {
		bind(rq, id);
	}
}
