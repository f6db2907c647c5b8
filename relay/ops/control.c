/*
 * control.c - what the control interface answers, as JSON.
 *
 * Names of members are a contract with avedgectl and with scripts: they may be joined by new
 * ones, and stay. 64-bit ids are hex strings, because JSON numbers lose bits beyond 2^53.
 */
#include "relay/ops/control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/version.h"
#include "relay/core/auth.h"
#include "relay/handoff.h"
#include "relay/network.h"
#include "relay/ops/record.h"
#include "relay/relay.h"
#include "relay/worker.h"

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static json_t *count(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *ip_text(const struct ip_addr *ip)
{
	char text[ENDPOINT_TEXT_LEN];

	return json_string(ip_addr_format(ip, text, sizeof(text)));
}

static json_t *endpoint_text(const struct endpoint *ep)
{
	char text[ENDPOINT_TEXT_LEN];

	return json_string(endpoint_format(ep, text, sizeof(text)));
}

static void add_pool_figures(json_t *list, const struct relay *relay,
			     struct port_pool *pool, const char *protocol)
{
	struct network_address rows[PORT_POOL_ADDRESSES_MAX];
	size_t row_count = network_addresses(relay->network, rows);

	for (size_t i = 0; i < row_count; i++) {
		const struct relay_address *address = &rows[i].address;
		struct port_pool_figures figures =
			port_pool_figures(pool, rows[i].index, now_ms());

		json_array_append_new(
			list,
			json_pack("{s:o, s:o, s:s, s:i, s:i, s:I, s:I, s:I, s:b}",
				  "address", ip_text(&address->local), "public",
				  ip_text(&address->public), "protocol", protocol,
				  "first", (int)figures.first, "last", (int)figures.last,
				  "size", (json_int_t)figures.size, "used",
				  (json_int_t)figures.used, "resting",
				  (json_int_t)figures.resting, "draining",
				  address->retired));
	}
}

static json_t *pool_figures(const struct relay *relay)
{
	json_t *list = json_array();

	add_pool_figures(list, relay, relay->commons.ports, "udp");
	add_pool_figures(list, relay, relay->commons.tcp_ports, "tcp");
	return list;
}

struct limits {
	struct turn_limits turn;
	unsigned connections;
};

/* A worker's settings are its own; it copies them for us between two packets. */
static void copy_limits(struct worker *worker, void *arg)
{
	struct limits *limits = arg;

	limits->turn = worker->settings->turn.limits;
	limits->connections = worker->settings->stream.connections;
}

/* Members are named as the keys of the configuration. */
static json_t *limits_in_force(const struct relay *relay)
{
	const struct config *config = relay->config;
	struct limits limits = {config->limits, config->fixed_limits.connections};
	const struct turn_limits *turn = &limits.turn;

	if (relay->worker_count > 0)
		handoff_call(relay->workers[0]->inbox, copy_limits, &limits);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "lifetime_default", count(turn->lifetime_default_s),
			 "lifetime_max", count(turn->lifetime_max_s),
			 "credential_lifetime_max",
			 count((uint64_t)turn->credential_ttl_max_s),
			 "allocations_per_user", count(turn->allocations_per_user),
			 "allocations_per_prefix", count(turn->allocations_per_prefix),
			 "allocations_total", count(relay->commons.allocations_total),
			 "stranger_rate", count(turn->stranger_rate), "stranger_burst",
			 count(turn->stranger_burst), "permissions",
			 count(config->fixed_limits.permissions), "channels",
			 count(config->fixed_limits.channels), "connections",
			 count(limits.connections));
}

static json_t *status_document(struct relay *relay)
{
	struct counters sum = {0};
	int64_t tls = __atomic_load_n(&relay->tls_not_after_s, __ATOMIC_RELAXED);

	relay_counters(relay, &sum);
	return json_pack(
		"{s:s, s:i, s:o, s:o, s:s, s:i, s:o, s:o, s:o, s:o}", "version",
		version_string(), "pid", (int)getpid(), "started",
		control_time(relay->started_s), "uptime_s",
		count((now_ms() - relay->started_ms) / 1000), "realm",
		relay->config->realm, "workers", (int)relay->worker_count, "allocations",
		count(counters_open(sum.allocations_opened, sum.allocations_closed)),
		"tls_not_after", control_time(tls), "ports", pool_figures(relay),
		"limits", limits_in_force(relay));
}

static json_t *port_row(const struct relay_port *row)
{
	return json_pack("{s:s, s:o, s:i, s:o, s:i, s:s, s:s, s:s}", "side",
			 row->side < SIDE_COUNT ? side_name(row->side) : "local",
			 "address", ip_text(&row->address.ip), "port",
			 (int)row->address.port, "public_address",
			 ip_text(&row->public.ip), "public_port", (int)row->public.port,
			 "protocol", row->protocol, "service", row->service, "purpose",
			 row->purpose);
}

static json_t *ports_document(struct relay *relay)
{
	struct relay_port *rows;
	size_t rows_count;

	if (relay_port_table(relay, &rows, &rows_count) < 0)
		return NULL;

	json_t *list = json_array();
	for (size_t i = 0; i < rows_count; i++)
		json_array_append_new(list, port_row(&rows[i]));
	free(rows);
	return json_pack("{s:o}", "ports", list);
}

static json_t *traffic(const struct traffic *traffic)
{
	return json_pack("{s:o, s:o}", "packets", count(traffic->packets), "bytes",
			 count(traffic->bytes));
}

static json_t *traffic_by_side(const struct traffic (*sides)[TRANSPORT_COUNT])
{
	json_t *object = json_object();

	for (int i = 0; i < SIDE_COUNT; i++) {
		struct traffic sum = traffic_sum(sides[i]);

		json_object_set_new(object, side_name((enum side)i), traffic(&sum));
	}
	return object;
}

/* Every method and result, also those at 0: who graphs them wants no holes. */
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
			json_object_set_new(results, name, count(sum->requests[i][j]));
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
				    count(sum->drops[i]));
	return object;
}

static json_t *datagrams(const struct counters *sum)
{
	json_t *object = json_object();

	for (int i = 0; i < DATAGRAM_KIND_COUNT; i++)
		json_object_set_new(object, datagram_kind_name((enum datagram_kind)i),
				    count(sum->datagrams[i]));
	return object;
}

static json_t *streams(const struct counters *sum)
{
	json_t *object = json_object();

	for (int i = 0; i < STREAM_KIND_COUNT; i++)
		json_object_set_new(object, stream_kind_name((enum stream_kind)i),
				    count(sum->streams[i]));
	return object;
}

static json_t *peer_connections(const struct counters *sum)
{
	json_t *object = json_object();

	for (int i = 0; i < PEER_EVENT_COUNT; i++)
		json_object_set_new(object, peer_event_name((enum peer_event)i),
				    count(sum->peer_events[i]));
	return object;
}

static json_t *auth_failures(const struct counters *sum)
{
	json_t *object = json_object();

	for (int i = AUTH_FAILURE_NONE + 1; i < AUTH_FAILURE_COUNT; i++)
		json_object_set_new(object, auth_failure_name((enum auth_failure)i),
				    count(sum->auth_failures[i]));
	return object;
}

static json_t *counters_document(struct relay *relay)
{
	struct counters sum = {0};

	relay_counters(relay, &sum);
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:{s:o, s:o, s:o, s:o}, "
		"s:o, s:o}",
		"drops", drops(&sum), "requests", requests(&sum), "datagrams",
		datagrams(&sum), "streams", streams(&sum), "to_peer",
		traffic_by_side(sum.to_peer), "to_client", traffic_by_side(sum.to_client),
		"binding_indications", count(sum.indications), "auth_failures",
		auth_failures(&sum), "allocations", "opened",
		count(sum.allocations_opened), "closed", count(sum.allocations_closed),
		"connections", "opened", count(sum.connections_opened), "closed",
		count(sum.connections_closed), "refused", count(sum.connections_refused),
		"timed_out", count(sum.connections_timed_out), "bind_failures",
		count(sum.bind_failures), "peer_connections", peer_connections(&sum));
}

static json_t *allocation_row(const struct relay_allocation *row)
{
	char id[17];

	snprintf(id, sizeof(id), "%016" PRIx64, row->id);
	return json_pack(
		"{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:i, "
		"s:i, s:o, s:o}",
		"id", id, "user", control_text(row->user), "key_id", row->key_id, "side",
		side_name(row->side), "transport", transport_name(row->transport),
		"relay_transport", transport_name(row->relay_transport), "dialect",
		dialect_name(row->dialect), "client", endpoint_text(&row->tuple.client),
		"relayed", endpoint_text(&row->relayed_public), "relayed_local",
		endpoint_text(&row->relayed_local), "age_ms", count(row->age_ms),
		"expires_in_ms", count(row->expires_in_ms), "permissions",
		(int)row->permission_count, "channels", (int)row->channel_count,
		"peer_connections", (int)row->peer_connections, "to_peer",
		traffic(&row->to_peer), "to_client", traffic(&row->to_client));
}

static json_t *allocations_document(struct relay *relay)
{
	struct relay_allocation *rows;
	size_t rows_count;

	if (relay_allocations(relay, &rows, &rows_count) < 0)
		return NULL;

	json_t *list = json_array();
	for (size_t i = 0; i < rows_count; i++)
		json_array_append_new(list, allocation_row(&rows[i]));
	free(rows);
	return json_pack("{s:o}", "allocations", list);
}

static void get_status(void *arg, const struct control_request *request,
		       struct control_reply *reply)
{
	(void)request;
	control_answer(reply, status_document(arg));
}

static void get_ports(void *arg, const struct control_request *request,
		      struct control_reply *reply)
{
	(void)request;
	control_answer(reply, ports_document(arg));
}

static void get_counters(void *arg, const struct control_request *request,
			 struct control_reply *reply)
{
	(void)request;
	control_answer(reply, counters_document(arg));
}

static void get_allocations(void *arg, const struct control_request *request,
			    struct control_reply *reply)
{
	(void)request;
	control_answer(reply, allocations_document(arg));
}

const struct control_route control_routes[] = {
	{"GET", "/v1/status", get_status, {0}, {0}},
	{"GET", "/v1/ports", get_ports, {0}, {0}},
	{"GET", "/v1/counters", get_counters, {0}, {0}},
	{"GET", "/v1/allocations", get_allocations, {0}, {0}},
};
const size_t control_route_count = sizeof(control_routes) / sizeof(control_routes[0]);
