/*
 * offload_wanted.h - how the kernel plane is wanted (offload.h).
 */
#ifndef RELAY_OFFLOAD_OFFLOAD_WANTED_H
#define RELAY_OFFLOAD_OFFLOAD_WANTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/front.h"
#include "relay/offload/flow_layout.h"
#include "relay/offload/offload_mode.h"
#include "stun/endpoint.h"

enum { OFFLOAD_ADDRESSES_MAX = 192, OFFLOAD_PATH_MAX = 108 };

struct offload_wanted {
	char socket[OFFLOAD_PATH_MAX]; /* of the loader; "": no kernel plane */
	enum offload_mode modes[SIDE_COUNT];
	/* Addresses of fronts and relayed addresses, each once: their devices get a program. */
	struct offload_address {
		enum side side;
		struct ip_addr ip;
	} addresses[OFFLOAD_ADDRESSES_MAX];
	size_t address_count;
	uint16_t relay_port_first, relay_port_last;
	uint16_t front_ports[FLOW_FRONT_PORTS]; /* each once; 0 behind the last */
	size_t flows;                           /* room for so many */
	bool takes_over; /* at the start, from a relay that is paused */
};

#endif
