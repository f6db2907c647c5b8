/*
 * metrics_http.h - what every user of this host may see of the relay: /metrics and a status page
 * on a loopback address. No users, no addresses of clients or peers; the control socket has those.
 */
#ifndef RELAY_OPS_METRICS_HTTP_H
#define RELAY_OPS_METRICS_HTTP_H

struct metrics_http;
struct metrics_source;
struct relay;

/*
 * What a metrics listener serves of that relay, for as long as its workers run. Fills source,
 * which borrows from the result. NULL if out of memory.
 */
struct metrics_http *metrics_http_new(struct relay *relay, struct metrics_source *source);
/* After the listener has stopped; NULL is allowed. */
void metrics_http_free(struct metrics_http *metrics_http);

#endif
