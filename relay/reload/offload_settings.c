/*
 * offload_settings.c - see offload_settings.h.
 */
#include "relay/reload/offload_settings.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void add(struct offload_wanted *wanted, enum side side, const struct ip_addr *ip)
{
	for (size_t i = 0; i < wanted->address_count; i++) {
		if (ip_addr_equal(&wanted->addresses[i].ip, ip))
			return;
	}
	assert(wanted->address_count < OFFLOAD_ADDRESSES_MAX);
	wanted->addresses[wanted->address_count++] =
		(struct offload_address){.side = side, .ip = *ip};
}

/* What comes to further ones stays on sockets. */
static void add_port(struct offload_wanted *wanted, uint16_t port)
{
	for (size_t i = 0; i < FLOW_FRONT_PORTS; i++) {
		if (wanted->front_ports[i] == port)
			return;
		if (wanted->front_ports[i] == 0) {
			wanted->front_ports[i] = port;
			return;
		}
	}
}

/* A pair of fronts has one address, and only those over UDP matter. */
static_assert(FRONTS_MAX / 2 + PORT_POOL_ADDRESSES_MAX <= OFFLOAD_ADDRESSES_MAX,
	      "room for all");

void offload_settings_fill(const struct relay_config *config,
			   const struct network_view *network,
			   struct offload_wanted *wanted)
{
	memset(wanted, 0, sizeof(*wanted));
	if (config->offload.socket != NULL)
		snprintf(wanted->socket, sizeof(wanted->socket), "%s",
			 config->offload.socket);
	for (int side = 0; side < SIDE_COUNT; side++) {
		assert(config->sides[side].offload > 0);
		wanted->modes[side] =
			(enum offload_mode)(config->sides[side].offload - 1);
	}
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		const struct front *front = &network->fronts[i];

		if (network->front_states[i] != NETWORK_FREE &&
		    front->transport == TRANSPORT_UDP) {
			add(wanted, front->side, &front->local.ip);
			add_port(wanted, front->local.port);
		}
	}
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++) {
		if (network->relay_states[i] != NETWORK_FREE)
			add(wanted, SIDE_OUTSIDE, &network->relay[i].local);
	}
	wanted->relay_port_first = config->relay.ports.first;
	wanted->relay_port_last = config->relay.ports.last;
	wanted->flows = config->offload.flows;
}
