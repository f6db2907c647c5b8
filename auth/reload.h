/*
 * reload.h - settings after the start: SIGHUP, and changed key and certificate files. All or
 * nothing: what cannot be built leaves everything as it is.
 */
#ifndef AUTH_RELOAD_H
#define AUTH_RELOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/config.h"
#include "auth/issuer.h"

struct reload;

/*
 * config is taken over. Builds the first settings and gives them to the issuer. NULL with a
 * sentence in error; then config is still the caller's.
 */
struct reload *reload_new(struct issuer *issuer, struct config *config, char *error,
			  size_t error_size);
void reload_free(struct reload *reload); /* NULL is allowed; after all connections */

/* Read the configuration file again; logs what changed, key by key, or why nothing did. */
bool reload_configuration(struct reload *reload);

/* Have keys, certificates or revocation lists changed? Then read them again. */
void reload_watched_files(struct reload *reload);

#endif
