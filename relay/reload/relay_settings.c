/*
 * relay_settings.c - see relay_settings.h.
 */
#include "relay/reload/relay_settings.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/credential/keyfile.h"
#include "auth/credential/token_keyfile.h"
#include "base/config/dscp.h"
#include "base/secret_copy.h"
#include "relay/core/revoked_users.h"
#include "relay/front/tickets.h"
#include "relay/front/tls.h"
#include "relay/ops/addresses.h"
#include "relay/reload/discovery_fronts.h"
#include "relay/reload/revoked_file.h"

/* --- files ------------------------------------------------------------------------------------ */

/* What lies in files, immutable and counted: settings that differ in other things share it. */
struct relay_files {
	struct keyring *keyring;
	struct revoked_users *revoked;    /* NULL: no such file is configured */
	struct token_keyring *token_keys; /* NULL: no such file is configured */
	SSL_CTX *tls;                     /* NULL: TLS is refused */
	SSL_CTX *dtls; /* with the same certificate; NULL: there is none */
	unsigned references;
};

/* The keyring's reader says what is wrong; here is what to do. */
static void add_remedy(const char *path, char *error, size_t error_size)
{
	size_t len = strlen(error);

	if (strchr(error, ';') != NULL || strstr(error, "avedgectl") != NULL)
		return;
	if (len > 0 && error[len - 1] == '.')
		len--;
	snprintf(
		error + len, error_size - len,
		"; correct it, or move it away and make another with 'avedgectl key new --keys "
		"%s'",
		path);
}

/* See relay_settings.h: an expired certificate is served, but never changed to. */
static bool accept_expiry(SSL_CTX *tls, const struct relay_config *config,
			  const struct relay_files *in_force, char *error,
			  size_t error_size)
{
	if (tls_context_expires(tls) > time(NULL))
		return true;
	if (in_force != NULL && !tls_context_same(tls, in_force->tls)) {
		snprintf(error, error_size, "%s: the certificate has expired; renew it",
			 config->tls.certificate);
		return false;
	}
	return true; /* relay_remarks warns of it */
}

/* The place in the configuration comes before each sentence. */
static bool read_all(struct relay_files *files, const struct relay_config *config,
		     const struct relay_files *in_force, struct tickets *tickets,
		     char *error, size_t error_size)
{
	const struct config *common = &config->common;
	const char *faulty;

	files->keyring = keyfile_load(common->keys, error, error_size);
	if (files->keyring == NULL) {
		add_remedy(common->keys, error, error_size);
		return config_locate(common, &common->keys, error, error_size);
	}
	secret_copy_tell(common->keys);
	if (config->revoked_users != NULL) {
		files->revoked =
			revoked_file_load(config->revoked_users, error, error_size);
		if (files->revoked == NULL)
			return config_locate(common, &config->revoked_users, error,
					     error_size);
	}
	if (config->third_party.keys != NULL) {
		files->token_keys =
			token_keyfile_load(config->third_party.keys, error, error_size);
		if (files->token_keys == NULL)
			return config_locate(common, &config->third_party.keys, error,
					     error_size);
		secret_copy_tell(config->third_party.keys);
	}
	if (config->tls.certificate == NULL)
		return true;
	files->tls = tls_context_new(config->tls.certificate, config->tls.private_key,
				     &faulty, error, error_size);
	if (files->tls == NULL)
		return config_locate_file(common, faulty, error, error_size);
	files->dtls = tls_context_dtls(files->tls);
	if (files->dtls == NULL) {
		snprintf(error, error_size, "out of memory");
		return false;
	}
	if (tickets != NULL) {
		tickets_enable(tickets, files->tls);
		tickets_enable(tickets, files->dtls);
	}
	return accept_expiry(files->tls, config, in_force, error, error_size) ||
	       config_locate(common, &config->tls.certificate, error, error_size);
}

static void files_unref(struct relay_files *files)
{
	if (files == NULL ||
	    __atomic_sub_fetch(&files->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	keyring_free(files->keyring);
	revoked_users_free(files->revoked);
	token_keyring_free(files->token_keys);
	SSL_CTX_free(files->tls);
	SSL_CTX_free(files->dtls);
	free(files);
}

/* NULL with a sentence in error. */
static struct relay_files *files_for(const struct relay_config *config,
				     const struct relay_settings_sources *sources,
				     char *error, size_t error_size)
{
	struct relay_files *in_force =
		sources->in_force != NULL ? sources->in_force->files : NULL;

	if (sources->same_files) {
		assert(in_force != NULL);
		__atomic_add_fetch(&in_force->references, 1, __ATOMIC_RELAXED);
		return in_force;
	}
	struct relay_files *files = calloc(1, sizeof(*files));
	if (files == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	files->references = 1;
	if (read_all(files, config, in_force, sources->tickets, error, error_size))
		return files;
	files_unref(files);
	return NULL;
}

/* --- marks ------------------------------------------------------------------------------------ */

static struct marking marking_of(uint8_t dscp)
{
	/* ECN is always kept (RFC 8656 section 14). */
	if (dscp == DSCP_COPY)
		return (struct marking){.keep = MARKING_DSCP | MARKING_ECN};
	assert(dscp <= DSCP_MAX);
	return (struct marking){.keep = MARKING_ECN, .set = (uint8_t)(dscp << 2)};
}

/* The first that says something. */
static uint8_t first_of(const uint8_t *dscp, size_t count)
{
	size_t i = 0;

	while (i + 1 < count && dscp[i] == DSCP_NONE)
		i++;
	return dscp[i];
}

/* As section dscp says, of the leg itself or of the one over UDP. */
static uint8_t dscp_of_leg(const struct relay_config *config, int leg)
{
	const uint8_t *legs = config->dscp.legs;

	if (leg >= MARKING_INSIDE_DTLS && legs[leg] == DSCP_NONE)
		leg -= MARKING_INSIDE_DTLS - MARKING_INSIDE;
	return legs[leg];
}

/* What a group says comes first, and what is said of a stream before what is said of a leg. */
static struct marking marking_for(const struct relay_config *config,
				  const struct relay_config_group *group, int leg,
				  int stream)
{
	const uint8_t dscp[] = {
		group != NULL && stream > 0 ? group->streams[stream] : DSCP_NONE,
		group == NULL          ? DSCP_NONE
		: leg == MARKING_PEERS ? group->peers
				       : group->clients,
		stream > 0 ? config->dscp.streams[stream] : DSCP_NONE,
		dscp_of_leg(config, leg),
	};

	return marking_of(first_of(dscp, sizeof(dscp)));
}

static void fill_markings(struct turn_settings *turn, const struct relay_config *config)
{
	for (size_t i = 0; i <= config->group_count; i++) {
		const struct relay_config_group *group = i > 0 ? &config->groups[i - 1]
							       : NULL;

		for (int leg = 0; leg < MARKING_LEG_COUNT; leg++) {
			for (int stream = 0; stream < MARKING_STREAM_COUNT; stream++)
				turn->markings[i][leg][stream] =
					marking_for(config, group, leg, stream);
		}
	}
}

static void fill_connections(struct relay_settings *settings,
			     const struct relay_config *config)
{
	for (size_t i = 0; i <= config->group_count; i++) {
		uint8_t of_group = i > 0 ? config->groups[i - 1].connections : DSCP_NONE;

		for (int side = 0; side < SIDE_COUNT; side++) {
			const uint8_t dscp[] = {of_group,
						config->dscp.tls_connections[side],
						config->dscp.connections[side]};
			const uint8_t plain[] = {dscp[0], dscp[2]};

			settings->connection_dscp[i][side].tls =
				first_of(dscp, sizeof(dscp));
			settings->connection_dscp[i][side].tcp =
				first_of(plain, sizeof(plain));
		}
	}
}

/* --- the rest --------------------------------------------------------------------------------- */

static struct peer_policy *build_policy(const struct relay_config *config,
					const struct network_view *network)
{
	struct endpoint services[FRONTS_MAX + 1 + SIDE_COUNT];
	struct ip_addr own[FRONTS_MAX];
	struct relay_address relay[PORT_POOL_ADDRESSES_MAX];
	const struct relay_config_side *inside = &config->sides[SIDE_INSIDE];
	size_t service_count = 0, own_count = 0;

	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (network->front_states[i] == NETWORK_FREE)
			continue;
		services[service_count++] = network->fronts[i].local;
		own[own_count++] = network->fronts[i].local.ip;
	}
	if (config->common.metrics.address.ip.family != IP_NONE)
		services[service_count++] = config->common.metrics.address;
	for (int side = 0; side < SIDE_COUNT; side++) {
		const struct endpoint *backend = &config->pass_through[side].backend;

		if (backend->ip.family != IP_NONE)
			services[service_count++] = *backend;
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
		.own = own,
		.own_count = own_count,
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

/* False if out of memory. */
static bool copy_prefixes(struct ip_prefix **to, size_t *to_count,
			  const struct ip_prefix *from, size_t count)
{
	if (count == 0)
		return true;
	*to = malloc(count * sizeof(*from));
	if (*to == NULL)
		return false;
	memcpy(*to, from, count * sizeof(*from));
	*to_count = count;
	return true;
}

static bool copy_clients(struct relay_settings *settings,
			 const struct relay_config *config)
{
	for (int side = 0; side < SIDE_COUNT; side++) {
		const struct relay_config_side *from = &config->sides[side];

		if (!copy_prefixes(&settings->sides[side].clients,
				   &settings->sides[side].count, from->clients,
				   from->client_count) ||
		    !copy_prefixes(&settings->sides[side].balancers,
				   &settings->sides[side].balancer_count, from->balancers,
				   from->balancer_count))
			return false;
	}
	return true;
}

static bool copy_groups(struct turn_settings *turn, const struct relay_config *config)
{
	if (config->group_count == 0)
		return true;
	turn->groups = user_groups_new(&config->groups->group, config->group_count,
				       sizeof(*config->groups));
	return turn->groups != NULL;
}

/* With names of its own. False if out of memory. */
static bool copy_pass_through(struct relay_pass_through *to,
			      const struct relay_pass_through *from)
{
	*to = *from;
	to->own_name_count = 0;
	to->own_names = calloc(from->own_name_count + 1, sizeof(*to->own_names));
	if (to->own_names == NULL)
		return false;
	for (size_t i = 0; i < from->own_name_count; i++) {
		to->own_names[i] = strdup(from->own_names[i]);
		if (to->own_names[i] == NULL)
			return false;
		to->own_name_count++;
	}
	return true;
}

static void free_pass_through(struct relay_pass_through *pass_through)
{
	for (size_t i = 0; i < pass_through->own_name_count; i++)
		free(pass_through->own_names[i]);
	free(pass_through->own_names);
}

/* One of each family at most; relay_config has made sure. */
static void copy_alternates(struct turn_settings *turn, const struct relay_config *config)
{
	for (int side = 0; side < SIDE_COUNT; side++) {
		const struct relay_config_side *from = &config->sides[side];
		struct turn_alternate *to = &turn->alternates[side];

		assert(from->drain_answer > 0 && from->drain_answer <= DRAIN_IGNORE + 1);
		turn->drain_answers[side] = (enum drain_answer)(from->drain_answer - 1);
		for (size_t i = 0; i < from->alternate_count; i++) {
			const struct ip_addr *ip = &from->alternates[i];

			assert(i < 2 && ip->family != IP_NONE);
			*(ip->family == IP_V4 ? &to->v4 : &to->v6) = *ip;
		}
		if (from->alternate_domain != NULL)
			snprintf(to->domain, sizeof(to->domain), "%s",
				 from->alternate_domain);
	}
}

static void copy_turn(struct turn_settings *turn, const struct relay_config *config)
{
	assert(strlen(config->realm) < sizeof(turn->realm) &&
	       strlen(config->software) < sizeof(turn->software) &&
	       strlen(config->ms.realm) + 2 < sizeof(turn->ms.realm));
	snprintf(turn->realm, sizeof(turn->realm), "%s", config->realm);
	snprintf(turn->server_name, sizeof(turn->server_name), "%s",
		 config->third_party.server_name);
	snprintf(turn->software, sizeof(turn->software), "%s", config->software);
	turn->rfc5766_channels = config->rfc5766_channels;
	turn->mobility = config->mobility;
	turn->classic_stun = config->classic_stun;
	turn->tcp_allocations = config->relay.tcp_allocations;
	turn->ms.enabled = config->ms.enabled;
	/* Microsoft's realm has its quotes on the wire; what enters keys goes without. */
	snprintf(turn->ms.realm, sizeof(turn->ms.realm), "\"%s\"", config->ms.realm);
	turn->ms.version = config->ms.version;
	turn->ms.bandwidth_management = config->ms.bandwidth_management;
	turn->ms.pstn_failover = config->ms.pstn_failover;
	turn->ms.reservation_lifetime_s = config->ms.reservation_lifetime_s;
	turn->ms.bandwidth_unit_bps = config->ms.bandwidth_unit_bps;
	turn->ms.ipv6 = config->ms.ipv6;
	turn->limits = config->limits;
	turn->decrement_hop_limit = config->relay.hop_limit == HOP_LIMIT_DECREMENT;
	fill_markings(turn, config);
	turn->nonce_key.lifetime_s = config->nonce_lifetime_s;
}

struct relay_settings *relay_settings_build(const struct relay_config *config,
					    const struct relay_settings_sources *sources,
					    char *error, size_t error_size)
{
	struct relay_settings *settings = calloc(1, sizeof(*settings));
	if (settings == NULL)
		goto no_memory;

	assert(config->sides[SIDE_OUTSIDE].public_count > 0);
	settings->references = 1;
	settings->records = config->common.log.records;
	settings->stream = config->stream;
	settings->peer = config->peer;
	fill_connections(settings, config);

	struct turn_settings *turn = &settings->turn;
	turn->nonce_key = sources->nonce_key;
	turn->generation =
		sources->in_force != NULL ? sources->in_force->turn.generation + 1 : 1;
	copy_turn(turn, config);
	copy_alternates(turn, config);
	copy_network(turn, sources->network);
	discovery_fronts_fill(config, sources->network, &turn->discovery);

	settings->files = files_for(config, sources, error, error_size);
	if (settings->files == NULL)
		goto fail;
	turn->keyring = settings->files->keyring;
	turn->revoked = settings->files->revoked;
	turn->token_keys = settings->files->token_keys;
	settings->tls = settings->files->tls;
	settings->dtls = config->tls.dtls ? settings->files->dtls : NULL;
	turn->policy = build_policy(config, sources->network);
	if (turn->policy == NULL || !copy_clients(settings, config) ||
	    !copy_groups(turn, config))
		goto no_memory;
	for (int side = 0; side < SIDE_COUNT; side++) {
		if (!copy_pass_through(&settings->pass_through[side],
				       &config->pass_through[side]))
			goto no_memory;
	}
	if (sources->host == NULL)
		return settings;
	turn->host = addresses_copy(sources->host);
	if (turn->host != NULL)
		return settings;

no_memory:
	snprintf(error, error_size, "out of memory");
fail:
	relay_settings_unref(settings);
	return NULL;
}

struct relay_settings *relay_settings_ref(struct relay_settings *settings)
{
	unsigned references =
		__atomic_add_fetch(&settings->references, 1, __ATOMIC_RELAXED);

	assert(references > 1); /* the caller's own and the new one */
	(void)references;
	return settings;
}

void relay_settings_unref(struct relay_settings *settings)
{
	if (settings == NULL ||
	    __atomic_sub_fetch(&settings->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	files_unref(settings->files);
	peer_policy_free(settings->turn.policy);
	user_groups_free(settings->turn.groups);
	free(settings->turn.host);
	for (int side = 0; side < SIDE_COUNT; side++) {
		free(settings->sides[side].clients);
		free(settings->sides[side].balancers);
		free_pass_through(&settings->pass_through[side]);
	}
	free(settings);
}

bool relay_settings_client_allowed(const struct relay_settings *settings, enum side side,
				   const struct ip_addr *client)
{
	assert(side < SIDE_COUNT);
	return settings->sides[side].count == 0 ||
	       ip_prefixes_contain(settings->sides[side].clients,
				   settings->sides[side].count, client);
}

bool relay_settings_is_balancer(const struct relay_settings *settings, enum side side,
				const struct ip_addr *source)
{
	assert(side < SIDE_COUNT);
	return settings->sides[side].balancer_count > 0 &&
	       ip_prefixes_contain(settings->sides[side].balancers,
				   settings->sides[side].balancer_count, source);
}

void relay_settings_keys_end(const struct relay_settings *settings, int64_t unix_s,
			     int64_t *signing, int64_t *last)
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
