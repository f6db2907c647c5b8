/*
 * control_socket.h - the control interface of a daemon: HTTP/1.1 over a UNIX socket.
 *
 * Who may ask: root, the daemon's own user and one group, by the credentials of the peer.
 *
 * Threads  every connection has a thread of its own, so that whoever reads slowly, or follows a
 *          stream without reading it, holds up nobody else. Handlers run on these threads but
 *          one at a time; streams run at any time. What belongs to another thread is asked there.
 */
#ifndef BASE_CONTROL_CONTROL_SOCKET_H
#define BASE_CONTROL_CONTROL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/control/control_api.h"

struct control_socket;

/*
 * Create the socket, and its folder if that is missing, for a process that will run as owner;
 * before privileges are dropped. Nobody is served yet. group (gid_t)-1: nobody besides root and
 * the owner. NULL with a sentence in error.
 */
struct control_socket *control_socket_bind(const char *path, uid_t owner, gid_t group,
					   char *error, size_t error_size);
/*
 * Serve these routes; they, and arg, which handlers get, must outlive control_socket_stop().
 * False with a sentence in error.
 */
bool control_socket_start(struct control_socket *control,
			  const struct control_route *routes, size_t count, void *arg,
			  char *error, size_t error_size);
/*
 * Waits for handlers that run and ends streams (within half a second); removes the socket. What
 * handlers may be waiting for must still be answered. NULL is allowed.
 */
void control_socket_stop(struct control_socket *control);

#endif
