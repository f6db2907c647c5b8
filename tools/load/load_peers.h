/*
 * load_peers.h - the UDP sockets that clients reach through the server.
 *
 * Owner    the run.
 * Threads  that of the event base.
 */
#ifndef TOOLS_LOAD_LOAD_PEERS_H
#define TOOLS_LOAD_LOAD_PEERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "stun/endpoint.h"
#include "stun/wire.h"

struct event_base;
struct load_peers;

/* Also that of load_streams.h. */
struct load_peers_config {
	struct event_base *base;
	struct ip_addr address; /* local */
	uint32_t count;
	uint32_t packet_size; /* of the longest packet expected */
	void *arg;
	/* A packet arrived at peer number index. arrived_ns as in struct client_data. */
	void (*data)(void *arg, uint32_t index, struct slice payload,
		     uint64_t arrived_ns);
};

/* NULL and errno: the address is not local, no descriptor, no memory. */
struct load_peers *load_peers_open(const struct load_peers_config *config);
void load_peers_close(struct load_peers *peers); /* NULL is allowed */

const struct endpoint *load_peers_endpoint(const struct load_peers *peers,
					   uint32_t index);

/* False and errno: it did not go out. */
bool load_peers_send(struct load_peers *peers, uint32_t index,
		     const struct sockaddr_storage *to, socklen_t to_len,
		     struct slice payload);

#endif
