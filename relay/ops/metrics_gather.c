/*
 * metrics_gather.c - collects the figures. No packet waits for it: counters are read where they
 * are, workers are asked between two packets, and long walks are cut into short ones.
 */
#include <assert.h>
#include <string.h>
#include <time.h>

#include "relay/offload/offload.h"
#include "relay/ops/metrics.h"
#include "relay/relay.h"
#include "relay/reload/network.h"
#include "relay/reload/relay_reload.h"
#include "relay/reload/relay_settings.h"

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One address behind several public ones has the same ports in each. */
static bool is_listed(const struct metrics_facts *facts, const struct ip_addr *address,
		      enum transport protocol)
{
	for (size_t i = 0; i < facts->pool_count; i++) {
		if (facts->pools[i].protocol == protocol &&
		    ip_addr_equal(&facts->pools[i].address, address))
			return true;
	}
	return false;
}

static void gather_pools(struct metrics_facts *facts, const struct relay *relay,
			 struct port_pool *pool, enum transport protocol, uint64_t now_ms)
{
	struct network_address rows[PORT_POOL_ADDRESSES_MAX];
	size_t row_count = network_addresses(relay->network, rows);

	for (size_t i = 0; i < row_count; i++) {
		const struct ip_addr *address = &rows[i].address.local;

		assert(facts->pool_count <
		       sizeof(facts->pools) / sizeof(facts->pools[0]));
		if (!is_listed(facts, address, protocol))
			facts->pools[facts->pool_count++] = (struct metrics_pool){
				.address = *address,
				.protocol = protocol,
				.figures = port_pool_figures(pool, rows[i].index, now_ms),
			};
	}
}

static void gather_keys(struct metrics_facts *facts, struct relay *relay)
{
	struct relay_settings *settings = relay_settings(relay);

	if (settings == NULL)
		return;
	relay_settings_keys_end(settings, facts->now_s, &facts->signing_key_ends_s,
				&facts->last_key_ends_s);
	relay_settings_unref(settings);
}

void metrics_gather(struct metrics_facts *facts, struct relay *relay,
		    struct worker_load *load)
{
	uint64_t now_ms = monotonic_ms();

	memset(facts, 0, sizeof(*facts));
	facts->now_s = time(NULL);
	facts->started_s = relay->started_s;
	relay_count_drops(relay);
	relay_counters(relay, &facts->counters);
	gather_pools(facts, relay, relay->shared.ports, TRANSPORT_UDP, now_ms);
	gather_pools(facts, relay, relay->shared.tcp_ports, TRANSPORT_TCP, now_ms);
	facts->worker_count = relay->worker_count;
	memcpy(facts->workers, worker_load_sample(load, now_ms),
	       relay->worker_count * sizeof(facts->workers[0]));
	facts->certificate_ends_s =
		__atomic_load_n(&relay->tls_not_after_s, __ATOMIC_RELAXED);
	gather_keys(facts, relay);
	facts->reload = reload_last(relay->reload);
	facts->drain = drain_state(relay->drain);
	facts->continuity = continuity_of(relay);
	if (relay->offload != NULL)
		offload_view(relay->offload, &facts->offload);
	facts->reserved = ms_reserved_figures(relay->shared.reserved);
}
