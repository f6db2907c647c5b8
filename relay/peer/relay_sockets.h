/*
 * relay_sockets.h - the sockets of relayed addresses that the process before has left, by where they
 * are bound: UDP sockets, and TCP sockets that listen. There are some after a restart that was
 * planned; after a crash there are none, and the allocations bind again.
 *
 * Owner    main, while it takes up what the process before has left; owns those that nobody has
 *          taken.
 */
#ifndef RELAY_PEER_RELAY_SOCKETS_H
#define RELAY_PEER_RELAY_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/descriptors/fd_parcel.h"
#include "stun/endpoint.h"

/* The group they are in (fd_store.h). */
#define RELAY_SOCKETS_NAME FD_PARCEL_NAME

struct inherited;
struct relay_sockets;

/* Takes all of that name out of the list. NULL if out of memory: then they stay there. */
struct relay_sockets *relay_sockets_new(struct inherited *inherited);
/* Closes what is left, and removes the group from the store. NULL is allowed. */
void relay_sockets_free(struct relay_sockets *sockets);

/* The one that is bound there, for the caller; -1: there is none. tcp: it listens. */
int relay_sockets_take(struct relay_sockets *sockets, const struct endpoint *local,
		       bool tcp);

/* How many nobody has taken. */
size_t relay_sockets_left(const struct relay_sockets *sockets);

#endif
