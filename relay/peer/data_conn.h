/*
 * data_conn.h - the sockets of data connections (RFC 6062): one with the peer, and once the client
 * has bound it, one with the client, between which bytes go as they are (base/net/byte_pump.h).
 * core/tcp_connection decides which there are; its index names them here, too.
 *
 * Nothing is read from a peer before the ConnectionBind, so what it sends waits in the kernel and
 * its window closes. Afterwards each direction reads only what the other side takes. When one side
 * has ended, the other may go on: its end is passed on, and the connection is over when both have,
 * or when nothing has come from the other for a minute. One that breaks resets the other.
 *
 * Owner    the worker; the client's socket and TLS are borrowed from its stream between bind() and
 *          unbind() of relay/delivery.h, or client_gone().
 * Threads  its worker's only.
 * Memory   an array of pointers over all connections, reserved at start and untouched until used,
 *          and an object for each.
 */
#ifndef RELAY_PEER_DATA_CONN_H
#define RELAY_PEER_DATA_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct bound_client;
struct data_conns;
struct delivery;

/* delivery->turn has its connections. NULL and errno. */
struct data_conns *data_conns_new(struct delivery *delivery);
void data_conns_free(struct data_conns *conns); /* all are gone; NULL is allowed */

/* tcp_connect, tcp_give_up and tcp_disconnect of core/edge.h. */
int data_conns_connect(struct data_conns *conns, uint32_t connection,
		       const struct endpoint *peer);
void data_conns_give_up(struct data_conns *conns, uint32_t connection);
void data_conns_disconnect(struct data_conns *conns, uint32_t connection);

/*
 * A peer has connected to the relayed address of that slot: take fd over, and tell the client, or
 * reset it.
 */
void data_conns_accepted(struct data_conns *conns, uint32_t slot, int fd,
			 const struct endpoint *peer);

/* bind and client_gone of relay/delivery.h. */
bool data_conns_bind(struct data_conns *conns, uint32_t connection,
		     const struct bound_client *client);
void data_conns_client_gone(struct data_conns *conns, uint32_t connection);

/* Read nothing for the connections of that slot, or go on: bandwidth, see relay/throttle.h. */
void data_conns_throttle(struct data_conns *conns, uint32_t slot, bool throttle);

#endif
