/*
 * reload.h - settings after the start: SIGHUP, the control interface, and changed files. All or
 * nothing: everything that can fail is done first, and what fails leaves everything as it is.
 *
 * Threads  main only.
 */
#ifndef AUTH_SERVER_RELOAD_H
#define AUTH_SERVER_RELOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/server/config.h"
#include "auth/server/issuer.h"
#include "base/reload_report.h"

struct reload;

/*
 * config is taken over. Builds the first settings and gives them to the issuer. NULL with a
 * sentence in error; then config is still the caller's.
 */
struct reload *reload_new(struct issuer *issuer, struct config *config, char *error,
			  size_t error_size);
void reload_free(struct reload *reload); /* NULL is allowed; after all connections */

/*
 * Read the configuration file again and whatever it names. Logs what changed, key by key, or
 * why nothing did, and fills the report, which the caller clears; NULL if nobody wants one.
 * False if it was rejected.
 */
bool reload_configuration(struct reload *reload, struct reload_report *report);

/*
 * Have keys, certificates or revocation lists changed? Then read them again. Warns once a day of
 * what is about to end, or has.
 */
void reload_watched_files(struct reload *reload);

/* What the last reload came to, by whomever and for whatever. Borrowed until the next. */
const struct reload_last *reload_last(const struct reload *reload);

#endif
