/*
 * peer_progress.h - how far a connection of a relayed address with a peer has come, in this process
 * and those before: bytes of the peer that are handled, bytes that it was given, and which message
 * of the client was the last, all of it in its record (peer_record.h) before it is so.
 *
 * Owner    embedded in its connection, all zero to begin with.
 * Threads  its worker's only.
 */
#ifndef RELAY_PEER_PEER_PROGRESS_H
#define RELAY_PEER_PEER_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/peer/peer_record.h"
#include "stun/wire.h"

struct delivery;
struct evbuffer;

struct peer_progress {
	struct peer_record record;
	struct saved_start start;
	uint64_t given, handled; /* bytes to the peer, and of it, since the start */
	uint64_t frame_word;     /* of the last message, see saved_peer.h */
	bool repeats;           /* that message, or those before it, may come once more */
	struct evbuffer *queue; /* towards the peer; NULL: none so far */
	struct {
		uint8_t *data; /* of the peer, read by the process before; NULL: nothing */
		size_t len;
	} rest;
};

/* Drops its record, too. */
void peer_progress_release(struct peer_records *records, struct peer_progress *progress);

/* Bytes in its queue. */
size_t peer_progress_queued(const struct peer_progress *progress);
/* All that it has accepted for the peer, given and queued. */
static inline uint64_t peer_progress_accepted(const struct peer_progress *progress)
{
	return progress->given + peer_progress_queued(progress);
}

/* Queue a copy, at least one byte. False: out of memory. */
bool peer_progress_queue(struct peer_records *records, struct peer_progress *progress,
			 struct slice bytes);
/* Send what is queued, as far as the socket takes it. False: it has failed. */
bool peer_progress_flush(struct peer_records *records, struct peer_progress *progress,
			 int fd);

/* How far a connection of the process before had come. queue: towards the peer; rest: read of it. */
struct peer_progress_was {
	struct saved_start start;
	uint64_t given, handled, frame_word;
	struct slice queue, rest;
};
/*
 * One that is all zero goes on from there, the bytes copied; saved: as for
 * peer_progress_start(). False: out of memory.
 */
bool peer_progress_restore(struct peer_records *records, struct peer_progress *progress,
			   const struct saved_peer *saved,
			   const struct peer_progress_was *was);
/* Copy the rest to buf, which has room for it: it is about to be handled. Returns its length. */
size_t peer_progress_take_rest(struct peer_progress *progress, uint8_t *buf);

/*
 * Its socket is connected, and its bytes count from here on: the record, of which kind,
 * allocation, local and peer are filled in, is put with them, and the socket stored.
 */
void peer_progress_start(struct peer_records *records, struct peer_progress *progress,
			 int fd, const struct saved_peer *saved);

/* The peer's socket has taken so many bytes. */
void peer_progress_given(struct peer_records *records, struct peer_progress *progress,
			 size_t len);

/*
 * Before bytes of the peer are read or handled, those of slot's client: whether its stream has accepted
 * them will be known by what it has accepted so far.
 */
void peer_progress_reads(struct peer_records *records,
			 const struct peer_progress *progress,
			 const struct delivery *delivery, uint32_t slot);
/* So many of the peer's bytes are handled. */
void peer_progress_handled(struct peer_records *records, struct peer_progress *progress,
			   size_t len);

/*
 * Before a message of the client is accepted, which is delivery->handling. What the process before
 * had accepted of it is taken off the front. False: how much that is cannot be.
 */
bool peer_progress_message(struct peer_records *records, struct peer_progress *progress,
			   const struct delivery *delivery, struct slice *message);

#endif
