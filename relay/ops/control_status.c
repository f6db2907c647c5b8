/*
 * control_status.c - how the relay is, as JSON: status and port table.
 */
#include "relay/core/allocation_table.h"
#include "relay/ops/control_documents.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/control/control_common.h"
#include "base/version.h"
#include "relay/core/auth.h"
#include "relay/ops/continuity.h"
#include "relay/ops/port_table.h"
#include "relay/relay.h"
#include "relay/reload/network.h"
#include "relay/reload/relay_config.h"
#include "relay/reload/relay_reload.h"
#include "relay/reload/relay_settings.h"

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
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
				  "address", control_ip(&address->local), "public",
				  control_ip(&address->public), "protocol", protocol,
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

	add_pool_figures(list, relay, relay->shared.ports, "udp");
	add_pool_figures(list, relay, relay->shared.tcp_ports, "tcp");
	return list;
}

/* Members are named as the keys of the configuration. */
static json_t *limits_in_force(const struct relay *relay,
			       const struct relay_settings *settings)
{
	const struct turn_limits *turn = &settings->turn.limits;
	const struct relay_config *started = relay->config;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "lifetime_default", control_count(turn->lifetime_default_s),
			 "lifetime_max", control_count(turn->lifetime_max_s),
			 "credential_lifetime_max",
			 control_count((uint64_t)turn->credential_ttl_max_s),
			 "clock_skew", control_count((uint64_t)turn->clock_skew_s),
			 "allocations_per_user",
			 control_count(turn->allocations_per_user[DIALECT_IETF]),
			 "allocations_per_prefix",
			 control_count(turn->allocations_per_prefix), "allocations_total",
			 control_count(relay->shared.allocations_total), "stranger_rate",
			 control_count(turn->stranger_rate), "stranger_burst",
			 control_count(turn->stranger_burst), "permissions",
			 control_count(started->fixed_limits.permissions), "channels",
			 control_count(started->fixed_limits.channels), "connections",
			 control_count(settings->stream.connections));
}

/* Bounds of a key's life; the keyring has the greatest number for none. */
static json_t *bound(int64_t unix_s)
{
	return unix_s == INT64_MAX || unix_s == INT64_MIN ? json_null()
							  : control_time(unix_s);
}

static const char *key_state(const struct keyring *ring, const struct key *key,
			     int64_t unix_s, int64_t skew_s)
{
	if (key == keyring_signer(ring, unix_s))
		return "signs";
	if (key_verifies(key, unix_s, skew_s))
		return "verifies";
	return unix_s < key->not_before_s ? "future" : "past";
}

/* Never a secret. */
static json_t *keys(const struct keyring *ring, int64_t skew_s)
{
	int64_t now_s = time(NULL);
	json_t *list = json_array();

	for (size_t i = 0; i < ring->count; i++) {
		const struct key *key = &ring->keys[i];

		json_array_append_new(
			list, json_pack("{s:s, s:o, s:o, s:s}", "id", key->id,
					"not_before", bound(key->not_before_s),
					"not_after", bound(key->not_after_s), "state",
					key_state(ring, key, now_s, skew_s)));
	}
	return list;
}

/* The last one refused for its time: an issuer's clock is wrong, or a client came late. */
static json_t *credential_refused(const struct relay *relay)
{
	struct turn_refusal refusal = relay_refusal(relay);

	if (refusal.at_s == 0)
		return json_null();
	return json_pack("{s:o, s:s, s:o}", "at", control_time((long long)refusal.at_s),
			 "reason",
			 auth_failure_name(refusal.too_far != 0 ? AUTH_FAILURE_TOO_FAR
								: AUTH_FAILURE_EXPIRED),
			 "by_s", control_count(refusal.off_s));
}

static json_t *worker_row(const struct relay_worker *row)
{
	/* Tenths of a millisecond: what is below is noise. */
	double cpu_s = (double)(int64_t)(row->cpu_s * 1e4 + 0.5) / 1e4;

	return json_pack("{s:i, s:o, s:o, s:f, s:o, s:o}", "number", (int)row->number,
			 "allocations", control_count(row->allocations), "connections",
			 control_count(row->connections), "cpu_s", cpu_s, "to_peer",
			 control_traffic(&row->to_peer), "to_client",
			 control_traffic(&row->to_client));
}

static json_t *workers(const struct relay *relay)
{
	json_t *list = json_array();

	for (size_t i = 0; i < relay->worker_count; i++) {
		struct relay_worker row = relay_worker(relay, i);

		json_array_append_new(list, worker_row(&row));
	}
	return list;
}

json_t *control_drain(const struct drain_state *state)
{
	if (!state->draining)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o}", "since", control_time(state->since_s),
			 "deadline", control_time(state->deadline_s), "remaining",
			 control_count(state->remaining), "began_with",
			 control_count(state->began_with));
}

json_t *control_status(struct relay *relay)
{
	struct relay_settings *settings = relay_settings(relay);
	struct drain_state drain = drain_state(relay->drain);
	struct reload_last last = reload_last(relay->reload);
	struct continuity continuity = continuity_of(relay);
	int64_t tls = __atomic_load_n(&relay->tls_not_after_s, __ATOMIC_RELAXED);

	if (settings == NULL)
		return NULL;
	json_t *status = json_pack("{s:s, s:i, s:o, s:o, s:s, s:i, s:o, s:o, s:o, s:o}",
				   "version", version_string(), "pid", (int)getpid(),
				   "started", control_time(relay->started_s), "uptime_s",
				   control_count((now_ms() - relay->started_ms) / 1000),
				   "realm", relay->config->realm, "workers",
				   (int)relay->worker_count, "allocations",
				   control_count(drain.remaining), "tls_not_after",
				   control_time(tls), "ports", pool_figures(relay),
				   "limits", limits_in_force(relay, settings));
	json_t *more = json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "state",
		drain.draining ? "draining" : "serving", "drain", control_drain(&drain),
		"per_worker", workers(relay), "keys",
		keys(settings->turn.keyring, settings->turn.limits.clock_skew_s),
		"credential_refused", credential_refused(relay), "generation",
		(int)last.generation, "reload", control_reload_last(&last),
		"restart_pending", control_restart_pending(relay->reload), "log_dropped",
		control_log_dropped(), "taken_up", continuity_taken_up(&continuity),
		"next_restart", continuity_next(&continuity), "offload",
		control_offload_state(relay));

	relay_settings_unref(settings);
	if (status && (!more || json_object_update(status, more) < 0)) {
		json_decref(status);
		status = NULL;
	}
	json_decref(more);
	return status;
}

static json_t *port_row(const struct port_row *row)
{
	json_t *object = json_pack(
		"{s:s, s:o, s:i, s:o, s:i, s:s, s:s, s:s, s:s}", "side",
		row->side < SIDE_COUNT ? side_name(row->side) : "local", "address",
		control_ip(&row->address.ip), "port", (int)row->address.port,
		"public_address", control_ip(&row->public.ip), "public_port",
		(int)row->public.port, "protocol", row->protocol, "direction",
		row->direction, "service", row->service, "purpose", row->purpose);

	if (row->is_front) {
		json_object_set_new(object, "transports",
				    row->secure != NULL
					    ? json_pack("[s, s]", row->protocol,
							row->secure)
					    : json_pack("[s]", row->protocol));
		json_object_set_new(object, "draining", json_boolean(row->draining));
	}
	return object;
}

/* What a firewall must let through for relayed addresses, whether in use or not. */
static void add_ranges(json_t *list, const struct relay *relay, struct port_pool *pool,
		       const char *protocol)
{
	struct network_address rows[PORT_POOL_ADDRESSES_MAX];
	size_t row_count = network_addresses(relay->network, rows);

	for (size_t i = 0; i < row_count; i++) {
		const struct relay_address *address = &rows[i].address;
		struct port_pool_figures figures =
			port_pool_figures(pool, rows[i].index, now_ms());

		json_array_append_new(
			list, json_pack("{s:s, s:o, s:o, s:i, s:i, s:s, s:s, s:s, s:s}",
					"side", side_name(SIDE_OUTSIDE), "address",
					control_ip(&address->local), "public_address",
					control_ip(&address->public), "first",
					(int)figures.first, "last", (int)figures.last,
					"protocol", protocol, "direction", "both",
					"service", "relayed addresses", "purpose",
					"media between clients and their peers"));
	}
}

/* Only clients of the Microsoft dialect have relayed addresses over TCP. */
static json_t *port_ranges(struct relay *relay)
{
	struct relay_settings *settings = relay_settings(relay);
	json_t *list = json_array();

	add_ranges(list, relay, relay->shared.ports, "udp");
	if (settings != NULL && settings->turn.ms.enabled)
		add_ranges(list, relay, relay->shared.tcp_ports, "tcp");
	relay_settings_unref(settings);
	return list;
}

json_t *control_ports(struct relay *relay)
{
	struct port_row *rows;
	size_t rows_count;

	if (port_table(relay, &rows, &rows_count) < 0)
		return NULL;

	json_t *list = json_array();
	for (size_t i = 0; i < rows_count; i++)
		json_array_append_new(list, port_row(&rows[i]));
	free(rows);
	return json_pack("{s:o, s:o}", "ports", list, "ranges", port_ranges(relay));
}
