/*
 * process_metrics.h - what every daemon tells about itself: which build it is, and processor
 * time, memory and descriptors by the names that Prometheus' own clients use.
 */
#ifndef BASE_METRICS_PROCESS_METRICS_H
#define BASE_METRICS_PROCESS_METRICS_H

#include <stdint.h>

#include "base/metrics/openmetrics.h"

/* started_s: Unix seconds. Reads /proc, so not for a thread that serves. */
void process_metrics(struct openmetrics *om, int64_t started_s);

#endif
