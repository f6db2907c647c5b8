/*
 * listener.h - the listening sockets of mrasd, on inside addresses only.
 */
#ifndef AUTH_LISTENER_H
#define AUTH_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/config.h"

struct issuer;
struct listeners;

/* Bound sockets, one for each address of the configuration; before privileges are dropped. */
struct listener_sockets {
	size_t count;
	int fds[CONFIG_ADDRESSES_MAX];
};

/* False with a sentence in error that names who holds the port; then nothing stays open. */
bool listener_bind(const struct config *config, struct listener_sockets *sockets,
		   char *error, size_t error_size);

/* Begin to accept; sockets are taken over. NULL: out of memory. */
struct listeners *listeners_new(struct issuer *issuer, struct listener_sockets *sockets);
void listeners_free(struct listeners *listeners); /* NULL is allowed */

/* What was not taken over. */
void listener_close(struct listener_sockets *sockets);

#endif
