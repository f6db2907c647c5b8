/*
 * reload.h - settings after the start: SIGHUP, the control interface, changed files, changed
 * addresses of this host. All or nothing: what cannot be built leaves everything as it is.
 *
 * Threads  main only, but for reload_last() and reload_values(); the workers get the result by
 *          message.
 */
#ifndef RELAY_RELOAD_RELOAD_H
#define RELAY_RELOAD_RELOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reload_report.h"
#include "relay/relay.h"
#include "relay/reload/settings.h"

struct reload;

/*
 * config is taken over. Builds the first settings from it and the addresses of this host. NULL
 * with a sentence in error; then config is still the caller's.
 */
struct reload *reload_new(struct relay *relay, struct config *config,
			  const struct nonce_key *nonce_key, char *error,
			  size_t error_size);
void reload_free(struct reload *reload); /* NULL is allowed */

/* What is in force. Borrowed until the next reload. */
struct settings *reload_settings(const struct reload *reload);

/*
 * Read the configuration file again and whatever it names. Logs what changed, key by key, or
 * why nothing did, and fills the report, which the caller clears; NULL if nobody wants one.
 * False if it was rejected.
 */
bool reload_configuration(struct reload *reload, struct reload_report *report);

/* Has a watched file changed? Then read them again. */
void reload_watched_files(struct reload *reload);

/* Has something that was retired lost its last allocation? Then it goes. */
void reload_retired(struct reload *reload);

/* The host has other addresses now; taken over. */
void reload_host_addresses(struct reload *reload, struct host_addresses *host);

/* What the last reload came to, by whomever and for whatever. Any thread. */
struct reload_last reload_last(struct reload *reload);

/*
 * Every key as it is in force, see config_in_force(). Any thread; a reload waits meanwhile, so
 * report() only copies.
 */
bool reload_values(struct reload *reload, config_entry_fn *report, void *arg);

#endif
