/*
 * load_clients.h - the clients of a run: set up at a rate, bound to their peers or to each
 * other, released; for cycles, allocated and released repeatedly.
 *
 * Owner    the run. Options, result, peers and streams are borrowed.
 * Threads  that of the event base.
 * Time     monotonic nanoseconds, passed in.
 */
#ifndef TOOLS_LOAD_LOAD_CLIENTS_H
#define TOOLS_LOAD_LOAD_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/wire.h"
#include "tools/load/load_clients_config.h"

struct load_clients;

struct load_clients *load_clients_new(const struct load_clients_config *config);
void load_clients_free(struct load_clients *clients); /* NULL is allowed */

/* Call each about every millisecond until it returns true. */
bool load_clients_set_up(struct load_clients *clients, uint64_t now_ns);
bool load_clients_cycle(struct load_clients *clients, uint64_t now_ns);
bool load_clients_release(struct load_clients *clients, uint64_t now_ns);

/*
 * While media runs, about every millisecond: each client moves every so many seconds, and not two at the
 * same time. since_ns: from the start of the media.
 */
void load_clients_move(struct load_clients *clients, uint64_t since_ns);

/* Handshakes of TLS and DTLS so far. */
uint64_t load_clients_handshakes(const struct load_clients *clients);

/* Start no more clients: the calls above finish what has started. */
void load_clients_stop(struct load_clients *clients);

/* Set up and not failed since. */
bool load_clients_is_ready(const struct load_clients *clients, uint32_t id);

uint32_t load_clients_peer(const struct load_clients *clients, uint32_t id);
/* client_data.channel of the packets from its peer. */
uint16_t load_clients_channel(const struct load_clients *clients, uint32_t id);

/* From the client to its peer, and from the peer to the client. False: it did not go out. */
bool load_clients_send(struct load_clients *clients, uint32_t id, struct slice payload);
bool load_clients_send_down(struct load_clients *clients, uint32_t id,
			    struct slice payload);

#endif
