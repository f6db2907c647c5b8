/*
 * ms_allocate.c - Allocate of the MS dialect: make, refresh, release.
 *
 * Everything in an answer comes from the allocation and from the request, so a repeated request
 * gets the same answer again. MS-SEQUENCE-NUMBER is not required here: it is not known whether
 * clients number it, and a repetition has no effect. Only a release that names another
 * connection is refused, since it means an allocation that is gone.
 */
#include <assert.h>
#include <string.h>

#include "relay/core/ms_auth.h"
#include "relay/core/ms_reservation.h"
#include "relay/core/revocation.h"
#include "relay/core/turn.h"
#include "relay/dialect/ms/ms_reply.h"
#include "relay/dialect/ms/ms_turn.h"
#include "stun/attr.h"
#include "stun/ms_attr.h"

enum {
	/* kbit/s, the value that servers of that time sent */
	BANDWIDTH_DEFAULT = 750,
};

/* An Allocate request, checked. */
struct ask {
	uint8_t family; /* IP_V4 or IP_V6 */
	bool dual;      /* IPv6 next to IPv4, if it can be had */
	bool has_lifetime;
	uint32_t lifetime_s; /* 0 if the request does not say */
};

/*
 * Families are asked for from version 4 on; before that the attribute means nothing. A client
 * that does not ask gets both, but not on a stream: there the second would be one more port
 * that listens.
 */
static bool check_family(const struct ms_request *rq, struct ask *ask)
{
	const struct turn_ms *ms = &rq->turn->settings->ms;
	struct stun_attr attr;

	ask->family = IP_V4;
	if (!ms->ipv6 || ms->version < MS_VERSION_IPV6 ||
	    ms_request_version(rq) < MS_VERSION_IPV6)
		return true;
	if (!ms_msg_find(rq->msg, MS_REQUESTED_ADDRESS_FAMILY, &attr)) {
		ask->dual = !transport_is_stream(rq->transport);
		return true;
	}
	return stun_attr_first_of_four(&attr, &ask->family) &&
	       (ask->family == IP_V4 || ask->family == IP_V6);
}

static bool check(const struct ms_request *rq, struct ask *ask)
{
	struct stun_attr attr;

	*ask = (struct ask){
		.has_lifetime = ms_msg_find(rq->msg, MS_LIFETIME, &attr),
	};
	if (ask->has_lifetime && !stun_attr_u32(&attr, &ask->lifetime_s))
		return false;
	return check_family(rq, ask);
}

/*
 * On a stream the connection ends the allocation. The lifetime only matters for clients that
 * fell silent, and long: a client exists that never refreshes on pseudo-TLS and that misreads
 * the answer to a refresh while it exchanges bare data.
 */
static uint32_t lifetime(const struct ms_request *rq, const struct ask *ask)
{
	uint32_t wanted_s = ask->lifetime_s;

	if (transport_is_stream(rq->transport) && !ask->has_lifetime)
		wanted_s = rq->turn->settings->limits.lifetime_max_s;
	return allocation_lifetime(rq->turn, wanted_s);
}

static int create(struct ms_request *rq, const struct ask *ask)
{
	bool stream = transport_is_stream(rq->transport);
	const struct owner_proof proof =
		ms_auth_proof(rq->turn, rq->msg, &rq->auth.owner);
	const struct allocation_request request = {
		.tuple = *rq->tuple,
		.dialect = DIALECT_MS,
		.family = ask->family,
		.dual = ask->dual,
		.relay_transport = stream ? TRANSPORT_TCP : TRANSPORT_UDP,
		.lifetime_s = lifetime(rq, ask),
		.txid = rq->msg->txid,
		.owner = &rq->auth.owner,
		.proof = &proof,
		.ends_ms = revocation_deadline(rq->turn, &rq->auth.owner, rq->now_ms,
					       rq->unix_s),
		.why = &rq->refusal,
	};

	/* The dialect has one code for every lack here: ports, quota, family. */
	if (allocation_create(rq->turn, &request, rq->now_ms, &rq->al) != 0)
		return MS_SERVER_ERROR;
	rq->turn->edge->random(rq->turn->edge->self, rq->al->ms.sequence.connection_id,
			       MS_CONNECTION_ID_LEN);
	return 0;
}

static void refuse_while_draining(struct ms_request *rq)
{
	enum refusal why =
		turn_drain_refusal(rq->turn, rq->tuple->front, ms_reply_can_redirect(rq));

	counter_add(&rq->turn->counters.refusals[why], 1);
	if (why == REFUSAL_REDIRECTED)
		ms_reply_redirect(rq);
	else if (why == REFUSAL_DRAINING)
		ms_reply_error(rq, MS_SERVER_ERROR);
	else
		rq->close = transport_is_stream(rq->transport);
}

/* False if the client can have no new allocation, and has been told. */
static bool may_create(struct ms_request *rq)
{
	/* Tunnels can turn one packet into many: RFC 8656 section 21.4. */
	if (ip_addr_is_tunnelled(&rq->tuple->client.ip)) {
		ms_reply_error(rq, MS_GLOBAL_FAILURE);
		return false;
	}
	if (!turn_takes_new(rq->turn, rq->tuple->front)) {
		refuse_while_draining(rq);
		return false;
	}
	return true;
}

static uint8_t number_of(uint16_t told)
{
	return told < MS_UNKNOWN ? (uint8_t)told : MS_UNKNOWN;
}

/* A client that says nothing means audio with best effort ([MS-TURNBWM] section 3.3.5.1). */
static void note_service_quality(struct ms_request *rq)
{
	struct ms_service_quality quality = {MS_STREAM_AUDIO, MS_QUALITY_BEST_EFFORT};
	struct ms_state *ms = &rq->al->ms;
	struct stun_attr attr;
	bool is_told = ms_msg_find(rq->msg, MS_SERVICE_QUALITY, &attr) &&
		       ms_attr_service_quality(&attr, &quality);

	/* What was announced before holds until another is. */
	if (!is_told && ms->stream_type != 0)
		return;
	ms->stream_type = number_of(quality.stream_type);
	ms->quality = number_of(quality.quality);
}

/* What the client asks for, as far as an allocation may have that. */
static uint32_t bandwidth(const struct ms_request *rq)
{
	uint64_t most =
		rq->turn->settings->limits.bandwidth.per_allocation[DIALECT_MS] / 1000;
	struct stun_attr attr;
	uint32_t kbit;

	if (!ms_msg_find(rq->msg, MS_BANDWIDTH, &attr) || !stun_attr_u32(&attr, &kbit))
		kbit = BANDWIDTH_DEFAULT;
	return most != 0 && kbit > most ? (uint32_t)most : kbit;
}

static void reply_allocated(struct ms_request *rq, uint32_t lifetime_s)
{
	const struct allocation *al = rq->al;
	struct endpoint relayed = allocation_relayed_public(rq->turn, al);
	struct endpoint second = allocation_second_public(rq->turn, al);
	/* A client takes the first byte of the number as the top of its own: let it be 0. */
	struct ms_sequence sequence = {.number = 0};
	struct ms_builder b;

	memcpy(sequence.connection_id, al->ms.sequence.connection_id,
	       MS_CONNECTION_ID_LEN);
	ms_reply_success_start(rq, &b);
	ms_reply_add_version(rq, &b);
	ms_add_address(&b, MS_MAPPED_ADDRESS, &relayed);
	if (second.ip.family != IP_NONE)
		ms_add_address(&b, MS_ALTERNATE_MAPPED_ADDRESS, &second);
	ms_add_xor_address(&b, MS_XOR_MAPPED_ADDRESS, &rq->tuple->client);
	/* Always: a client exists that reads anything at all if it is missing. */
	ms_add_u32(&b, MS_LIFETIME, lifetime_s);
	ms_add_u32(&b, MS_BANDWIDTH, bandwidth(rq));
	ms_add_sequence(&b, &sequence);
	ms_admission_add(rq, &b);
	ms_reply_finish(rq, &b, 0);
}

static void end_session(struct ms_request *rq)
{
	reply_allocated(rq, 0);
	allocation_delete(rq->turn, rq->al, END_RELEASED, rq->now_ms);
	rq->al = NULL;
}

static bool names_other_connection(const struct ms_request *rq)
{
	struct ms_sequence sequence;
	struct stun_attr attr;

	return ms_msg_find(rq->msg, MS_SEQUENCE_NUMBER, &attr) &&
	       ms_attr_sequence(&attr, &sequence) &&
	       memcmp(sequence.connection_id, rq->al->ms.sequence.connection_id,
		      MS_CONNECTION_ID_LEN) != 0;
}

/* A second release gets 437, signed: a client with two candidates sends two. */
static void release(struct ms_request *rq)
{
	if (rq->al == NULL || names_other_connection(rq)) {
		ms_reply_error(rq, MS_NO_BINDING);
		return;
	}
	ms_admission_release(rq);
	end_session(rq);
}

/*
 * With another password, or another realm of ours since a restart, the client signs what it sends from now
 * on with another key.
 */
static void renew_key(struct ms_request *rq)
{
	const struct stun_key *is = &rq->auth.owner.key, *was = &rq->al->owner.key;

	/* Of the other length: one request with the other kind of integrity, and no new key. */
	if (is->len != was->len || memcmp(is->bytes, was->bytes, is->len) == 0)
		return;

	const struct owner_proof proof =
		ms_auth_proof(rq->turn, rq->msg, &rq->auth.owner);

	allocation_reown(rq->turn, rq->al, &rq->auth.owner, &proof,
			 revocation_deadline(rq->turn, &rq->auth.owner, rq->now_ms,
					     rq->unix_s));
}

static void refresh(struct ms_request *rq, const struct ask *ask)
{
	renew_key(rq);
	allocation_refresh(rq->turn, rq->al, lifetime(rq, ask), rq->now_ms);
	ms_reservation_refresh(rq->turn, rq->al, rq->now_ms);
}

void ms_allocate(struct ms_request *rq)
{
	struct ask ask;
	int code = 0;

	if (rq->al != NULL && !ms_request_is_owners(rq)) {
		ms_reply_error(rq, MS_WRONG_USERNAME);
		return;
	}
	if (!check(rq, &ask)) {
		ms_reply_error(rq, MS_BAD_REQUEST);
		return;
	}
	ms_admission_read(rq);
	if (ask.has_lifetime && ask.lifetime_s == 0) {
		release(rq);
		return;
	}
	if (ms_admission_is_late(rq)) {
		ms_reply_error(rq, MS_NO_BINDING);
		return;
	}

	assert(rq->authenticated && (rq->al == NULL || rq->al->dialect == DIALECT_MS));
	rq->refusal = REFUSAL_COUNT;
	if (rq->al == NULL && !may_create(rq))
		return;
	if (rq->al == NULL)
		code = create(rq, &ask);
	else
		refresh(rq, &ask);
	if (code != 0 && rq->refusal != REFUSAL_COUNT) {
		ms_reply_error_because(rq, code, refusal_text(rq->refusal));
		return;
	}
	if (code != 0) {
		ms_reply_error(rq, code);
		return;
	}
	assert(rq->al != NULL);
	note_service_quality(rq);
	ms_admission_apply(rq);
	if (rq->bandwidth.ends_session)
		end_session(rq);
	else
		reply_allocated(rq, allocation_left_s(rq->al, rq->now_ms));
}
