/*
 * mras_settings.c - from a configuration to what mrasd goes by.
 */
#include "auth/server/mras_settings.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/credential/keyfile.h"
#include "auth/server/tls.h"
#include "base/secret_copy.h"

/* Of our own, because which of them drain changes after a reload. */
static struct service_relay *make_relays(const struct mras_config *config)
{
	size_t size = config->relay_count * sizeof(*config->relays);
	struct service_relay *relays = malloc(size);

	assert(config->relay_count > 0);
	if (relays != NULL)
		memcpy(relays, config->relays, size);
	for (size_t i = 0; relays != NULL && i < config->relay_count; i++)
		relays[i].tls = relays[i].tls && relays[i].tcp_port_count > 0;
	return relays;
}

struct mras_settings *mras_settings_build(const struct mras_config *config,
					  service_decided_fn *decided, void *arg,
					  char *error, size_t error_size)
{
	struct mras_settings *settings = calloc(1, sizeof(*settings));
	const char *faulty;

	snprintf(error, error_size, "out of memory");
	if (settings == NULL)
		goto fail;
	settings->config = config;
	settings->relays = make_relays(config);
	if (settings->relays == NULL)
		goto fail;
	settings->keyring = keyfile_load(config->common.keys, error, error_size);
	if (settings->keyring == NULL) {
		config_locate(&config->common, &config->common.keys, error, error_size);
		goto fail;
	}
	secret_copy_tell(config->common.keys);
	settings->tls = tls_issuer_new(config, &faulty, error, error_size);
	if (settings->tls == NULL) {
		config_locate_file(&config->common, faulty, error, error_size);
		goto fail;
	}
	mras_files_describe(config, settings->keyring, settings->tls, time(NULL),
			    settings->files);
	settings->service = (struct service){
		.servers = config->servers,
		.server_count = config->server_count,
		.relays = settings->relays,
		.relay_count = config->relay_count,
		.realm = config->realm,
		.ttl_default_s = config->duration.default_s,
		.ttl_max_s = config->duration.max_s,
		.clock_skew_s = config->clock_skew_s,
		.identity_per_minute = config->limits.identity_per_minute,
		.keyring = settings->keyring,
		.decided = decided,
		.decided_arg = arg,
	};
	error[0] = '\0';
	return settings;
fail:
	mras_settings_free(settings);
	return NULL;
}

void mras_settings_free(struct mras_settings *settings)
{
	if (settings == NULL)
		return;
	SSL_CTX_free(settings->tls);
	keyring_free(settings->keyring);
	free(settings->relays);
	free(settings);
}
