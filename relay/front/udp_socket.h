/*
 * udp_socket.h - the socket of a UDP front, before udp_front_open() (udp.h) serves it.
 *
 * Threads  any; the socket is the caller's.
 */
#ifndef RELAY_FRONT_UDP_SOCKET_H
#define RELAY_FRONT_UDP_SOCKET_H

#include <stdbool.h>

#include "stun/endpoint.h"

/* A socket for that front, bound, ready for SO_REUSEPORT siblings. Negative errno. */
int udp_socket_bind(const struct endpoint *local);

/* Set the options of one that another process has bound so. False: it is of no use. */
bool udp_socket_adopt(int fd, const struct endpoint *local);

#endif
