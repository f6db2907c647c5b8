/*
 * observer.c - see observer.h. The listener has one thread, so one set of facts is enough.
 */
#include "relay/ops/observer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/metrics/metrics_listener.h"
#include "relay/ops/busy.h"
#include "relay/ops/metrics.h"
#include "relay/ops/page.h"

struct observer {
	struct metrics_listener *listener;
	struct relay *relay;
	struct busy *busy;
	struct metrics_facts facts;
	struct busiest busiest;
	char *policy; /* of the page */
	struct metrics_document documents[2];
};

static void write_metrics(void *arg, struct openmetrics *om)
{
	struct observer *observer = arg;

	metrics_gather(&observer->facts, observer->relay, observer->busy);
	metrics_write(&observer->facts, om);
}

static char *html_text(void *arg, size_t *len)
{
	(void)arg;
	return page_html(len);
}

static char *status_text(void *arg, size_t *len)
{
	struct observer *observer = arg;
	struct relay_port *listeners;
	struct page_facts facts = {
		.metrics = &observer->facts,
		.busiest = &observer->busiest,
	};

	metrics_gather(&observer->facts, observer->relay, observer->busy);
	busiest_gather(&observer->busiest, observer->relay);
	if (relay_listener_table(observer->relay, &listeners, &facts.listener_count) != 0)
		return NULL;
	facts.listeners = listeners;
	char *text = page_status(&facts, len);
	free(listeners);
	return text;
}

struct observer *observer_bind(const struct endpoint *where, char *error,
			       size_t error_size)
{
	struct observer *observer = calloc(1, sizeof(*observer));

	if (observer == NULL) {
		snprintf(error, error_size, "out of memory");
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
	const struct metrics_source source = {
		.write = write_metrics,
		.documents = observer->documents,
		.document_count =
			sizeof(observer->documents) / sizeof(observer->documents[0]),
		.arg = observer,
	};

	observer->relay = relay;
	observer->busy = busy_new(relay);
	observer->policy = page_policy();
	observer->documents[0] = (struct metrics_document){
		"/", "text/html; charset=utf-8", observer->policy, html_text};
	observer->documents[1] = (struct metrics_document){
		"/status.json", "application/json", NULL, status_text};
	if (observer->busy == NULL || observer->policy == NULL) {
		snprintf(error, error_size, "out of memory");
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
	free(observer->policy);
	free(observer);
}
