/*
 * port_conflicts.h - tells in the log which program holds relay ports: now and then, because clients
 * can cause it.
 *
 * Threads  main.
 */
#ifndef RELAY_OPS_PORT_CONFLICTS_H
#define RELAY_OPS_PORT_CONFLICTS_H

#include <stdint.h>

struct relay;

struct port_conflicts {   /* zeroed at first */
	uint64_t told;    /* how many of all */
	uint64_t told_ms; /* when; 0: never */
};

/* Has a worker met some? Then log a line, at most once a minute. now_ms: monotonic. */
void port_conflicts_tell(struct port_conflicts *conflicts, const struct relay *relay,
			 uint64_t now_ms);

#endif
