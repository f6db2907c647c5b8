/*
 * metrics_http.c - see metrics_http.h. The listener has one thread, so one set of facts is enough.
 */
#include "relay/ops/metrics_http.h"

#include <stdlib.h>

#include "base/metrics/metrics_listener.h"
#include "relay/ops/metrics.h"
#include "relay/ops/page.h"
#include "relay/ops/worker_load.h"

struct metrics_http {
	struct relay *relay;
	struct worker_load *load;
	struct metrics_facts facts;
	struct relay_top top;
	char *policy; /* of the page */
	struct metrics_document documents[2];
};

static void write_metrics(void *arg, struct openmetrics *om)
{
	struct metrics_http *metrics_http = arg;

	metrics_gather(&metrics_http->facts, metrics_http->relay, metrics_http->load);
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
	struct port_row *ports;
	struct page_facts facts = {
		.metrics = &metrics_http->facts,
		.top = &metrics_http->top,
	};

	metrics_gather(&metrics_http->facts, metrics_http->relay, metrics_http->load);
	relay_allocations_top(metrics_http->relay, &metrics_http->top);
	if (port_table_permanent(metrics_http->relay, &ports, &facts.port_count) != 0)
		return NULL;
	facts.ports = ports;
	char *text = page_status(&facts, len);
	free(ports);
	return text;
}

struct metrics_http *metrics_http_new(struct relay *relay, struct metrics_source *source)
{
	struct metrics_http *metrics_http = calloc(1, sizeof(*metrics_http));

	if (metrics_http == NULL)
		return NULL;
	metrics_http->relay = relay;
	metrics_http->load = worker_load_new(relay);
	metrics_http->policy = page_policy();
	if (metrics_http->load == NULL || metrics_http->policy == NULL) {
		metrics_http_free(metrics_http);
		return NULL;
	}
	metrics_http->documents[0] = (struct metrics_document){
		"/", "text/html; charset=utf-8", metrics_http->policy, html_text};
	metrics_http->documents[1] = (struct metrics_document){
		"/status.json", "application/json", NULL, status_text};
	*source = (struct metrics_source){
		.write = write_metrics,
		.documents = metrics_http->documents,
		.document_count = sizeof(metrics_http->documents) /
				  sizeof(metrics_http->documents[0]),
		.arg = metrics_http,
	};
	return metrics_http;
}

void metrics_http_free(struct metrics_http *metrics_http)
{
	if (metrics_http == NULL)
		return;
	worker_load_free(metrics_http->load);
	free(metrics_http->policy);
	free(metrics_http);
}
