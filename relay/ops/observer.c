/*
 * observer.c - see observer.h. The listener has one thread, so one set of facts is enough.
 */
#include "relay/ops/observer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/metrics_listener.h"
#include "relay/ops/busy.h"
#include "relay/ops/metrics.h"

struct observer {
	struct metrics_listener *listener;
	struct relay *relay;
	struct busy *busy;
	struct metrics_facts facts;
};

static void write_metrics(void *arg, struct openmetrics *om)
{
	struct observer *observer = arg;

	metrics_gather(&observer->facts, observer->relay, observer->busy);
	metrics_write(&observer->facts, om);
}

struct observer *observer_bind(const struct endpoint *where, char *error,
			       size_t error_size)
{
	struct observer *observer = calloc(1, sizeof(*observer));

	if (observer == NULL) {
		snprintf(error, error_size, "metrics.listen: out of memory");
		return NULL;
	}
	observer->listener = metrics_listener_bind(where, error, error_size);
	if (observer->listener == NULL) {
		free(observer);
		return NULL;
	}
	return observer;
}

bool observer_start(struct observer *observer, struct relay *relay, char *error,
		    size_t error_size)
{
	const struct metrics_source source = {.write = write_metrics, .arg = observer};

	observer->relay = relay;
	observer->busy = busy_new(relay);
	if (observer->busy == NULL) {
		snprintf(error, error_size, "metrics.listen: out of memory");
		return false;
	}
	return metrics_listener_start(observer->listener, &source, error, error_size);
}

void observer_stop(struct observer *observer)
{
	if (observer == NULL)
		return;
	metrics_listener_stop(observer->listener);
	busy_free(observer->busy);
	free(observer);
}
