/*
 * probe_nat.h - what lies between this host and a STUN server: the address that others see, and how
 * a NAT on the way maps and filters (RFC 5780).
 *
 * Threads  one; a call blocks, but no longer than PROBE_NAT_TIMEOUT_MS for each question.
 */
#ifndef TOOLS_PROBE_PROBE_NAT_H
#define TOOLS_PROBE_PROBE_NAT_H

#include <stdbool.h>

#include "stun/endpoint.h"

enum { PROBE_NAT_TIMEOUT_MS = 1500 };

/* How far the outside must be the same to be treated the same. */
enum probe_nat_rule {
	PROBE_NAT_UNKNOWN, /* not asked, or no answer */
	PROBE_NAT_NONE,    /* the mapped address is our own */
	PROBE_NAT_ENDPOINT_INDEPENDENT,
	PROBE_NAT_ADDRESS_DEPENDENT,
	PROBE_NAT_PORT_DEPENDENT, /* address and port */
};

struct probe_nat {
	struct endpoint local, mapped;
	struct endpoint
		other; /* of the server (OTHER-ADDRESS); IP_NONE: it serves no RFC 5780 */
	enum probe_nat_rule mapping, filtering;
};

/* False, with a sentence in *why, if the server does not answer a Binding request. */
bool probe_nat(const struct endpoint *server, struct probe_nat *nat, const char **why);

/* "endpoint-independent" ... */
const char *probe_nat_rule_name(enum probe_nat_rule rule);

#endif
