/*
 * peer_take_up.h - puts the connections with peers of the process before into the workers of this
 * one: from the records in its state files (relay/peer/peer_record.h), and the sockets that it
 * was given.
 *
 * What a connection had on its way is found out from its two sockets, its record, and the pipes
 * that were inherited; a byte is neither lost nor repeated. Where that cannot be known, both ends
 * are reset, and counted as in doubt.
 *
 * After the allocations and their clients' streams, and before the workers run.
 *
 * Threads  main's.
 */
#ifndef RELAY_PEER_PEER_TAKE_UP_H
#define RELAY_PEER_PEER_TAKE_UP_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct bound_client;
struct five_tuple;
struct front;
struct inherited_pipes;
struct relay_tcp;
struct state_view;
struct stream;

/* What became of one. The names are those of logs and counters. */
enum peer_taken_up {
	PEER_RESTORED,
	PEER_LOST_DAMAGED,    /* its record is in doubt, or contradicts itself */
	PEER_LOST_ALLOCATION, /* its allocation does not come back */
	PEER_LOST_SOCKET,     /* nobody has kept it, or it has broken since */
	PEER_LOST_CLIENT,     /* the client's half did not come back: TLS, or broken */
	PEER_LOST_IN_DOUBT,   /* it is not known which bytes have passed */
	PEER_LOST_REFUSED,    /* policy refuses the peer by now */
	PEER_LOST_FULL,       /* limits are lower by now, or memory is short */
	PEER_TAKEN_UP_COUNT
};
const char *peer_taken_up_name(enum peer_taken_up result); /* one word, with hyphens */

struct peer_take_up {
	void *arg; /* given back as the first argument */
	/* Where the allocation of that id is now; false: it has not come back. */
	bool (*allocation)(void *arg, uint64_t id, struct relay_tcp **relays,
			   uint32_t *slot);
	/* Take the connected socket of these addresses out of what was inherited; -1: none. */
	int (*socket)(void *arg, const struct endpoint *local,
		      const struct endpoint *remote);
	/*
	 * The client's half of that data connection: a stream of that client on that front, of which
	 * *tuple is the 5-tuple now, at the worker that has relays. was_lent: its socket was
	 * with the peer's side already: fill in stream and fd of *lent, and it is BOUND.
	 * Otherwise its ConnectionBind was being answered: true if it has been, and bind() of
	 * delivery.h follows once the worker runs. False: it is not back, or has not answered and
	 * handles that request again.
	 */
	bool (*client)(void *arg, struct relay_tcp *relays, const struct front *front,
		       const struct endpoint *client, uint32_t connection, bool was_lent,
		       struct five_tuple *tuple, struct bound_client *lent);
	/*
	 * One that is lost, and whose socket is given up: it is to be reset, which the process
	 * before may still have to wait for, if it goes on. NULL: reset at once.
	 */
	void (*lost)(void *arg, int fd);
	/* That one is lent no more: its connection is lost, and it is to be given up, too. */
	void (*unlend)(void *arg, struct stream *stream);
	/* For what is left of connections whose allocations had ended. */
	struct relay_tcp *others;
};

/*
 * All connections of one worker of the process before. counts: of each result, added to. Pipes that
 * hold bytes are taken out of pipes, which may be NULL. Nothing is read, ended or reset, but by lost().
 */
void peer_take_up(const struct state_view *view, const struct peer_take_up *with,
		  struct inherited_pipes *pipes, uint64_t counts[PEER_TAKEN_UP_COUNT]);

/*
 * Once the process before is gone: a pipe that is left is emptied, and goes to that worker, for bytes to
 * come. False: there are no more.
 */
bool peer_take_up_pipe(struct relay_tcp *relays, struct inherited_pipes *pipes);

#endif
