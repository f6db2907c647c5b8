/*
 * sockaddr.h - between struct endpoint and the system's socket addresses.
 *
 * IPv4-mapped IPv6 becomes IPv4 on the way in (one canonical form, T-041).
 */
#ifndef BASE_SOCKADDR_H
#define BASE_SOCKADDR_H

#include <stdbool.h>
#include <sys/socket.h>

#include "stun/endpoint.h"

/* Length of what was written. */
socklen_t sockaddr_from_endpoint(const struct endpoint *ep, struct sockaddr_storage *out);
/* False for families other than IPv4 and IPv6. */
bool sockaddr_to_endpoint(const struct sockaddr_storage *sa, struct endpoint *out);

#endif
