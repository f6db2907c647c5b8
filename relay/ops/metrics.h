/*
 * metrics.h - the relay's figures for Prometheus. docs/metrics.md explains each.
 *
 * Label values come from closed sets (names in the code, addresses of the configuration), never
 * from clients: the answer has the same size after any number of users.
 *
 * Threads  those of the metrics listener; workers are asked on their own.
 */
#ifndef RELAY_OPS_METRICS_H
#define RELAY_OPS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config/reload.h"
#include "base/metrics/openmetrics.h"
#include "relay/core/counters.h"
#include "relay/core/ids.h"
#include "relay/core/ms_reservation.h"
#include "relay/core/port_pool.h"
#include "relay/offload/offload_view.h"
#include "relay/ops/continuity.h"
#include "relay/ops/worker_load.h"
#include "relay/reload/drain.h"
#include "stun/endpoint.h"

struct relay;

/* The ports of one outside address. */
struct metrics_pool {
	struct ip_addr address; /* as bound */
	enum transport protocol;
	struct port_pool_figures figures;
};

/* All figures, copied from where they are. */
struct metrics_facts {
	int64_t now_s; /* Unix seconds */
	int64_t started_s;
	struct counters counters;
	struct metrics_pool pools[2 * PORT_POOL_ADDRESSES_MAX];
	size_t pool_count;
	struct worker_load_reading workers[WORKERS_MAX];
	size_t worker_count;
	int64_t certificate_ends_s; /* 0: no TLS */
	int64_t signing_key_ends_s; /* 0: none is valid; INT64_MAX: never, here and below */
	int64_t last_key_ends_s;
	struct reload_last reload;
	struct drain_state drain;
	struct ms_reserved_figures reserved;
	struct continuity continuity;
	struct offload_view offload;
};

/* Gather; asks the workers. load: of that relay. */
void metrics_gather(struct metrics_facts *facts, struct relay *relay,
		    struct worker_load *load);

void metrics_write(const struct metrics_facts *facts, struct openmetrics *om);

#endif
