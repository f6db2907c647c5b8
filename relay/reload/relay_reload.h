/*
 * relay_reload.h - what base/config/reload builds for mediarelayd: fronts, outside addresses and
 * settings, from the configuration, the files that it names and the addresses of this host.
 *
 * Threads  main only; the workers get the result by message.
 */
#ifndef RELAY_RELOAD_RELAY_RELOAD_H
#define RELAY_RELOAD_RELAY_RELOAD_H

#include <stddef.h>

#include "base/config/reload.h"
#include "relay/relay.h"
#include "relay/reload/relay_settings.h"

struct relay_reload;

/*
 * config is taken over. Builds the first settings from it and the addresses of this host, and
 * sets relay->reload. NULL with a sentence in error; then config is still the caller's.
 */
struct relay_reload *relay_reload_new(struct relay *relay, struct config *config,
				      const struct nonce_key *nonce_key, char *error,
				      size_t error_size);
void relay_reload_free(struct relay_reload *reload); /* NULL is allowed */

/* What is in force. Borrowed until the next reload. */
struct relay_settings *relay_reload_settings(const struct relay_reload *reload);

/* Have files changed, or has something that was retired lost its last allocation? */
void relay_reload_periodic(struct relay_reload *reload);

/* The host has other addresses now; taken over. */
void relay_reload_host_addresses(struct relay_reload *reload,
				 struct host_addresses *host);

#endif
