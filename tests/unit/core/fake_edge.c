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
#include "relay/core/changes.h"
#include "relay/core/shared.h"
#include "relay/core/tcp_connection.h"
#include "relay/state/keeper.h"
#include "tests/unit/core/random.h"
#include "tests/unit/core/records.h"

const char fixture_realm[] = "avedge.test";

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

static int relay_adopt(void *self, uint32_t slot, const struct endpoint *local, bool tcp,
		       int fd)
{
	struct fake_edge *edge = self;
	int failed;

	assert(fd >= 0);
	failed = open_slot(edge, slot, local, tcp);
	if (failed == 0)
		edge->adopted++;
	return failed;
}

static void relay_permitted(void *self, uint32_t slot)
{
	struct fake_edge *edge = self;

	assert(slot < FAKE_SLOTS_MAX && edge->open[slot] && edge->tcp[slot]);
	(void)slot;
	edge->permitted++;
}

/* Its descriptor is where its address is kept meanwhile. */
static void relay_take(void *self, uint32_t slot, uint8_t family,
		       struct relay_socket_state *state)
{
	struct fake_edge *edge = self;
	bool is_first = edge->local[slot].ip.family == family;

	assert(edge->taken_count < FAKE_TAKEN_MAX);
	state->fd = (int)edge->taken_count;
	edge->taken[edge->taken_count++] = is_first ? edge->local[slot]
						    : edge->second[slot];
	close_slot(edge, slot, false, family);
	edge->moved++;
}

static void relay_give(void *self, uint32_t slot, uint8_t family,
		       const struct relay_socket_state *state)
{
	struct fake_edge *edge = self;
	struct fake_edge *from = edge->sibling != NULL ? edge->sibling : edge;

	assert(state->fd >= 0 && (unsigned)state->fd < from->taken_count);
	assert(from->taken[state->fd].ip.family == family);
	(void)family;
	if (slot != UINT32_MAX)
		open_slot(edge, slot, &from->taken[state->fd], false);
	from->taken[state->fd].ip.family = IP_NONE;
}

static void arrival_ended(void *self, unsigned worker, const struct five_tuple *to)
{
	struct fake_edge *edge = self;

	(void)worker;
	edge->arrivals_ended++;
	edge->last_arrival = *to;
}

static void arrival_due(void *self, unsigned worker, const struct five_tuple *to)
{
	struct fake_edge *edge = self;

	(void)worker;
	edge->arrivals_due++;
	edge->last_arrival = *to;
}

static void client_leaves(void *self, const struct allocation *al)
{
	struct fake_edge *edge = self;

	(void)al;
	edge->left++;
}

static int tcp_connect(void *self, uint32_t connection, const struct endpoint *peer)
{
	struct fake_edge *edge = self;

	assert(connection < FAKE_CONNECTIONS && !edge->connections[connection]);
	if (edge->refuse_connect != 0)
		return edge->refuse_connect;
	edge->connects++;
	edge->connections[connection] = true;
	edge->peers[connection] = *peer;
	return 0;
}

/* The answer is left out: the dialects are not below this. */
static void tcp_give_up(void *self, uint32_t connection)
{
	struct fake_edge *edge = self;

	assert(connection < FAKE_CONNECTIONS && edge->connections[connection]);
	edge->give_ups++;
}

static void tcp_binding(void *self, uint32_t connection, const struct five_tuple *client)
{
	struct fake_edge *edge = self;

	assert(connection < FAKE_CONNECTIONS && client->client.port != 0);
	edge->bindings++;
}

static void tcp_disconnect(void *self, uint32_t connection)
{
	struct fake_edge *edge = self;

	assert(connection < FAKE_CONNECTIONS && edge->connections[connection]);
	edge->disconnects++;
	edge->connections[connection] = false;
}

static void allocation_ended(void *self, const struct allocation *al)
{
	struct fake_edge *edge = self;

	assert(edge->open[al->slot]);
	edge->last = *al;
	if (al->slot < allocation_slots(edge->table) &&
	    al == slab_at(&edge->table->allocations, al->slot))
		allocation_owner(edge->table, al, &edge->last_owner);
	edge->ended++;
}

static void prove(void *self, uint32_t slot, const struct owner_proof *proof)
{
	const struct fake_edge *edge = self;

	keeper_prove(records_of_keeper(edge->records), slot, proof);
}

static void proof_of(void *self, uint32_t slot, struct owner_proof *proof)
{
	const struct fake_edge *edge = self;

	keeper_proof_of(records_of_keeper(edge->records), slot, proof);
}

static void save(void *self, uint64_t now_ms)
{
	const struct fake_edge *edge = self;

	keeper_save(records_of_keeper(edge->records), now_ms);
}

bool fake_edge_keep(struct fake_edge *edge, struct turn *turn, size_t slots)
{
	edge->records = records_of_new(turn, slots);
	if (edge->records == NULL)
		return false;
	edge->edge.prove = prove;
	edge->edge.proof_of = proof_of;
	edge->edge.save = save;
	return true;
}

void fake_edge_unkeep(struct fake_edge *edge, struct turn *turn)
{
	records_of_free(edge->records, turn);
	edge->records = NULL;
	edge->edge.prove = NULL;
	edge->edge.proof_of = NULL;
	edge->edge.save = NULL;
}

void fixture_check_saved(struct turn *turn, uint64_t now_ms)
{
	const struct fake_edge *edge = turn->edge->self;

	if (edge->records != NULL)
		records_of_check(edge->records, turn, now_ms);
}

void fixture_check_records(struct turn *turn, uint64_t now_ms)
{
	changes_save(turn, now_ms);
	fixture_check_saved(turn, now_ms);
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

struct five_tuple fixture_tuple(const char *client, uint16_t front)
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

static void add_addresses(struct fixture *fixture, const struct fixture_options *options)
{
	struct relay_address *relay = fixture->relay;
	size_t count = 0;

	for (size_t i = 0; i < FAKE_FRONTS; i++)
		fixture->fronts[i] = (struct front){fronts[i].side, fronts[i].transport,
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

	fixture->shared.relay = relay;
	fixture->shared.relay_count = count;
	fixture->shared.fronts = fixture->fronts;
	fixture->shared.front_count = FAKE_FRONTS;
}

static struct peer_policy *make_policy(const struct fixture *fixture, const char *deny)
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
		services[i] = fixture->fronts[i].local;
	if (!ok)
		abort();

	const struct peer_policy_config config = {
		.allow = allow,
		.allow_count = 3,
		.deny = &refuse,
		.deny_count = deny ? 1 : 0,
		.inside = in,
		.inside_count = 2,
		.relay = fixture->shared.relay,
		.relay_count = fixture->shared.relay_count,
		.services = services,
		.service_count = FAKE_FRONTS,
	};
	return peer_policy_new(&config);
}

static bool add_settings(struct fixture *fixture, const struct fixture_options *options)
{
	const char *keys = options->keyring
				   ? options->keyring
				   : "k1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n";
	struct turn_settings *settings = &fixture->settings;
	struct keyring_error error;

	settings->generation = 1;
	strcpy(settings->realm, fixture_realm);
	strcpy(settings->software, "avedge");
	settings->rfc5766_channels = true;
	settings->mobility = options->mobility;
	settings->classic_stun = true;
	settings->tcp_allocations = true;
	settings->limits = (struct turn_limits){
		.lifetime_default_s = 600,
		.lifetime_max_s = 3600,
		.allocations_per_user = {options->allocations_per_user,
					 options->allocations_per_user},
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
	settings->policy = make_policy(fixture, NULL);
	for (size_t i = 0; i < fixture->shared.relay_count; i++)
		settings->relay[settings->relay_count++] = (uint16_t)i;
	return settings->keyring && settings->policy;
}

static bool add_shared(struct fixture *fixture, const struct fixture_options *options,
		       size_t slots)
{
	struct turn_shared *shared = &fixture->shared;
	const struct shared_sizes sizes = {
		.pool =
			{
				.address_count = shared->relay_count,
				.first = options->first_port ? options->first_port
							     : 50000,
				.last = options->last_port ? options->last_port : 50099,
				.seed = 4711,
			},
		.tcp_seed = 4711,
		.reservations = options->reservations ? options->reservations : 16,
		.owners = slots,
	};

	shared->hash_key = (struct siphash_key){0x0123456789abcdef, 0xfedcba9876543210};
	shared->allocations_total = options->allocations_total;
	memset(&shared->mobility_key, 0x5A, sizeof(shared->mobility_key));
	shared->worker_count = FAKE_WORKERS;
	return shared_make(shared, &sizes);
}

bool fixture_start(struct fixture *fixture, const struct fixture_options *options)
{
	static const struct fixture_options defaults;
	size_t slots;

	if (!options)
		options = &defaults;
	slots = options->slots ? options->slots : 64;
	assert(slots <= FAKE_SLOTS_MAX);
	memset(fixture, 0, sizeof(*fixture));
	fixture->now_ms = 1000000;
	fixture->unix_s = 1700000000;
	fixture->edge.random = 42;
	fixture->edge.edge = (struct edge){
		.self = &fixture->edge,
		.relay_open = relay_open,
		.relay_close = relay_close,
		.relay_listen = relay_listen,
		.relay_unlisten = relay_unlisten,
		.relay_adopt = relay_adopt,
		.relay_permitted = relay_permitted,
		.relay_take = relay_take,
		.relay_give = relay_give,
		.arrival_ended = arrival_ended,
		.arrival_due = arrival_due,
		.client_leaves = client_leaves,
		.tcp_connect = tcp_connect,
		.tcp_give_up = tcp_give_up,
		.tcp_binding = tcp_binding,
		.tcp_disconnect = tcp_disconnect,
		.allocation_ended = allocation_ended,
		.random = edge_random,
	};
	add_addresses(fixture, options);
	fixture->turn.shared = &fixture->shared;
	fixture->turn.settings = &fixture->settings;
	fixture->turn.edge = &fixture->edge.edge;
	fixture->turn.worker = 3;
	if (!add_shared(fixture, options, slots) || !add_settings(fixture, options))
		goto fail;
	fixture->turn.table = allocation_table_new(
		slots, options->permissions_each ? options->permissions_each : 8,
		options->channels_each ? options->channels_each : 8,
		&fixture->shared.hash_key);
	fixture->turn.connections = tcp_connections_new(FAKE_CONNECTIONS, slots);
	fixture->edge.table = fixture->turn.table;
	if (!fixture->turn.table || !fixture->turn.connections ||
	    !fake_edge_keep(&fixture->edge, &fixture->turn, slots))
		goto fail;
	return true;

fail:
	fixture_stop(fixture);
	return false;
}

void fixture_stop(struct fixture *fixture)
{
	struct allocation *al;

	if (fixture->turn.table)
		fixture_check_records(&fixture->turn, fixture->now_ms);
	while (fixture->turn.table &&
	       (al = allocation_next(fixture->turn.table, 0)) != NULL)
		allocation_delete(&fixture->turn, al, END_SHUTDOWN, fixture->now_ms);
	fake_edge_unkeep(&fixture->edge, &fixture->turn);
	allocation_table_free(fixture->turn.table);
	tcp_connections_free(fixture->turn.connections);
	shared_free(&fixture->shared);
	peer_policy_free(fixture->settings.policy);
	keyring_free(fixture->settings.keyring);
	memset(fixture, 0, sizeof(*fixture));
}

void fixture_by_hand(struct fixture *fixture)
{
	fake_edge_unkeep(&fixture->edge, &fixture->turn);
}

uint32_t fixture_accept(struct fixture *fixture, struct allocation *al,
			const char *source)
{
	const struct endpoint peer = ep(source);
	uint32_t index =
		tcp_connection_accept(&fixture->turn, al, &peer, fixture->now_ms);

	if (index != TCP_CONNECTION_NONE) {
		assert(!fixture->edge.connections[index]);
		fixture->edge.connections[index] = true;
	}
	return index;
}

void fixture_gone(struct fixture *fixture, uint32_t connection, enum peer_event why)
{
	assert(fixture->edge.connections[connection]);
	fixture->edge.connections[connection] = false;
	tcp_connection_gone(&fixture->turn, connection, why);
}

bool fixture_deny(struct fixture *fixture, const char *deny)
{
	struct peer_policy *policy = make_policy(fixture, deny);

	if (!policy)
		return false;
	peer_policy_free(fixture->settings.policy);
	fixture->settings.policy = policy;
	fixture->settings.generation++;
	return true;
}

static bool pool_is_clean(const struct fixture *fixture, struct port_pool *pool)
{
	for (size_t i = 0; i < fixture->shared.relay_count; i++) {
		if (port_pool_figures(pool, i, fixture->now_ms).used != 0)
			return false;
	}
	return port_pool_check(pool);
}

bool fixture_is_clean(struct fixture *fixture)
{
	const struct allocation_table *table = fixture->turn.table;

	return pool_is_clean(fixture, fixture->shared.ports) &&
	       pool_is_clean(fixture, fixture->shared.tcp_ports) &&
	       fixture->edge.opened == fixture->edge.closed &&
	       table->allocations.used == 0 && table->permissions.used == 0 &&
	       table->channels.used == 0 && table->expiry.count == 0 &&
	       allocation_table_check(table) &&
	       quota_held(fixture->shared.total, 0) == 0 &&
	       quota_owners(fixture->shared.users[DIALECT_IETF]) == 0 &&
	       quota_owners(fixture->shared.users[DIALECT_MS]) == 0 &&
	       quota_owners(fixture->shared.prefixes) == 0;
}

int fixture_create(struct fixture *fixture, const char *user,
		   struct allocation_request request, struct allocation **al)
{
	static const uint8_t txid[STUN_TXID_LEN];
	struct slice name = {(const uint8_t *)user, strlen(user)};
	struct owner owner = {
		.id = owner_id_of(&fixture->shared.hash_key, name),
		.key = {.len = 16},
	};

	if (request.family == IP_NONE)
		request.family = IP_V4;
	if (request.lifetime_s == 0)
		request.lifetime_s = 600;
	if (request.owner)
		owner = *request.owner;
	snprintf(owner.user, sizeof(owner.user), "%s", user);
	snprintf(owner.key_id, sizeof(owner.key_id), "k1");
	request.owner = &owner;
	if (!request.txid)
		request.txid = txid;
	return allocation_create(&fixture->turn, &request, fixture->now_ms, al);
}

struct allocation *fixture_allocate(struct fixture *fixture, const char *user,
				    uint16_t port, int *code)
{
	const uint8_t txid[STUN_TXID_LEN] = {(uint8_t)(port >> 8), (uint8_t)port};
	const struct allocation_request request = {
		.tuple = {{ip("192.0.2.200"), port}, 3},
		.txid = txid,
	};
	struct allocation *al = NULL;

	int got = fixture_create(fixture, user, request, &al);
	if (code)
		*code = got;
	return got ? NULL : al;
}
