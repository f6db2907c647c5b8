/*
 * commons.c - see commons.h.
 */
#include "relay/core/commons.h"

#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/limiter.h"
#include "relay/core/quota.h"
#include "relay/core/reservation.h"

bool commons_make(struct turn_commons *commons, const struct commons_sizes *sizes)
{
	struct port_pool_config tcp = sizes->pool;

	tcp.seed = sizes->tcp_seed;
	commons->ports = port_pool_new(&sizes->pool);
	commons->tcp_ports = port_pool_new(&tcp);
	if (!commons->ports || !commons->tcp_ports)
		return false;
	commons->reservations =
		reservation_table_new(sizes->reservations, commons->ports);
	commons->users = quota_new(sizes->owners);
	commons->prefixes = quota_new(sizes->owners);
	for (int side = 0; side < SIDE_COUNT; side++)
		commons->sides[side] = quota_new(1);
	commons->total = quota_new(1);
	commons->bandwidth = bandwidth_new(sizes->owners);
	commons->strangers = limiter_new(&commons->hash_key);
	return commons->reservations && commons->users && commons->prefixes &&
	       commons->sides[SIDE_INSIDE] && commons->sides[SIDE_OUTSIDE] &&
	       commons->total && commons->bandwidth && commons->strangers;
}

void commons_free(struct turn_commons *commons)
{
	reservation_table_free(commons->reservations);
	port_pool_free(commons->ports);
	port_pool_free(commons->tcp_ports);
	quota_free(commons->users);
	quota_free(commons->prefixes);
	for (int side = 0; side < SIDE_COUNT; side++)
		quota_free(commons->sides[side]);
	quota_free(commons->total);
	quota_free(commons->half_open);
	bandwidth_free(commons->bandwidth);
	limiter_free(commons->strangers);
}
