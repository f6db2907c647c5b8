/*
 * shared.c - see shared.h.
 */
#include "relay/core/shared.h"

#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/limiter.h"
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
	shared->reservations = reservation_table_new(sizes->reservations, shared->ports);
	shared->users = quota_new(sizes->owners);
	shared->prefixes = quota_new(sizes->owners);
	for (int side = 0; side < SIDE_COUNT; side++)
		shared->sides[side] = quota_new(1);
	shared->total = quota_new(1);
	shared->bandwidth = bandwidth_new(sizes->owners);
	shared->strangers = limiter_new(&shared->hash_key);
	return shared->reservations && shared->users && shared->prefixes &&
	       shared->sides[SIDE_INSIDE] && shared->sides[SIDE_OUTSIDE] &&
	       shared->total && shared->bandwidth && shared->strangers;
}

void shared_free(struct turn_shared *shared)
{
	reservation_table_free(shared->reservations);
	port_pool_free(shared->ports);
	port_pool_free(shared->tcp_ports);
	quota_free(shared->users);
	quota_free(shared->prefixes);
	for (int side = 0; side < SIDE_COUNT; side++)
		quota_free(shared->sides[side]);
	quota_free(shared->total);
	quota_free(shared->half_open);
	bandwidth_free(shared->bandwidth);
	limiter_free(shared->strangers);
}
