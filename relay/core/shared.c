/*
 * shared.c - see shared.h.
 */
#include "relay/core/shared.h"

#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/connection_homes.h"
#include "relay/core/limiter.h"
#include "relay/core/mobility_directory.h"
#include "relay/core/ms_reservation.h"
#include "relay/core/owner_row.h"
#include "relay/core/quota.h"
#include "relay/core/reservation.h"

bool shared_make(struct turn_shared *shared, const struct shared_sizes *sizes)
{
	struct port_pool_config tcp = sizes->pool;

	tcp.seed = sizes->tcp_seed;
	shared->ports = port_pool_new(&sizes->pool);
	shared->tcp_ports = port_pool_new(&tcp);
	if (!shared->ports || !shared->tcp_ports)
		return false;
	shared->connection_homes = connection_homes_new();
	shared->reservations = reservation_table_new(sizes->reservations, shared->ports);
	shared->mobile = mobility_directory_new(sizes->owners);
	for (int dialect = 0; dialect < DIALECT_COUNT; dialect++)
		shared->users[dialect] =
			quota_new(sizes->owners, sizeof(struct owner_row));
	shared->prefixes = quota_new(sizes->owners, sizeof(struct owner_row));
	for (int side = 0; side < SIDE_COUNT; side++)
		shared->sides[side] = quota_new(1, 0);
	shared->total = quota_new(1, 0);
	shared->bandwidth = bandwidth_new();
	shared->reserved = ms_reserved_new();
	shared->strangers = limiter_new(&shared->hash_key);
	return shared->reservations && shared->connection_homes && shared->mobile &&
	       shared->users[DIALECT_IETF] && shared->users[DIALECT_MS] &&
	       shared->prefixes && shared->sides[SIDE_INSIDE] &&
	       shared->sides[SIDE_OUTSIDE] && shared->total && shared->bandwidth &&
	       shared->reserved && shared->strangers;
}

void shared_free(struct turn_shared *shared)
{
	reservation_table_free(shared->reservations);
	connection_homes_free(shared->connection_homes);
	mobility_directory_free(shared->mobile);
	port_pool_free(shared->ports);
	port_pool_free(shared->tcp_ports);
	for (int dialect = 0; dialect < DIALECT_COUNT; dialect++)
		quota_free(shared->users[dialect]);
	quota_free(shared->prefixes);
	for (int side = 0; side < SIDE_COUNT; side++)
		quota_free(shared->sides[side]);
	quota_free(shared->total);
	quota_free(shared->half_open);
	bandwidth_free(shared->bandwidth);
	ms_reserved_free(shared->reserved);
	limiter_free(shared->strangers);
}
