/*
 * connections.h - the TCP connections that this process has inherited, by their addresses: their
 * name in the list is the same for all.
 *
 * Owner    struct connections owns those that nobody has taken, and resets them.
 * Threads  main's.
 */
#ifndef BASE_DESCRIPTORS_CONNECTIONS_H
#define BASE_DESCRIPTORS_CONNECTIONS_H

#include <stddef.h>

#include "base/descriptors/connection_store.h"
#include "stun/endpoint.h"

struct connections;
struct inherited;

/* All of CONNECTIONS_NAME, each once, out of the list. NULL if out of memory, and they stay in it. */
struct connections *connections_new(struct inherited *inherited);
/* Resets those that are left, as something of each is lost. NULL is allowed. */
void connections_free(struct connections *connections);

/* How many are left. */
size_t connections_count(const struct connections *connections);

/* The one between these two, which is the caller's now; -1: there is none, or it has broken. */
int connections_take(struct connections *connections, const struct endpoint *local,
		     const struct endpoint *remote);
/* One that was taken, and is left after all: not ended before the others are, not taken again. */
void connections_give_up(struct connections *connections, int fd);

#endif
