/*
 * control_allocations.c - allocations as JSON: list those that match a filter, in an order; show
 * one in full; end them.
 */
#include "relay/ops/control_documents.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "relay/ops/record.h"
#include "relay/relay_allocations.h"

enum { LIMIT_MAX = 1000000 };

static json_t *rate(const struct traffic_rate *rate)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "to_peer_bps",
			 control_count(rate->to_peer_bps), "to_peer_pps",
			 control_count(rate->to_peer_pps), "to_client_bps",
			 control_count(rate->to_client_bps), "to_client_pps",
			 control_count(rate->to_client_pps));
}

/* null if there is none. */
static json_t *maybe_endpoint(const struct endpoint *endpoint)
{
	return endpoint->ip.family == IP_NONE ? json_null() : control_endpoint(endpoint);
}

static json_t *allocation_row(const struct relay_allocation *row)
{
	char id[17];

	snprintf(id, sizeof(id), "%016" PRIx64, row->id);
	return json_pack(
		"{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:i, s:b, s:b, s:o, s:o, s:o, "
		"s:i, s:i, s:i, s:o, s:o, s:o, s:b, s:b}",
		"id", id, "user", control_text(row->user), "key_id", row->key_id, "side",
		side_name(row->side), "transport", transport_name(row->transport),
		"relay_transport", transport_name(row->relay_transport), "dialect",
		dialect_name(row->dialect), "client",
		control_endpoint(&row->tuple.client), "via", maybe_endpoint(&row->via),
		"relayed", control_endpoint(&row->relayed_public), "relayed_local",
		control_endpoint(&row->relayed_local), "second_relayed",
		maybe_endpoint(&row->second_public), "second_relayed_local",
		maybe_endpoint(&row->second_local), "age_ms", control_count(row->age_ms),
		"expires_in_ms", control_count(row->expires_in_ms), "restarts",
		(int)row->restarts, "mobile", row->mobile, "client_gone",
		row->client_gone, "moves", control_count(row->moves), "moving_to",
		maybe_endpoint(&row->moving_to), "moving_over",
		row->moving_to.ip.family == IP_NONE
			? json_null()
			: json_string(transport_name(row->moving_over)),
		"permissions", (int)row->permission_count, "channels",
		(int)row->channel_count, "peer_connections", (int)row->peer_connections,
		"to_peer", control_traffic(&row->to_peer), "to_client",
		control_traffic(&row->to_client), "rate", rate(&row->rate),
		"over_average", row->over_average, "over_peak", row->over_peak);
}

/* --- which ones ---------------------------------------------------------------------------- */

static bool is_one_of(const char *text, const char *first, const char *second,
		      bool *is_second)
{
	*is_second = strcmp(text, second) == 0;
	return *is_second || strcmp(text, first) == 0;
}

static bool parse_transport(const char *text, enum transport *transport)
{
	for (int i = 0; i < TRANSPORT_COUNT; i++) {
		if (strcmp(text, transport_name((enum transport)i)) == 0) {
			*transport = (enum transport)i;
			return true;
		}
	}
	return false;
}

/* Add one argument to the filter; false if its value is not valid. */
static bool add_filter(struct relay_filter *filter, const char *name, const char *value)
{
	bool second;

	if (strcmp(name, "user") == 0) {
		filter->user = value;
	} else if (strcmp(name, "key_id") == 0) {
		filter->key_id = value;
	} else if (strcmp(name, "side") == 0) {
		if (!is_one_of(value, side_name(SIDE_INSIDE), side_name(SIDE_OUTSIDE),
			       &second))
			return false;
		filter->has_side = true;
		filter->side = second ? SIDE_OUTSIDE : SIDE_INSIDE;
	} else if (strcmp(name, "dialect") == 0) {
		if (!is_one_of(value, dialect_name(DIALECT_IETF),
			       dialect_name(DIALECT_MS), &second))
			return false;
		filter->has_dialect = true;
		filter->dialect = second ? DIALECT_MS : DIALECT_IETF;
	} else if (strcmp(name, "transport") == 0) {
		filter->has_transport = true;
		return parse_transport(value, &filter->transport);
	} else if (strcmp(name, "relay_transport") == 0) {
		filter->has_relay_transport = true;
		return parse_transport(value, &filter->relay_transport);
	} else if (strcmp(name, "client") == 0) {
		filter->has_client = true;
		return ip_prefix_parse(value, &filter->client);
	} else if (strcmp(name, "peer") == 0) {
		filter->has_peer = true;
		return ip_prefix_parse(value, &filter->peer);
	}
	return true; /* "sort" and "limit" are not filters */
}

/* The values that add_filter() takes. */
static const char *values_of(const char *name)
{
	static const struct {
		const char *name, *values;
	} filters[] = {
		{"side", "use inside or outside"},
		{"dialect", "use ietf or ms"},
		{"transport", "use udp, tcp or tls"},
		{"relay_transport", "use udp or tcp"},
	};

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		if (strcmp(filters[i].name, name) == 0)
			return filters[i].values;
	}
	return "use an address or a prefix, such as 192.0.2.0/24";
}

static bool read_filter(const struct control_request *request,
			struct relay_filter *filter, struct control_reply *reply)
{
	for (size_t i = 0; i < request->argument_count; i++) {
		const char *name = request->arguments[i].name;
		const char *value = control_argument(request, name);

		if (add_filter(filter, name, value))
			continue;
		control_refuse(reply, 400, "\"%.100s\" is not a valid %s; %s", value,
			       name, values_of(name));
		return false;
	}
	return true;
}

/* --- in what order ------------------------------------------------------------------------- */

/* Greater first. */
static int falling(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int by_age(const void *a, const void *b)
{
	const struct relay_allocation *x = a, *y = b;

	return falling(x->age_ms, y->age_ms);
}

static int by_bytes(const void *a, const void *b)
{
	const struct relay_allocation *x = a, *y = b;

	return falling(x->to_peer.bytes + x->to_client.bytes,
		       y->to_peer.bytes + y->to_client.bytes);
}

static int by_rate(const void *a, const void *b)
{
	const struct relay_allocation *x = a, *y = b;

	return falling(x->rate.to_peer_bps + x->rate.to_client_bps,
		       y->rate.to_peer_bps + y->rate.to_client_bps);
}

static int by_user(const void *a, const void *b)
{
	const struct relay_allocation *x = a, *y = b;

	return strcmp(x->user, y->user);
}

static int by_expiry(const void *a, const void *b)
{
	const struct relay_allocation *x = a, *y = b;

	return falling(y->expires_in_ms, x->expires_in_ms);
}

struct order {
	const char *name;
	int (*compare)(const void *a, const void *b);
};

static const struct order orders[] = {
	{"age", by_age},   {"bytes", by_bytes},    {"rate", by_rate},
	{"user", by_user}, {"expires", by_expiry},
};

static bool read_order(const struct control_request *request, const struct order **order,
		       size_t *limit, struct control_reply *reply)
{
	const char *sort = control_argument(request, "sort");
	const char *text = control_argument(request, "limit");
	char *end;

	*order = NULL;
	*limit = LIMIT_MAX;
	for (size_t i = 0; sort && i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (strcmp(sort, orders[i].name) == 0)
			*order = &orders[i];
	}
	if (sort && !*order) {
		control_refuse(
			reply, 400,
			"unknown order \"%.100s\"; use age, bytes, rate, user or expires",
			sort);
		return false;
	}
	if (!text)
		return true;
	*limit = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && *limit >= 1 &&
	    *limit <= LIMIT_MAX)
		return true;
	control_refuse(reply, 400, "\"%.100s\" is not a valid limit; use 1 to %d", text,
		       LIMIT_MAX);
	return false;
}

/* Users are compared as they are shown; a request may also have a name as it was issued. */
static void take_user(struct relay_filter *filter, char user[CREDENTIAL_USER_MAX + 1])
{
	if (filter->user == NULL)
		return;
	credential_read_user(filter->user, user);
	filter->user = user;
}

/* --- the requests -------------------------------------------------------------------------- */

void control_list_allocations(void *arg, const struct control_request *request,
			      struct control_reply *reply)
{
	struct relay *relay = arg;
	struct relay_filter filter = {0};
	char user[CREDENTIAL_USER_MAX + 1];
	struct relay_allocation *rows = NULL;
	const struct order *order;
	size_t total, limit;
	json_t *list;

	if (!read_filter(request, &filter, reply) ||
	    !read_order(request, &order, &limit, reply))
		return;
	take_user(&filter, user);
	if (relay_allocations_like(relay, &filter, &rows, &total) < 0) {
		control_answer(reply, NULL);
		return;
	}
	if (order && total > 1)
		qsort(rows, total, sizeof(*rows), order->compare);
	list = json_array();
	for (size_t i = 0; i < total && i < limit; i++)
		json_array_append_new(list, allocation_row(&rows[i]));
	free(rows);
	control_answer(reply, json_pack("{s:o, s:o}", "allocations", list, "total",
					control_count(total)));
}

static void answer_ended(struct control_reply *reply, int64_t ended)
{
	if (ended < 0)
		control_answer(reply, NULL);
	else
		control_answer(reply, json_pack("{s:o}", "ended",
						control_count((uint64_t)ended)));
}

void control_end_allocations(void *arg, const struct control_request *request,
			     struct control_reply *reply)
{
	struct relay_filter filter = {
		.user = control_argument(request, "user"),
		.key_id = control_argument(request, "key_id"),
	};
	char user[CREDENTIAL_USER_MAX + 1];

	if (!filter.user == !filter.key_id) {
		control_refuse(reply, 400, "either user or key_id is required");
		return;
	}
	take_user(&filter, user);
	answer_ended(reply, relay_end_like(arg, &filter));
}

static bool read_id(const struct control_request *request, uint64_t *id,
		    struct control_reply *reply)
{
	const char *text = request->parameter;

	if (strlen(text) == 16 && strspn(text, "0123456789abcdefABCDEF") == 16) {
		*id = strtoull(text, NULL, 16);
		return true;
	}
	control_refuse(reply, 404,
		       "an id has 16 hexadecimal digits; see GET /v1/allocations");
	return false;
}

static void refuse_unknown(struct control_reply *reply, int error)
{
	if (error == -ENOENT)
		control_refuse(reply, 404,
			       "no allocation has that id, or it has ended; see GET "
			       "/v1/allocations");
	else
		control_answer(reply, NULL);
}

void control_end_allocation(void *arg, const struct control_request *request,
			    struct control_reply *reply)
{
	int64_t ended;
	uint64_t id;

	if (!read_id(request, &id, reply))
		return;
	ended = relay_end_by_id(arg, id);
	if (ended < 0)
		refuse_unknown(reply, (int)ended);
	else
		answer_ended(reply, ended);
}

/* --- one in full --------------------------------------------------------------------------- */

static json_t *time_left(uint64_t ms)
{
	return ms == UINT64_MAX ? json_null() : control_count(ms);
}

static json_t *permissions(const struct relay_allocation_detail *detail)
{
	json_t *list = json_array();

	for (size_t i = 0; i < detail->permission_count; i++)
		json_array_append_new(
			list, json_pack("{s:o, s:o}", "peer",
					control_ip(&detail->permissions[i].peer),
					"expires_in_ms",
					time_left(detail->permissions[i].expires_in_ms)));
	return list;
}

/* Where it is relayed, as three members. */
static json_t *with_place(json_t *row, const struct flow_place *place)
{
	const char *where = place->to_peer && place->to_client ? "kernel"
			    : place->to_peer                   ? "kernel to the peer"
			    : place->to_client                 ? "kernel to the client"
							       : "sockets";

	json_object_set_new(row, "plane", json_string(where));
	json_object_set_new(row, "plane_why",
			    *place->why != '\0' ? json_string(place->why) : json_null());
	json_object_set_new(row, "plane_text",
			    *place->text != '\0' ? json_string(place->text)
						 : json_null());
	return row;
}

static json_t *channels(const struct relay_allocation_detail *detail)
{
	json_t *list = json_array();

	for (size_t i = 0; i < detail->channel_count; i++)
		json_array_append_new(
			list,
			with_place(json_pack("{s:i, s:o, s:o}", "number",
					     (int)detail->channels[i].number, "peer",
					     control_endpoint(&detail->channels[i].peer),
					     "expires_in_ms",
					     time_left(detail->channels[i].expires_in_ms)),
				   &detail->channels[i].place));
	return list;
}

/* What only data connections have (RFC 6062). */
static void add_data_connection(json_t *row, const struct relay_tcp_peer *peer)
{
	json_object_set_new(row, "direction",
			    json_string(peer->is_incoming ? "incoming" : "outgoing"));
	json_object_set_new(row, "to_peer_bytes", control_count(peer->to_peer_bytes));
	json_object_set_new(row, "to_client_bytes", control_count(peer->to_client_bytes));
}

static json_t *peer_connections(const struct relay_allocation_detail *detail)
{
	json_t *list = json_array();

	for (size_t i = 0; i < detail->peer_count; i++) {
		const struct relay_tcp_peer *peer = &detail->peers[i];
		json_t *row = json_pack("{s:o, s:s}", "peer",
					control_endpoint(&peer->peer), "state",
					peer->state);

		if (row && peer->is_data)
			add_data_connection(row, peer);
		json_array_append_new(list, row);
	}
	return list;
}

static json_t *allocation_in_full(const struct relay_allocation_detail *detail)
{
	int64_t created_s = time(NULL) - (int64_t)(detail->row.age_ms / 1000);
	json_t *document = allocation_row(&detail->row);

	assert(detail->permission_count <= ENTRIES_EACH_MAX &&
	       detail->channel_count <= ENTRIES_EACH_MAX);
	json_t *more = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o}",
		"quota_allocations", control_figure(detail->row.quota.allocations),
		"quota_bandwidth_bps", control_figure(detail->row.quota.bandwidth_bps),
		"created", control_time(created_s), "lifetime_s",
		control_count(detail->lifetime_s), "credential_expires",
		control_time(detail->credential_expires_s), "ends_in_ms",
		time_left(detail->ends_in_ms), "front", control_endpoint(&detail->front),
		"stream_type", stream_type_name(detail->stream_type), "service_quality",
		service_quality_name(detail->stream_type, detail->quality), "user_group",
		*detail->user_group != '\0' ? json_string(detail->user_group)
					    : json_null(),
		"reserved_bps", control_count(detail->row.reserved_bps),
		"reservation_expires_in_ms", time_left(detail->reservation_in_ms),
		"active_destination", maybe_endpoint(&detail->active),
		"active_destination_plane",
		detail->active.ip.family != IP_NONE
			? with_place(json_object(), &detail->active_place)
			: json_null(),
		"permission_list", permissions(detail), "channel_list", channels(detail),
		"peer_connection_list", peer_connections(detail));

	if (document && (!more || json_object_update(document, more) < 0)) {
		json_decref(document);
		document = NULL;
	}
	json_decref(more);
	return document;
}

void control_show_allocation(void *arg, const struct control_request *request,
			     struct control_reply *reply)
{
	struct relay_allocation_detail *detail;
	uint64_t id;
	int error;

	if (!read_id(request, &id, reply))
		return;
	detail = calloc(1, sizeof(*detail));
	error = detail ? relay_allocation_show(arg, id, detail) : -ENOMEM;
	if (error != 0)
		refuse_unknown(reply, error);
	else
		control_answer(reply, allocation_in_full(detail));
	free(detail);
}
