/*
 * pacer.h - how many packets are due. After a pause the generator catches up, but with at most a
 * few milliseconds' worth at once, because a flood would measure the pause and not the server. If
 * it falls far behind it is too slow for the rate: it skips and counts what it missed.
 *
 * Time     monotonic nanoseconds, passed in.
 */
#ifndef TOOLS_LOAD_PACER_H
#define TOOLS_LOAD_PACER_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PACER_AT_ONCE_MS = 3, /* worth of steps */
	PACER_BEHIND_MS = 100,
};

struct pacer {
	uint64_t start_ns;
	double per_s;   /* steps (packets, or bursts of them) per second */
	uint64_t total; /* steps in all */
	uint64_t done;  /* steps taken or skipped */
	uint64_t skipped;
};

/* total is rounded down, but is at least 1. */
void pacer_start(struct pacer *pacer, double per_s, double seconds, uint64_t now_ns);

/*
 * Steps to take now; *first is the number of the first one. They count as taken. Skipped steps
 * keep their numbers, so that a step always belongs to the same flow.
 */
uint64_t pacer_due(struct pacer *pacer, uint64_t now_ns, uint64_t *first);

static inline bool pacer_is_done(const struct pacer *pacer)
{
	return pacer->done >= pacer->total;
}

#endif
