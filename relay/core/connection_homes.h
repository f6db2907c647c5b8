/*
 * connection_homes.h - where data connections (RFC 6062) of the process before are, whose
 * CONNECTION-ID names another worker by now: with another number of workers the remainder of an id
 * is another one, and a connection has to be with its allocation (relay/core/tcp_connection.h).
 *
 * Only those that wait for their ConnectionBind are looked for, 30 seconds at most, so what is added
 * stays for good; nobody else ever gets such an id.
 *
 * Owner    main's, shared by all workers. Threads: added to before the workers run, read by all.
 */
#ifndef RELAY_CORE_CONNECTION_HOMES_H
#define RELAY_CORE_CONNECTION_HOMES_H

#include <stdbool.h>
#include <stdint.h>

struct connection_homes;

/* NULL if out of memory. */
struct connection_homes *connection_homes_new(void);
void connection_homes_free(struct connection_homes *homes); /* NULL is allowed */

/* False: out of memory, or that id has a home already. */
bool connection_homes_add(struct connection_homes *homes, uint32_t id, unsigned worker);

/* The worker that has it; otherwise that one. */
unsigned connection_homes_find(const struct connection_homes *homes, uint32_t id,
			       unsigned otherwise);

#endif
