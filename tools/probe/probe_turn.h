/*
 * probe_turn.h - avedgectl probe: what a TURN server serves, over each transport, and what lies
 * between.
 *
 * Threads  one; blocks.
 */
#ifndef TOOLS_PROBE_PROBE_TURN_H
#define TOOLS_PROBE_PROBE_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/probe/probe.h"

enum probe_transport {
	PROBE_UDP,
	PROBE_DTLS,
	PROBE_TCP,
	PROBE_TLS,
	PROBE_TRANSPORTS,
};

struct probe_turn_options {
	const char *host;
	uint16_t ports[PROBE_TRANSPORTS];
	bool transports[PROBE_TRANSPORTS]; /* those to try */
	const char *username, *password;   /* NULL: nothing is relayed */
	const char *ca;                    /* NULL: the system's */
	const char *name;                  /* the certificate must show; NULL: any */
};

/* "udp", "dtls", "tcp", "tls", NULL */
extern const char *const probe_transport_names[PROBE_TRANSPORTS + 1];

/*
 * Steps go to the report. False if a transport does not work; what a server need not serve is only
 * told. *reached: it answered something.
 */
bool probe_turn(const struct probe_turn_options *options, struct probe_report *report,
		bool *reached);

#endif
