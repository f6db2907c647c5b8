/*
 * peer_record.h - the record of one connection with a peer, and of the bytes that it has on their
 * way, in the worker's state file (relay/state/saved_peer.h).
 *
 * Each socket says how many bytes it has taken and given, whenever the process was killed. So all
 * that has to be written down is what lies between two sockets, before it is there:
 *
 * - what a peer has sent is read into a window of the state file, with a word that says whose
 *   bytes from which one on are about to be there, and a word of the connection says how many of
 *   them are handled;
 * - a message of a client to a peer is handled anew by the next process if it was not handled to
 *   its end, and a word says which one the peer's connection accepted last, and from where on: what
 *   the socket has given since then is left out;
 * - what a socket has not taken lies in records until it has.
 *
 * Owner    struct peer_records is the worker's; a struct peer_record is embedded in its connection,
 *          all zero to begin with.
 * Threads  its worker's only.
 * Memory   one index of STATE_PEER for each; and one of STATE_PEER_BYTES, with an object of 32
 *          bytes, for each piece of a queue.
 */
#ifndef RELAY_PEER_PEER_RECORD_H
#define RELAY_PEER_PEER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/state/saved_peer.h"
#include "relay/state/state_file.h"
#include "stun/wire.h"

enum { PEER_RECORD_WAYS = SAVED_FROM_PEER + 1 };

struct peer_record_piece;
struct peer_records;

struct peer_record {
	uint32_t index; /* of STATE_PEER, plus 1; 0: there is no record */
	bool is_lost;   /* something of it did not fit: none any more, and counted */
	uint64_t serial;
	struct peer_record_piece *first[PEER_RECORD_WAYS], *last[PEER_RECORD_WAYS];
};

/* What a worker's state file has room for, with so many data connections. */
void peer_records_sizes(size_t data_connections, struct state_sizes *sizes);

/* file: borrowed; NULL: nothing is recorded. NULL if out of memory. */
struct peer_records *peer_records_new(struct state_file *file);
void peer_records_free(struct peer_records *records); /* NULL is allowed */

/*
 * Connections that have no record now because something of it did not fit: what a restart would lose. For any
 * thread.
 */
uint64_t peer_records_unsaved(const struct peer_records *records);

/*
 * The connection is like that from now on; its serial is filled in. One that does not fit has no record,
 * and counts as unsaved until it is dropped.
 */
void peer_record_put(struct peer_records *records, struct peer_record *record,
		     const struct saved_peer *saved);
/* It is gone, or not to come back. */
void peer_record_drop(struct peer_records *records, struct peer_record *record);

/*
 * It has these bytes, at least one, behind those on the same way, before which there were from; or
 * its record comes only after them. What does not fit costs it its record.
 */
void peer_record_keep(struct peer_records *records, struct peer_record *record,
		      enum saved_peer_way way, uint64_t from, struct slice bytes);
/* The first upto bytes of that way have gone. */
void peer_record_pass(struct peer_records *records, struct peer_record *record,
		      enum saved_peer_way way, uint64_t upto);

/* Change a word; nothing if it has no record. On the packet path. */
void peer_record_note(struct peer_records *records, const struct peer_record *record,
		      enum saved_peer_word word, uint64_t value);

/*
 * Where to read what a peer sends: PEER_WINDOW_LEN bytes, of which the word says whose they are.
 * Memory of this process if nothing is recorded.
 */
enum { PEER_WINDOW = 1, PEER_WINDOW_LEN = STATE_WINDOW_LEN };
uint8_t *peer_records_window(struct peer_records *records);
/* Bytes of that connection, from that one on, are about to be read to it. */
void peer_record_reads(struct peer_records *records, const struct peer_record *record,
		       uint64_t from);

/* That word of the window; who has index, with or without a record, and what is to be there. */
static inline uint64_t peer_window_word(uint32_t index, uint64_t from)
{
	return (uint64_t)(index + 1) << 32 | (uint32_t)from;
}

/* SAVED_PEER_FRAME of a frame, and of what was accepted before it. */
static inline uint64_t peer_frame_word(uint64_t frame, uint64_t accepted)
{
	return frame << 32 | (uint32_t)accepted;
}

#endif
