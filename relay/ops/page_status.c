/*
 * page_status.c - the figures of the status page. Sums since the start, from which the page makes
 * rates. Lists are short: the permanent ports, and the busiest allocations.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/version.h"
#include "relay/ops/control_documents.h"
#include "relay/ops/page.h"
#include "relay/ops/record.h"

/* Unix seconds; null for what never comes, 0 for what has no time. */
static json_t *moment(int64_t unix_s)
{
	return unix_s == INT64_MAX ? json_null() : json_integer(unix_s);
}

static json_t *both_sides(const struct traffic sides[SIDE_COUNT][TRANSPORT_COUNT])
{
	struct traffic sum = {0};

	for (int i = 0; i < SIDE_COUNT; i++) {
		struct traffic side = traffic_sum(sides[i]);

		sum.packets += side.packets;
		sum.bytes += side.bytes;
	}
	return control_traffic(&sum);
}

static json_t *pools(const struct metrics_facts *facts)
{
	json_t *list = json_array();

	for (size_t i = 0; i < facts->pool_count; i++) {
		const struct metrics_pool *pool = &facts->pools[i];

		json_array_append_new(
			list, json_pack("{s:o, s:s, s:i, s:i, s:o, s:o, s:o}", "address",
					control_ip(&pool->address), "protocol",
					transport_name(pool->protocol), "first",
					(int)pool->figures.first, "last",
					(int)pool->figures.last, "size",
					control_count(pool->figures.size), "used",
					control_count(pool->figures.used), "resting",
					control_count(pool->figures.resting)));
	}
	return list;
}

static json_t *workers(const struct metrics_facts *facts)
{
	json_t *list = json_array();

	for (size_t i = 0; i < facts->worker_count; i++)
		json_array_append_new(list, json_real(facts->workers[i].ratio));
	return list;
}

/* Those that have occurred, with what they mean. */
static json_t *drops(const struct counters *counters)
{
	json_t *list = json_array();

	for (int i = DROP_NONE + 1; i < DROP_REASON_COUNT; i++) {
		if (counters->drops[i] == 0)
			continue;
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:o}", "reason",
					drop_reason_name((enum drop_reason)i), "text",
					drop_reason_text((enum drop_reason)i), "count",
					control_count(counters->drops[i])));
	}
	return list;
}

static uint64_t all_drops(const struct counters *counters)
{
	uint64_t sum = 0;

	for (int i = DROP_NONE + 1; i < DROP_REASON_COUNT; i++)
		sum += counters->drops[i];
	return sum;
}

static uint64_t all_socket_drops(const struct counters *counters)
{
	uint64_t sum = 0;

	for (int i = 0; i < SOCKET_KIND_COUNT; i++)
		sum += counters->socket_drops[i];
	return sum;
}

static json_t *listeners(const struct page_facts *facts)
{
	json_t *list = json_array();

	for (size_t i = 0; i < facts->port_count; i++) {
		const struct port_row *row = &facts->ports[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:o, s:s, s:s, s:s}", "side",
				  row->side < SIDE_COUNT ? side_name(row->side) : "local",
				  "address", control_ip(&row->address.ip), "port",
				  control_count(row->address.port), "protocol",
				  row->protocol, "service", row->service, "purpose",
				  row->purpose));
	}
	return list;
}

/* Without its user, and without addresses of its client and peers. */
static json_t *allocation(const struct relay_allocation *row)
{
	char id[17];

	snprintf(id, sizeof(id), "%016" PRIx64, row->id);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:i, s:o, s:o}",
			 "id", id, "dialect", dialect_name(row->dialect), "side",
			 side_name(row->side), "transport",
			 transport_name(row->transport), "relay_transport",
			 transport_name(row->relay_transport), "relayed",
			 control_endpoint(&row->relayed_public), "age_s",
			 control_count(row->age_ms / 1000), "expires_in_s",
			 control_count(row->expires_in_ms / 1000), "permissions",
			 (int)row->permission_count, "channels", (int)row->channel_count,
			 "to_peer", control_traffic(&row->to_peer), "to_client",
			 control_traffic(&row->to_client));
}

static json_t *allocations(const struct relay_top *top)
{
	json_t *list = json_array();

	assert(top->count <= RELAY_TOP_MAX);
	for (size_t i = 0; i < top->count; i++)
		json_array_append_new(list, allocation(&top->rows[i]));
	return list;
}

static json_t *drain(const struct drain_state *state)
{
	if (!state->draining)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o}", "since_s", moment(state->since_s),
			 "deadline_s", moment(state->deadline_s), "began_with",
			 control_count(state->began_with), "remaining",
			 control_count(state->remaining));
}

static json_t *reload(const struct reload_last *last)
{
	return json_pack("{s:o, s:s, s:o, s:s}", "at_s", moment(last->at_s), "result",
			 reload_result_name(last->result), "generation",
			 control_count(last->generation), "restart_pending",
			 last->restart_pending);
}

static json_t *offload(const struct offload_view *view)
{
	return json_pack("{s:s, s:s, s:b, s:o, s:o}", "state", offload_view_state(view),
			 "why", view->why, "missed", view->is_missed, "flows",
			 control_count(view->flows), "packets",
			 control_count(view->counts.packets));
}

char *page_status(const struct page_facts *facts, size_t *len)
{
	const struct metrics_facts *metrics = facts->metrics;
	const struct counters *counters = &metrics->counters;
	json_t *document = json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "version", version_string(),
		"state", metrics->drain.draining ? "draining" : "serving", "now_s",
		moment(metrics->now_s), "started_s", moment(metrics->started_s), "drain",
		drain(&metrics->drain), "reload", reload(&metrics->reload), "workers",
		workers(metrics), "pools", pools(metrics));
	json_t *rest = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"offload", offload(&metrics->offload), "taken_up",
		continuity_taken_up(&metrics->continuity), "next_restart",
		continuity_next(&metrics->continuity), "allocations",
		control_count(counters_open(counters->allocations_opened,
					    counters->allocations_closed)),
		"opened", control_count(counters->allocations_opened), "to_peer",
		both_sides(counters->to_peer), "to_client",
		both_sides(counters->to_client), "drops",
		control_count(all_drops(counters)), "drop_reasons", drops(counters),
		"socket_drops", control_count(all_socket_drops(counters)),
		"certificate_ends_s", moment(metrics->certificate_ends_s), "key_ends_s",
		moment(metrics->last_key_ends_s), "listeners", listeners(facts),
		"top_allocations", allocations(facts->top));
	char *text = NULL;

	if (document != NULL && rest != NULL &&
	    json_object_update_missing(document, rest) == 0)
		text = json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(document);
	json_decref(rest);
	if (text != NULL)
		*len = strlen(text);
	return text;
}
