/*
 * data_connection.h - a client's second connection, over which the server relays the bytes of one
 * TCP connection with a peer (RFC 6062 section 4.3). Each end puts the length of a packet in front
 * of it (packet_stream.h).
 *
 *   connecting --> ConnectionBind --> bound --> lost
 *
 * Owner    whoever opened it. Callbacks must not close it.
 * Threads  that of the event base.
 */
#ifndef TOOLS_CLIENT_DATA_CONNECTION_H
#define TOOLS_CLIENT_DATA_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/client/client_auth.h"
#include "tools/client/client_config.h"

struct data_connection;

struct data_connection_events {
	void *arg;
	void (*bound)(void *arg);
	/* A packet of the peer, borrowed for the call. */
	void (*packet)(void *arg, struct slice packet, uint64_t arrived_ns);
	/* It failed or has ended; code: STUN error code or 0; what: a whole sentence. Once. */
	void (*lost)(void *arg, int code, const char *what);
};

/*
 * Connects to the server of config, by its transport, and binds to the connection id (CONNECTION-ID).
 * auth: of the client, which has been challenged; a new nonce is noted there. NULL and errno: no
 * descriptor, no memory.
 */
struct data_connection *data_connection_open(const struct client_config *config,
					     struct client_auth *auth, uint32_t id,
					     const struct data_connection_events *events);
void data_connection_close(struct data_connection *data); /* NULL is allowed */

/* After bound: a packet to the peer. False and errno: it did not go out. */
bool data_connection_send(struct data_connection *data, struct slice packet);

#endif
