/*
 * control.h - the control interface: HTTP over a UNIX socket, JSON (GET /v1/status, /v1/ports,
 * /v1/counters, /v1/allocations). Its own thread (libmicrohttpd); workers are asked by message
 * and answer from their own state, the packet path never waits for it.
 *
 * Peer credentials: root, our own user and one group.
 */
#ifndef RELAY_OPS_CONTROL_H
#define RELAY_OPS_CONTROL_H

#include <stddef.h>
#include <sys/types.h>

struct control;
struct relay;

/* NULL with a sentence in error. group (gid_t)-1: nobody besides root and us. */
struct control *control_start(struct relay *relay, const char *path, gid_t group,
			      char *error, size_t error_size);
void control_stop(struct control *control); /* NULL is allowed; removes the socket */

#endif
