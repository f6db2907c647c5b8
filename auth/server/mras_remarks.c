/*
 * mras_remarks.c - see mras_remarks.h.
 */
#include "auth/server/mras_remarks.h"

#include <string.h>

#include "auth/mras/identity.h"
#include "base/config/host_remarks.h"
#include "base/config/tls_remarks.h"

static void check_identities(struct mras_config *config)
{
	for (size_t i = 0; i < config->server_count; i++) {
		const struct service_server *server = &config->servers[i];

		for (size_t j = 0; j < server->identity_count; j++) {
			const char *fault = identity_suffix_fault(server->identities[j]);

			if (fault)
				config_warn(&config->common, &server->identities[j],
					    "\"%s\" matches no identity: %s",
					    server->identities[j], fault);
		}
	}
}

static void check_tls(struct mras_config *config, const struct mras_settings *settings,
		      int64_t now_s)
{
	struct config *common = &config->common;
	char *const *certificate = &config->tls.certificate;

	host_remarks_secret(common, &config->tls.private_key);
	tls_remarks_certificate(common, certificate, settings->tls, now_s);
	tls_remarks_addresses(common, certificate, settings->tls, config->addresses,
			      config->address_count);
	tls_remarks_trust(common, &config->tls.ca, &config->tls.crl, settings->tls,
			  now_s);
}

void mras_remarks_add(struct mras_config *config, const struct mras_settings *settings,
		      int64_t now_s)
{
	check_identities(config);
	config_warn_of_twins(&config->common);
	check_tls(config, settings, now_s);
	host_remarks_addresses(&config->common, config->addresses, config->address_count);
}

bool mras_remarks_start(const struct mras_settings *settings, int64_t now_s, char *error,
			size_t error_size)
{
	const struct config *common = &settings->config->common;

	if (keyring_signer(settings->keyring, now_s) != NULL)
		return true;
	return config_error(common, &common->keys, error, error_size,
			    "no key of %s is valid now; see 'avedgectl key list', and "
			    "make one with 'avedgectl key new'",
			    common->keys);
}
