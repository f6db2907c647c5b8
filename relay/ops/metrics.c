/*
 * metrics.c - facts as families. Every combination of labels is there from the start, also at 0:
 * graphs then have no holes, and rate() needs the 0 before the first event.
 */
#include "relay/ops/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/metrics/process_metrics.h"
#include "relay/core/allocation.h"
#include "relay/ops/counter_sets.h"
#include "relay/ops/record.h"

enum { SCALE_MS = 1000 };

static void write_distribution(struct openmetrics *om,
			       const struct distribution *distribution,
			       const struct distribution_bounds *bounds, double scale,
			       const char *socket)
{
	double scaled[DISTRIBUTION_BOUNDS_MAX];
	const struct openmetrics_histogram histogram = {
		.bounds = scaled,
		.counts = distribution->counts,
		.bound_count = bounds->count,
		.sum = (double)distribution->sum / scale,
	};

	for (size_t i = 0; i < bounds->count; i++)
		scaled[i] = (double)bounds->bounds[i] / scale;
	if (socket != NULL)
		openmetrics_histogram(om, &histogram, "socket", socket, NULL);
	else
		openmetrics_histogram(om, &histogram, NULL);
}

static void write_pools(const struct metrics_facts *facts, struct openmetrics *om)
{
	char address[ENDPOINT_TEXT_LEN];

	openmetrics_family(om, METRIC_GAUGE, "avedge_relay_ports", NULL,
			   "Ports for relayed addresses: used, resting after use, free.");
	for (size_t i = 0; i < facts->pool_count; i++) {
		const struct metrics_pool *pool = &facts->pools[i];
		const struct port_pool_figures *figures = &pool->figures;
		const char *protocol = transport_name(pool->protocol);

		ip_addr_format(&pool->address, address, sizeof(address));
		openmetrics_count(om, figures->size - figures->used - figures->resting,
				  "address", address, "protocol", protocol, "state",
				  "free", NULL);
		openmetrics_count(om, figures->used, "address", address, "protocol",
				  protocol, "state", "used", NULL);
		openmetrics_count(om, figures->resting, "address", address, "protocol",
				  protocol, "state", "resting", NULL);
	}
}

/* What the gauge and the counter of allocations have in common. */
static void write_kind(const struct turnover *kind, struct openmetrics *om, bool open,
		       const char *const labels[4])
{
	openmetrics_count(om,
			  open ? counters_open(kind->opened, kind->closed) : kind->opened,
			  "dialect", labels[0], "side", labels[1], "transport", labels[2],
			  "relay_transport", labels[3], NULL);
}

/* Only stream clients can have TCP relayed addresses. */
static void write_turnover(const struct counters *counters, struct openmetrics *om,
			   bool open)
{
	const int kinds = DIALECT_COUNT * SIDE_COUNT * TRANSPORT_COUNT * COUNTED_RELAYS;

	for (int i = 0; i < kinds; i++) {
		enum transport relay = (enum transport)(i % COUNTED_RELAYS);
		enum transport transport =
			(enum transport)(i / COUNTED_RELAYS % TRANSPORT_COUNT);
		enum side side =
			(enum side)(i / COUNTED_RELAYS / TRANSPORT_COUNT % SIDE_COUNT);
		enum dialect dialect =
			(enum dialect)(i / COUNTED_RELAYS / TRANSPORT_COUNT / SIDE_COUNT);
		const char *const labels[] = {
			dialect_name(dialect),
			side_name(side),
			transport_name(transport),
			transport_name(relay),
		};

		if (relay == TRANSPORT_UDP || transport_is_stream(transport))
			write_kind(
				&counters->allocations[dialect][side][transport][relay],
				om, open, labels);
	}
}

static void write_allocations(const struct counters *counters, struct openmetrics *om)
{
	openmetrics_family(om, METRIC_GAUGE, "avedge_allocations", NULL,
			   "Allocations that exist now.");
	write_turnover(counters, om, true);
	openmetrics_family(om, METRIC_COUNTER, "avedge_allocations_opened", NULL,
			   "Allocations made.");
	write_turnover(counters, om, false);
	openmetrics_family(om, METRIC_HISTOGRAM, "avedge_allocation_duration_seconds",
			   "seconds", "Lifetime of allocations that have ended.");
	write_distribution(om, &counters->allocation_duration, &distribution_durations,
			   SCALE_MS, NULL);
	openmetrics_family(
		om, METRIC_HISTOGRAM, "avedge_allocation_relayed_bytes", "bytes",
		"Payload relayed by allocations that have ended, both directions.");
	write_distribution(om, &counters->allocation_bytes, &distribution_bytes, 1, NULL);
}

static void write_bandwidth(const struct counters *counters, struct openmetrics *om)
{
	openmetrics_family(om, METRIC_COUNTER, "avedge_bandwidth_exceeded", NULL,
			   "Times that an allocation began to exceed its own limit of "
			   "bandwidth.");
	openmetrics_count(om, counters->exceeded_average, "limit", "average", NULL);
	openmetrics_count(om, counters->exceeded_peak, "limit", "peak", NULL);
}

static void write_reservations(const struct ms_reserved_figures *reserved,
			       struct openmetrics *om)
{
	openmetrics_family(om, METRIC_GAUGE, "avedge_bandwidth_reservations", NULL,
			   "Allocations of Microsoft's clients that have reserved "
			   "bandwidth.");
	openmetrics_count(om, reserved->count, NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_bandwidth_reserved_bytes_per_second",
			   NULL, "Bandwidth that Microsoft's clients have reserved.");
	for (int side = 0; side < SIDE_COUNT; side++)
		openmetrics_count(om, reserved->bps_of_side[side] / 8, "side",
				  side_name((enum side)side), NULL);
}

static void write_requests(const struct counters *counters, struct openmetrics *om)
{
	openmetrics_family(
		om, METRIC_COUNTER, "avedge_requests", NULL,
		"STUN and TURN requests, by method and result: success or the error code.");
	for (int i = 0; i < REQUEST_METHOD_COUNT; i++)
		for (int j = 0; j < REQUEST_RESULT_COUNT; j++) {
			int code = request_result_code(j);
			char number[16];

			snprintf(number, sizeof(number), "%d", code);
			openmetrics_count(om, counters->requests[i][j], "method",
					  request_method_name((enum request_method)i),
					  "result",
					  code == 0  ? "success"
					  : code > 0 ? number
						     : "other",
					  NULL);
		}
}

/* One traffic figure of both directions: packets or bytes. */
static void write_direction(const struct counters *counters, struct openmetrics *om,
			    bool bytes)
{
	for (int s = 0; s < SIDE_COUNT; s++)
		for (int t = 0; t < TRANSPORT_COUNT; t++) {
			const struct traffic *to_peer = &counters->to_peer[s][t];
			const struct traffic *to_client = &counters->to_client[s][t];
			const char *side = side_name((enum side)s);
			const char *transport = transport_name((enum transport)t);

			openmetrics_count(om, bytes ? to_peer->bytes : to_peer->packets,
					  "direction", "to-peer", "side", side,
					  "transport", transport, NULL);
			openmetrics_count(om,
					  bytes ? to_client->bytes : to_client->packets,
					  "direction", "to-client", "side", side,
					  "transport", transport, NULL);
		}
}

static void write_traffic(const struct counters *counters, struct openmetrics *om)
{
	openmetrics_family(om, METRIC_COUNTER, "avedge_relayed_bytes", "bytes",
			   "Payload relayed, by direction and by the client's side and "
			   "transport.");
	write_direction(counters, om, true);
	openmetrics_family(om, METRIC_COUNTER, "avedge_relayed_packets", NULL,
			   "Packets relayed, by direction and by the client's side and "
			   "transport.");
	write_direction(counters, om, false);
}

static void write_batches(const struct counters *counters, struct openmetrics *om)
{
	openmetrics_family(om, METRIC_HISTOGRAM, "avedge_receive_batch_datagrams", NULL,
			   "Datagrams, or runs of them, of one receive call.");
	for (int i = 0; i < SOCKET_KIND_COUNT; i++)
		write_distribution(om, &counters->batches[i], &distribution_batches, 1,
				   socket_kind_name((enum socket_kind)i));
}

static void write_connections(const struct counters *counters, struct openmetrics *om)
{
	openmetrics_family(om, METRIC_GAUGE, "avedge_connections", NULL,
			   "TCP and TLS connections of clients that are open.");
	openmetrics_count(om,
			  counters_open(counters->connections_opened,
					counters->connections_closed),
			  NULL);
	openmetrics_family(
		om, METRIC_GAUGE, "avedge_dtls_associations", NULL,
		"DTLS associations of clients, those in a handshake included.");
	openmetrics_count(om,
			  counters_open(counters->associations_opened,
					counters->associations_closed),
			  NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_dtls_half_open", NULL,
			   "Those of them that have not authenticated.");
	openmetrics_count(om, counters->associations_half_open, NULL);
}

static void write_sets(const struct counters *counters, struct openmetrics *om)
{
	for (size_t i = 0; i < counter_set_count; i++) {
		const struct counter_set *set = &counter_sets[i];

		openmetrics_family(om, METRIC_COUNTER, set->metric, NULL, set->help);
		for (int j = set->first; j < set->count; j++)
			openmetrics_count(om, counter_set_value(set, counters, j),
					  set->label, set->label ? set->name(j) : NULL,
					  NULL);
	}
}

static void write_workers(const struct metrics_facts *facts, struct openmetrics *om)
{
	char number[8];

	openmetrics_family(om, METRIC_COUNTER, "avedge_worker_cpu_seconds", "seconds",
			   "Processor time of each worker.");
	for (size_t i = 0; i < facts->worker_count; i++) {
		snprintf(number, sizeof(number), "%u", (unsigned)i);
		openmetrics_real(om, facts->workers[i].cpu_s, "worker", number, NULL);
	}
	openmetrics_family(om, METRIC_GAUGE, "avedge_worker_busy_ratio", "ratio",
			   "Share of the time since the last scrape that each worker was "
			   "busy, 0 to 1.");
	for (size_t i = 0; i < facts->worker_count; i++) {
		snprintf(number, sizeof(number), "%u", (unsigned)i);
		openmetrics_real(om, facts->workers[i].ratio, "worker", number, NULL);
	}
}

/* Unix time; what never ends does so at +Inf. */
static double end_of(int64_t unix_s)
{
	return unix_s == INT64_MAX ? (double)INFINITY : (double)unix_s;
}

static void write_expiry(const struct metrics_facts *facts, struct openmetrics *om)
{
	openmetrics_family(
		om, METRIC_GAUGE, "avedge_certificate_expiry_timestamp_seconds",
		"seconds",
		"When the TLS certificate expires, Unix time; absent without TLS.");
	if (facts->certificate_ends_s != 0)
		openmetrics_real(om, end_of(facts->certificate_ends_s), NULL);
	openmetrics_family(
		om, METRIC_GAUGE, "avedge_key_expiry_timestamp_seconds", "seconds",
		"When keys of the keyring expire, Unix time: the one that signs "
		"now (0: none) and the last of all.");
	openmetrics_real(om, end_of(facts->signing_key_ends_s), "key", "signing", NULL);
	openmetrics_real(om, end_of(facts->last_key_ends_s), "key", "last", NULL);
}

static void write_reload(const struct metrics_facts *facts, struct openmetrics *om)
{
	openmetrics_family(om, METRIC_GAUGE, "avedge_reload_successful", NULL,
			   "1 if the configuration read last is in force, 0 if it was "
			   "rejected.");
	openmetrics_count(om, facts->reload.result != RELOAD_REJECTED, NULL);
	openmetrics_family(
		om, METRIC_GAUGE, "avedge_reload_timestamp_seconds", "seconds",
		"When the configuration, or a file that it names, was read last, "
		"Unix time.");
	openmetrics_count(om,
			  (uint64_t)(facts->reload.at_s != 0 ? facts->reload.at_s
							     : facts->started_s),
			  NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_restart_pending", NULL,
			   "Whether a changed key of the configuration waits for a "
			   "restart: 1, or 0.");
	openmetrics_count(om, facts->reload.restart_pending[0] != '\0', NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_configuration_generation", NULL,
			   "Increases by one with every change that is applied.");
	openmetrics_count(om, facts->reload.generation, NULL);
}

static void write_continuity(const struct continuity *continuity, struct openmetrics *om)
{
	const struct take_up_report *taken = &continuity->taken;

	openmetrics_family(
		om, METRIC_GAUGE, "avedge_restart_gap_seconds", "seconds",
		"From the last sign of life of the process before until this one "
		"served; 0 after a fresh start.");
	openmetrics_real(om, (double)taken->gap_ms / SCALE_MS, NULL);
	openmetrics_family(
		om, METRIC_GAUGE, "avedge_restart_oldest_allocation_seconds", "seconds",
		"Age, when this process started, of the oldest allocation that it "
		"took up; 0 without one.");
	openmetrics_real(om, (double)taken->oldest_ms / SCALE_MS, NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_unsaved_allocations", NULL,
			   "Allocations whose record did not fit into the state file; a "
			   "restart loses them.");
	openmetrics_count(om, continuity->unsaved, NULL);
	openmetrics_family(
		om, METRIC_GAUGE, "avedge_unsaved_connections", NULL,
		"TCP connections whose record did not fit into the state file; "
		"a restart ends them.");
	openmetrics_count(om, continuity->unsaved_streams, "with", "client", NULL);
	openmetrics_count(om, continuity->unsaved_peers, "with", "peer", NULL);
	openmetrics_family(
		om, METRIC_COUNTER, "avedge_stored_descriptors", NULL,
		"Descriptors for the next process, by what the service manager "
		"was sent: stored, or given up.");
	openmetrics_count(om, continuity->store.put, "result", "stored", NULL);
	openmetrics_count(om, continuity->store.given_up, "result", "given-up", NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_waiting_descriptors", NULL,
			   "Descriptors that the service manager has not taken yet.");
	openmetrics_count(om, continuity->store.waiting, NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_stored_connections", NULL,
			   "TCP connections for the next process that lie in parcels, of "
			   "which each is one stored descriptor: live, or ended.");
	openmetrics_count(om, continuity->connections.live, "state", "live", NULL);
	openmetrics_count(om, continuity->connections.ended, "state", "ended", NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_unkept_connections", NULL,
			   "TCP connections that the next process will not get: the "
			   "service manager's store is full, or the limit of descriptors "
			   "too low.");
	openmetrics_count(om, continuity->connections.unkept, NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_descriptor_store_full", NULL,
			   "1 if the service manager has no room for more descriptors "
			   "(FileDescriptorStoreMax).");
	openmetrics_count(om, continuity->store_is_full, NULL);
}

static void write_drain(const struct metrics_facts *facts, struct openmetrics *om)
{
	const struct drain_state *drain = &facts->drain;

	openmetrics_family(om, METRIC_GAUGE, "avedge_draining", NULL,
			   "1 while the relay is being taken out of service.");
	openmetrics_count(om, drain->draining, NULL);
	openmetrics_family(
		om, METRIC_GAUGE, "avedge_drain_remaining_allocations", NULL,
		"Allocations that a drain still waits for; 0 if not draining.");
	openmetrics_count(om, drain->draining ? drain->remaining : 0, NULL);
	openmetrics_family(
		om, METRIC_GAUGE, "avedge_drain_deadline_timestamp_seconds", "seconds",
		"When a drain ends the remaining allocations, Unix time; absent "
		"without a deadline.");
	if (drain->draining && drain->deadline_s != 0)
		openmetrics_count(om, (uint64_t)drain->deadline_s, NULL);
}

static void write_offload(const struct offload_view *offload, struct openmetrics *om)
{
	openmetrics_family(om, METRIC_GAUGE, "avedge_offload_on", NULL,
			   "1 if the kernel relays media on at least one device.");
	openmetrics_count(om, offload->is_on, NULL);
	openmetrics_family(
		om, METRIC_GAUGE, "avedge_offload_missed", NULL,
		"1 if the configuration asks for the kernel plane by tc or xdp "
		"where there is none.");
	openmetrics_count(om, offload->is_missed, NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_offload_flows", NULL,
			   "Flows in the kernel: each a direction of a channel or of an "
			   "active destination.");
	openmetrics_count(om, offload->flows, NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_offload_flows_max", NULL,
			   "How many flows there is room for; 0 without a kernel plane.");
	openmetrics_count(om, offload->flows_max, NULL);
	openmetrics_family(om, METRIC_COUNTER, "avedge_offload_forwarded_packets", NULL,
			   "Packets that the kernel forwarded by itself.");
	openmetrics_count(om, offload->counts.packets, NULL);
	openmetrics_family(
		om, METRIC_COUNTER, "avedge_offload_passed_up_packets", NULL,
		"Packets of relay ports that came up to the sockets, by reason.");
	for (int i = 0; i < FLOW_UP_COUNT; i++)
		openmetrics_count(om, offload->counts.ups[i], "reason",
				  offload_up_name((enum flow_up)i), NULL);
}

void metrics_write(const struct metrics_facts *facts, struct openmetrics *om)
{
	const struct counters *counters = &facts->counters;

	assert(facts->worker_count <= WORKERS_MAX);
	assert(facts->pool_count <= sizeof(facts->pools) / sizeof(facts->pools[0]));
	process_metrics(om, facts->started_s);
	write_pools(facts, om);
	write_allocations(counters, om);
	write_bandwidth(counters, om);
	write_reservations(&facts->reserved, om);
	write_requests(counters, om);
	write_traffic(counters, om);
	write_sets(counters, om);
	write_batches(counters, om);
	write_connections(counters, om);
	write_workers(facts, om);
	write_expiry(facts, om);
	write_reload(facts, om);
	write_continuity(&facts->continuity, om);
	write_drain(facts, om);
	write_offload(&facts->offload, om);
}
