/*
 * control_socket.h - the control interface of a daemon: HTTP/1.1 over a UNIX socket.
 *
 * Root, the daemon's own user and one group have access, by the credentials of the peer.
 *
 * Threads  every connection has a thread of its own, so that a client that reads slowly, or not
 *          at all, delays no other. Handlers run on these threads, one at a time; streams run at
 *          any time. A handler asks the owning thread for anything that is not its own.
 */
#ifndef BASE_CONTROL_CONTROL_SOCKET_H
#define BASE_CONTROL_CONTROL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/control/control_api.h"

struct control_socket;

/*
 * Create the socket, and its directory if that is missing, for a process that will run as owner;
 * called before privileges are dropped. Requests are not served yet. group (gid_t)-1: only root
 * and the owner have access. NULL with a sentence in error.
 */
struct control_socket *control_socket_bind(const char *path, uid_t owner, gid_t group,
					   char *error, size_t error_size);
/*
 * The same with a socket of the process before, in place of a new one: fd, which is under that path
 * (base/net/unix_listener.h) and is taken over on success.
 */
struct control_socket *control_socket_adopt(int fd, const char *path, uid_t owner,
					    gid_t group, char *error, size_t error_size);
/* Its descriptor, for the process after. */
int control_socket_descriptor(const struct control_socket *control);
/* That process has the socket: do not remove it. */
void control_socket_leave(struct control_socket *control);
/*
 * Serve these routes; arg is passed to the handlers. name is the daemon's, which every answer
 * carries as its Server. All must outlive control_socket_stop(). False with a sentence in error.
 */
bool control_socket_start(struct control_socket *control, const char *name,
			  const struct control_route *routes, size_t count, void *arg,
			  char *error, size_t error_size);
/*
 * Waits for running handlers, ends streams (within half a second) and removes the socket. A
 * thread that handlers may be waiting for must still answer. NULL is allowed.
 */
void control_socket_stop(struct control_socket *control);

#endif
