/*
 * sockaddr.h - struct endpoint to and from socket addresses.
 *
 * An IPv4-mapped IPv6 address of a socket becomes IPv4, so that an address has one form.
 */
#ifndef BASE_SOCKADDR_H
#define BASE_SOCKADDR_H

#include <stdbool.h>
#include <sys/socket.h>

#include "stun/endpoint.h"

/* Returns the length of the socket address; out has room for one of IPv6. On the packet path. */
socklen_t sockaddr_write(const struct endpoint *ep, void *out);
/* The same, with zeros behind it. */
socklen_t sockaddr_from_endpoint(const struct endpoint *ep, struct sockaddr_storage *out);
/*
 * sa: a socket address of any kind, as long as its family says. False for families other than
 * IPv4 and IPv6.
 */
bool sockaddr_to_endpoint(const void *sa, struct endpoint *out);

/* Where a socket is bound, and whom it is connected with. False: it is not, or is no IP socket. */
bool sockaddr_of(int fd, struct endpoint *local);
bool sockaddr_of_peer(int fd, struct endpoint *peer);

#endif
