/*
 * route_socket.h - sockets by which the kernel tells of devices, addresses, routes and neighbours
 * (NETLINK_ROUTE), and is asked about them.
 *
 * Threads  one at a time for each socket.
 */
#ifndef BASE_NET_ROUTE_SOCKET_H
#define BASE_NET_ROUTE_SOCKET_H

#include <stddef.h>
#include <stdint.h>

/* Close-on-exec and nonblocking, a member of these groups (RTMGRP_*), or of none. -errno. */
int route_socket_open(uint32_t groups);

/* Member of one more group (RTNLGRP_*). 0 or -errno. */
int route_socket_join(int fd, unsigned group);

/*
 * What waits there is discarded, and what was lost for want of room as well: for those to whom it only
 * matters that something changed.
 */
void route_socket_skip(int fd);

/*
 * Send a request and wait for the packet that answers it, which the kernel has by then. The length of
 * what is in reply; -errno: also -EMSGSIZE if it does not fit.
 */
int route_socket_ask(int fd, const void *request, size_t len, void *reply, size_t size);
/* The next packet of an answer in several. */
int route_socket_more(int fd, void *reply, size_t size);

#endif
