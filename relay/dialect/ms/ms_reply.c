/*
 * ms_reply.c - answers of the MS dialect; see ms_reply.h.
 */
#include "relay/dialect/ms/ms_reply.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "relay/core/ms_auth.h"
#include "relay/core/turn.h"
#include "stun/attr.h"
#include "stun/framing.h"
#include "stun/ms_attr.h"
#include "stun/ms_bandwidth.h"

/* On streams the message follows the header of its frame. */
static size_t frame_header_len(const struct ms_request *rq)
{
	return transport_is_stream(rq->transport) ? MS_FRAME_HEADER_LEN : 0;
}

static void start(struct ms_request *rq, struct ms_builder *b, uint16_t type)
{
	size_t skip = frame_header_len(rq);

	ms_builder_reply(b, rq->reply + skip, rq->reply_size - skip, rq->msg, type);
}

static bool is_allocate(const struct ms_request *rq)
{
	return rq->msg->type == MS_ALLOCATE_REQUEST;
}

void ms_reply_success_start(struct ms_request *rq, struct ms_builder *b)
{
	start(rq, b,
	      is_allocate(rq) ? MS_ALLOCATE_RESPONSE
			      : MS_SET_ACTIVE_DESTINATION_RESPONSE);
}

void ms_reply_finish(struct ms_request *rq, struct ms_builder *b, int code)
{
	struct counters *counters = &rq->turn->counters;
	enum request_method method = is_allocate(rq) ? REQUEST_MS_ALLOCATE
						     : REQUEST_MS_SET_ACTIVE_DESTINATION;

	assert(!rq->is_signed || rq->auth.owner.key.len > 0);
	/* Whatever became of the request ([MS-TURNBWM] section 3.3.5). */
	if (rq->bandwidth.counts)
		ms_add_bandwidth_message(b, rq->bandwidth.message);
	if (rq->is_signed)
		ms_add_integrity(b, rq->msg->integrity, &rq->auth.owner.key);
	size_t len = ms_builder_finish(b);
	assert(len + frame_header_len(rq) <= rq->reply_size);
	if (len == 0) {
		counter_add(&counters->drops[DROP_REPLY_TOO_LARGE], 1);
		return;
	}
	if (frame_header_len(rq) > 0)
		ms_frame_write_header(rq->reply, MS_FRAME_CONTROL, len);
	rq->reply_len = frame_header_len(rq) + len;
	counter_add(&counters->requests[method][request_result_index(code)], 1);
}

static void error_start(struct ms_request *rq, struct ms_builder *b, int code)
{
	start(rq, b,
	      is_allocate(rq) ? MS_ALLOCATE_ERROR : MS_SET_ACTIVE_DESTINATION_ERROR);
	assert(code >= 300 && code <= 699);
	ms_add_error_code(b, code, rq->is_signed ? ms_error_reason(code) : "");
}

void ms_reply_error(struct ms_request *rq, int code)
{
	struct ms_builder b;

	error_start(rq, &b, code);
	ms_reply_finish(rq, &b, code);
}

void ms_reply_error_because(struct ms_request *rq, int code, const char *why)
{
	struct ms_builder b;
	char reason[128];

	assert(rq->is_signed && code >= 300 && code <= 699);
	snprintf(reason, sizeof(reason), "%s: %s", ms_error_reason(code), why);
	start(rq, &b,
	      is_allocate(rq) ? MS_ALLOCATE_ERROR : MS_SET_ACTIVE_DESTINATION_ERROR);
	ms_add_error_code(&b, code, reason);
	ms_reply_finish(rq, &b, code);
}

void ms_reply_unknown_attributes(struct ms_request *rq, const uint16_t *types,
				 size_t count)
{
	struct ms_builder b;

	assert(count > 0);
	error_start(rq, &b, MS_UNKNOWN_ATTRIBUTE);
	ms_add_unknown_attributes(&b, types, count);
	ms_reply_finish(rq, &b, MS_UNKNOWN_ATTRIBUTE);
}

uint32_t ms_request_version(const struct ms_request *rq)
{
	struct stun_attr attr;
	uint32_t version = 0;

	if (ms_msg_find(rq->msg, MS_VERSION, &attr) && !stun_attr_u32(&attr, &version))
		version = 0;
	return version;
}

void ms_reply_add_version(const struct ms_request *rq, struct ms_builder *b)
{
	uint32_t ours = rq->turn->settings->ms.version;
	uint32_t theirs = ms_request_version(rq);

	if (theirs > 0)
		ms_add_u32(b, MS_VERSION, theirs < ours ? theirs : ours);
}

/*
 * The realm as the request spells it, if only the quotes differ: a client compares it with the
 * answer's.
 */
static struct slice realm_for(const struct ms_request *rq)
{
	const char *ours = rq->turn->settings->ms.realm;
	struct stun_attr attr;

	if (ms_msg_find(rq->msg, MS_REALM, &attr) && attr.value.len <= MS_TEXT_MAX &&
	    ms_auth_is_our_realm(rq->turn, attr.value))
		return attr.value;
	return (struct slice){(const uint8_t *)ours, strlen(ours)};
}

void ms_reply_challenge(struct ms_request *rq, int code)
{
	const struct turn *turn = rq->turn;
	struct endpoint server = turn->shared->fronts[rq->tuple->front].local;
	struct slice realm = realm_for(rq);
	char nonce[MS_NONCE_LEN];
	struct ms_builder b;

	/* Behind NAT clients know the front by its public address; its port is the same. */
	peer_policy_to_public(turn->settings->policy, NULL, &server);
	ms_auth_nonce(turn, rq->tuple, rq->now_ms, nonce);
	error_start(rq, &b, code);
	ms_builder_add(&b, MS_REALM, realm.data, realm.len);
	ms_builder_add(&b, MS_NONCE, nonce, sizeof(nonce));
	ms_add_address(&b, MS_ALTERNATE_SERVER, &server);
	ms_reply_add_version(rq, &b);
	ms_reply_finish(rq, &b, code);
}

static struct endpoint alternate_of(const struct ms_request *rq)
{
	const struct front *front = &rq->turn->shared->fronts[rq->tuple->front];
	const struct turn_alternate *alternate =
		&rq->turn->settings->alternates[front->side];

	return (struct endpoint){rq->tuple->client.ip.family == IP_V4 ? alternate->v4
								      : alternate->v6,
				 front->local.port};
}

bool ms_reply_can_redirect(const struct ms_request *rq)
{
	return alternate_of(rq).ip.family != IP_NONE;
}

void ms_reply_redirect(struct ms_request *rq)
{
	struct endpoint server = alternate_of(rq);
	struct ms_builder b;

	assert(rq->authenticated && ms_reply_can_redirect(rq));
	error_start(rq, &b, MS_TRY_ALTERNATE);
	ms_add_address(&b, MS_ALTERNATE_SERVER, &server);
	ms_reply_add_version(rq, &b);
	ms_reply_finish(rq, &b, MS_TRY_ALTERNATE);
}
