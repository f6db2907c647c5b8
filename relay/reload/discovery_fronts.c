/*
 * discovery_fronts.c - see discovery_fronts.h.
 */
#include "relay/reload/discovery_fronts.h"

#include <assert.h>

#include "relay/reload/network.h"
#include "relay/reload/relay_config.h"

/* Inside there is no NAT in front of the relay. */
static const struct ip_addr *public_of(const struct relay_config_side *side,
				       size_t address)
{
	assert(address < side->address_count);
	assert(side->public_count == 0 || side->public_count == side->address_count);
	return side->public_count > 0 ? &side->public[address]
				      : &side->addresses[address];
}

size_t discovery_fronts_other_address(const struct relay_config_side *side,
				      size_t address)
{
	assert(address < side->address_count);
	for (size_t step = 1; step < side->address_count; step++) {
		size_t i = (address + step) % side->address_count;

		if (side->addresses[i].family == side->addresses[address].family)
			return i;
	}
	return side->address_count;
}

/* FRONTS_MAX if there is none that serves. */
static size_t find_front(const struct network_view *network, enum transport transport,
			 const struct ip_addr *ip, uint16_t port)
{
	const struct endpoint local = {*ip, port};
	size_t i = 0;

	while (i < FRONTS_MAX && (network->front_states[i] != NETWORK_SERVING ||
				  network->fronts[i].transport != transport ||
				  !endpoint_equal(&network->fronts[i].local, &local)))
		i++;
	return i;
}

struct filler {
	const struct relay_config_side *side;
	const struct network_view *network;
	struct nat_discovery *discovery;
};

/* The front of one address and one port of its list, if it has all its others. */
static void fill_front(const struct filler *filler, enum transport transport,
		       size_t address, const uint16_t *ports, size_t port_count,
		       size_t port)
{
	const struct relay_config_side *side = filler->side;
	size_t other = discovery_fronts_other_address(side, address);
	uint16_t here = ports[port], there = ports[(port + 1) % port_count];
	struct discovery_front row = {.serves = true,
				      .public = *public_of(side, address)};

	if (other == side->address_count || here == there)
		return;
	for (unsigned origin = 0; origin < DISCOVERY_ORIGINS; origin++) {
		size_t from = (origin & DISCOVERY_OTHER_IP) != 0 ? other : address;
		size_t front =
			find_front(filler->network, transport, &side->addresses[from],
				   (origin & DISCOVERY_OTHER_PORT) != 0 ? there : here);

		if (front == FRONTS_MAX)
			return;
		row.fronts[origin] = (uint16_t)front;
	}
	filler->discovery->fronts[row.fronts[DISCOVERY_HERE]] = row;
}

static void fill_fronts(const struct filler *filler, enum transport transport,
			const uint16_t *ports, size_t port_count)
{
	for (size_t address = 0; address < filler->side->address_count; address++) {
		for (size_t port = 0; port < port_count; port++)
			fill_front(filler, transport, address, ports, port_count, port);
	}
}

void discovery_fronts_fill(const struct relay_config *config,
			   const struct network_view *network,
			   struct nat_discovery *discovery)
{
	for (int i = 0; i < SIDE_COUNT; i++) {
		const struct relay_config_side *side = &config->sides[i];
		const struct filler filler = {side, network, discovery};

		if (!side->nat_discovery)
			continue;
		discovery->response_port[i] = side->response_port;
		fill_fronts(&filler, TRANSPORT_UDP, side->udp_ports,
			    side->udp_port_count);
		fill_fronts(&filler, TRANSPORT_DTLS, side->udp_ports,
			    side->udp_port_count);
		fill_fronts(&filler, TRANSPORT_TCP, side->tcp_ports,
			    side->tcp_port_count);
		fill_fronts(&filler, TRANSPORT_TLS, side->tcp_ports,
			    side->tcp_port_count);
	}
}
