/*
 * openmetrics.h - metrics as text for Prometheus and compatible collectors: OpenMetrics 1.0.0, or the
 * older Prometheus text format 0.0.4, from the same calls.
 *
 * A family is announced once and its samples follow, in the caller's order. Labels are pairs of
 * name and value, ended by NULL:
 *
 *	openmetrics_family(om, METRIC_COUNTER, "avedge_relayed_bytes", "bytes", "Relayed payload.");
 *	openmetrics_count(om, n, "side", "inside", "direction", "to-peer", NULL);
 *
 * The first failure (out of memory) is remembered; later calls do nothing and
 * openmetrics_finish() returns NULL.
 *
 * Owner    the caller, who declares the struct; openmetrics_finish() hands over the text.
 * Threads  one writer.
 */
#ifndef BASE_METRICS_OPENMETRICS_H
#define BASE_METRICS_OPENMETRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum openmetrics_form {
	OPENMETRICS_1_0_0,
	PROMETHEUS_0_0_4,
};

/* The value of Content-Type. */
const char *openmetrics_content_type(enum openmetrics_form form);

enum metric_type {
	METRIC_GAUGE,
	METRIC_COUNTER,
	METRIC_HISTOGRAM,
	METRIC_INFO,
};

struct openmetrics {
	enum openmetrics_form form;
	char *text; /* malloc'ed; not terminated while it grows */
	size_t len, size;
	bool failed;
	/* The family that samples belong to; borrowed. */
	const char *family;
	enum metric_type type;
};

/* Zeros and a form are an empty one too. */
void openmetrics_init(struct openmetrics *om, enum openmetrics_form form);

/*
 * Begin a family. name has no suffix _total, _info or _bucket, and ends with the unit if there is
 * one. unit is NULL or a base unit, such as "seconds" or "bytes". help is one sentence. name must
 * stay valid until the last sample.
 */
void openmetrics_family(struct openmetrics *om, enum metric_type type, const char *name,
			const char *unit, const char *help);

/* One sample of the family, an integer or a real number; that of a METRIC_INFO is 1. */
void openmetrics_count(struct openmetrics *om, uint64_t value, ...)
	__attribute__((sentinel));
void openmetrics_real(struct openmetrics *om, double value, ...)
	__attribute__((sentinel));

/*
 * One histogram of the family. bounds: bound_count upper bounds, ascending; counts: one per bound,
 * not cumulative, and one more for values above the last bound.
 */
struct openmetrics_histogram {
	const double *bounds;
	const uint64_t *counts;
	size_t bound_count;
	double sum;
};
void openmetrics_histogram(struct openmetrics *om,
			   const struct openmetrics_histogram *histogram, ...)
	__attribute__((sentinel));

/*
 * Finish and return the text, terminated and malloc'ed, which the caller frees; *len, if len is
 * not NULL, excludes the NUL. NULL if out of memory. om is empty again.
 */
char *openmetrics_finish(struct openmetrics *om, size_t *len);

#endif
