/*
 * discovery_fronts.h - which fronts serve NAT behaviour discovery (RFC 5780) and which stand in
 * for which, from the configuration.
 *
 * The other address of an address is the next one of its family in "addresses"; that of the last
 * one is the first. The other port is the next one in
 * udp_ports or tcp_ports, likewise. So each front has its own three others, however many
 * addresses and ports a side has, and with two of each they are the pairs of the RFC.
 */
#ifndef RELAY_RELOAD_DISCOVERY_FRONTS_H
#define RELAY_RELOAD_DISCOVERY_FRONTS_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/core/nat_discovery.h"

struct network_view;
struct relay_config;
struct relay_config_side;

/* The index of the other address of that one; address_count if it has none. */
size_t discovery_fronts_other_address(const struct relay_config_side *side,
				      size_t address);

/* Fill in a zeroed one for the fronts of that network that serve. */
void discovery_fronts_fill(const struct relay_config *config,
			   const struct network_view *network,
			   struct nat_discovery *discovery);

#endif
