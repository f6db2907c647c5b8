/*
 * control.h - the control interface: HTTP over a UNIX socket, JSON (GET /v1/status, /v1/ports,
 * /v1/counters, /v1/allocations). Its own thread (libmicrohttpd); workers are asked by message
 * and answer from their own state, the packet path never waits for it.
 *
 * Peer credentials: root, our own user and one group.
 */
#ifndef RELAY_OPS_CONTROL_H
#define RELAY_OPS_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct control;
struct relay;

/*
 * Create the socket, and its folder if that is missing, for a process that will run as owner;
 * before privileges are dropped. Nobody is served yet. group (gid_t)-1: nobody besides root and
 * the owner. NULL with a sentence in error.
 */
struct control *control_bind(const char *path, uid_t owner, gid_t group, char *error,
			     size_t error_size);
/* Serve. The relay must outlive control_stop(). False with a sentence in error. */
bool control_start(struct control *control, struct relay *relay, char *error,
		   size_t error_size);
void control_stop(struct control *control); /* NULL is allowed; removes the socket */

#endif
