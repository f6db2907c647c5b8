/*
 * saved_peer.h - the records of connections with peers (STATE_PEER), and of the bytes that they have
 * on their way in this process (STATE_PEER_BYTES): from terms to bytes and back.
 *
 *	CONNECTING  of a relayed address of the MS dialect, whose client has sent for that peer. Its
 *	            socket is not kept: the next process connects anew, and what was queued goes there
 *	OPEN        connected
 *	ENDING      its allocation has ended; the last bytes for the peer
 *	DATA_...    data connections (RFC 6062) in the states of relay/core/tcp_connection.h.
 *	            CONNECTING is made anew, too, and its Connect answered then. BINDING: the answer
 *	            to the ConnectionBind may have left, but the client's socket has not been lent
 *
 * What a peer has that is held until it may enter (relay/core/tcp_relay.h) has no record: it is
 * reset, which is what happens to it if the client does not permit it, and it may connect again.
 *
 * Bytes are counted as struct tcp_progress does (base/net/tcp_progress.h), from the start in the
 * record: taken from the peer, or given to it. Of a data connection they are counted in each
 * direction from the ConnectionBind, what came with it included.
 *
 * The words of STATE_PEER, enum saved_peer_word, are for relay/peer/peer_record.h.
 */
#ifndef RELAY_STATE_SAVED_PEER_H
#define RELAY_STATE_SAVED_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/front.h"
#include "stun/endpoint.h"
#include "stun/integrity.h"
#include "stun/registry.h"
#include "stun/wire.h"

/* Of the records; this one can be read. */
enum { SAVED_PEER_VERSION = 1 };

enum saved_peer_kind {
	SAVED_PEER_CONNECTING = 1,
	SAVED_PEER_OPEN,
	SAVED_PEER_ENDING,
	SAVED_DATA_CONNECTING,
	SAVED_DATA_PENDING,
	SAVED_DATA_BINDING,
	SAVED_DATA_BOUND,
};

/* What a socket says of itself where its bytes begin to be counted. */
struct saved_start {
	uint64_t taken, given;
};

struct saved_peer {
	enum saved_peer_kind kind;
	uint64_t serial;             /* of no other connection; its bytes have it, too */
	uint64_t allocation;         /* id; 0 in ENDING */
	struct endpoint local, peer; /* of its socket, as on the wire */
	struct saved_start start;    /* OPEN, ENDING, DATA_BOUND */

	/* Data connections only: */
	uint32_t id;           /* CONNECTION-ID */
	bool is_incoming;      /* the peer made it */
	struct endpoint named; /* the peer, as the client knows it */
	uint64_t created_ms;   /* monotonic */
	uint64_t until_ms;     /* of DATA_PENDING and DATA_BINDING */
	/* DATA_CONNECTING: how its Connect is answered. */
	uint8_t txid[STUN_TXID_LEN];
	enum stun_integrity integrity;
	bool has_fingerprint;
	/* DATA_BINDING, DATA_BOUND: */ struct front
		front; /* of the 5-tuple of the client's half, ... */
	struct endpoint client;
	bool is_tls;                     /* the client's half, which will not come back */
	struct saved_start client_start; /* DATA_BOUND */
	/* How many of the first bytes in each direction were there before the two sockets'. */
	uint32_t first_to_peer, first_to_client;
};

enum saved_peer_word {
	/* OPEN, ENDING: of the peer's bytes, how many are handled. */
	SAVED_PEER_HANDLED,
	/*
	 * Which frame of the client the peer's connection accepted last, and how much it had
	 * accepted before: the low halves of delivery->handling and of that, high and low.
	 */
	SAVED_PEER_FRAME,
	/* How much the client's stream had accepted before the bytes that follow those handled. */
	SAVED_PEER_CLIENT,
	/* DATA_BOUND: the pipe with bytes for the peer, and for the client; 0: none. */
	SAVED_PEER_PIPE_TO_PEER,
	SAVED_PEER_PIPE_TO_CLIENT,
};

/* Which way bytes go; FROM_PEER: they are to be handled. */
enum saved_peer_way { SAVED_TO_PEER, SAVED_TO_CLIENT, SAVED_FROM_PEER };

struct saved_peer_bytes {
	uint64_t serial; /* of their connection */
	enum saved_peer_way way;
	uint64_t from;      /* how many there were before */
	struct slice bytes; /* at least one; borrowed */
};

enum {
	SAVED_PEER_MAX = 256,
	SAVED_PEER_BYTES_HEAD = 24, /* at most, in front of the bytes */
	SAVED_PEER_BYTES_MAX = 64 << 10,
};

/* How long the record is that is written to buf; size is at least SAVED_PEER_MAX. */
size_t saved_peer_write(const struct saved_peer *saved, uint8_t *buf, size_t size);
/* False: of another version, or not what saved_peer_write() writes. */
bool saved_peer_read(struct slice record, struct saved_peer *saved);

/* size is at least that of the bytes and SAVED_PEER_BYTES_HEAD. */
size_t saved_peer_bytes_write(const struct saved_peer_bytes *saved, uint8_t *buf,
			      size_t size);
bool saved_peer_bytes_read(struct slice record, struct saved_peer_bytes *saved);

/* Is it a data connection? */
static inline bool saved_peer_is_data(const struct saved_peer *saved)
{
	return saved->kind >= SAVED_DATA_CONNECTING;
}

#endif
