/*
 * saved_stream.h - what the state file has of a client's stream, and how far the stream had come when
 * its process ended.
 *
 * Bytes are counted from an origin that the record names, in both directions, and the counts go on
 * from process to process. What the socket itself tells (base/net/tcp_progress.h) is always right; the
 * file has the rest:
 *
 *	STATE_STREAM        who the client is; words: how much of what it sent is handled, and where what
 *	                    is being sent to it begins and ends
 *	window 0            what has been read and is being handled; words: of which stream, from which
 *	                    byte on
 *	STATE_STREAM_BYTES  what has been read and waits: a frame that is incomplete, or what a pause
 *	                    keeps back. Counts while the window is not this stream's
 *	STATE_QUEUED        each message that the socket has not taken, by an index of its own
 *
 * So a process that is killed at any moment leaves a stream that goes on at the very byte, but for one case:
 * the socket has taken a part of a message, and the rest was not queued yet. Then the stream is in
 * doubt.
 *
 * A message of the stream's own frame (a reply) is sent before the frame counts as handled. Whether it was
 * sent is known from the same counts, so a frame is answered once.
 *
 * Pure; any thread.
 */
#ifndef RELAY_STATE_SAVED_STREAM_H
#define RELAY_STATE_SAVED_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/front.h"
#include "stun/endpoint.h"
#include "stun/wire.h"

enum {
	/* A reader takes this version and the one before. */
	SAVED_STREAM_VERSION = 1,
	SAVED_STREAM_MAX = 256,  /* bytes of a record */
	SAVED_MESSAGE_HEAD = 64, /* at most so many in front of a message */
};

/* Words of a STATE_STREAM record. */
enum {
	STREAM_WORD_HANDLED, /* bytes received and handled */
	STREAM_WORD_DONE, /* bytes that are whole messages, or of which the rest is queued */
	STREAM_WORD_INTENDED, /* where the message ends that is being sent without a queue */
	STREAM_WORD_ANSWERED, /* where the frame ends that is being answered; stale if handled */
	STREAM_WORD_ANSWER, /* where its answer ends; UINT64_MAX: it is queued if anywhere */
	STREAM_WORD_PADDING, /* of the frame before: three bytes, their number; bit 32: missing */
	STREAM_WORD_BEGUN_MS, /* when the frame began that is incomplete; 0: it is not known */
};

/* Words of window 0. */
enum {
	STREAM_WINDOW_OF,   /* the stream's index and 1; 0: of none */
	STREAM_WINDOW_BASE, /* the count of its first byte; may be less than 0 */
};

/* Of a STATE_QUEUED record: 1 and the count of its first byte, once a part of it may be sent. */
enum { QUEUED_WORD_AT };

struct saved_stream {
	struct front front;
	struct endpoint client; /* of its 5-tuple */
	struct endpoint via;    /* the balancer in between, or of no family */
	bool ms;                /* MS framing */
	bool is_bound; /* the client's half of a data connection: bytes are not counted here */
	uint8_t tos;
	uint64_t accepted_ms, last_use_ms;
	uint64_t origin_taken, origin_given; /* counts of the socket where ours are 0 */
};

/* out: SAVED_STREAM_MAX bytes. Returns the length. */
size_t saved_stream_write(const struct saved_stream *stream, uint8_t *out);
/* False: of another version, or it cannot have been written here. */
bool saved_stream_read(struct slice record, struct saved_stream *stream);

struct saved_message {
	uint32_t stream;   /* index */
	uint64_t sequence; /* counts up in the queue */
	bool is_reply;     /* never dropped for others */
	uint64_t answers;  /* where the frame ends that it answers; 0: none */
	uint64_t at; /* 1 and the count of its first byte, if a part of the message is sent already */
	struct slice bytes; /* what is left; borrowed */
};

/* The head, which goes in front of the message's bytes. out: SAVED_MESSAGE_HEAD bytes. */
size_t saved_message_write(const struct saved_message *message, uint8_t *out);
/* at is that of the words if the record has none. False as above. */
bool saved_message_read(struct slice record, const uint64_t *words,
			struct saved_message *message);

/* What a STATE_STREAM_BYTES record has in front of its open bytes: the count of the first of them. */
enum { SAVED_BYTES_HEAD = 8 };
void saved_bytes_write(uint64_t base, uint8_t out[SAVED_BYTES_HEAD]);

/* All that a file and a socket say of one stream. */
struct saved_stream_state {
	const struct saved_stream *stream;
	uint32_t index;
	const uint64_t *words;
	const uint8_t *window; /* STATE_WINDOW_LEN bytes; NULL: the file has none */
	const uint64_t *window_words;
	struct slice bytes;                   /* the record; of no data: there is none */
	const struct saved_message *messages; /* its own, by sequence */
	size_t message_count;
	uint64_t taken, given; /* as the socket counts */
};

struct saved_stream_standing {
	uint64_t handled;       /* bytes received and handled; behind them: */
	struct slice unhandled; /* borrowed from the file */
	uint64_t given;         /* bytes that the socket has taken */
	size_t first;           /* of messages: those before it are sent */
	size_t first_sent;      /* bytes of that one that are sent */
};

enum saved_stream_verdict {
	SAVED_STREAM_WHOLE,
	SAVED_STREAM_IN_DOUBT, /* a message is sent in part, and its rest is lost */
	SAVED_STREAM_DAMAGED,  /* file and socket contradict each other */
};

/* Not for one that is bound. standing: only if WHOLE. */
enum saved_stream_verdict saved_stream_judge(const struct saved_stream_state *state,
					     struct saved_stream_standing *standing);

#endif
