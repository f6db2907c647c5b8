/*
 * counter_sets.c - see counter_sets.h.
 */
#include "relay/ops/counter_sets.h"

#include <assert.h>

#include "relay/core/allocation.h"
#include "relay/core/auth.h"
#include "relay/core/counters.h"
#include "stun/classify.h"

/* The names as functions of one type. */
#define NAMES(function, type)                        \
	static const char *name_of_##type(int index) \
	{                                            \
		return function((enum type)index);   \
	}
NAMES(drop_reason_name, drop_reason)
NAMES(datagram_kind_name, datagram_kind)
NAMES(stream_kind_name, stream_kind)
NAMES(connection_end_name, connection_end)
NAMES(proxy_result_name, proxy_result)
NAMES(pass_event_name, pass_event)
NAMES(pass_direction_name, pass_direction)
NAMES(peer_event_name, peer_event)
NAMES(auth_failure_name, auth_failure)
NAMES(refusal_name, refusal)
NAMES(admission_name, admission)
NAMES(mobility_event_name, mobility_event)
NAMES(restore_result_name, restore_result)
NAMES(ms_attribute_name, ms_attribute)
NAMES(bandwidth_limit_name, bandwidth_limit)
NAMES(end_reason_name, end_reason)
NAMES(socket_kind_name, socket_kind)

#define SET(array, type, end) \
	.name = name_of_##type, .offset = offsetof(struct counters, array), .count = end
#define ONE(counter) .offset = offsetof(struct counters, counter), .count = 1

const struct counter_set counter_sets[] = {
	{"drops", "avedge_drops",
	 "Messages and packets that the relay dropped, by reason.", "reason",
	 SET(drops, drop_reason, DROP_REASON_COUNT), .first = DROP_NONE + 1},
	{"datagrams", "avedge_datagrams",
	 "Datagrams at UDP fronts, by the kind that their first bytes show.", "kind",
	 SET(datagrams, datagram_kind, DATAGRAM_KIND_COUNT)},
	{"streams", "avedge_streams",
	 "Connections of clients, by the kind that their first bytes show.", "kind",
	 SET(streams, stream_kind, STREAM_KIND_COUNT)},
	{"connection_ends", "avedge_connections_ended",
	 "Connections of clients that have ended, by reason.", "reason",
	 SET(connections_ended, connection_end, CONNECTION_END_COUNT)},
	{"proxy_headers", "avedge_proxy_headers",
	 "PROXY headers in front of connections and datagrams, by what became of them.",
	 "result", SET(proxy_results, proxy_result, PROXY_RESULT_COUNT)},
	{"pass_through", "avedge_pass_through_connections",
	 "Connections for the web server on the same port, by event.", "event",
	 SET(pass_events, pass_event, PASS_EVENT_COUNT)},
	{"pass_through_bytes", "avedge_pass_through_bytes",
	 "Bytes of connections for the web server on the same port, by direction.",
	 "direction", SET(pass_bytes, pass_direction, PASS_DIRECTION_COUNT)},
	{"peer_connections", "avedge_peer_connections",
	 "TCP connections between relayed addresses and peers, by event.", "event",
	 SET(peer_events, peer_event, PEER_EVENT_COUNT)},
	{"auth_failures", "avedge_authentication_failures",
	 "Requests that failed authentication, by reason.", "reason",
	 SET(auth_failures, auth_failure, AUTH_FAILURE_COUNT),
	 .first = AUTH_FAILURE_NONE + 1},
	{"refusals", "avedge_allocation_refusals",
	 "Authenticated requests for an allocation that were refused, by reason.",
	 "reason", SET(refusals, refusal, REFUSAL_COUNT)},
	{"mobility", "avedge_mobility",
	 "Moves of allocations to other addresses of their clients, and refused ones.",
	 "event", SET(mobility, mobility_event, MOBILITY_EVENT_COUNT)},
	{"restores", "avedge_restored_allocations",
	 "Allocations of the process before this one, by what became of them.", "result",
	 SET(restores, restore_result, RESTORE_RESULT_COUNT)},
	{"bandwidth_requests", "avedge_bandwidth_requests",
	 "Requests of Microsoft's clients for bandwidth, by what became of them.",
	 "result", SET(admissions, admission, ADMISSION_COUNT)},
	{"ms_attributes", "avedge_microsoft_attributes",
	 "Messages of Microsoft's dialect with an attribute that the relay must understand and "
	 "does not; all but other are ignored.",
	 "type", SET(ms_attributes, ms_attribute, MS_ATTRIBUTE_COUNT)},
	{"ended", "avedge_allocations_ended", "Allocations that have ended, by reason.",
	 "reason", SET(allocations_ended, end_reason, END_REASON_COUNT)},
	{"stream_waits", "avedge_stream_waits",
	 "Times that reading from a stream paused because bandwidth was used up, by limit.",
	 "limit", SET(stream_waits, bandwidth_limit, BANDWIDTH_LIMIT_COUNT)},
	{NULL, "avedge_socket_drops",
	 "Datagrams that the kernel dropped because a receive queue was full.", "socket",
	 SET(socket_drops, socket_kind, SOCKET_KIND_COUNT)},
	{"icmp_errors_told", "avedge_icmp_errors_told",
	 "ICMP errors from peers that clients were told in Data indications.",
	 ONE(icmp_told)},
	{"binding_indications", "avedge_binding_indications",
	 "Binding indications (keepalives), which get no response.", ONE(indications)},
	{"datagrams_handed_over", "avedge_datagrams_handed_over",
	 "Datagrams that came to another worker than that of their source.", ONE(strays)},
	{"bind_failures", "avedge_bind_failures",
	 "Relay ports that another program on this host held.", ONE(bind_failures)},
	{NULL, "avedge_connections_opened", "Connections of clients that were accepted.",
	 ONE(connections_opened)},
	{NULL, "avedge_dtls_associations_opened",
	 "DTLS associations that began: the client showed its cookie.",
	 ONE(associations_opened)},
	{NULL, "avedge_dtls_hello_verify_requests",
	 "Hellos of strangers that were answered with a cookie.",
	 ONE(hello_verify_requests)},
	{NULL, "avedge_connections_refused",
	 "Connections of clients that were closed at once: too many authenticated ones.",
	 ONE(connections_refused)},
	{NULL, "avedge_connections_handed_over",
	 "Connections of clients that moved from one worker to another.",
	 ONE(connections_arrived)},
	{NULL, "avedge_connections_timed_out",
	 "Connections of clients that were closed at a deadline.",
	 ONE(connections_timed_out)},
};
const size_t counter_set_count = sizeof(counter_sets) / sizeof(counter_sets[0]);

uint64_t counter_set_value(const struct counter_set *set, const struct counters *counters,
			   int index)
{
	assert(index >= set->first && index < set->count);
	return ((const uint64_t *)((const char *)counters + set->offset))[index];
}
