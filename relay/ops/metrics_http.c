/*
 * metrics_http.c - see metrics_http.h. The listener has one thread, so one set of facts is enough.
 */
#include "relay/ops/metrics_http.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/metrics/metrics_listener.h"
#include "relay/ops/metrics.h"
#include "relay/ops/page.h"
#include "relay/ops/worker_load.h"

struct metrics_http {
	struct metrics_listener *listener;
	struct relay *relay;
	struct worker_load *busy;
	struct metrics_facts facts;
	struct top_allocations top_allocations;
	char *policy; /* of the page */
	struct metrics_document documents[2];
};

static void write_metrics(void *arg, struct openmetrics *om)
{
	struct metrics_http *metrics_http = arg;

	metrics_gather(&metrics_http->facts, metrics_http->relay, metrics_http->busy);
	metrics_write(&metrics_http->facts, om);
}

static char *html_text(void *arg, size_t *len)
{
	(void)arg;
	return page_html(len);
}

static char *status_text(void *arg, size_t *len)
{
	struct metrics_http *metrics_http = arg;
	struct relay_port *listeners;
	struct page_facts facts = {
		.metrics = &metrics_http->facts,
		.top_allocations = &metrics_http->top_allocations,
	};

	metrics_gather(&metrics_http->facts, metrics_http->relay, metrics_http->busy);
	top_allocations_gather(&metrics_http->top_allocations, metrics_http->relay);
	if (relay_listener_table(metrics_http->relay, &listeners,
				 &facts.listener_count) != 0)
		return NULL;
	facts.listeners = listeners;
	char *text = page_status(&facts, len);
	free(listeners);
	return text;
}

struct metrics_http *metrics_http_bind(const struct endpoint *where, char *error,
				       size_t error_size)
{
	struct metrics_http *metrics_http = calloc(1, sizeof(*metrics_http));

	if (metrics_http == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	metrics_http->listener = metrics_listener_bind(where, error, error_size);
	if (metrics_http->listener == NULL) {
		free(metrics_http);
		return NULL;
	}
	return metrics_http;
}

bool metrics_http_start(struct metrics_http *metrics_http, struct relay *relay,
			char *error, size_t error_size)
{
	const struct metrics_source source = {
		.write = write_metrics,
		.documents = metrics_http->documents,
		.document_count = sizeof(metrics_http->documents) /
				  sizeof(metrics_http->documents[0]),
		.arg = metrics_http,
	};

	metrics_http->relay = relay;
	metrics_http->busy = worker_load_new(relay);
	metrics_http->policy = page_policy();
	metrics_http->documents[0] = (struct metrics_document){
		"/", "text/html; charset=utf-8", metrics_http->policy, html_text};
	metrics_http->documents[1] = (struct metrics_document){
		"/status.json", "application/json", NULL, status_text};
	if (metrics_http->busy == NULL || metrics_http->policy == NULL) {
		snprintf(error, error_size, "out of memory");
		return false;
	}
	return metrics_listener_start(metrics_http->listener, &source, error, error_size);
}

void metrics_http_stop(struct metrics_http *metrics_http)
{
	if (metrics_http == NULL)
		return;
	metrics_listener_stop(metrics_http->listener);
	worker_load_free(metrics_http->busy);
	free(metrics_http->policy);
	free(metrics_http);
}
