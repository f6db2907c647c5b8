/*
 * control_counters.c - the counters of all workers as JSON, and the small parts of documents.
 */
#include "relay/core/allocation.h"
#include "relay/ops/control_documents.h"

#include <stdio.h>
#include <string.h>

#include "relay/core/auth.h"
#include "relay/relay.h"

json_t *control_count(uint64_t value)
{
	return json_integer((json_int_t)value);
}

json_t *control_ip(const struct ip_addr *ip)
{
	char text[ENDPOINT_TEXT_LEN];

	return json_string(ip_addr_format(ip, text, sizeof(text)));
}

json_t *control_endpoint(const struct endpoint *ep)
{
	char text[ENDPOINT_TEXT_LEN];

	return json_string(endpoint_format(ep, text, sizeof(text)));
}

json_t *control_traffic(const struct traffic *traffic)
{
	return json_pack("{s:o, s:o}", "packets", control_count(traffic->packets),
			 "bytes", control_count(traffic->bytes));
}

static json_t *traffic_by_side(const struct traffic (*sides)[TRANSPORT_COUNT])
{
	json_t *object = json_object();

	for (int i = 0; i < SIDE_COUNT; i++) {
		struct traffic sum = traffic_sum(sides[i]);

		json_object_set_new(object, side_name((enum side)i),
				    control_traffic(&sum));
	}
	return object;
}

/* Every method and result, also those at 0, so that graphs have no holes. */
static json_t *requests(const struct counters *sum)
{
	json_t *methods = json_object();

	for (int i = 0; i < REQUEST_METHOD_COUNT; i++) {
		json_t *results = json_object();

		for (int j = 0; j < REQUEST_RESULT_COUNT; j++) {
			int code = request_result_code(j);
			char name[16] = "other";

			if (code == 0)
				strcpy(name, "success");
			else if (code > 0)
				snprintf(name, sizeof(name), "%d", code);
			json_object_set_new(results, name,
					    control_count(sum->requests[i][j]));
		}
		json_object_set_new(methods, request_method_name((enum request_method)i),
				    results);
	}
	return methods;
}

static json_t *drops(const struct counters *sum)
{
	json_t *object = json_object();

	for (int i = DROP_NONE + 1; i < DROP_REASON_COUNT; i++)
		json_object_set_new(object, drop_reason_name((enum drop_reason)i),
				    control_count(sum->drops[i]));
	return object;
}

static json_t *datagrams(const struct counters *sum)
{
	json_t *object = json_object();

	for (int i = 0; i < DATAGRAM_KIND_COUNT; i++)
		json_object_set_new(object, datagram_kind_name((enum datagram_kind)i),
				    control_count(sum->datagrams[i]));
	return object;
}

static json_t *streams(const struct counters *sum)
{
	json_t *object = json_object();

	for (int i = 0; i < STREAM_KIND_COUNT; i++)
		json_object_set_new(object, stream_kind_name((enum stream_kind)i),
				    control_count(sum->streams[i]));
	return object;
}

static json_t *peer_connections(const struct counters *sum)
{
	json_t *object = json_object();

	for (int i = 0; i < PEER_EVENT_COUNT; i++)
		json_object_set_new(object, peer_event_name((enum peer_event)i),
				    control_count(sum->peer_events[i]));
	return object;
}

static json_t *auth_failures(const struct counters *sum)
{
	json_t *object = json_object();

	for (int i = AUTH_FAILURE_NONE + 1; i < AUTH_FAILURE_COUNT; i++)
		json_object_set_new(object, auth_failure_name((enum auth_failure)i),
				    control_count(sum->auth_failures[i]));
	return object;
}

static json_t *refusals(const struct counters *sum)
{
	json_t *object = json_object();

	for (int i = 0; i < REFUSAL_COUNT; i++)
		json_object_set_new(object, refusal_name((enum refusal)i),
				    control_count(sum->refusals[i]));
	return object;
}

static json_t *stream_waits(const struct counters *sum)
{
	json_t *object = json_object();

	for (int i = 0; i < BANDWIDTH_LIMIT_COUNT; i++)
		json_object_set_new(object, bandwidth_limit_name((enum bandwidth_limit)i),
				    control_count(sum->stream_waits[i]));
	return object;
}

static json_t *ended(const struct counters *sum)
{
	json_t *object = json_object();

	for (int i = 0; i < END_REASON_COUNT; i++)
		json_object_set_new(object, end_reason_name((enum end_reason)i),
				    control_count(sum->allocations_ended[i]));
	return object;
}

json_t *control_counters(struct relay *relay)
{
	struct counters sum = {0};

	relay_counters(relay, &sum);
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:{s:o, s:o, s:o, s:o}, "
		"s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}}",
		"drops", drops(&sum), "requests", requests(&sum), "datagrams",
		datagrams(&sum), "streams", streams(&sum), "to_peer",
		traffic_by_side(sum.to_peer), "to_client", traffic_by_side(sum.to_client),
		"binding_indications", control_count(sum.indications), "auth_failures",
		auth_failures(&sum), "allocations", "opened",
		control_count(sum.allocations_opened), "closed",
		control_count(sum.allocations_closed), "connections", "opened",
		control_count(sum.connections_opened), "closed",
		control_count(sum.connections_closed), "refused",
		control_count(sum.connections_refused), "timed_out",
		control_count(sum.connections_timed_out), "bind_failures",
		control_count(sum.bind_failures), "peer_connections",
		peer_connections(&sum), "refusals", refusals(&sum), "ended", ended(&sum),
		"stream_waits", stream_waits(&sum), "bandwidth_exceeded", "average",
		control_count(sum.exceeded_average), "peak",
		control_count(sum.exceeded_peak));
}
