/*
 * reload.h - settings after the start: SIGHUP, changed key and certificate files, changed
 * addresses of this host. All or nothing: what cannot be built leaves everything as it is.
 *
 * Threads  main only; the workers get the result by message.
 */
#ifndef RELAY_RELOAD_H
#define RELAY_RELOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/relay.h"
#include "relay/settings.h"

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

/* Read the configuration file again; logs what changed, key by key, or why nothing did. */
bool reload_configuration(struct reload *reload);

/* Have key, certificate or private key file changed? Then read them again. */
void reload_watched_files(struct reload *reload);

/* The host has other addresses now; taken over. */
void reload_host_addresses(struct reload *reload, struct host_addresses *host);

#endif
