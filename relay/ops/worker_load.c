/*
 * worker_load.c - see worker_load.h. Several may ask, each at intervals of its own: the ratio is
 * of the time since anybody asked, but never of a time so short that it is chance.
 */
#include "relay/ops/worker_load.h"

#include <stdlib.h>

#include "relay/relay.h"

enum { INTERVAL_MIN_MS = 1000 };

struct worker_load {
	struct relay *relay;
	uint64_t since_ms;
	double *since_cpu_s;
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
	load->since_cpu_s = calloc(count, sizeof(*load->since_cpu_s));
	if (load->since_cpu_s == NULL) {
		free(load);
		return NULL;
	}
	return load;
}

void worker_load_free(struct worker_load *load)
{
	if (load == NULL)
		return;
	free(load->since_cpu_s);
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
		double ratio =
			(worker->cpu_s - load->since_cpu_s[i]) / ((double)past_ms / 1000);
		worker->ratio = ratio < 0 ? 0 : ratio > 1 ? 1 : ratio;
		load->since_cpu_s[i] = worker->cpu_s;
	}
	if (past_ms >= INTERVAL_MIN_MS)
		load->since_ms = now_ms;
	return load->workers;
}
