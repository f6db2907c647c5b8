/*
 * worker_load.c - see worker_load.h. Several may ask, each at intervals of its own: the ratio is
 * of the time since the last call, unless that is too short to mean anything.
 */
#include "relay/ops/worker_load.h"

#include <stdlib.h>

#include "relay/core/rate.h"
#include "relay/relay.h"

enum { INTERVAL_MIN_MS = 1000 };

struct worker_load {
	struct relay *relay;
	uint64_t since_ms;
	struct rate *cpu_ns;
	struct worker_load_reading workers[];
};

struct worker_load *worker_load_new(struct relay *relay)
{
	size_t count = relay->worker_count;
	struct worker_load *load =
		calloc(1, sizeof(*load) + count * sizeof(load->workers[0]));

	if (load == NULL)
		return NULL;
	load->relay = relay;
	load->since_ms = relay->started_ms;
	load->cpu_ns = calloc(count, sizeof(*load->cpu_ns));
	if (load->cpu_ns == NULL) {
		free(load);
		return NULL;
	}
	return load;
}

void worker_load_free(struct worker_load *load)
{
	if (load == NULL)
		return;
	free(load->cpu_ns);
	free(load);
}

const struct worker_load_reading *worker_load_sample(struct worker_load *load,
						     uint64_t now_ms)
{
	uint64_t past_ms = now_ms > load->since_ms ? now_ms - load->since_ms : 0;

	for (size_t i = 0; i < load->relay->worker_count; i++) {
		struct worker_load_reading *worker = &load->workers[i];

		worker->cpu_s = relay_worker(load->relay, i).cpu_s;
		if (past_ms < INTERVAL_MIN_MS)
			continue;
		rate_sample(&load->cpu_ns[i], (uint64_t)(worker->cpu_s * 1e9), past_ms);
		double ratio = (double)rate_per_s(&load->cpu_ns[i]) / 1e9;
		worker->ratio = ratio < 1 ? ratio : 1;
	}
	if (past_ms >= INTERVAL_MIN_MS)
		load->since_ms = now_ms;
	return load->workers;
}
