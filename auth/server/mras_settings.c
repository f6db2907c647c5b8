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
#include "base/daemon.h"

static bool make_servers(struct mras_settings *settings, const struct mras_config *config)
{
	settings->servers = calloc(config->server_count, sizeof(*settings->servers));
	if (settings->servers == NULL)
		return false;
	for (size_t i = 0; i < config->server_count; i++) {
		const struct mras_config_server *from = &config->servers[i];
		struct service_server *to = &settings->servers[i];

		snprintf(to->name, sizeof(to->name), "%s", from->name);
		to->identities = (const char *const *)from->identities;
		to->identity_count = from->identity_count;
		to->networks = from->networks;
		to->network_count = from->network_count;
		to->ttl_max_s = from->max_duration_s;
		to->requests_per_s = from->requests_per_second;
	}
	return true;
}

static bool make_relays(struct mras_settings *settings, const struct mras_config *config)
{
	settings->relays = calloc(config->relay_count, sizeof(*settings->relays));
	if (settings->relays == NULL)
		return false;
	for (size_t i = 0; i < config->relay_count; i++) {
		const struct mras_config_relay *from = &config->relays[i];
		struct service_relay *to = &settings->relays[i];

		to->location = from->location == MRAS_CONFIG_INSIDE ? LOCATION_INTRANET
								    : LOCATION_INTERNET;
		snprintf(to->host, sizeof(to->host), "%s", from->host);
		to->direct = from->address;
		to->udp_port = from->udp_port;
		to->tcp_port = from->tcp_port;
		to->tls = from->tls && from->tcp_port != 0;
	}
	return true;
}

struct mras_settings *mras_settings_build(const struct mras_config *config,
					  service_decided_fn *decided, void *arg,
					  char *error, size_t error_size)
{
	struct mras_settings *settings = calloc(1, sizeof(*settings));

	snprintf(error, error_size, "out of memory");
	if (settings == NULL || !make_servers(settings, config) ||
	    !make_relays(settings, config))
		goto fail;
	assert(config->server_count > 0 && config->relay_count > 0);
	settings->config = config;
	settings->keyring = keyfile_load(config->common.keys, error, error_size);
	if (settings->keyring == NULL) {
		config_locate(&config->common, &config->common.keys, error, error_size);
		goto fail;
	}
	daemon_tell_copy(config->common.keys);
	settings->tls = tls_issuer_new(config, error, error_size);
	if (settings->tls == NULL) {
		config_locate_file(&config->common, error, error_size);
		goto fail;
	}
	mras_files_describe(config, settings->keyring, settings->tls, time(NULL),
			    settings->files);
	settings->service = (struct service){
		.servers = settings->servers,
		.server_count = config->server_count,
		.relays = settings->relays,
		.relay_count = config->relay_count,
		.realm = config->realm,
		.ttl_default_s = config->duration.default_s,
		.ttl_max_s = config->duration.max_s,
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
	free(settings->servers);
	free(settings->relays);
	free(settings);
}
