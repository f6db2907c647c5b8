/*
 * data_record.h - the record of one data connection (RFC 6062): its part in the core, its sockets, and
 * what its two ends had taken and given when they were put together.
 *
 * From then on nothing is written for what passes, but for the pipe in which bytes wait: what is
 * under way in a direction is what came first, and what one socket has taken, less what the
 * other one was given (base/net/tcp_progress.h).
 *
 * Owner    embedded in its connection, all zero to begin with.
 * Threads  its worker's only.
 */
#ifndef RELAY_PEER_DATA_RECORD_H
#define RELAY_PEER_DATA_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/five_tuple.h"
#include "relay/core/tcp_connection.h"
#include "relay/peer/peer_record.h"
#include "stun/endpoint.h"
#include "stun/wire.h"

struct turn;

struct data_record {
	struct peer_record record;
	struct five_tuple client; /* from BINDING on */
	struct saved_start start, client_start;
	uint32_t first[2]; /* by enum tcp_direction: bytes that came before the sockets' */
	bool is_tls;
};

/*
 * It is of that kind now, with that peer as on the wire.
 *
 * until_ms  of PENDING and BINDING
 */
void data_record_put(struct peer_records *records, struct data_record *record,
		     const struct turn *turn, uint32_t connection,
		     enum saved_peer_kind kind, const struct endpoint *peer,
		     uint64_t until_ms);

/*
 * It is about to be BOUND: what its two sockets are at, and what goes before their bytes in each
 * direction. Nothing has been read of the peer. The record is put by this, or dropped if a socket
 * has failed already.
 */
struct data_record_ends {
	int peer, client;
	bool is_tls;                     /* of the client */
	struct slice to_peer, to_client; /* copied */
};
void data_record_bind(struct peer_records *records, struct data_record *record,
		      const struct turn *turn, uint32_t connection,
		      const struct endpoint *peer, const struct data_record_ends *ends);

/*
 * One of the process before, BOUND, with what is left of the bytes that came first, from which
 * the first len bytes were given already.
 */
void data_record_restore(struct peer_records *records, struct data_record *record,
			 const struct turn *turn, uint32_t connection,
			 const struct saved_peer *saved, struct slice to_peer,
			 struct slice to_client);

/* Nothing of what came first in that direction is left. */
void data_record_first_gone(struct peer_records *records, struct data_record *record,
			    enum tcp_direction direction);
/* The pipe with bytes of that direction; 0: none. */
void data_record_pipe(struct peer_records *records, const struct data_record *record,
		      enum tcp_direction direction, uint64_t pipe);

#endif
