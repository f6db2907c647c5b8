/*
 * ctl_uris.h - the turn: and turns: URIs (RFC 7065) of the relays that --server names.
 */
#ifndef TOOLS_CTL_CTL_URIS_H
#define TOOLS_CTL_CTL_URIS_H

#include <stdbool.h>

#include <jansson.h>

struct ctl_args;

/* Is it HOST, HOST:PORT, an IPv6 address or [IPV6]:PORT? */
bool ctl_uris_fits(const char *server);

/*
 * An array of texts, none of them twice; NULL if out of memory. Every server must fit. A server
 * without port has the ports of the relay behind --socket, on the side that has the address, or
 * outside; if that relay does not answer, the standard ones, after a message on stderr.
 */
json_t *ctl_uris(const struct ctl_args *args);

#endif
