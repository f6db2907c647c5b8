/*
 * trace.h - one line for each reply to a client, at level debug of the subsystem front: the
 * client, its request and the result; and one for each connection that ends, with the reason. At
 * other levels a reply costs one comparison; packets of media never come here.
 *
 * Owner    the worker; its thread only.
 */
#ifndef RELAY_FRONT_TRACE_H
#define RELAY_FRONT_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/auth.h"
#include "relay/core/five_tuple.h"
#include "relay/core/turn.h"
#include "stun/wire.h"

struct trace {           /* all zero at first */
	uint64_t second; /* that lines are counted of */
	unsigned lines;
	/* As of the reply before, to tell why a client was just refused. */
	bool has_seen;
	uint64_t auth_failures[AUTH_FAILURE_COUNT];
};

/*
 * reply: of either dialect, with MS framing or without. At most a hundred lines a second, the
 * last of which says so.
 */
void trace_reply(struct trace *trace, const struct turn *turn,
		 const struct five_tuple *tuple, struct slice reply, uint64_t now_ms);

/* The connection of a client has ended. Among the same hundred lines. */
void trace_end(struct trace *trace, const struct turn *turn,
	       const struct five_tuple *tuple, enum connection_end why, uint64_t now_ms);

#endif
