/*
 * relay_tcp.h - relayed addresses that are TCP, one per allocation slot: a listening socket and
 * the connections with peers (peer_conn.h). core/tcp_relay decides who may connect,
 * core/forward what passes.
 *
 * A stranger is accepted and reset in the same turn of the loop: on Linux a listening socket
 * cannot refuse a connection by its source address, except by not answering at all.
 */
#ifndef RELAY_PEER_RELAY_TCP_H
#define RELAY_PEER_RELAY_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/forward.h"
#include "stun/endpoint.h"

struct data_conns;
struct delivery;
struct relay_tcp;

/*
 * slots: as many as the allocation table has. data: takes the peers of TCP allocations of RFC 6062,
 * whose clients have data connections. NULL and errno.
 */
struct relay_tcp *relay_tcp_new(struct delivery *delivery, size_t slots,
				struct data_conns *data);
void relay_tcp_free(struct relay_tcp *relays); /* NULL is allowed; closes all */

/* Call fn with each listening socket, for what outlives the process. */
void relay_tcp_each_listener(const struct relay_tcp *relays,
			     void (*fn)(void *arg, int fd), void *arg);
/*
 * Call fn with each connection that outlives the process, and the ends of each pipe, by the name that
 * it has in the store.
 */
void relay_tcp_each_connection(const struct relay_tcp *relays,
			       void (*fn)(void *arg, const char *name, int fd),
			       void *arg);

/* relay_listen, relay_adopt, relay_unlisten and relay_permitted of core/edge.h. */
int relay_tcp_listen(struct relay_tcp *relays, uint32_t slot,
		     const struct endpoint *local);
int relay_tcp_adopt(struct relay_tcp *relays, uint32_t slot, const struct endpoint *local,
		    int fd);
void relay_tcp_unlisten(struct relay_tcp *relays, uint32_t slot);
void relay_tcp_permitted(struct relay_tcp *relays, uint32_t slot);

/*
 * Send a FORWARD_TO_PEER on the connection with that peer, or on a new one.
 * What cannot be sent at once is copied; what cannot be sent at all is counted.
 */
void relay_tcp_send(struct relay_tcp *relays, const struct forward *forward);

/* The client of that slot takes data again, after client_takes() of delivery.h said that it did not. */
void relay_tcp_client_ready(struct relay_tcp *relays, uint32_t slot);

/* Read nothing from the peers of that slot, or go on: bandwidth, see relay/throttle.h. */
void relay_tcp_throttle(struct relay_tcp *relays, uint32_t slot, bool throttle);

/*
 * Connections of that slot with peers, those being made and data connections included; for people.
 */
unsigned relay_tcp_connections(const struct relay_tcp *relays, uint32_t slot);

/* Data connections of that slot whose client has TLS: those that no process can take up. */
unsigned relay_tcp_tls_connections(const struct relay_tcp *relays, uint32_t slot);

/* The same as relay_tcp_connections(), and held ones, one by one: copies, at most room of them; returns how many. */
struct relay_tcp_peer {
	struct endpoint peer;
	const char *
		state; /* "connecting", "open", "held"; of data connections "pending", "bound" */
	/* Data connections (RFC 6062) only: */
	bool is_data, is_incoming; /* the peer made it */
	uint64_t to_peer_bytes, to_client_bytes;
};
size_t relay_tcp_peers(const struct relay_tcp *relays, uint32_t slot,
		       struct relay_tcp_peer *peers, size_t room);

#endif
