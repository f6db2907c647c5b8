/*
 * listener.h - accepts stream clients, one SO_REUSEPORT listening socket per front and worker,
 * and tells by the first bytes what they speak (stun/classify) before any protocol object
 * exists. What is not served is closed and counted by kind.
 */
#ifndef RELAY_FRONT_LISTENER_H
#define RELAY_FRONT_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct listeners;
struct worker;

/* None yet. NULL and errno. */
struct listeners *listeners_new(struct worker *worker);
void listeners_free(struct listeners *listeners); /* NULL is allowed; closes all */

/*
 * Accept for the plain TCP front of that index, which is not open, on fd from listener_bind(),
 * which is taken over. The TLS front of a port is the one that follows its TCP front. False if
 * out of memory; then fd is still the caller's.
 */
bool listener_open(struct listeners *listeners, uint16_t front, int fd);
/* Accept no more; nothing if it is not open. Connections that there are go on. */
void listener_close(struct listeners *listeners, uint16_t front);

/* A listening socket; every worker makes its own. Negative errno. */
int listener_bind(const struct endpoint *local);

#endif
