/*
 * relay_port.h - gets an allocation its relayed transport address, and gives it back (RFC 8656
 * section 7.2). Inside the core, for allocation.c.
 *
 * Owner    the allocation owns the port and the socket.
 * Threads  the worker of turn.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_RELAY_PORT_H
#define RELAY_CORE_RELAY_PORT_H

#include <stdbool.h>
#include <stdint.h>

struct allocation;
struct allocation_request;
struct turn;

/* Is there an address of that family for new relayed addresses? */
bool relay_port_has_family(const struct turn *turn, uint8_t family);

/*
 * Port and socket, and the reservation of the next port if asked for; fills the allocation's
 * relayed address and token. 0, or 486 or 508 with nothing held.
 */
int relay_port_open(struct turn *turn, struct allocation *al,
		    const struct allocation_request *request, uint64_t now_ms);

/*
 * The IPv6 address of a dual allocation that has its IPv4 one: port and socket. 0, 440 if there is
 * no address of that family, or 508.
 */
int relay_port_open_second(struct turn *turn, struct allocation *al,
			   const struct allocation_request *request, uint64_t now_ms);

/*
 * The same for one half of a dual allocation; the other half remains its only relayed address.
 */
void relay_port_close_half(struct turn *turn, struct allocation *al, uint8_t family,
			   uint64_t now_ms);

/* Close the sockets and give the ports back. */
void relay_port_close(struct turn *turn, struct allocation *al, uint64_t now_ms);

#endif
