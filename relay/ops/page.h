/*
 * page.h - the status page: one HTML document and the figures it shows, for a browser on this
 * host.
 *
 * It asks for no authentication, so it shows neither users nor addresses of clients or peers;
 * the control socket has those.
 */
#ifndef RELAY_OPS_PAGE_H
#define RELAY_OPS_PAGE_H

#include <stddef.h>

#include "relay/ops/metrics.h"
#include "relay/ops/port_table.h"
#include "relay/relay_allocations.h"

/* The document, from relay/ops/page.html; malloc'ed. NULL if out of memory. */
char *page_html(size_t *len);

/*
 * The Content-Security-Policy that it is served with: its own script and style, by their hashes,
 * and figures from its own origin. malloc'ed; NULL if out of memory.
 */
char *page_policy(void);

/* What the page shows, as JSON; malloc'ed, NULL if out of memory. */
struct page_facts {
	const struct metrics_facts *metrics;
	const struct port_row *ports; /* permanent ones */
	size_t port_count;
	const struct relay_top *top; /* users and clients of these are left out */
};
char *page_status(const struct page_facts *facts, size_t *len);

#endif
