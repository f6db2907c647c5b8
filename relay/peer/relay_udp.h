/*
 * relay_udp.h - the sockets of relayed transport addresses, one per allocation slot and family.
 *
 * They are not connected: that would filter other permitted peers. Datagrams are received with
 * headroom, so that a header is written in front of the payload and nothing is copied.
 */
#ifndef RELAY_PEER_RELAY_UDP_H
#define RELAY_PEER_RELAY_UDP_H

#include <stddef.h>
#include <stdint.h>

#include "relay/core/forward.h"
#include "stun/endpoint.h"

struct delivery;
struct relay_socket_state;
struct relay_settings;
struct relay_udp;

/* slots: as many as the allocation table has. NULL and errno. */
struct relay_udp *relay_udp_new(struct delivery *delivery, size_t slots);
void relay_udp_free(struct relay_udp *sockets); /* NULL is allowed; closes all */

/* The functions of the same names in core/edge.h. */
int relay_udp_open(struct relay_udp *sockets, uint32_t slot,
		   const struct endpoint *local);
int relay_udp_adopt(struct relay_udp *sockets, uint32_t slot,
		    const struct endpoint *local, int fd);
void relay_udp_close(struct relay_udp *sockets, uint32_t slot, uint8_t family);

/* Call fn with each of its sockets, for what outlives the process. */
void relay_udp_each_descriptor(const struct relay_udp *sockets,
			       void (*fn)(void *arg, int fd), void *arg);

/* New settings are in force, old ones were. */
void relay_udp_use(struct relay_udp *sockets, const struct relay_settings *old);

/* The functions of these names in core/edge.h. */
void relay_udp_take(struct relay_udp *sockets, uint32_t slot, uint8_t family,
		    struct relay_socket_state *state);
void relay_udp_give(struct relay_udp *sockets, uint32_t slot, uint8_t family,
		    const struct relay_socket_state *state);

/*
 * Bring the counter of what the kernel dropped up to date for some of the slots, from that slot
 * on; a socket that is closed is counted then. Returns the slot to go on with, SLOT_NONE at the
 * end. A system call each, so not for the packet path, and never for all of them at once.
 */
uint32_t relay_udp_count_drops(struct relay_udp *sockets, uint32_t slot, uint32_t some);

/* The loop's turn ends: what has come for clients goes out, and its buffers are free again. */
void relay_udp_end_turn(struct relay_udp *sockets);

/*
 * Send a FORWARD_TO_PEER, in runs: its payload is borrowed until relay_udp_flush(), which is
 * due before the loop resumes. Failures are counted.
 */
void relay_udp_send(struct relay_udp *sockets, const struct forward *forward);
void relay_udp_flush(struct relay_udp *sockets);

#endif
