/*
 * pass_through.h - connections that share a port with ours and are for a web server: bytes between
 * the client and a local backend, unread. stream_opening.c tells by the TLS hello, which is still
 * in the socket, whose a connection is.
 *
 * Bytes go from socket to socket through a pipe (splice(2)), which a direction holds only while the
 * receiving end is slow; then its sender is not read from. An end of one direction is passed on, and
 * the other goes on.
 *
 * When there are as many as may be, the one of the fullest source that has been silent for longest
 * gives way to the next client: if that source would still have no fewer than the client's, or if
 * it has been silent for a second. So a source cannot take all for itself, and whoever loads a page
 * is not cut off for another.
 *
 * Bounds: connections of a worker, time to connect, time without a byte in either direction, and a
 * pipe for each direction.
 *
 * Owner    the worker; its thread only. Each connection owns its sockets.
 */
#ifndef RELAY_FRONT_WEB_PASS_THROUGH_H
#define RELAY_FRONT_WEB_PASS_THROUGH_H

#include <stdbool.h>

#include "base/net/client_hello.h"
#include "relay/core/front.h"

/* That a connection takes at most: two sockets, and a pipe for each direction. */
enum { PASS_THROUGH_DESCRIPTORS = 6 };

struct delivery;
struct pass_through;
struct relay_pass_through;

/* None yet. NULL if out of memory. */
struct pass_through *pass_through_new(struct delivery *delivery);
void pass_through_free(struct pass_through *set); /* NULL is allowed; closes all */

/*
 * Is that hello for the backend? It is ours if it offers a protocol of STUN by ALPN, or if it offers
 * none and names no server, or one of ours, or if no name is configured.
 */
bool pass_through_wants(const struct relay_pass_through *config,
			const struct client_hello *hello);

/*
 * Connect it with the backend of that side, which is configured. fd: of the client, non-blocking;
 * taken over, and closed if there is no room or no backend.
 *
 * client, server  for a PROXY header, if the backend wants one
 */
void pass_through_begin(struct pass_through *set, int fd, enum side side,
			const struct endpoint *client, const struct endpoint *server);

#endif
