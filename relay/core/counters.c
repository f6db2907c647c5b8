/*
 * counters.c - the closed sets of names behind the counters, and their sum over workers.
 */
#include "relay/core/counters.h"

#include <assert.h>
#include <stddef.h>

#include "stun/ms_registry.h"

static const char *const drop_names[] = {
#define X(id, name, text) [DROP_##id] = name,
	DROP_REASONS(X)
#undef X
};

static const char *const drop_texts[] = {
#define X(id, name, text) [DROP_##id] = text,
	DROP_REASONS(X)
#undef X
};

const char *drop_reason_name(enum drop_reason reason)
{
	return (unsigned)reason < DROP_REASON_COUNT ? drop_names[reason] : "?";
}

const char *drop_reason_text(enum drop_reason reason)
{
	return (unsigned)reason < DROP_REASON_COUNT ? drop_texts[reason] : "?";
}

static const char *const connection_end_names[] = {
#define X(id, name, text) [CONNECTION_END_##id] = name,
	CONNECTION_ENDS(X)
#undef X
};

static const char *const connection_end_texts[] = {
#define X(id, name, text) [CONNECTION_END_##id] = text,
	CONNECTION_ENDS(X)
#undef X
};

const char *connection_end_name(enum connection_end end)
{
	return (unsigned)end < CONNECTION_END_COUNT ? connection_end_names[end] : "?";
}

const char *connection_end_text(enum connection_end end)
{
	return (unsigned)end < CONNECTION_END_COUNT ? connection_end_texts[end] : "?";
}

static const char *const proxy_result_names[] = {
#define X(id, name, text) [PROXY_RESULT_##id] = name,
	PROXY_RESULTS(X)
#undef X
};

static const char *const proxy_result_texts[] = {
#define X(id, name, text) [PROXY_RESULT_##id] = text,
	PROXY_RESULTS(X)
#undef X
};

const char *proxy_result_name(enum proxy_result result)
{
	return (unsigned)result < PROXY_RESULT_COUNT ? proxy_result_names[result] : "?";
}

const char *proxy_result_text(enum proxy_result result)
{
	return (unsigned)result < PROXY_RESULT_COUNT ? proxy_result_texts[result] : "?";
}

static const char *const pass_event_names[] = {
#define X(id, name, text) [PASS_EVENT_##id] = name,
	PASS_EVENTS(X)
#undef X
};

const char *pass_event_name(enum pass_event event)
{
	return (unsigned)event < PASS_EVENT_COUNT ? pass_event_names[event] : "?";
}

const char *pass_direction_name(enum pass_direction direction)
{
	return direction == PASS_TO_BACKEND ? "to-backend" : "to-client";
}

static const char *const peer_names[] = {
#define X(id, name, text) [PEER_##id] = name,
	PEER_EVENTS(X)
#undef X
};

const char *peer_event_name(enum peer_event event)
{
	return (unsigned)event < PEER_EVENT_COUNT ? peer_names[event] : "?";
}

const char *bandwidth_limit_name(enum bandwidth_limit limit)
{
	static const size_t prefix = sizeof("bandwidth-") - 1;

	return (unsigned)limit < BANDWIDTH_LIMIT_COUNT
		       ? drop_names[bandwidth_drop(limit)] + prefix
		       : "?";
}

static const char *const refusal_names[] = {
#define X(id, name, text) [REFUSAL_##id] = name,
	REFUSALS(X)
#undef X
};

static const char *const refusal_texts[] = {
#define X(id, name, text) [REFUSAL_##id] = text,
	REFUSALS(X)
#undef X
};

const char *refusal_name(enum refusal refusal)
{
	return (unsigned)refusal < REFUSAL_COUNT ? refusal_names[refusal] : "?";
}

const char *refusal_text(enum refusal refusal)
{
	return (unsigned)refusal < REFUSAL_COUNT ? refusal_texts[refusal] : "?";
}

static const char *const admission_names[] = {
#define X(id, name, text) [ADMISSION_##id] = name,
	ADMISSIONS(X)
#undef X
};

const char *admission_name(enum admission event)
{
	return (unsigned)event < ADMISSION_COUNT ? admission_names[event] : "?";
}

static const char *const mobility_names[] = {
#define X(id, name, text) [MOBILITY_##id] = name,
	MOBILITY_EVENTS(X)
#undef X
};

static const char *const mobility_texts[] = {
#define X(id, name, text) [MOBILITY_##id] = text,
	MOBILITY_EVENTS(X)
#undef X
};

const char *mobility_event_name(enum mobility_event event)
{
	return (unsigned)event < MOBILITY_EVENT_COUNT ? mobility_names[event] : "?";
}

const char *mobility_event_text(enum mobility_event event)
{
	return (unsigned)event < MOBILITY_EVENT_COUNT ? mobility_texts[event] : "?";
}

static const char *const restore_names[] = {
#define X(id, name, text) [id] = name,
	RESTORE_RESULTS(X)
#undef X
};

static const char *const restore_texts[] = {
#define X(id, name, text) [id] = text,
	RESTORE_RESULTS(X)
#undef X
};

const char *restore_result_name(enum restore_result result)
{
	return (unsigned)result < RESTORE_RESULT_COUNT ? restore_names[result] : "?";
}

const char *restore_result_text(enum restore_result result)
{
	return (unsigned)result < RESTORE_RESULT_COUNT ? restore_texts[result] : "?";
}

static const char *const ms_attribute_names[] = {
#define X(id, name) [MS_ATTRIBUTE_##id] = name,
	MS_ATTRIBUTES(X)
#undef X
};

enum ms_attribute ms_attribute_of(uint16_t type)
{
	switch (type) {
	case MS_SKYPE_0800:
		return MS_ATTRIBUTE_0800;
	case MS_SKYPE_24DF:
		return MS_ATTRIBUTE_24DF;
	case MS_SKYPE_3802:
		return MS_ATTRIBUTE_3802;
	default:
		return MS_ATTRIBUTE_OTHER;
	}
}

const char *ms_attribute_name(enum ms_attribute attribute)
{
	return (unsigned)attribute < MS_ATTRIBUTE_COUNT ? ms_attribute_names[attribute]
							: "?";
}

/*
 * Success, then every code of RFC 8489, 8656, 6062 and 8016 and of MS-TURN; the last index is
 * for the rest.
 */
static const short result_codes[REQUEST_RESULT_COUNT] = {
	0,   300, 400, 401, 403, 405, 420, 430, 431, 432, 434, 435, 436, 437,
	438, 440, 441, 442, 443, 446, 447, 486, 487, 500, 508, 600, -1,
};

int request_result_index(int code)
{
	int index = 0;
	while (index < REQUEST_RESULT_COUNT - 1 && result_codes[index] != code)
		index++;
	assert(index < REQUEST_RESULT_COUNT);
	return index;
}

int request_result_code(int index)
{
	return index >= 0 && index < REQUEST_RESULT_COUNT ? result_codes[index] : -1;
}

const char *request_method_name(enum request_method method)
{
	switch (method) {
	case REQUEST_BINDING:
		return "binding";
	case REQUEST_ALLOCATE:
		return "allocate";
	case REQUEST_REFRESH:
		return "refresh";
	case REQUEST_CREATE_PERMISSION:
		return "create-permission";
	case REQUEST_CHANNEL_BIND:
		return "channel-bind";
	case REQUEST_CONNECT:
		return "connect";
	case REQUEST_CONNECTION_BIND:
		return "connection-bind";
	case REQUEST_MS_ALLOCATE:
		return "ms-allocate";
	case REQUEST_MS_SET_ACTIVE_DESTINATION:
		return "ms-set-active-destination";
	case REQUEST_METHOD_COUNT:
		break;
	}
	return "?";
}

const char *socket_kind_name(enum socket_kind kind)
{
	switch (kind) {
	case SOCKET_FRONT:
		return "front";
	case SOCKET_RELAY:
		return "relay";
	case SOCKET_KIND_COUNT:
		break;
	}
	return "?";
}

struct traffic traffic_sum(const struct traffic by_transport[TRANSPORT_COUNT])
{
	struct traffic sum = {0};

	for (int i = 0; i < TRANSPORT_COUNT; i++) {
		sum.packets += by_transport[i].packets;
		sum.bytes += by_transport[i].bytes;
	}
	return sum;
}

/*
 * The struct is 64-bit counters and nothing else, so it is summed as a row of them: a counter
 * that is added to the header cannot be forgotten here.
 */
_Static_assert(sizeof(struct counters) % sizeof(uint64_t) == 0 &&
		       sizeof(struct traffic) == 2 * sizeof(uint64_t),
	       "counters are uint64_t only");

void counters_sum(struct counters *sum, const struct counters *one)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)one;

	for (size_t i = 0; i < sizeof(*one) / sizeof(*from); i++)
		to[i] += counter_read(&from[i]);
}
