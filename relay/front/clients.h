/*
 * clients.h - the stream clients of one worker, found by 5-tuple, and the limits on those that
 * have not yet authenticated: a host that opens thousands of silent connections must not keep
 * others out, so the oldest of them gives way (base/net/half_open.h).
 *
 * Owner    the worker; its thread only. Clients are embedded in what speaks to them (stream.h).
 */
#ifndef RELAY_FRONT_CLIENTS_H
#define RELAY_FRONT_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/net/half_open.h"
#include "relay/core/counters.h"
#include "relay/core/five_tuple.h"
#include "relay/core/front.h"

struct clients;
struct delivery;
struct state_file;
struct stream_records;

/* Is it between two workers, in the table of neither? */
enum client_moving {
	CLIENT_STAYS,
	CLIENT_MOVES,
	CLIENT_MOVES_HALF_OPEN, /* it has not authenticated, and counts for its source all the way */
};

/* The 5-tuple must not change while the client is in the table. */
struct client {
	LIST_ENTRY(client) link;
	struct half_open_entry half_open; /* in one until it authenticates */
	enum client_moving moving;
	struct five_tuple tuple;
};

/*
 * How many unauthenticated clients a worker may have, so that those of all workers together never
 * take more than half of the process's descriptors: relay sockets and authenticated clients need
 * the others. passed: descriptors that connections for the web server may take (web/pass_through.h),
 * of which at most half of all is set aside. At least 1.
 */
uint32_t clients_unauthenticated_max(uint64_t descriptors, uint64_t passed,
				     size_t workers);

/* Each kind counts for a source on its own: connections, or associations of DTLS. */
enum clients_kind { CLIENTS_STREAMS, CLIENTS_DTLS, CLIENTS_KINDS };

/*
 * Of a source, a half-open association may be so much of limits.unauthenticated_per_prefix, or so
 * many: one costs ten times the memory of a connection.
 */
enum { CLIENTS_DTLS_SHARE = 8, CLIENTS_DTLS_MIN = 64 };

/*
 * The owners that a count of half-open clients has room for: each client may be one, and of IPv6
 * its site another.
 */
static inline size_t clients_owners(size_t workers, uint32_t unauthenticated)
{
	return 2 * CLIENTS_KINDS * workers * unauthenticated;
}

/*
 * unauthenticated_max  at least 1; applies if limits.unauthenticated is higher
 * end                  close that client's connection for that reason; it leaves and frees itself
 *
 * NULL and errno.
 */
struct clients *clients_new(struct delivery *delivery, enum clients_kind kind,
			    uint32_t unauthenticated_max,
			    void (*end)(struct client *client, enum connection_end why));
void clients_free(struct clients *clients); /* NULL is allowed; ends all clients */

/*
 * What of its clients outlives the process goes to that file, and they are read into its window; before
 * the worker runs, with no client in the middle of a call. file is borrowed. False if out of
 * memory.
 */
bool clients_save(struct clients *clients, struct state_file *file);
/* NULL: nothing of them outlives it. */
struct stream_records *clients_records(struct clients *clients);

/* How its clients reach the worker. */
struct delivery *clients_delivery(struct clients *clients);

/*
 * May one more client connect from that address? An unauthenticated one is ended for it if need
 * be. False: all that may be there have authenticated.
 */
bool clients_make_room(struct clients *clients, const struct ip_addr *client);

/*
 * No descriptor is left: the oldest unauthenticated client of the fullest source is ended, and its
 * descriptor is free. False: this worker has none.
 */
bool clients_free_descriptor(struct clients *clients);

/* A client for which there is room: one of the unauthenticated. False if out of memory. */
bool clients_enter(struct clients *clients, struct client *client);
/* It has authenticated, and has an allocation. */
void clients_authenticated(struct clients *clients, struct client *client);
/* It is gone; also if it departed and arrives nowhere. */
void clients_leave(struct clients *clients, struct client *client);

/*
 * From the table of one worker to that of another, each call on the thread of its table. What it
 * counts for in limits.unauthenticated_per_prefix moves with it, so that no other client takes its
 * place. An arrival makes room for itself as one that connects does; false, and then it is still
 * in no table, if there is none, if its front has closed, or if memory is short.
 */
void clients_depart(struct clients *clients, struct client *client);
bool clients_arrive(struct clients *clients, struct client *client);

/*
 * A balancer has named the client: it counts under that address from now on, for which another
 * may be ended. False: there is no room, and it is in no table any longer.
 */
bool clients_rename(struct clients *clients, struct client *client,
		    const struct endpoint *name);

/* Its front is now another one. */
void clients_move(struct clients *clients, struct client *client, uint16_t front);

/*
 * How full the room is that an unauthenticated client is in, in thousandths: the worker's, or that
 * of its source, whichever is fuller.
 */
enum { CLIENTS_FULL = 1000 };
unsigned clients_pressure(struct clients *clients, const struct client *client);

/* How many have not authenticated. */
size_t clients_unauthenticated(const struct clients *clients);

/* The newest; a connection that was reset may not have been noticed yet. NULL: none. */
struct client *clients_find(struct clients *clients, const struct five_tuple *tuple);

/* Each of them; fn may end the one that it is given. */
void clients_each(struct clients *clients, void (*fn)(void *arg, struct client *client),
		  void *arg);

/* That front serves clients, from now on or again. */
void clients_serve(struct clients *clients, uint16_t front);
/* End all clients of these fronts, none of which has an allocation; nor can one arrive there. */
void clients_end(struct clients *clients, const bool fronts[FRONTS_MAX]);

/* What clients share, each for the length of one call: where they read, and write. */
enum {
	CLIENTS_BUFFER = 64 << 10,
	CLIENTS_MESSAGE = 66 << 10, /* header, largest datagram, padding */
};
uint8_t *clients_buffer(struct clients *clients);
uint8_t *clients_message(struct clients *clients);

#endif
