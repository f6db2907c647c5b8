/*
 * udp.h - datagrams of clients: one SO_REUSEPORT socket per front and worker, so that a
 * 5-tuple always reaches the worker that owns its allocation.
 */
#ifndef RELAY_FRONT_UDP_H
#define RELAY_FRONT_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"
#include "stun/wire.h"

struct delivery;
struct dtls;
struct five_tuple;
struct relay_settings;
struct udp_datagram;
struct udp_fronts;
struct udp_message;

/* None yet. NULL and errno. */
struct udp_fronts *udp_fronts_new(struct delivery *delivery);
void udp_fronts_free(struct udp_fronts *fronts); /* NULL is allowed; closes all */

/* The clients of all fronts over DTLS. */
struct dtls *udp_fronts_dtls(struct udp_fronts *fronts);

/*
 * Serve the front of that index, which is not open, on fd from udp_socket_bind(), which is taken
 * over. False if out of memory; then fd is still the caller's.
 */
bool udp_front_open(struct udp_fronts *fronts, uint16_t front, int fd);
/* The end of it; nothing if it is not open. */
void udp_front_close(struct udp_fronts *fronts, uint16_t front);

/*
 * To a client by its next hop: the balancer that its datagrams come through, without a header, as
 * balancers take it; or itself. Known while a datagram of the client is handled, and after it as
 * long as the client has an allocation.
 *
 * Send one datagram now: a reply, or what a protocol between them needs.
 */
void udp_front_send(struct udp_fronts *fronts, uint16_t front,
		    const struct endpoint *client, struct slice datagram);

/*
 * A datagram of a client on its way through another worker (relay/relocation.h): all that is known
 * of it. hop: the balancer that it came through, of no family: none.
 */
struct client_datagram {
	const struct five_tuple *tuple;
	const struct endpoint *hop;
	struct slice message;
	uint8_t tos, hop_limit;
};
/* Handle it as if it had just come; nothing if its front is closed. Flush peers after it. */
void udp_front_handle(struct udp_fronts *fronts, const struct client_datagram *datagram);
/* The answer to it. known: another worker has an allocation for its client. Nothing if its front is closed. */
void udp_front_answer(struct udp_fronts *fronts, const struct five_tuple *tuple,
		      const struct endpoint *hop, struct slice reply, bool known);

/*
 * Datagrams of that source, which came to another worker (relay/stray.h): handle them as if they had just
 * come; nothing if the front is closed. bytes: where the message begins. Flush peers after it.
 */
void udp_front_arrive(struct udp_fronts *fronts, const struct five_tuple *from,
		      struct udp_message *message, uint8_t *bytes);

/* Its socket; -1: it is not open. */
int udp_front_descriptor(const struct udp_fronts *fronts, uint16_t front);

/*
 * Handle all that waits in fd, another socket of the same group, which stays the caller's: a
 * front of more workers than there are now. The front is open.
 */
void udp_front_drain(struct udp_fronts *fronts, uint16_t front, int fd);

/*
 * All open ones, in a process that takes over or goes on: lead their datagrams to as many workers as there are,
 * and set what another process may have changed. 0 or negative errno.
 */
int udp_fronts_settle(struct udp_fronts *fronts);

/* New settings are in force, old ones were. */
void udp_fronts_use(struct udp_fronts *fronts, const struct relay_settings *old);

/*
 * Send what relayed datagrams become, in runs: the payload is borrowed until
 * udp_fronts_flush(), which is due before the loop resumes.
 */
void udp_front_relay(struct udp_fronts *fronts, uint16_t front,
		     const struct endpoint *client, const struct udp_datagram *datagram);
void udp_fronts_flush(struct udp_fronts *fronts);

/* The balancer through which a client with an allocation comes; of no family: it comes itself. */
struct endpoint udp_front_via(const struct udp_fronts *fronts, uint16_t front,
			      const struct endpoint *client);

/* A client with an allocation comes through that balancer, as the process before has seen. */
void udp_front_come_through(struct udp_fronts *fronts, const struct five_tuple *client,
			    const struct endpoint *hop);

/* Bring the counter of what the kernel dropped up to date. Not for the packet path. */
void udp_fronts_count_drops(struct udp_fronts *fronts);

#endif
