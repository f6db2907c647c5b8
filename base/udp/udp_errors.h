/*
 * udp_errors.h - what ICMP says of datagrams that a UDP socket sent: Linux's error queue.
 *
 * The kernel matches an error to a socket by the address and port that the datagram came from.
 * It also fails the next call on the socket with the error, whatever that call is about
 * (base/udp/udp_batch sends again).
 */
#ifndef BASE_UDP_ERRORS_H
#define BASE_UDP_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct udp_error {
	struct endpoint destination; /* of the datagram */
	uint8_t type, code;          /* ICMP of the destination's family */
	uint32_t mtu; /* of the next link if the datagram is too big, else 0 */
};

/* Queue errors from now on. 0 or a negative errno. */
int udp_errors_enable(int fd, uint8_t family);

/*
 * Take the oldest error of a nonblocking socket. A datagram that the own device refuses as too
 * big with DF set counts as the ICMP error that a router would have sent. False: none is left.
 */
bool udp_errors_next(int fd, struct udp_error *error);

#endif
