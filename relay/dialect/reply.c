/*
 * reply.c - answers; see reply.h.
 */
#include "relay/dialect/reply.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "relay/core/turn.h"
#include "stun/attr.h"
#include "stun/integrity.h"

bool reply_allowed(struct turn *turn, const struct five_tuple *tuple,
		   enum transport transport, const struct allocation *al, uint64_t now_ms)
{
	const struct turn_limits *limits = &turn->settings->limits;

	/* A handshake has proved the address. */
	if (transport != TRANSPORT_UDP || al != NULL)
		return true;
	if (limiter_allows(turn->shared->strangers, &tuple->client.ip,
			   limits->stranger_rate, limits->stranger_burst, now_ms))
		return true;

	counter_add(&turn->counters.drops[DROP_LIMITED], 1);
	return false;
}

bool reply_allowed_to_stranger(struct request *rq)
{
	return reply_allowed(rq->turn, rq->tuple, rq->transport, rq->al, rq->now_ms);
}

void reply_spend_on_stranger(const struct request *rq)
{
	size_t more = rq->reply_len > 0 ? (rq->reply_len - 1) / STRANGER_ANSWER_LEN : 0;

	if (more > 0 && !transport_is_stream(rq->transport) && rq->al == NULL)
		limiter_spend(rq->turn->shared->strangers, &rq->tuple->client.ip,
			      rq->turn->settings->limits.stranger_rate, (uint32_t)more,
			      rq->now_ms);
}

static enum request_method counted_as(uint16_t method)
{
	switch (method) {
	case TURN_ALLOCATE:
		return REQUEST_ALLOCATE;
	case TURN_REFRESH:
		return REQUEST_REFRESH;
	case TURN_CREATE_PERMISSION:
		return REQUEST_CREATE_PERMISSION;
	case TURN_CHANNEL_BIND:
		return REQUEST_CHANNEL_BIND;
	case TURN_CONNECT:
		return REQUEST_CONNECT;
	case TURN_CONNECTION_BIND:
		return REQUEST_CONNECTION_BIND;
	default:
		return REQUEST_BINDING;
	}
}

static void start(struct request *rq, struct stun_builder *b, enum stun_class class)
{
	stun_builder_reply(b, rq->reply, rq->reply_size, rq->msg, class);
}

void reply_success_start(struct request *rq, struct stun_builder *b)
{
	start(rq, b, STUN_SUCCESS);
}

/* RFC 7982 section 3.3: the request's count, and none of ours, because answers are not counted. */
static void add_transmit_counter(const struct request *rq, struct stun_builder *b)
{
	struct stun_attr attr;

	if (stun_msg_find(rq->msg, STUN_TRANSACTION_TRANSMIT_COUNTER, &attr) &&
	    attr.value.len == 4)
		stun_add_u32(b, STUN_TRANSACTION_TRANSMIT_COUNTER,
			     (uint32_t)attr.value.data[2] << 8);
}

void reply_finish(struct request *rq, struct stun_builder *b, int code)
{
	struct counters *counters = &rq->turn->counters;
	const char *software = rq->turn->settings->software;

	assert(!rq->authenticated || rq->auth.code == 0);
	add_transmit_counter(rq, b);
	if (rq->authenticated) {
		if (software[0] != '\0')
			stun_builder_add(b, STUN_SOFTWARE, software, strlen(software));
		stun_add_integrity(b, rq->auth.reply_kind, &rq->auth.owner.key);
	}
	/* Classic clients know no FINGERPRINT; an attribute of that type means nothing. */
	if (rq->msg->has_fingerprint && rq->msg->has_cookie)
		stun_add_fingerprint(b);

	rq->reply_len = stun_builder_finish(b);
	assert(rq->reply_len <= rq->reply_size);
	if (rq->reply_len == 0) {
		counter_add(&counters->drops[DROP_REPLY_TOO_LARGE], 1);
		return;
	}
	counter_add(&counters->requests[counted_as(rq->msg->method)]
				       [request_result_index(code)],
		    1);
}

void reply_success(struct request *rq)
{
	struct stun_builder b;

	reply_success_start(rq, &b);
	reply_finish(rq, &b, 0);
}

static void error_start(struct request *rq, struct stun_builder *b, int code)
{
	start(rq, b, STUN_ERROR);
	assert(code >= 300 && code <= 699);
	stun_add_error_code(b, code, rq->authenticated ? stun_error_reason(code) : "");
}

void reply_error(struct request *rq, int code)
{
	struct stun_builder b;

	error_start(rq, &b, code);
	reply_finish(rq, &b, code);
}

void reply_error_because(struct request *rq, int code, const char *why)
{
	char reason[128]; /* RFC 8489 section 14.8: fewer characters than that */
	struct stun_builder b;

	assert(rq->authenticated && code >= 300 && code <= 699);
	snprintf(reason, sizeof(reason), "%s: %s", stun_error_reason(code), why);
	start(rq, &b, STUN_ERROR);
	stun_add_error_code(&b, code, reason);
	reply_finish(rq, &b, code);
}

void reply_unknown_attributes(struct request *rq, const uint16_t *types, size_t count)
{
	struct stun_builder b;

	assert(count > 0);
	error_start(rq, &b, STUN_UNKNOWN_ATTRIBUTE);
	stun_add_unknown_attributes(&b, types, count);
	reply_finish(rq, &b, STUN_UNKNOWN_ATTRIBUTE);
}

static const struct turn_alternate *alternate_of(const struct request *rq)
{
	const struct front *front = &rq->turn->shared->fronts[rq->tuple->front];

	return &rq->turn->settings->alternates[front->side];
}

/* Of no family if there is none of that. */
static const struct ip_addr *alternate_address(const struct request *rq, uint8_t family)
{
	const struct turn_alternate *alternate = alternate_of(rq);

	return family == IP_V4 ? &alternate->v4 : &alternate->v6;
}

bool reply_can_redirect(const struct request *rq)
{
	return alternate_address(rq, rq->tuple->client.ip.family)->family != IP_NONE;
}

static void add_alternate(const struct request *rq, struct stun_builder *b,
			  uint8_t family)
{
	const struct ip_addr *ip = alternate_address(rq, family);
	const struct front *front = &rq->turn->shared->fronts[rq->tuple->front];

	if (ip->family != IP_NONE)
		stun_add_address(b, STUN_ALTERNATE_SERVER,
				 &(struct endpoint){*ip, front->local.port});
}

void reply_redirect(struct request *rq)
{
	uint8_t family = rq->tuple->client.ip.family;
	const char *domain = alternate_of(rq)->domain;
	struct stun_builder b;

	assert(rq->authenticated && reply_can_redirect(rq));
	error_start(rq, &b, STUN_TRY_ALTERNATE);
	add_alternate(rq, &b, family);
	add_alternate(rq, &b, family == IP_V4 ? IP_V6 : IP_V4);
	/* Only MESSAGE-INTEGRITY-SHA256 proves that the relay named it. */
	if (domain[0] != '\0' && rq->auth.reply_kind == STUN_INTEGRITY_SHA256 &&
	    transport_is_secure(rq->transport))
		stun_builder_add(&b, STUN_ALTERNATE_DOMAIN, domain, strlen(domain));
	reply_finish(rq, &b, STUN_TRY_ALTERNATE);
}

/* RFC 7635 section 4. */
static void add_third_party(const struct turn_settings *settings, struct stun_builder *b)
{
	if (settings->software[0] != '\0')
		stun_builder_add(b, STUN_SOFTWARE, settings->software,
				 strlen(settings->software));
	stun_builder_add(b, STUN_THIRD_PARTY_AUTHORIZATION, settings->server_name,
			 strlen(settings->server_name));
}

void reply_challenge(struct request *rq, int code)
{
	const struct turn_settings *settings = rq->turn->settings;
	struct slice realm = {(const uint8_t *)settings->realm, strlen(settings->realm)};
	bool offers_tokens = code == STUN_UNAUTHENTICATED && settings->token_keys != NULL;
	char nonce[NONCE_LEN];
	struct stun_builder b;

	assert(!rq->authenticated &&
	       (code == STUN_UNAUTHENTICATED || code == STUN_STALE_NONCE));
	nonce_make(&settings->nonce_key, rq->tuple, realm, rq->now_ms, nonce);
	error_start(rq, &b, code);
	stun_builder_add(&b, STUN_REALM, realm.data, realm.len);
	stun_builder_add(&b, STUN_NONCE, nonce, sizeof(nonce));
	stun_builder_add(&b, STUN_PASSWORD_ALGORITHMS, auth_password_algorithms,
			 AUTH_PASSWORD_ALGORITHMS_LEN);
	if (offers_tokens)
		add_third_party(settings, &b);
	reply_finish(rq, &b, code);
	/* The name of the server makes it as long as the operator likes. */
	if (offers_tokens)
		reply_spend_on_stranger(rq);
}
