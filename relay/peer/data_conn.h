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

#include "relay/core/five_tuple.h"
#include "stun/endpoint.h"
#include "stun/wire.h"

struct bound_client;
struct peer_records;
struct saved_peer;
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

/* tcp_binding of core/edge.h. */
void data_conns_binding(struct data_conns *conns, uint32_t connection,
			const struct five_tuple *client);

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

/*
 * One of the process before is back in the core, with that index. Its peer's socket and pipes are
 * taken over, unless it fails: out of memory.
 *
 *	CONNECTING  without a socket: it connects anew
 *	PENDING     with the peer's
 *	BOUND       with the client's, and what is under way: the rest of the bytes that came
 *	            first, copied, or what is in a pipe, each by enum tcp_direction; or, client being
 *	            NULL, bind() follows
 */
struct data_conn_was {
	const struct saved_peer *saved;
	int peer_fd;
	const struct bound_client *client;
	struct five_tuple tuple; /* of the client */
	struct slice first[2];
	int pipes[2][2];
	size_t piped[2];    /* 0: no pipe */
	size_t repeated[2]; /* of the source: see byte_pump_skip() */
};
bool data_conns_restore(struct data_conns *conns, uint32_t connection,
			const struct data_conn_was *was);

/* The peers' sockets of all but those that are being connected, and pipes: see relay_tcp.h. */
void data_conns_each_descriptor(const struct data_conns *conns,
				void (*fn)(void *arg, const char *name, int fd),
				void *arg);

/* A pipe of the process before is emptied and taken over. */
void data_conns_add_pipe(struct data_conns *conns, const int pipe[2]);

/* The records of this worker's connections with peers; they live as long. */
struct peer_records *data_conns_records(struct data_conns *conns);

/* Is it bound to a client with TLS? */
bool data_conns_has_tls(const struct data_conns *conns, uint32_t connection);

/* Read nothing for the connections of that slot, or go on: bandwidth, see relay/throttle.h. */
void data_conns_throttle(struct data_conns *conns, uint32_t slot, bool throttle);

#endif
