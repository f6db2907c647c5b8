/*
 * control_counters.c - the counters of all workers as JSON, and the small parts of documents.
 */
#include "relay/core/allocation.h"
#include "relay/ops/control_documents.h"

#include <stdio.h>
#include <string.h>

#include "relay/ops/counter_sets.h"
#include "relay/relay.h"

json_t *control_count(uint64_t value)
{
	return json_integer((json_int_t)value);
}

json_t *control_figure(uint64_t value)
{
	return value != 0 ? control_count(value) : json_null();
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

/* The member of a set: one counter, or an object of them by name. */
static json_t *set_of(const struct counter_set *set, const struct counters *sum)
{
	json_t *object;

	if (set->label == NULL)
		return control_count(counter_set_value(set, sum, 0));
	object = json_object();
	for (int i = set->first; i < set->count; i++)
		json_object_set_new(object, set->name(i),
				    control_count(counter_set_value(set, sum, i)));
	return object;
}

/* By number, as they came. */
static json_t *unknown_attributes(const struct relay *relay)
{
	struct attribute_count list[ATTRIBUTE_COUNTS_MAX];
	size_t len = relay_unknown_attributes(relay, list);
	json_t *object = json_object();

	for (size_t i = 0; i < len; i++) {
		char name[8];

		snprintf(name, sizeof(name), "0x%04x", list[i].type);
		json_object_set_new(object, name, control_count(list[i].count));
	}
	return object;
}

json_t *control_counters(struct relay *relay)
{
	struct counters sum = {0};
	json_t *document;

	relay_counters(relay, &sum);
	document = json_pack(
		"{s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:{s:o, s:o, s:o, s:o}, s:{s:o, s:o, s:o, "
		"s:o}, s:{s:o, s:o}}",
		"requests", requests(&sum), "ms_unknown_attributes",
		unknown_attributes(relay), "to_peer", traffic_by_side(sum.to_peer),
		"to_client", traffic_by_side(sum.to_client), "allocations", "opened",
		control_count(sum.allocations_opened), "closed",
		control_count(sum.allocations_closed), "connections", "opened",
		control_count(sum.connections_opened), "closed",
		control_count(sum.connections_closed), "refused",
		control_count(sum.connections_refused), "timed_out",
		control_count(sum.connections_timed_out), "dtls", "opened",
		control_count(sum.associations_opened), "closed",
		control_count(sum.associations_closed), "half_open",
		control_count(sum.associations_half_open), "hello_verify_requests",
		control_count(sum.hello_verify_requests), "bandwidth_exceeded", "average",
		control_count(sum.exceeded_average), "peak",
		control_count(sum.exceeded_peak));
	for (size_t i = 0; document && i < counter_set_count; i++) {
		const struct counter_set *set = &counter_sets[i];

		if (set->member != NULL &&
		    json_object_set_new(document, set->member, set_of(set, &sum)) < 0) {
			json_decref(document);
			document = NULL;
		}
	}
	return document;
}
