/*
 * settings.c - from a configuration to what mrasd goes by.
 */
#include "auth/server/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/credential/keyfile.h"
#include "auth/server/tls.h"
#include "base/daemon.h"

static bool make_servers(struct settings *settings, const struct config *config)
{
	settings->servers = calloc(config->server_count, sizeof(*settings->servers));
	if (settings->servers == NULL)
		return false;
	for (size_t i = 0; i < config->server_count; i++) {
		const struct config_server *from = &config->servers[i];
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

static bool make_relays(struct settings *settings, const struct config *config)
{
	settings->relays = calloc(config->relay_count, sizeof(*settings->relays));
	if (settings->relays == NULL)
		return false;
	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *from = &config->relays[i];
		struct service_relay *to = &settings->relays[i];

		to->location = from->location == CONFIG_INSIDE ? LOCATION_INTRANET
							       : LOCATION_INTERNET;
		snprintf(to->host, sizeof(to->host), "%s", from->host);
		to->direct = from->address;
		to->udp_port = from->udp_port;
		to->tcp_port = from->tcp_port;
		to->tls = from->tls && from->tcp_port != 0;
	}
	return true;
}

/* The sentence begins with the file that it is about. */
static void blame_tls(const struct config *config, char *error, size_t error_size)
{
	for (int i = 0; i < FILE_COUNT; i++) {
		enum file_id id = (enum file_id)i;
		const char *path = file_path(config, id);
		size_t len = path != NULL ? strlen(path) : 0;

		if (len == 0 || strncmp(error, path, len) != 0 || error[len] != ':')
			continue;
		config_blame(config, file_line(config, id), file_key(id), error,
			     error_size);
		return;
	}
}

struct settings *settings_build(const struct config *config, service_decided_fn *decided,
				void *arg, char *error, size_t error_size)
{
	struct settings *settings = calloc(1, sizeof(*settings));

	snprintf(error, error_size, "out of memory");
	if (settings == NULL || !make_servers(settings, config) ||
	    !make_relays(settings, config))
		goto fail;
	settings->config = config;
	settings->keyring = keyfile_load(config->keys, error, error_size);
	if (settings->keyring == NULL) {
		config_blame(config, file_line(config, FILE_KEYS), file_key(FILE_KEYS),
			     error, error_size);
		goto fail;
	}
	daemon_tell_copy(config->keys);
	settings->tls = tls_issuer_new(config, error, error_size);
	if (settings->tls == NULL) {
		blame_tls(config, error, error_size);
		goto fail;
	}
	files_describe(config, settings->keyring, settings->tls, time(NULL),
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
	settings_free(settings);
	return NULL;
}

void settings_free(struct settings *settings)
{
	if (settings == NULL)
		return;
	SSL_CTX_free(settings->tls);
	keyring_free(settings->keyring);
	free(settings->servers);
	free(settings->relays);
	free(settings);
}
