/*
 * probe_call.h - a call between two clients of one TURN server, from relayed address to relayed
 * address, with one packet each way; or only an allocation.
 *
 * Threads  one; probe_call() blocks, but no longer than PROBE_CALL_TIMEOUT_S.
 */
#ifndef TOOLS_PROBE_PROBE_CALL_H
#define TOOLS_PROBE_PROBE_CALL_H

#include <stdbool.h>

#include "stun/endpoint.h"
#include "tools/client/client_config.h"

enum { PROBE_CALL_TIMEOUT_S = 8 };

struct probe_call {
	/* What the caller asks for. */
	struct client_config config; /* of both clients; the loop is set by probe_call() */
	bool only_allocate;
	bool moves; /* after the packets the first client moves; then there are packets again */

	/* What came of it. */
	bool done;       /* all of it */
	int code;        /* else: the server's, or 0 */
	char what[256];  /* and a sentence */
	double setup_ms; /* until both could send */
	double echo_ms;  /* there and back, through the server twice */
	struct endpoint local, mapped, relayed, relayed_too; /* of the first client */
};

/* Everything is released again. */
void probe_call(struct probe_call *call);

#endif
