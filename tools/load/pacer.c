/*
 * pacer.c - see pacer.h.
 */
#include "tools/load/pacer.h"

#include <assert.h>

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

static uint64_t worth_of(const struct pacer *pacer, unsigned ms)
{
	return (uint64_t)(pacer->per_s * ms / 1000) + 1;
}

uint64_t pacer_due(struct pacer *pacer, uint64_t now_ns, uint64_t *first)
{
	/* The first step is due at once. */
	uint64_t due =
		(uint64_t)((double)(now_ns - pacer->start_ns) * 1e-9 * pacer->per_s) + 1;

	if (due > pacer->total)
		due = pacer->total;

	assert(pacer->done <= due);
	uint64_t behind = due - pacer->done;
	if (behind > worth_of(pacer, PACER_BEHIND_MS)) {
		uint64_t skip = behind - worth_of(pacer, PACER_BEHIND_MS);
		pacer->skipped += skip;
		pacer->done += skip;
		behind -= skip;
	}

	uint64_t steps = worth_of(pacer, PACER_AT_ONCE_MS);
	if (steps > behind)
		steps = behind;
	*first = pacer->done;
	pacer->done += steps;
	return steps;
}
