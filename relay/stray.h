/*
 * stray.h - what is at another worker than its client's datagrams say, each of which has one worker by
 * its source (base/udp/steering.h):
 *
 * A datagram, because it waited in a socket while the number of workers changed, or because the
 * kernel could not steer it. It is handed over whole, before anything of it is handled; and
 * while a worker has STRAY_BYTES_MAX of them on the way, further ones are dropped and counted.
 *
 * An allocation, whose client comes through another port of its balancer by now.
 *
 * Owner    the messages own themselves. Threads: the worker of here.
 */
#ifndef RELAY_STRAY_H
#define RELAY_STRAY_H

#include <stddef.h>

struct delivery;
struct five_tuple;
struct udp_message;

/* More than a front's socket can hold, so that all that waits in one can be handed over. */
enum { STRAY_BYTES_MAX = 16 << 20 };

/* from: its source, and the front that it came to. Its datagrams are copied, or counted as drops. */
void stray_hand_over(struct delivery *here, const struct five_tuple *from,
		     const struct udp_message *message);

/*
 * A client behind a balancer has been authenticated here. If that gave it an allocation, one that it left on
 * another worker ends: a 5-tuple has one at a time (RFC 8656 section 3.2), and another change
 * of ports could lead the client back to it. That of another user is left alone: a balancer may
 * show two hosts as one client. Without memory it stays until it expires.
 */
void stray_allocations_end(struct delivery *here, const struct five_tuple *client);

#endif
