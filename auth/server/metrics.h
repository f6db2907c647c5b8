/*
 * metrics.h - the figures of mrasd for GET /metrics. Label sets are closed: nothing that a server
 * or a stranger says becomes a label.
 */
#ifndef AUTH_SERVER_METRICS_H
#define AUTH_SERVER_METRICS_H

#include "base/metrics/openmetrics.h"

struct issuer;
struct reload;

/* In the loop of main. */
void issuer_metrics(const struct issuer *issuer, const struct reload *reload,
		    struct openmetrics *om);

#endif
