/*
 * metrics.h - the metrics of mrasd. Label sets are closed: no text from a server or a
 * stranger becomes a label.
 */
#ifndef AUTH_SERVER_METRICS_H
#define AUTH_SERVER_METRICS_H

#include "base/metrics/openmetrics.h"

struct issuer;
struct reload;

/* In the loop of main. */
void issuer_metrics(const struct issuer *issuer, struct reload *reload,
		    struct openmetrics *om);

#endif
