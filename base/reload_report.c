/*
 * reload_report.c - see reload_report.h.
 */
#include "base/reload_report.h"

#include <stdlib.h>
#include <string.h>

const char *reload_effect_name(enum reload_effect effect)
{
	switch (effect) {
	case RELOAD_EFFECT_APPLIED:
		return "applied";
	case RELOAD_EFFECT_NEW_ALLOCATIONS:
		return "new-allocations";
	case RELOAD_EFFECT_DRAINING:
		return "draining";
	case RELOAD_EFFECT_RESTART:
		return "restart";
	}
	return "unknown";
}

const char *reload_result_name(enum reload_result result)
{
	switch (result) {
	case RELOAD_UNCHANGED:
		return "unchanged";
	case RELOAD_APPLIED:
		return "applied";
	case RELOAD_REJECTED:
		return "rejected";
	}
	return "unknown";
}

bool reload_report_add(struct reload_report *report, const char *key, const char *before,
		       const char *after, enum reload_effect effect)
{
	struct reload_change *changes = reallocarray(report->changes, report->count + 1,
						     sizeof(*report->changes));
	if (changes == NULL)
		return false;
	report->changes = changes;

	struct reload_change change = {
		.key = strdup(key),
		.before = strdup(before),
		.after = strdup(after),
		.effect = effect,
	};
	if (change.key == NULL || change.before == NULL || change.after == NULL) {
		free(change.key);
		free(change.before);
		free(change.after);
		return false;
	}
	changes[report->count++] = change;
	return true;
}

void reload_report_clear(struct reload_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->changes[i].key);
		free(report->changes[i].before);
		free(report->changes[i].after);
	}
	free(report->changes);
	memset(report, 0, sizeof(*report));
}
