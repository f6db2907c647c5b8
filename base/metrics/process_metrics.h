/*
 * process_metrics.h - metrics of the process itself: its version, and processor time, memory and
 * file descriptors under the names that Prometheus' own clients use.
 */
#ifndef BASE_METRICS_PROCESS_METRICS_H
#define BASE_METRICS_PROCESS_METRICS_H

#include <stdint.h>

#include "base/metrics/openmetrics.h"

/* started_s: Unix seconds. Reads /proc, so not for the thread of a worker. */
void process_metrics(struct openmetrics *om, int64_t started_s);

#endif
