/*
 * route_asker.h - asks the kernel which way leads where, and makes a hop of the answer (flow_layout.h).
 *
 * Owner    struct route_watch.
 * Threads  one at a time. It waits for the kernel's locks, so not a worker's.
 */
#ifndef RELAY_OFFLOAD_ROUTE_ASKER_H
#define RELAY_OFFLOAD_ROUTE_ASKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/offload/flow_layout.h"
#include "relay/offload/links.h"
#include "stun/endpoint.h"

struct route_asker;

/* As route_socket_ask() and route_socket_more() of base/net/route_socket.h. */
struct route_asker_ops {
	int (*ask)(void *arg, const void *request, size_t len, void *reply, size_t size);
	int (*more)(void *arg, void *reply, size_t size);
	void *arg;
};

/* ops: NULL: of a socket of its own. NULL and errno. */
struct route_asker *route_asker_new(const struct route_asker_ops *ops);
void route_asker_free(struct route_asker *asker); /* NULL is allowed */

/* All devices and addresses of this host. 0, or -errno: links has what came until then. */
int route_asker_load(struct route_asker *asker, struct links *links);

/*
 * Which way leads from that address of ours to that destination.
 *
 * with_macs  may the packet leave by that device through XDP, which has to know both Ethernet addresses?
 * way        ifindex 0: there is none that the program can take: the destination is local, or no unicast
 *            address; there is no route, or one with an encapsulation; its device is no Ethernet
 *            device, or down
 */
typedef bool route_asker_with_macs_fn(void *arg, uint32_t ifindex);
void route_asker_way(struct route_asker *asker, const struct links *links,
		     const struct ip_addr *from, const struct ip_addr *to,
		     route_asker_with_macs_fn *with_macs, void *arg,
		     struct flow_hop *way);

#endif
