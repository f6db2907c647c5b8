/*
 * clients.h - the stream clients of one worker, found by 5-tuple, and the limits on those that
 * have not yet authenticated: a host that opens thousands of silent connections must not keep
 * others out.
 *
 * Owner    the worker; its thread only. Clients are embedded in what speaks to them (stream.h).
 */
#ifndef RELAY_FRONT_CLIENTS_H
#define RELAY_FRONT_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "relay/core/five_tuple.h"
#include "relay/core/front.h"

struct clients;
struct delivery;

/* The 5-tuple must not change while the client is in the table. */
struct client {
	LIST_ENTRY(client) link;
	struct five_tuple tuple;
};

/*
 * end    close that client's connection; it removes and frees itself
 *
 * NULL and errno.
 */
struct clients *clients_new(struct delivery *delivery,
			    void (*end)(struct client *client));
void clients_free(struct clients *clients); /* NULL is allowed; ends all clients */

/* How its clients reach the worker. */
struct delivery *clients_delivery(struct clients *clients);

/*
 * May one more client connect from that address? Charges it if so: in total, among the
 * unauthenticated, and to its prefix.
 */
bool clients_admit(struct clients *clients, const struct ip_addr *client);
/* An admitted client is no longer unauthenticated: it has authenticated, or is gone. */
void clients_discharge(struct clients *clients, const struct ip_addr *client);
/* An admitted connection is gone. */
void clients_leave(struct clients *clients);

void clients_add(struct clients *clients, struct client *client);
void clients_remove(struct client *client);
/* The newest; a connection that was reset may not have been noticed yet. NULL: none. */
struct client *clients_find(struct clients *clients, const struct five_tuple *tuple);

/* End all clients of these fronts, none of which has an allocation. */
void clients_end(struct clients *clients, const bool fronts[FRONTS_MAX]);

/* What clients share, each for the length of one call: where they read, and write. */
enum {
	CLIENTS_BUFFER = 64 << 10,
	CLIENTS_MESSAGE = 66 << 10, /* header, largest datagram, padding */
};
uint8_t *clients_buffer(struct clients *clients);
uint8_t *clients_message(struct clients *clients);

#endif
