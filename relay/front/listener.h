/*
 * listener.h - accepts stream clients, one SO_REUSEPORT listening socket per front and worker,
 * and tells by the first bytes what they speak (stun/classify) before any protocol object
 * exists. What is not served is closed and counted by kind.
 */
#ifndef RELAY_FRONT_LISTENER_H
#define RELAY_FRONT_LISTENER_H

#include <stddef.h>

#include "stun/endpoint.h"

struct listeners;
struct worker;

/*
 * fds: by front index, -1 where the front is not plain TCP; taken over. The TLS front of a port
 * is the one that follows its TCP front. NULL and errno.
 */
struct listeners *listeners_new(struct worker *worker, const int *fds, size_t count);
void listeners_free(struct listeners *listeners); /* NULL is allowed */

/* A listening socket; every worker makes its own. Negative errno. */
int listener_bind(const struct endpoint *local);

#endif
