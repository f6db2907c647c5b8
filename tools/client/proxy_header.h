/*
 * proxy_header.h - the header of the PROXY protocol, version 2, as a balancer puts it in front of
 * a connection or of each datagram: which client it forwards.
 */
#ifndef TOOLS_CLIENT_PROXY_HEADER_H
#define TOOLS_CLIENT_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"

enum { PROXY_HEADER_MAX = 52 };

/*
 * PROXY from source to destination, which are of one family; stream: TCP, else UDP. Returns the
 * length.
 */
size_t proxy_header_write(uint8_t out[PROXY_HEADER_MAX], bool stream,
			  const struct endpoint *source,
			  const struct endpoint *destination);

#endif
