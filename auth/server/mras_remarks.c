/*
 * mras_remarks.c - see mras_remarks.h.
 */
#include "auth/server/mras_remarks.h"

#include <string.h>

#include "auth/mras/identity.h"
#include "base/config/host_remarks.h"
#include "base/config/tls_remarks.h"

enum { LEGACY_MIN_V4 = 24, LEGACY_MIN_V6 = 64 }; /* bits of a network without remark */

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

/* Whoever connects from there may use old TLS up to the end of a handshake. */
static void check_legacy_tls(struct mras_config *config)
{
	for (size_t i = 0; i < config->server_count; i++) {
		const struct service_server *server = &config->servers[i];

		for (size_t j = 0; server->legacy_tls && j < server->network_count; j++) {
			const struct ip_prefix *network = &server->networks[j];
			bool is_ipv4 = network->ip.family == IP_V4;

			if (network->len < (is_ipv4 ? LEGACY_MIN_V4 : LEGACY_MIN_V6))
				config_warn(
					&config->common, network,
					"legacy_tls of server \"%s\" permits old TLS to "
					"a whole /%u; list the addresses of the server",
					server->name, network->len);
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
	check_legacy_tls(config);
	config_warn_of_twins(&config->common);
	check_tls(config, settings, now_s);
	host_remarks_user(&config->common);
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
			    "make one with 'avedgectl key new --keys %s'",
			    common->keys, common->keys);
}
