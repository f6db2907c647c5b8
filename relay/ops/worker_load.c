/*
 * worker_load.c - see worker_load.h. Several may ask, each at intervals of his own: the ratio is of the time
 * since anybody asked, but of no time so short that it is chance.
 */
#include "relay/ops/worker_load.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "relay/relay.h"
#include "relay/worker.h"

enum { INTERVAL_MIN_MS = 1000 };

struct worker_load {
	struct relay *relay;
	uint64_t since_ms;
	double *since_cpu_s;
	struct worker_load_reading workers[];
};

static double cpu_s(const struct worker *worker)
{
	struct timespec used;
	clockid_t clock;

	if (pthread_getcpuclockid(worker->thread, &clock) != 0 ||
	    clock_gettime(clock, &used) != 0)
		return 0;
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

struct worker_load *worker_load_new(struct relay *relay)
{
	size_t count = relay->worker_count;
	struct worker_load *busy =
		calloc(1, sizeof(*busy) + count * sizeof(busy->workers[0]));

	if (busy == NULL)
		return NULL;
	busy->relay = relay;
	busy->since_ms = relay->started_ms;
	busy->since_cpu_s = calloc(count, sizeof(*busy->since_cpu_s));
	if (busy->since_cpu_s == NULL) {
		free(busy);
		return NULL;
	}
	return busy;
}

void worker_load_free(struct worker_load *busy)
{
	if (busy == NULL)
		return;
	free(busy->since_cpu_s);
	free(busy);
}

const struct worker_load_reading *worker_load_sample(struct worker_load *busy,
						     uint64_t now_ms)
{
	uint64_t past_ms = now_ms > busy->since_ms ? now_ms - busy->since_ms : 0;

	for (size_t i = 0; i < busy->relay->worker_count; i++) {
		struct worker_load_reading *worker = &busy->workers[i];

		worker->cpu_s = cpu_s(busy->relay->workers[i]);
		if (past_ms < INTERVAL_MIN_MS)
			continue;
		double ratio =
			(worker->cpu_s - busy->since_cpu_s[i]) / ((double)past_ms / 1000);
		worker->ratio = ratio < 0 ? 0 : ratio > 1 ? 1 : ratio;
		busy->since_cpu_s[i] = worker->cpu_s;
	}
	if (past_ms >= INTERVAL_MIN_MS)
		busy->since_ms = now_ms;
	return busy->workers;
}
