/*
 * stream_record.h - writes what of a stream outlives the process into the worker's state file (see
 * relay/state/saved_stream.h), as the stream goes.
 *
 * A stream has a record from its first allocation on, before the reply that says so. Strangers have none, and
 * neither has TLS, whose keys are the process's own. What the packet path writes here is a few words.
 *
 * Without a state file, or when that is full, a stream has no record, and everything here does nothing.
 *
 * Owner    struct stream_records: the clients table; struct stream_record: embedded in the stream's I/O.
 * Threads  the worker's.
 */
#ifndef RELAY_FRONT_SAVED_STREAM_RECORD_H
#define RELAY_FRONT_SAVED_STREAM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/state/saved_stream.h"
#include "relay/state/state_file.h"
#include "stun/wire.h"

enum {
	STREAM_RECORD_MESSAGES =
		32 << 10, /* queued ones that a worker's file has room for */
	STREAM_RECORD_NONE = UINT32_MAX,
};

/* All of a worker. */
struct stream_records;

/* How many a file has room for is its sizes' to say. NULL if out of memory. */
struct stream_records *stream_records_new(struct state_file *file);
void stream_records_free(struct stream_records *records); /* NULL is allowed */
/* The window, STATE_WINDOW_LEN bytes: where streams are to be read. */
uint8_t *stream_records_window(struct stream_records *records);
/* Streams that have no record now because something of it did not fit: what a restart would lose. For any thread. */
uint64_t stream_records_unsaved(const struct stream_records *records);

/* Of one stream. All zero: none. */
struct stream_record {
	struct state_file *file;
	struct stream_records *records;
	uint64_t *words;    /* NULL: it has no record */
	uint64_t sequence;  /* of what was queued last */
	uint64_t answering; /* where the frame ends whose answer is sent now; 0: none */
	uint32_t index;
	bool is_lost; /* it did not fit, and is counted as such */
};

static inline bool stream_record_is(const struct stream_record *record)
{
	return record->words != NULL;
}

/*
 * From here on. arrived: what has been read, from the frame on that is being handled, so the first byte that is
 * counted; it may lie in the window. False: no room.
 */
bool stream_record_begin(struct stream_record *record, struct stream_records *records,
			 const struct saved_stream *saved, struct slice arrived);
/* The same for one that goes on as it stood in another process, with nothing queued yet. */
bool stream_record_resume(struct stream_record *record, struct stream_records *records,
			  const struct saved_stream *saved,
			  const struct saved_stream_standing *standing);
/* It is the client's half of a data connection from here on: bytes are counted elsewhere. */
bool stream_record_bind(struct stream_record *record);
/* It has ended because something of it does not fit; counted until it begins again, or ends once more. */
void stream_record_lose(struct stream_record *record);
/* No more; nothing if there is none. */
void stream_record_end(struct stream_record *record);

/* --- what is received ------------------------------------------------------------------------ */

static inline void stream_record_store(struct stream_record *record, unsigned word,
				       uint64_t value)
{
	state_word_store(record->file, &record->words[word], value);
}

static inline uint64_t stream_record_handled(const struct stream_record *record)
{
	return record->words[STREAM_WORD_HANDLED];
}

/* So many bytes more. */
static inline void stream_record_handle(struct stream_record *record, size_t len)
{
	stream_record_store(record, STREAM_WORD_HANDLED,
			    stream_record_handled(record) + len);
}

/* What is not handled lies at the window's start, and what is read comes behind it. */
void stream_record_window_begin(struct stream_record *record);
/* All of it is handled or kept. Nothing if the window is not this stream's. */
void stream_record_window_end(struct stream_record *record);

/*
 * Keep what is not handled, in memory for size bytes, the rest of which is to be read into. NULL: no
 * room. What was kept before is gone.
 */
uint8_t *stream_record_keep(struct stream_record *record, struct slice rest, size_t size);
void stream_record_drop_kept(struct stream_record *record);

/* --- what is sent ---------------------------------------------------------------------------- */

static inline uint64_t stream_record_given(const struct stream_record *record)
{
	return record->words[STREAM_WORD_DONE];
}

/* Before a message is sent without a queue. */
static inline void stream_record_intend(struct stream_record *record, size_t len)
{
	stream_record_store(record, STREAM_WORD_INTENDED,
			    stream_record_given(record) + len);
}

/* The socket has taken so many bytes more, and what is left of the message is queued. */
static inline void stream_record_gave(struct stream_record *record, size_t len)
{
	stream_record_store(record, STREAM_WORD_DONE, stream_record_given(record) + len);
}

/* Before an answer is sent; directly: if the queue is empty. */
void stream_record_answer(struct stream_record *record, size_t len, bool directly);

/*
 * A message, or the rest of one, is queued behind all others. sent: bytes of it that the socket has taken, and
 * stream_record_gave() does not know yet; 0: none. Returns its index; STREAM_RECORD_NONE: no room.
 */
uint32_t stream_record_queue(struct stream_record *record, struct slice rest,
			     bool is_reply, size_t sent);
/* It is offered to the socket for the first time. */
void stream_record_offer(struct stream_record *record, uint32_t message);
/* It is sent, or dropped. */
void stream_record_unqueue(struct stream_record *record, uint32_t message);

#endif
