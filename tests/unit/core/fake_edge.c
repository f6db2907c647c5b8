/*
 * fake_edge.c - see fake_edge.h.
 */
#include "tests/unit/core/fake_edge.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/commons.h"
#include "tests/unit/core/random.h"

const char world_realm[] = "avedge.test";

static int open_slot(struct fake_edge *edge, uint32_t slot, const struct endpoint *local,
		     bool tcp)
{
	if (edge->refuse_times > 0 &&
	    (edge->refuse_family == IP_NONE || edge->refuse_family == local->ip.family)) {
		edge->refuse_times--;
		return edge->refuse;
	}
	assert(slot < FAKE_SLOTS_MAX);
	edge->opened++;
	if (edge->open[slot]) {
		assert(!tcp && !edge->tcp[slot] &&
		       edge->second[slot].ip.family == IP_NONE &&
		       edge->local[slot].ip.family != local->ip.family);
		edge->second[slot] = *local;
		return 0;
	}
	edge->open[slot] = true;
	edge->tcp[slot] = tcp;
	edge->local[slot] = *local;
	return 0;
}

static void close_slot(struct fake_edge *edge, uint32_t slot, bool tcp, uint8_t family)
{
	struct endpoint *second = &edge->second[slot];

	assert(slot < FAKE_SLOTS_MAX && edge->open[slot] && edge->tcp[slot] == tcp);
	edge->closed++;
	if (edge->local[slot].ip.family == family) {
		edge->open[slot] = second->ip.family != IP_NONE;
		edge->local[slot] = *second;
	} else {
		assert(second->ip.family == family);
	}
	second->ip.family = IP_NONE;
	(void)tcp;
}

static int relay_open(void *self, uint32_t slot, const struct endpoint *local)
{
	return open_slot(self, slot, local, false);
}

static void relay_close(void *self, uint32_t slot, uint8_t family)
{
	close_slot(self, slot, false, family);
}

static int relay_listen(void *self, uint32_t slot, const struct endpoint *local)
{
	return open_slot(self, slot, local, true);
}

static void relay_unlisten(void *self, uint32_t slot)
{
	struct fake_edge *edge = self;

	close_slot(edge, slot, true, edge->local[slot].ip.family);
}

static void relay_permitted(void *self, uint32_t slot)
{
	struct fake_edge *edge = self;

	assert(slot < FAKE_SLOTS_MAX && edge->open[slot] && edge->tcp[slot]);
	(void)slot;
	edge->permitted++;
}

static void allocation_ended(void *self, const struct allocation *al)
{
	struct fake_edge *edge = self;

	assert(edge->open[al->slot]);
	edge->last = *al;
	edge->ended++;
}

static void edge_random(void *self, void *buf, size_t len)
{
	struct fake_edge *edge = self;

	random_fill(&edge->random, buf, len);
}

struct endpoint ep(const char *text)
{
	struct endpoint endpoint;

	if (!endpoint_parse(text, 0, &endpoint)) {
		fprintf(stderr, "not a transport address: %s\n", text);
		abort();
	}
	return endpoint;
}

static struct ip_addr ip(const char *text)
{
	struct ip_addr addr;

	if (!ip_addr_parse(text, &addr)) {
		fprintf(stderr, "not an IP address: %s\n", text);
		abort();
	}
	return addr;
}

struct five_tuple world_tuple(const char *client, uint16_t front)
{
	return (struct five_tuple){ep(client), front};
}

static const struct {
	enum side side;
	enum transport transport;
	const char *local;
} fronts[FAKE_FRONTS] = {
	{SIDE_INSIDE, TRANSPORT_UDP, "10.0.0.1:3478"},
	{SIDE_INSIDE, TRANSPORT_TCP, "10.0.0.1:443"},
	{SIDE_INSIDE, TRANSPORT_TLS, "10.0.0.1:443"},
	{SIDE_OUTSIDE, TRANSPORT_UDP, "198.18.0.1:3478"},
	{SIDE_OUTSIDE, TRANSPORT_UDP, "[2001:db8::1]:3478"},
	{SIDE_OUTSIDE, TRANSPORT_TCP, "198.18.0.1:443"},
	{SIDE_OUTSIDE, TRANSPORT_TCP, "[2001:db8::1]:443"},
};

static void add_addresses(struct world *world, const struct world_options *options)
{
	struct relay_address *relay = world->relay;
	size_t count = 0;

	for (size_t i = 0; i < FAKE_FRONTS; i++)
		world->fronts[i] = (struct front){fronts[i].side, fronts[i].transport,
						  ep(fronts[i].local)};
	if (!options->no_v4)
		relay[count++] = (struct relay_address){
			ip("198.18.0.1"), ip(options->nat ? "203.0.113.1" : "198.18.0.1"),
			false};
	if (options->second_v4)
		relay[count++] =
			(struct relay_address){ip("198.18.0.2"), ip("198.18.0.2"), false};
	if (!options->no_v6)
		relay[count++] = (struct relay_address){ip("2001:db8::1"),
							ip("2001:db8::1"), false};

	world->commons.relay = relay;
	world->commons.relay_count = count;
	world->commons.fronts = world->fronts;
	world->commons.front_count = FAKE_FRONTS;
}

static struct peer_policy *make_policy(const struct world *world, const char *deny)
{
	static const char *const allowed[] = {"192.0.2.0/24", "198.51.100.0/24",
					      "2001:db8::/32"};
	static const char *const inside[] = {"10.0.0.0/8", "fd00::/8"};
	struct endpoint services[FAKE_FRONTS];
	struct ip_prefix allow[3], in[2], refuse;
	bool ok = true;

	for (size_t i = 0; i < 3; i++)
		ok = ok && ip_prefix_parse(allowed[i], &allow[i]);
	for (size_t i = 0; i < 2; i++)
		ok = ok && ip_prefix_parse(inside[i], &in[i]);
	if (deny)
		ok = ok && ip_prefix_parse(deny, &refuse);
	for (size_t i = 0; i < FAKE_FRONTS; i++)
		services[i] = world->fronts[i].local;
	if (!ok)
		abort();

	const struct peer_policy_config config = {
		.allow = allow,
		.allow_count = 3,
		.deny = &refuse,
		.deny_count = deny ? 1 : 0,
		.inside = in,
		.inside_count = 2,
		.relay = world->commons.relay,
		.relay_count = world->commons.relay_count,
		.services = services,
		.service_count = FAKE_FRONTS,
	};
	return peer_policy_new(&config);
}

static bool add_settings(struct world *world, const struct world_options *options)
{
	const char *keys = options->keyring
				   ? options->keyring
				   : "k1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n";
	struct turn_settings *settings = &world->settings;
	struct keyring_error error;

	settings->generation = 1;
	strcpy(settings->realm, world_realm);
	strcpy(settings->software, "avedge");
	settings->limits = (struct turn_limits){
		.lifetime_default_s = 600,
		.lifetime_max_s = 3600,
		.allocations_per_user = options->allocations_per_user,
		.allocations_per_prefix = options->allocations_per_prefix,
		.peer_connections = 4,
		.held_connections = 8,
		.early_peer_age_ms = 10000,
		.early_peer_hold_ms = 5000,
	};
	for (size_t i = 0; i < sizeof(settings->nonce_key.bytes); i++)
		settings->nonce_key.bytes[i] = (uint8_t)(0x80 + i);
	settings->nonce_key.lifetime_s = 3600;
	settings->keyring = keyring_parse(keys, strlen(keys), &error);
	settings->policy = make_policy(world, NULL);
	for (size_t i = 0; i < world->commons.relay_count; i++)
		settings->relay[settings->relay_count++] = (uint16_t)i;
	return settings->keyring && settings->policy;
}

static bool add_commons(struct world *world, const struct world_options *options,
			size_t slots)
{
	struct turn_commons *commons = &world->commons;
	const struct commons_sizes sizes = {
		.pool =
			{
				.address_count = commons->relay_count,
				.first = options->first_port ? options->first_port
							     : 50000,
				.last = options->last_port ? options->last_port : 50099,
				.seed = 4711,
			},
		.tcp_seed = 4711,
		.reservations = options->reservations ? options->reservations : 16,
		.owners = slots,
	};

	commons->hash_key = (struct hash_key){0x0123456789abcdef, 0xfedcba9876543210};
	commons->allocations_total = options->allocations_total;
	return commons_make(commons, &sizes);
}

bool world_start(struct world *world, const struct world_options *options)
{
	static const struct world_options defaults;
	size_t slots;

	if (!options)
		options = &defaults;
	slots = options->slots ? options->slots : 64;
	assert(slots <= FAKE_SLOTS_MAX);
	memset(world, 0, sizeof(*world));
	world->now_ms = 1000000;
	world->unix_s = 1700000000;
	world->edge.random = 42;
	world->edge.edge = (struct edge){
		.self = &world->edge,
		.relay_open = relay_open,
		.relay_close = relay_close,
		.relay_listen = relay_listen,
		.relay_unlisten = relay_unlisten,
		.relay_permitted = relay_permitted,
		.allocation_ended = allocation_ended,
		.random = edge_random,
	};
	add_addresses(world, options);
	world->turn.commons = &world->commons;
	world->turn.settings = &world->settings;
	world->turn.edge = &world->edge.edge;
	world->turn.worker = 3;
	if (!add_commons(world, options, slots) || !add_settings(world, options))
		goto fail;
	world->turn.table = allocation_table_new(
		slots, options->permissions_each ? options->permissions_each : 8,
		options->channels_each ? options->channels_each : 8,
		&world->commons.hash_key);
	if (!world->turn.table)
		goto fail;
	return true;

fail:
	world_stop(world);
	return false;
}

void world_stop(struct world *world)
{
	struct allocation *al;

	while (world->turn.table && (al = allocation_next(world->turn.table, 0)) != NULL)
		allocation_delete(&world->turn, al, END_SHUTDOWN, world->now_ms);
	allocation_table_free(world->turn.table);
	commons_free(&world->commons);
	peer_policy_free(world->settings.policy);
	keyring_free(world->settings.keyring);
	memset(world, 0, sizeof(*world));
}

bool world_deny(struct world *world, const char *deny)
{
	struct peer_policy *policy = make_policy(world, deny);

	if (!policy)
		return false;
	peer_policy_free(world->settings.policy);
	world->settings.policy = policy;
	world->settings.generation++;
	return true;
}

static bool pool_is_clean(const struct world *world, struct port_pool *pool)
{
	for (size_t i = 0; i < world->commons.relay_count; i++) {
		if (port_pool_figures(pool, i, world->now_ms).used != 0)
			return false;
	}
	return port_pool_check(pool);
}

bool world_is_clean(struct world *world)
{
	const struct allocation_table *table = world->turn.table;

	return pool_is_clean(world, world->commons.ports) &&
	       pool_is_clean(world, world->commons.tcp_ports) &&
	       world->edge.opened == world->edge.closed && table->allocations.used == 0 &&
	       table->permissions.used == 0 && table->channels.used == 0 &&
	       table->expiry.count == 0 && quota_held(world->commons.total, 0) == 0 &&
	       bandwidth_owners(world->commons.bandwidth) == 0;
}

int world_create(struct world *world, const char *user, struct allocation_request request,
		 struct allocation **al)
{
	static const uint8_t txid[STUN_TXID_LEN];
	static const struct stun_key key = {.len = 16};
	struct slice name = {(const uint8_t *)user, strlen(user)};
	struct owner owner = owner_of(&world->commons.hash_key, name);

	if (request.family == IP_NONE)
		request.family = IP_V4;
	if (request.lifetime_s == 0)
		request.lifetime_s = 600;
	if (!request.owner)
		request.owner = &owner;
	if (!request.txid)
		request.txid = txid;
	if (!request.key)
		request.key = &key;
	request.user = user;
	request.key_id = "k1";
	return allocation_create(&world->turn, &request, world->now_ms, al);
}

struct allocation *world_allocate(struct world *world, const char *user, uint16_t port,
				  int *code)
{
	const uint8_t txid[STUN_TXID_LEN] = {(uint8_t)(port >> 8), (uint8_t)port};
	const struct allocation_request request = {
		.tuple = {{ip("192.0.2.200"), port}, 3},
		.txid = txid,
	};
	struct allocation *al = NULL;

	int got = world_create(world, user, request, &al);
	if (code)
		*code = got;
	return got ? NULL : al;
}
