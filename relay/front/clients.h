/*
 * clients.h - the stream clients of one worker, found by 5-tuple, and the limits on those
 * that have not yet authenticated (attack 20).
 */
#ifndef RELAY_FRONT_CLIENTS_H
#define RELAY_FRONT_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/core/five_tuple.h"

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

size_t clients_count(const struct clients *clients);

#endif
