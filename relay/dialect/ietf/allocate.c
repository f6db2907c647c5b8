/*
 * allocate.c - Allocate (RFC 8656 section 7.2), step by step in the order of its list.
 *
 * With ADDITIONAL-ADDRESS-FAMILY a client asks for a relayed address of each family. If only
 * one is available, it gets that one and ADDRESS-ERROR-CODE for the other.
 */
#include <assert.h>
#include <string.h>

#include "relay/core/mobility.h"
#include "relay/core/relay_port.h"
#include "relay/core/revocation.h"
#include "relay/core/transactions.h"
#include "relay/core/turn.h"
#include "relay/dialect/attributes.h"
#include "relay/dialect/ietf/mobile.h"
#include "relay/dialect/ietf/turn.h"
#include "relay/dialect/ietf/turn_tcp.h"
#include "relay/dialect/reply.h"
#include "stun/attr.h"

/* An Allocate request, checked. */
struct ask {
	bool tcp;       /* a TCP allocation (RFC 6062) */
	uint8_t family; /* IP_V4 or IP_V6 */
	bool dual;      /* the other family too, if possible */
	bool even_port, reserve_next;
	const uint8_t *reservation_token; /* NULL if none */
	uint32_t lifetime_s;              /* as requested */
	bool mobile;                      /* RFC 8016 */
};

/*
 * On Linux a program cannot see whether DF was set on what it receives, so a translation from
 * IPv4 to IPv6 cannot honour it, and section 3.7 wants the request refused. From a stream no
 * packet is translated: what it sends is not to be fragmented if it says so (section 15).
 */
static bool dont_fragment_is_lost(const struct request *rq, uint8_t families)
{
	struct stun_attr attr;

	return !transport_is_stream(rq->transport) &&
	       rq->tuple->client.ip.family == IP_V4 && (families & IP_V6) != 0 &&
	       stun_msg_find(rq->msg, TURN_DONT_FRAGMENT, &attr);
}

/* Step 3. */
static int check_transport(const struct request *rq, struct ask *ask)
{
	struct stun_attr attr;
	uint8_t protocol;

	if (!stun_msg_find(rq->msg, TURN_REQUESTED_TRANSPORT, &attr) ||
	    !stun_attr_first_of_four(&attr, &protocol))
		return STUN_BAD_REQUEST;
	ask->tcp = protocol == TURN_TRANSPORT_TCP;
	if (ask->tcp)
		return turn_tcp_check_allocate(rq);
	return protocol == TURN_TRANSPORT_UDP ? 0 : STUN_UNSUPPORTED_TRANSPORT;
}

/* Steps 4 to 9: which address, and with which port. */
static int check_address(const struct request *rq, struct ask *ask)
{
	struct stun_attr token, even, family, additional;
	bool has_token = stun_msg_find(rq->msg, TURN_RESERVATION_TOKEN, &token);
	bool has_even = stun_msg_find(rq->msg, TURN_EVEN_PORT, &even);
	bool has_family = stun_msg_find(rq->msg, TURN_REQUESTED_ADDRESS_FAMILY, &family);
	bool has_additional =
		stun_msg_find(rq->msg, TURN_ADDITIONAL_ADDRESS_FAMILY, &additional);
	bool family_is_valid = has_family &&
			       stun_attr_first_of_four(&family, &ask->family);
	uint8_t second;

	if (family_is_valid && dont_fragment_is_lost(rq, ask->family)) /* 4 */
		return STUN_UNKNOWN_ATTRIBUTE;

	if (has_token) { /* 5 */
		if (has_even || has_family || has_additional ||
		    token.value.len != RESERVATION_TOKEN_LEN)
			return STUN_BAD_REQUEST;
		ask->reservation_token = token.value.data;
	}
	if (has_family && has_additional) /* 6 */
		return STUN_BAD_REQUEST;
	if (has_family && !family_is_valid) /* 7 */
		return STUN_BAD_REQUEST;
	if (!has_token && !has_additional &&
	    !relay_port_has_family(rq->turn, ask->family))
		return STUN_ADDRESS_FAMILY_NOT_SUPPORTED;

	ask->even_port = has_even; /* 8 */
	if (has_even && !stun_attr_even_port(&even, &ask->reserve_next))
		return STUN_BAD_REQUEST;
	if (ask->reserve_next && has_additional)
		return STUN_BAD_REQUEST;

	ask->dual = has_additional; /* 9 */
	if (has_additional &&
	    (!stun_attr_first_of_four(&additional, &second) || second != IP_V6))
		return STUN_BAD_REQUEST;
	return 0;
}

static int check(struct request *rq, struct ask *ask)
{
	struct stun_attr attr;

	/* Without REQUESTED-ADDRESS-FAMILY it is IPv4, whatever the client's own family. */
	*ask = (struct ask){.family = IP_V4};

	int code = check_transport(rq, ask);
	if (code == 0)
		code = check_address(rq, ask);
	if (code == 0 && stun_msg_find(rq->msg, TURN_LIFETIME, &attr) &&
	    !stun_attr_u32(&attr, &ask->lifetime_s))
		code = STUN_BAD_REQUEST;
	if (code == 0)
		code = mobile_check_allocate(rq, &ask->mobile);
	return code;
}

static int create_one(struct request *rq, const struct ask *ask, uint8_t family,
		      bool dual)
{
	const struct owner_proof proof = auth_proof(rq->turn, rq->msg, &rq->auth.owner);
	const struct allocation_request request = {
		.tuple = *rq->tuple,
		.dialect = DIALECT_IETF,
		.family = family,
		.dual = dual,
		.relay_transport = ask->tcp ? TRANSPORT_TCP : TRANSPORT_UDP,
		.data_connections = ask->tcp,
		.lifetime_s = allocation_lifetime(rq->turn, ask->lifetime_s),
		.even_port = ask->even_port,
		.reserve_next = ask->reserve_next,
		.reservation_token = ask->reservation_token,
		.txid = rq->msg->txid,
		.owner = &rq->auth.owner,
		.proof = &proof,
		.ends_ms = revocation_deadline(rq->turn, &rq->auth.owner, rq->now_ms,
					       rq->unix_s),
		.why = &rq->refusal,
	};

	return allocation_create(rq->turn, &request, rq->now_ms, &rq->al);
}

/*
 * Both families. If only one is available it is that one; an IPv6 address that cannot honour
 * DONT-FRAGMENT is not, and 440 tells the client not to ask for it again (section 7.3).
 */
static int create_dual(struct request *rq, const struct ask *ask)
{
	bool v6_is_lost = dont_fragment_is_lost(rq, IP_V6);
	int missing = create_one(rq, ask, IP_V4, !v6_is_lost);

	if (missing == 0) {
		if (v6_is_lost)
			rq->al->dual.missing_code = STUN_ADDRESS_FAMILY_NOT_SUPPORTED;
		return 0;
	}
	if (missing != STUN_ADDRESS_FAMILY_NOT_SUPPORTED &&
	    missing != STUN_INSUFFICIENT_CAPACITY)
		return missing;
	/* What is left is IPv6 alone, which the client may have without DONT-FRAGMENT. */
	if (v6_is_lost)
		return STUN_UNKNOWN_ATTRIBUTE;

	int code = create_one(rq, ask, IP_V6, false);
	if (code == 0)
		rq->al->dual.missing_code = (uint16_t)missing;
	/* Both unavailable, for any reasons: 508. */
	return code == STUN_ADDRESS_FAMILY_NOT_SUPPORTED ? STUN_INSUFFICIENT_CAPACITY
							 : code;
}

static int create(struct request *rq, const struct ask *ask)
{
	int code = ask->dual ? create_dual(rq, ask)
			     : create_one(rq, ask, ask->family, false);

	if (code != 0 || !ask->mobile || mobility_begin(rq->turn, rq->al))
		return code;
	allocation_delete(rq->turn, rq->al, END_RELEASED, rq->now_ms);
	rq->al = NULL;
	return STUN_INSUFFICIENT_CAPACITY;
}

static void add_address_error_code(struct stun_builder *b, uint8_t family, int code)
{
	const char *reason = stun_error_reason(code);

	assert(family == IP_V4 || family == IP_V6);
	size_t len = strlen(reason);
	uint8_t *value = stun_builder_reserve(b, TURN_ADDRESS_ERROR_CODE, 4 + len);

	if (value == NULL)
		return;
	value[0] = family;
	value[1] = 0;
	value[2] = (uint8_t)(code / 100);
	value[3] = (uint8_t)(code % 100);
	memcpy(value + 4, reason, len);
}

/*
 * Everything in the answer comes from the allocation and from the request's own bytes, so that
 * a retransmission gets the same answer again.
 */
static void reply_allocated(struct request *rq)
{
	const struct allocation *al = rq->al;
	struct endpoint relayed = allocation_relayed_public(rq->turn, al);
	struct endpoint second = allocation_second_public(rq->turn, al);
	struct stun_builder b;

	reply_success_start(rq, &b);
	stun_add_xor_address(&b, TURN_XOR_RELAYED_ADDRESS, &relayed);
	if (second.ip.family != IP_NONE)
		stun_add_xor_address(&b, TURN_XOR_RELAYED_ADDRESS, &second);
	stun_add_u32(&b, TURN_LIFETIME, allocation_left_s(al, rq->now_ms));
	stun_add_xor_address(&b, STUN_XOR_MAPPED_ADDRESS, &rq->tuple->client);
	if (al->reservation.held)
		stun_builder_add(&b, TURN_RESERVATION_TOKEN, al->reservation.token,
				 RESERVATION_TOKEN_LEN);
	if (al->dual.missing_code != 0)
		add_address_error_code(&b, al->families == IP_V4 ? IP_V6 : IP_V4,
				       al->dual.missing_code);
	mobile_add_ticket(rq, &b);
	reply_finish(rq, &b, 0);
}

static bool is_retransmission(const struct request *rq)
{
	return !transport_is_stream(rq->transport) && request_is_owners(rq) &&
	       memcmp(rq->msg->txid, rq->al->txid, STUN_TXID_LEN) == 0;
}

static void refuse(struct request *rq, int code)
{
	static const uint16_t dont_fragment[] = {TURN_DONT_FRAGMENT};

	if (code == STUN_UNKNOWN_ATTRIBUTE)
		reply_unknown_attributes(rq, dont_fragment, 1);
	else if (rq->refusal != REFUSAL_COUNT)
		reply_error_because(rq, code, refusal_text(rq->refusal));
	else
		reply_error(rq, code);
}

/*
 * Step 11: 300, or 486 as in step 10 if no other relay can be named, or silence, as configured. A
 * reservation is honoured, because no other relay knows of it.
 */
static void refuse_while_draining(struct request *rq)
{
	enum refusal why =
		turn_drain_refusal(rq->turn, rq->tuple->front, reply_can_redirect(rq));

	counter_add(&rq->turn->counters.refusals[why], 1);
	if (why == REFUSAL_REDIRECTED)
		reply_redirect(rq);
	else if (why == REFUSAL_DRAINING)
		reply_error(rq, STUN_QUOTA_REACHED);
	else
		rq->close = transport_is_stream(rq->transport);
}

void turn_allocate(struct request *rq)
{
	struct ask ask;

	assert(rq->authenticated);
	rq->refusal = REFUSAL_COUNT;
	if (rq->al != NULL) { /* step 2 */
		if (is_retransmission(rq))
			reply_allocated(rq);
		else
			reply_error(rq, STUN_ALLOCATION_MISMATCH);
		return;
	}

	/* Tunnels can turn one packet into many: RFC 8656 section 21.4. */
	if (ip_addr_is_tunnelled(&rq->tuple->client.ip)) {
		reply_error(rq, STUN_FORBIDDEN);
		return;
	}

	int code = check(rq, &ask);
	if (code == 0 && !turn_takes_new(rq->turn, rq->tuple->front) &&
	    ask.reservation_token == NULL) {
		refuse_while_draining(rq);
		return;
	}
	if (code == 0)
		code = create(rq, &ask);
	if (code != 0) {
		refuse(rq, code);
		return;
	}

	/* The family of a reservation is known only now. */
	if (dont_fragment_is_lost(rq, rq->al->families)) {
		allocation_delete(rq->turn, rq->al, END_RELEASED, rq->now_ms);
		rq->al = NULL;
		refuse(rq, STUN_UNKNOWN_ATTRIBUTE);
		return;
	}

	assert(rq->al->families != IP_NONE);
	rq->al->fingerprint = rq->msg->has_fingerprint;
	rq->al->shows_rfc8656 = attributes_show_rfc8656(rq->msg);
	transactions_remember(&rq->al->transactions, rq->msg->txid, STUN_TXID_LEN, 0,
			      rq->now_ms);
	reply_allocated(rq);
}
