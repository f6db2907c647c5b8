/*
 * trace.c - see trace.h. The reply itself says most. Why credentials were refused is not in it,
 * because an unauthenticated client is told as little as possible; the counters say that.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "relay/front/trace.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "relay/core/auth.h"
#include "stun/attr.h"
#include "stun/framing.h"
#include "stun/ms_msg.h"
#include "stun/ms_registry.h"
#include "stun/msg.h"
#include "stun/registry.h"

enum {
	LINES_MAX = 100, /* in a second */
	WHY_MAX = 64 + CREDENTIAL_USER_MAX,
};

/* The reason that has been counted since the reply before; NONE if there is none. */
static enum auth_failure auth_failure(struct trace *trace,
				      const struct counters *counters)
{
	enum auth_failure failure = AUTH_FAILURE_NONE;
	bool is_first = !trace->has_seen;

	trace->has_seen = true;
	for (int i = AUTH_FAILURE_NONE + 1; i < AUTH_FAILURE_COUNT; i++) {
		uint64_t count = counter_read(&counters->auth_failures[i]);

		if (count != trace->auth_failures[i] && !is_first)
			failure = (enum auth_failure)i;
		trace->auth_failures[i] = count;
	}
	return failure;
}

/* " expired 75s ago": why credentials were refused, and by how much if it was their time. */
static void explain_reason(const struct turn *turn, enum auth_failure failure, char *text,
			   size_t size)
{
	const char *name = auth_failure_name(failure);
	struct turn_refusal refusal = turn_read_refusal(turn);

	if (failure == AUTH_FAILURE_NONE)
		text[0] = '\0';
	else if (failure == AUTH_FAILURE_EXPIRED)
		snprintf(text, size, " %s %" PRIu64 "s ago", name, refusal.off_s);
	else if (failure == AUTH_FAILURE_TOO_FAR)
		snprintf(text, size, " %s by %" PRIu64 "s", name, refusal.off_s);
	else
		snprintf(text, size, " %s", name);
}

/* The same with the name that they were shown under, as one word of printable ASCII. */
static void explain(const struct turn *turn, enum auth_failure failure, char *text,
		    size_t size)
{
	char user[CREDENTIAL_USER_MAX + 1];

	explain_reason(turn, failure, text, size);
	if (failure == AUTH_FAILURE_NONE || turn->refused_name_len == 0)
		return;
	auth_show_refused(turn, user);
	size_t len = strlen(text);
	snprintf(text + len, size - len, ", user %s", user);
}

/* False: the second has had its lines. */
static bool may_speak(struct trace *trace, uint64_t now_ms)
{
	if (trace->second != now_ms / 1000) {
		trace->second = now_ms / 1000;
		trace->lines = 0;
	}
	trace->lines++;
	if (trace->lines == LINES_MAX)
		log_debug("more than %d lines in this second; omitting the rest",
			  LINES_MAX);
	return trace->lines < LINES_MAX;
}

static int error_code(bool found, const struct stun_attr *attr)
{
	struct slice reason;
	int code = 0;

	return found && stun_attr_error_code(attr, &code, &reason) ? code : 0;
}

/* What was asked, and the error code; 0: success. NULL if that is no reply. */
static const char *read_ietf(struct slice reply, int *code)
{
	struct stun_attr attr;
	struct stun_msg msg;

	if (stun_msg_parse(reply, &msg) != STUN_PARSE_OK)
		return NULL;
	*code = error_code(stun_msg_find(&msg, STUN_ERROR_CODE, &attr), &attr);
	return stun_method_name(msg.method);
}

static const char *read_ms(struct slice reply, int *code)
{
	struct stun_attr attr;
	struct ms_msg msg;

	if (!ms_msg_begins(reply) && reply.len > MS_FRAME_HEADER_LEN)
		reply = slice_skip(reply, MS_FRAME_HEADER_LEN);
	if (ms_msg_parse(reply, &msg) != MS_PARSE_OK)
		return NULL;
	*code = error_code(ms_msg_find(&msg, STUN_ERROR_CODE, &attr), &attr);
	return ms_type_name(msg.type);
}

void trace_reply(struct trace *trace, const struct turn *turn,
		 const struct five_tuple *tuple, struct slice reply, uint64_t now_ms)
{
	char client[ENDPOINT_TEXT_LEN], result[WHY_MAX + 16] = "success", why[WHY_MAX];
	enum auth_failure failure;
	const char *asked;
	int code = 0;

	assert(tuple->front < FRONTS_MAX);
	if (!log_wants(SUBSYSTEM_FRONT, LOG_LEVEL_DEBUG))
		return;
	failure = auth_failure(trace, &turn->counters);
	/* In this order: a message of the other one can pass for classic STUN. */
	asked = read_ms(reply, &code);
	if (asked == NULL)
		asked = read_ietf(reply, &code);
	if (asked == NULL || !may_speak(trace, now_ms))
		return;
	explain(turn, failure, why, sizeof(why));
	if (code != 0)
		snprintf(result, sizeof(result), "%d%s", code, why);
	log_debug("%s over %s: %s: %s",
		  endpoint_format(&tuple->client, client, sizeof(client)),
		  transport_name(turn->shared->fronts[tuple->front].transport), asked,
		  result);
}

void trace_end(struct trace *trace, const struct turn *turn,
	       const struct five_tuple *tuple, enum connection_end why, uint64_t now_ms)
{
	char client[ENDPOINT_TEXT_LEN];

	assert(tuple->front < FRONTS_MAX && why < CONNECTION_END_COUNT);
	if (!log_wants(SUBSYSTEM_FRONT, LOG_LEVEL_DEBUG) || !may_speak(trace, now_ms))
		return;
	log_debug("%s over %s: connection ended: %s (%s)",
		  endpoint_format(&tuple->client, client, sizeof(client)),
		  transport_name(turn->shared->fronts[tuple->front].transport),
		  connection_end_name(why), connection_end_text(why));
}
