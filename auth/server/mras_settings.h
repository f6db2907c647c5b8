/*
 * mras_settings.h - what mrasd goes by: a configuration, the keys and certificates it names,
 * and the service made from them (auth/mras/service).
 *
 * Owner    auth/server/mras_reload, which replaces them whole. What points into them (the
 *          trusted server of a connection) is looked up anew after that. Only which relays
 *          drain changes in between (auth/mras/mras_drain).
 */
#ifndef AUTH_SERVER_MRAS_SETTINGS_H
#define AUTH_SERVER_MRAS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include "auth/mras/service.h"
#include "auth/server/mras_config.h"
#include "auth/server/mras_files.h"

struct mras_settings {
	const struct mras_config *config; /* borrowed, outlives them */
	struct service service;
	struct service_relay *relays;
	struct keyring *keyring;
	SSL_CTX *tls;
	struct mras_file_facts files[MRAS_FILE_COUNT]; /* as they were read */
};

/*
 * Read what config names. decided and arg: called for every decision. NULL with a sentence in
 * error that begins with the place in the configuration.
 */
struct mras_settings *mras_settings_build(const struct mras_config *config,
					  service_decided_fn *decided, void *arg,
					  char *error, size_t error_size);
void mras_settings_free(struct mras_settings *settings); /* NULL is allowed */

#endif
