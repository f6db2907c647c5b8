/*
 * discovery.h - NAT behaviour discovery (RFC 5780): what Binding has beyond a basic server on
 * fronts that serve it, for classic clients (RFC 3489), too.
 *
 * It answers from other sockets, to other ports and with padding, so it could be used to reflect
 * packets. Therefore
 *
 *   PADDING        never makes an answer longer than its request, nor than DISPATCH_REPLY_MAX
 *   answers        count by their length against the limit of answers to strangers
 *   RESPONSE-PORT  is served only where the configuration says so
 */
#ifndef RELAY_DIALECT_DISCOVERY_H
#define RELAY_DIALECT_DISCOVERY_H

#include <stdbool.h>

struct request;

/* Does the front of that request serve it? */
bool discovery_is_served(const struct request *rq);

/* Which attributes Binding understands there; flags of attributes.h. */
unsigned discovery_understands(const struct request *rq);

/*
 * Answer a Binding request without unknown attributes, on a front that serves discovery; sets
 * where the answer leaves from and goes to. 400 for PADDING together with RESPONSE-PORT, and for
 * a RESPONSE-PORT that is none.
 */
void discovery_binding(struct request *rq);

#endif
