/*
 * socket_plane.c - see socket_plane.h.
 */
#include "tests/unit/offload/socket_plane.h"

#include <assert.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/dialect/dispatch.h"
#include "stun/classify.h"

/* Hop limits are only told where they count (relay/front/udp.c). */
static uint8_t told_hop_limit(const struct fixture *fixture,
			      const struct datagram *datagram)
{
	return fixture->settings.decrement_hop_limit ? datagram->hop_limit : 0;
}

static void send_as(struct datagram *sent, const struct endpoint *from,
		    const struct endpoint *to, const struct forward *forward,
		    uint8_t *bytes)
{
	size_t len = forward->header_len + forward->payload.len + forward->padding_len;

	assert(len <= FRAME_MAX);
	/* The payload may be in bytes already, from the hop before. */
	if (forward->payload.len > 0)
		memmove(bytes + forward->header_len, forward->payload.data,
			forward->payload.len);
	memcpy(bytes, forward->header, forward->header_len);
	memset(bytes + len - forward->padding_len, 0, forward->padding_len);
	*sent = (struct datagram){
		.source = *from,
		.destination = *to,
		.tos = forward->tos,
		.hop_limit = forward->hop_limit != 0 ? forward->hop_limit
						     : SOCKET_PLANE_HOP_LIMIT,
		.df = forward->dont_fragment,
		.payload = {bytes, len},
	};
}

/* --- the client side ----------------------------------------------------------------------------- */

static int front_at(const struct fixture *fixture, const struct endpoint *local)
{
	for (int i = 0; i < FAKE_FRONTS; i++) {
		if (fixture->fronts[i].transport == TRANSPORT_UDP &&
		    endpoint_equal(&fixture->fronts[i].local, local))
			return i;
	}
	return -1;
}

/* is_dtls() of relay/front/udp.c. */
static bool is_for_dtls(struct fixture *fixture, const struct five_tuple *tuple,
			struct slice payload)
{
	const struct allocation *al;

	if (datagram_classify(payload) != DATAGRAM_DTLS)
		return false;
	al = allocation_find(fixture->turn.table, tuple);
	return al == NULL || al->dialect != DIALECT_MS;
}

static bool from_client(struct fixture *fixture, int front,
			const struct datagram *datagram, struct datagram *sent,
			uint8_t *bytes)
{
	static uint8_t reply[DISPATCH_REPLY_MAX];
	const struct five_tuple tuple = {datagram->source, (uint16_t)front};
	const struct allocation *al;
	struct endpoint from;
	struct dispatch out;

	if (is_for_dtls(fixture, &tuple, datagram->payload))
		return false;
	dispatch_from_client(&fixture->turn, &tuple, datagram->payload, fixture->now_ms,
			     fixture->unix_s, reply, &out);
	if (out.action != DISPATCH_FORWARD ||
	    !forward_set_header(&fixture->turn, &out.forward, datagram->tos,
				told_hop_limit(fixture, datagram)))
		return false;
	assert(out.forward.kind == FORWARD_TO_PEER);
	al = allocation_at(fixture->turn.table, out.forward.slot);
	from = allocation_relayed_local(&fixture->turn, al);
	if (from.ip.family != out.forward.peer.ip.family)
		from = allocation_second_local(&fixture->turn, al);
	send_as(sent, &from, &out.forward.peer, &out.forward, bytes);
	return true;
}

/* --- the relayed side ---------------------------------------------------------------------------- */

static struct allocation *relayed_at(struct fixture *fixture,
				     const struct endpoint *local)
{
	struct allocation *al;

	for (uint32_t slot = 0; (al = allocation_next(fixture->turn.table, slot)) != NULL;
	     slot = al->slot + 1) {
		struct endpoint first = allocation_relayed_local(&fixture->turn, al);
		struct endpoint second = allocation_second_local(&fixture->turn, al);

		if (al->relay_transport == TRANSPORT_UDP &&
		    (endpoint_equal(&first, local) || endpoint_equal(&second, local)))
			return al;
	}
	return NULL;
}

static bool from_peer(struct fixture *fixture, struct allocation *al,
		      const struct datagram *datagram, struct datagram *sent,
		      uint8_t *bytes)
{
	struct forward out;

	dispatch_from_peer(&fixture->turn, al->slot, &datagram->source, datagram->payload,
			   fixture->now_ms, &out);
	if (out.kind != FORWARD_TO_CLIENT ||
	    !forward_set_header(&fixture->turn, &out, datagram->tos,
				told_hop_limit(fixture, datagram)))
		return false;
	send_as(sent, &fixture->fronts[al->tuple.front].local, &al->tuple.client, &out,
		bytes);
	return al->transport == TRANSPORT_UDP;
}

bool socket_plane_relays(struct fixture *fixture, const struct datagram *datagram,
			 struct datagram *sent, uint8_t *bytes)
{
	int front = front_at(fixture, &datagram->destination);
	struct allocation *al;
	struct datagram first;

	if (front < 0) {
		al = relayed_at(fixture, &datagram->destination);
		return al != NULL && from_peer(fixture, al, datagram, sent, bytes);
	}
	if (!from_client(fixture, front, datagram, &first, bytes))
		return false;
	al = relayed_at(fixture, &first.destination);
	if (al != NULL)
		return from_peer(fixture, al, &first, sent, bytes);
	*sent = first;
	return true;
}
