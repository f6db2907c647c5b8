/*
 * pacer.c - see pacer.h.
 */
#include "tools/pacer.h"

void pacer_start(struct pacer *pacer, double per_s, double seconds, uint64_t now_ns)
{
	*pacer = (struct pacer){
		.start_ns = now_ns,
		.per_s = per_s,
		.total = (uint64_t)(per_s * seconds),
	};
	if (pacer->total == 0)
		pacer->total = 1;
}

uint64_t pacer_due(struct pacer *pacer, uint64_t now_ns, uint64_t *first)
{
	/* The first step is due at once. */
	uint64_t target =
		(uint64_t)((double)(now_ns - pacer->start_ns) * 1e-9 * pacer->per_s) + 1;
	uint64_t most = (uint64_t)(pacer->per_s * PACER_CATCH_UP_MS / 1000) + 1;

	if (target > pacer->total)
		target = pacer->total;
	if (target - pacer->done > most) {
		pacer->skipped += target - pacer->done - most;
		pacer->done = target - most;
	}
	*first = pacer->done;
	pacer->done = target;
	return target - *first;
}
