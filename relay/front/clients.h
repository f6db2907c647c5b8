/*
 * clients.h - the stream clients of one worker, found by 5-tuple, and the limits on those
 * that have not yet authenticated (attack 20).
 */
#ifndef RELAY_FRONT_CLIENTS_H
#define RELAY_FRONT_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/five_tuple.h"
#include "relay/core/front.h"

struct clients;
struct stream;
struct worker;

/* NULL and errno. */
struct clients *clients_new(struct worker *worker);
void clients_free(struct clients *clients); /* NULL is allowed; closes all streams */

/*
 * May one more stranger from there connect? Charges it if so: in total, among the
 * unauthenticated, and to its prefix.
 */
bool clients_admit(struct clients *clients, const struct ip_addr *client);
/* An admitted stranger is no longer one: authenticated, or gone. */
void clients_discharge(struct clients *clients, const struct ip_addr *client);
/* An admitted connection is gone. */
void clients_leave(struct clients *clients);

/* The stream takes part from here on; its 5-tuple must not change. */
void clients_add(struct clients *clients, struct stream *stream);
void clients_remove(struct clients *clients, struct stream *stream);
struct stream *clients_find(struct clients *clients, const struct five_tuple *tuple);

/* End all streams of these fronts, none of which has an allocation. */
void clients_end(struct clients *clients, const bool fronts[FRONTS_MAX]);

/* What streams share, each for the length of one call: where they read, and write. */
enum {
	CLIENTS_BUFFER = 64 << 10,
	CLIENTS_MESSAGE = 66 << 10, /* header, largest datagram, padding */
};
uint8_t *clients_buffer(struct clients *clients);
uint8_t *clients_message(struct clients *clients);

#endif
