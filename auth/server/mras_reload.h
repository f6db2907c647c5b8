/*
 * mras_reload.h - what base/config/reload builds for mrasd: settings from a configuration and the
 * files that it names, and the listeners. All or nothing: everything that can fail is done first.
 *
 * Threads  main only.
 */
#ifndef AUTH_SERVER_MRAS_RELOAD_H
#define AUTH_SERVER_MRAS_RELOAD_H

#include "auth/server/issuer.h"
#include "auth/server/mras_config.h"
#include "base/config/reload.h"

struct mras_reload;

/*
 * config is taken over. Builds the first settings and gives them to the issuer. NULL with a
 * sentence in error; then config is still the caller's.
 */
struct mras_reload *mras_reload_new(struct issuer *issuer, struct config *config,
				    char *error, size_t error_size);
void mras_reload_free(
	struct mras_reload *reload); /* NULL is allowed; after all connections */

/* Reloads, and tells their results. Borrowed. */
struct reload *mras_reload_engine(struct mras_reload *reload);

/*
 * Have keys, certificates or revocation lists changed? Then read them again. Warns once a day of
 * files that have expired or soon will.
 */
void mras_reload_periodic(struct mras_reload *reload);

#endif
