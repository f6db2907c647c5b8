/*
 * settings.c - from a configuration to what workers go by.
 */
#include "relay/reload/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/credential/keyring.h"

static struct peer_policy *build_policy(const struct config *config,
					const struct network_view *network)
{
	struct endpoint services[FRONTS_MAX];
	struct relay_address relay[PORT_POOL_ADDRESSES_MAX];
	const struct config_side *inside = &config->sides[SIDE_INSIDE];
	size_t service_count = 0;

	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (network->front_states[i] != NETWORK_FREE)
			services[service_count++] = network->fronts[i].local;
	}
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++)
		relay[i] = network->relay_states[i] != NETWORK_FREE
				   ? network->relay[i]
				   : (struct relay_address){.local.family = IP_NONE};
	return peer_policy_new(&(struct peer_policy_config){
		.allow = config->peers.allow,
		.allow_count = config->peers.allow_count,
		.deny = config->peers.deny,
		.deny_count = config->peers.deny_count,
		.inside = inside->networks,
		.inside_count = inside->network_count,
		.relay = relay,
		.relay_count = PORT_POOL_ADDRESSES_MAX,
		.services = services,
		.service_count = service_count,
	});
}

/* Where new allocations may be, and may not. */
static void copy_network(struct turn_settings *turn, const struct network_view *network)
{
	for (size_t i = 0; i < FRONTS_MAX; i++)
		turn->retired_fronts[i] = network->front_states[i] == NETWORK_RETIRED;
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++) {
		if (network->relay_states[i] == NETWORK_SERVING)
			turn->relay[turn->relay_count++] = (uint16_t)i;
	}
}

static bool copy_clients(struct settings *settings, const struct config *config)
{
	for (int side = 0; side < SIDE_COUNT; side++) {
		const struct config_side *from = &config->sides[side];
		size_t size = from->client_count * sizeof(*from->clients);
		if (size == 0)
			continue;
		settings->sides[side].clients = malloc(size);
		if (settings->sides[side].clients == NULL)
			return false;
		memcpy(settings->sides[side].clients, from->clients, size);
		settings->sides[side].count = from->client_count;
	}
	return true;
}

/* One of each family at most; config_check() has made sure. */
static void copy_alternates(struct turn_settings *turn, const struct config *config)
{
	for (int side = 0; side < SIDE_COUNT; side++) {
		const struct config_side *from = &config->sides[side];
		struct turn_alternate *to = &turn->alternates[side];

		for (size_t i = 0; i < from->alternate_count; i++) {
			const struct ip_addr *ip = &from->alternates[i].local;
			*(ip->family == IP_V4 ? &to->v4 : &to->v6) = *ip;
		}
		if (from->alternate_domain != NULL)
			snprintf(to->domain, sizeof(to->domain), "%s",
				 from->alternate_domain);
	}
}

struct settings *settings_build(const struct config *config,
				const struct settings_sources *sources,
				struct host_addresses *host, uint32_t generation,
				char *error, size_t error_size)
{
	const struct settings_files *in_force =
		sources->in_force != NULL ? sources->in_force->files : NULL;
	struct settings *settings = calloc(1, sizeof(*settings));
	if (settings == NULL)
		goto no_memory;

	settings->references = 1;
	settings->records = config->log.records;
	settings->stream.greeting_ms = config->fixed_limits.greeting_ms;
	settings->stream.authentication_ms = config->fixed_limits.authentication_ms;
	settings->stream.frame_ms = config->fixed_limits.frame_ms;
	settings->stream.idle_ms = config->fixed_limits.idle_ms;
	settings->stream.send_queue = config->fixed_limits.send_queue;
	settings->stream.connections = config->fixed_limits.connections;
	settings->stream.unauthenticated = sources->started->fixed_limits.unauthenticated;
	settings->stream.unauthenticated_per_prefix =
		config->fixed_limits.unauthenticated_per_prefix;

	settings->peer.queue = config->relay.peer_queue;
	settings->peer.timeout_ms = config->relay.peer_timeout_ms;

	struct turn_settings *turn = &settings->turn;
	snprintf(turn->realm, sizeof(turn->realm), "%s", sources->started->realm);
	snprintf(turn->software, sizeof(turn->software), "%s", config->software);
	turn->rfc5766_channels = config->rfc5766_channels;
	turn->ms.enabled = config->ms.enabled;
	/* Microsoft's realm has its quotes on the wire; what enters keys goes without. */
	snprintf(turn->ms.realm, sizeof(turn->ms.realm), "\"%s\"",
		 sources->started->ms.realm);
	turn->ms.version = config->ms.version;
	turn->ms.bandwidth_management = config->ms.bandwidth_management;
	turn->ms.ipv6 = config->ms.ipv6;
	turn->limits = config->limits;
	copy_alternates(turn, config);
	copy_network(turn, sources->network);
	turn->nonce_key = sources->nonce_key;
	turn->nonce_key.lifetime_s = config->nonce_lifetime_s;
	turn->generation = generation;

	settings->files = sources->files != NULL ? settings_files_ref(sources->files)
						 : settings_files_read(config, in_force,
								       error, error_size);
	if (settings->files == NULL)
		goto fail;
	turn->keyring = settings->files->keyring;
	turn->revoked = settings->files->revoked;
	settings->tls = settings->files->tls;
	turn->policy = build_policy(config, sources->network);
	if (turn->policy == NULL || !copy_clients(settings, config))
		goto no_memory;
	turn->host = host;
	return settings;

no_memory:
	snprintf(error, error_size, "out of memory");
fail:
	settings_unref(settings);
	return NULL;
}

struct settings *settings_ref(struct settings *settings)
{
	__atomic_add_fetch(&settings->references, 1, __ATOMIC_RELAXED);
	return settings;
}

void settings_unref(struct settings *settings)
{
	if (settings == NULL ||
	    __atomic_sub_fetch(&settings->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	settings_files_unref(settings->files);
	peer_policy_free(settings->turn.policy);
	free(settings->turn.host);
	for (int side = 0; side < SIDE_COUNT; side++)
		free(settings->sides[side].clients);
	free(settings);
}

bool settings_client_allowed(const struct settings *settings, enum side side,
			     const struct ip_addr *client)
{
	if (settings->sides[side].count == 0)
		return true;
	for (size_t i = 0; i < settings->sides[side].count; i++) {
		if (ip_prefix_contains(&settings->sides[side].clients[i], client))
			return true;
	}
	return false;
}

void settings_keys_end(const struct settings *settings, int64_t unix_s, int64_t *signing,
		       int64_t *last)
{
	const struct keyring *ring = settings->turn.keyring;
	const struct key *signer = keyring_signer(ring, unix_s);

	*signing = signer != NULL ? signer->not_after_s : 0;
	*last = 0;
	for (size_t i = 0; i < ring->count; i++) {
		if (ring->keys[i].not_after_s > unix_s &&
		    ring->keys[i].not_after_s > *last)
			*last = ring->keys[i].not_after_s;
	}
}
