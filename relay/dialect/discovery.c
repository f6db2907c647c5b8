/*
 * discovery.c - see discovery.h.
 */
#include "relay/dialect/discovery.h"

#include <assert.h>
#include <string.h>

#include "relay/core/turn.h"
#include "relay/dialect/attributes.h"
#include "relay/dialect/reply.h"
#include "stun/attr.h"

static const struct nat_discovery *discovery_of(const struct request *rq)
{
	return &rq->turn->settings->discovery;
}

bool discovery_is_served(const struct request *rq)
{
	return !rq->is_proxied && discovery_of(rq)->fronts[rq->tuple->front].serves;
}

unsigned discovery_understands(const struct request *rq)
{
	enum side side = rq->turn->shared->fronts[rq->tuple->front].side;
	unsigned understood = attributes_understood(rq->turn);

	if (!discovery_is_served(rq))
		return understood;
	understood |= ATTRIBUTES_PADDING;
	/* A connection has one source address, so none of its answers has another. */
	if (rq->transport != TRANSPORT_UDP)
		return understood;
	understood |= ATTRIBUTES_CHANGE;
	if (discovery_of(rq)->response_port[side])
		understood |= ATTRIBUTES_RESPONSE_PORT;
	return understood;
}

/* Only two bits count (RFC 5780 section 7.2); an attribute of another length is unknown. */
static enum discovery_origin wanted_origin(const struct stun_msg *msg)
{
	struct stun_attr attr;
	uint32_t flags;

	if (!stun_msg_find(msg, STUN_CHANGE_REQUEST, &attr) ||
	    !stun_attr_u32(&attr, &flags))
		return DISCOVERY_HERE;
	return ((flags & STUN_CHANGE_IP) != 0 ? DISCOVERY_OTHER_IP : DISCOVERY_HERE) |
	       ((flags & STUN_CHANGE_PORT) != 0 ? DISCOVERY_OTHER_PORT : DISCOVERY_HERE);
}

/* RFC 5780 section 7.5: "16 bits followed by 2 bytes of padding", which some count as value. */
static bool wanted_port(const struct request *rq, uint16_t *port)
{
	struct stun_attr attr, padding;

	if ((discovery_understands(rq) & ATTRIBUTES_RESPONSE_PORT) == 0 ||
	    !stun_msg_find(rq->msg, STUN_RESPONSE_PORT, &attr))
		return true;
	if ((attr.value.len != 2 && attr.value.len != 4) ||
	    stun_msg_find(rq->msg, STUN_PADDING, &padding))
		return false;
	*port = load_be16(attr.value.data);
	return *port != 0;
}

/*
 * RFC 5780 section 6.1 suggests the MTU of the interface as its length. A client that tests
 * fragments sends as much itself; to all others the answer stays as short as the request.
 */
static void add_padding(const struct request *rq, struct stun_builder *b)
{
	size_t most = rq->msg->bytes.len;
	/* Its header, and what may follow: TRANSACTION-TRANSMIT-COUNTER and FINGERPRINT. */
	size_t rest = b->len + STUN_ATTR_HEADER_LEN + 8 + 8;
	struct stun_attr attr;

	if (!stun_msg_find(rq->msg, STUN_PADDING, &attr))
		return;
	if (most > rq->reply_size)
		most = rq->reply_size;
	size_t len = most > rest ? (most - rest) & ~(size_t)3 : 0;
	uint8_t *padding = stun_builder_reserve(b, STUN_PADDING, len);

	assert(padding != NULL);
	memset(padding, 0, len);
}

/* RFC 3489 section 8.1; RESPONSE-ADDRESS, which could name a victim, is not known at all. */
static void add_classic(const struct request *rq, struct stun_builder *b,
			const struct endpoint *origin, const struct endpoint *other)
{
	stun_add_address(b, STUN_MAPPED_ADDRESS, &rq->tuple->client);
	stun_add_address(b, STUN_SOURCE_ADDRESS, origin);
	stun_add_address(b, STUN_CHANGED_ADDRESS, other);
}

void discovery_binding(struct request *rq)
{
	const struct nat_discovery *discovery = discovery_of(rq);
	const struct front *fronts = rq->turn->shared->fronts;
	uint16_t front = rq->tuple->front, port = rq->tuple->client.port;
	enum discovery_origin from = wanted_origin(rq->msg);
	struct endpoint origin, other;
	struct stun_builder b;

	assert(discovery_is_served(rq) && discovery->fronts[front].fronts[0] == front);
	assert(from == DISCOVERY_HERE || rq->transport == TRANSPORT_UDP);
	if (!wanted_port(rq, &port)) {
		reply_error(rq, STUN_BAD_REQUEST);
		return;
	}
	origin = nat_discovery_origin(discovery, fronts, front, from);
	other = nat_discovery_origin(discovery, fronts, front, DISCOVERY_OTHER);
	reply_success_start(rq, &b);
	if (rq->msg->has_cookie) {
		stun_add_xor_address(&b, STUN_XOR_MAPPED_ADDRESS, &rq->tuple->client);
		stun_add_address(&b, STUN_MAPPED_ADDRESS, &rq->tuple->client);
		stun_add_address(&b, STUN_RESPONSE_ORIGIN, &origin);
		stun_add_address(&b, STUN_OTHER_ADDRESS, &other);
		add_padding(rq, &b);
	} else {
		add_classic(rq, &b, &origin, &other);
	}
	reply_finish(rq, &b, 0);
	reply_spend_on_stranger(rq);
	rq->reply_front = discovery->fronts[front].fronts[from];
	rq->reply_port = port;
}
