/*
 * counter_sets.h - which members of struct counters are arrays of one counter each for a closed
 * set of names, as metrics and the control interface show them. A set is added here once.
 */
#ifndef RELAY_OPS_COUNTER_SETS_H
#define RELAY_OPS_COUNTER_SETS_H

#include <stddef.h>
#include <stdint.h>

struct counters;

struct counter_set {
	const char *member; /* of GET /v1/counters; NULL: it is not there */
	const char *metric, *help;
	const char *label;              /* of the metric; NULL: the set is one counter */
	const char *(*name)(int index); /* its value for that counter */
	size_t offset;                  /* of counter 0 in struct counters */
	int first, count;               /* indices [first, count) are shown */
};

extern const struct counter_set counter_sets[];
extern const size_t counter_set_count;

uint64_t counter_set_value(const struct counter_set *set, const struct counters *counters,
			   int index);

#endif
