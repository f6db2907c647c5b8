/*
 * tcp_socket.h - sockets of a TCP relayed address: one that listens, and any number that are
 * connected with peers from the same address and port. Only system calls; no state.
 */
#ifndef RELAY_PEER_TCP_SOCKET_H
#define RELAY_PEER_TCP_SOCKET_H

#include <stdint.h>

#include "stun/endpoint.h"

/* A descriptor, or a negative errno: -EADDRINUSE if that address and port are in use. */
int tcp_socket_listen(const struct endpoint *local);

/* Set the options of one that another process made by that. 0 or a negative errno. */
int tcp_socket_relisten(int fd);

/*
 * Begin to connect from local, where tcp_socket_listen() listens; writable when it is decided.
 * A descriptor, or a negative errno. -EADDRNOTAVAIL: there is, or recently was, a connection
 * between these two addresses and ports.
 *
 * timeout_ms  how long what was sent may stay without acknowledgement
 */
int tcp_socket_connect(const struct endpoint *local, const struct endpoint *peer,
		       uint32_t timeout_ms);

/* What tcp_socket_connect() came to: 0 or a negative errno. */
int tcp_socket_connected(int fd);

/* The next connection in the queue, and the peer that made it; -EAGAIN if there is none. */
int tcp_socket_accept(int fd, struct endpoint *peer, uint32_t timeout_ms);

/*
 * From here on its application may rest: who takes nothing for long, or says nothing, is not gone
 * while its host answers, which is asked every minute. As much is sent ahead as the system allows.
 */
void tcp_socket_let_rest(int fd);

/* Close it so that the other side sees a reset, not an end. */
void tcp_socket_reset(int fd);

#endif
