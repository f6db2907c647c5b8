/*
 * control_reply.h - what the control interface answers, as JSON. No HTTP here but status codes.
 */
#ifndef RELAY_OPS_CONTROL_REPLY_H
#define RELAY_OPS_CONTROL_REPLY_H

#include <jansson.h>

struct relay;

/*
 * The document behind a path. *status is an HTTP status; beside 200 the document is a problem
 * (RFC 9457). A new reference; NULL if out of memory.
 */
json_t *control_reply(struct relay *relay, const char *method, const char *path,
		      unsigned *status);

/* A problem of our own making, such as 403. */
json_t *control_problem(unsigned status, const char *detail);

#endif
