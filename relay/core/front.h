/*
 * front.h - what the core knows of a socket that serves clients. Immutable while it exists.
 */
#ifndef RELAY_CORE_FRONT_H
#define RELAY_CORE_FRONT_H

#include <stdbool.h>

#include "stun/endpoint.h"

enum side {
	SIDE_INSIDE,  /* corporate network, never behind NAT */
	SIDE_OUTSIDE, /* Internet; relayed addresses are here and only here */
	SIDE_COUNT
} __attribute__((packed));

enum transport {
	TRANSPORT_UDP,
	TRANSPORT_TCP,
	TRANSPORT_TLS,
	TRANSPORT_DTLS,
	TRANSPORT_COUNT
} __attribute__((packed));

/*
 * One server transport address. A TCP port that also takes TLS is two fronts, and so is a UDP port
 * with DTLS: the index alone tells 5-tuples apart (RFC 8656 section 6).
 */
struct front {
	enum side side;
	enum transport transport;
	struct endpoint local;
};

#define FRONTS_MAX 256

static inline bool transport_is_stream(enum transport t)
{
	return t == TRANSPORT_TCP || t == TRANSPORT_TLS;
}

/* Its front follows the plain one of the port and has no socket of its own. */
static inline bool transport_is_secure(enum transport t)
{
	return t == TRANSPORT_TLS || t == TRANSPORT_DTLS;
}

const char *side_name(enum side side);                /* "inside", "outside" */
const char *transport_name(enum transport transport); /* "udp", "tcp", "tls", "dtls" */

#endif
