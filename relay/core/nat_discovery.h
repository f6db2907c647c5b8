/*
 * nat_discovery.h - which fronts serve NAT behaviour discovery (RFC 5780), and which others
 * stand in for them when a client asks for an answer from another address or port.
 *
 * Owner    part of the settings; immutable once published.
 */
#ifndef RELAY_CORE_NAT_DISCOVERY_H
#define RELAY_CORE_NAT_DISCOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/front.h"
#include "stun/endpoint.h"

/* Table 1 of RFC 5780 section 6.1: where an answer comes from, by the flags of the request. */
enum discovery_origin {
	DISCOVERY_HERE,       /* Da:Dp */
	DISCOVERY_OTHER_PORT, /* Da:Cp */
	DISCOVERY_OTHER_IP,   /* Ca:Dp */
	DISCOVERY_OTHER,      /* Ca:Cp */
	DISCOVERY_ORIGINS
};

struct nat_discovery {
	/*
	 * All zeros: that front does not serve it. Else indices of fronts of the same side,
	 * transport and family, the first of which is the front itself.
	 */
	struct discovery_front {
		bool serves;
		uint16_t fronts[DISCOVERY_ORIGINS];
		struct ip_addr public; /* its IP address as clients see it */
	} fronts[FRONTS_MAX];
	bool response_port[SIDE_COUNT]; /* RESPONSE-PORT is served, too */
};

/* The transport address of that origin as clients see it; a front that serves. */
static inline struct endpoint nat_discovery_origin(const struct nat_discovery *discovery,
						   const struct front *fronts,
						   uint16_t front,
						   enum discovery_origin origin)
{
	uint16_t index = discovery->fronts[front].fronts[origin];

	return (struct endpoint){discovery->fronts[index].public,
				 fronts[index].local.port};
}

#endif
