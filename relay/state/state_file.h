/*
 * state_file.h - what has to outlive the process: records in memory that the next process gets, one
 * file for each worker and one for what they share.
 *
 * A record is bytes under a kind and an index, and never changes: a new version is written beside
 * it, and one store of a word puts it in force. A process that is killed between any two
 * writes therefore leaves the old version or the new one, and each has a checksum of its own, so that
 * what is neither is recognised. A kind may also have words, which change in place, one store
 * each, for what moves with every read of a stream. A window is memory for bytes on their way,
 * with words that say what is in it.
 *
 * Nothing here knows what the bytes mean: saved_*.h. Pure: the memory is the caller's
 * (state_memory.h), and state_view.h reads it, in this process or the next.
 *
 * Owner    one worker, or main for the shared one.
 * Threads  its own.
 * Memory   reserved as a whole and not touched until used. Records lie in blocks of a few sizes,
 *          so an idle allocation has about its own length. Which blocks are free is known
 *          to the process alone.
 */
#ifndef RELAY_STATE_STATE_FILE_H
#define RELAY_STATE_STATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

/*
 * The layout of the file itself; this version and the one before can be read. What records contain has a
 * version of its own, in each. A macro, so that a build for a test can be of another version.
 */
#ifndef STATE_FILE_VERSION
#define STATE_FILE_VERSION 1
#endif

enum {
	STATE_RECORD_MAX =
		72 << 10,  /* the longest frame or message of a stream, with its head */
	STATE_WORDS = 8,   /* of a record, and of a window */
	STATE_WINDOWS = 2, /* 0: what clients have sent, 1: what their TCP peers have */
	STATE_WINDOW_LEN = 72 << 10,
};

/* Append only: the numbers are in files. */
enum state_kind {
	STATE_ALLOCATION,  /* by slot */
	STATE_STREAM,      /* of a client, with words; see saved_stream.h */
	STATE_PEER,        /* a connection of a relayed address with a peer, with words */
	STATE_SECRETS,     /* shared file only: nonce and ticket keys */
	STATE_RESTING,     /* shared: ports that rest, see saved_shared.h */
	STATE_RESERVATION, /* shared: ports promised by EVEN-PORT */
	STATE_STREAM_BYTES, /* what a client has sent and is not handled; as STATE_STREAM */
	STATE_QUEUED,     /* a message that a client's socket has not taken, with words */
	STATE_PULSE,      /* shared: how far the process has come */
	STATE_PEER_BYTES, /* bytes on their way at a connection of STATE_PEER */
	STATE_KIND_COUNT
};

/* A word of window 0: when the worker was last seen alive, monotonic ms. It stores that at each turn. */
enum { STATE_WORD_ALIVE = STATE_WORDS - 1 };
/*
 * Two more, beside it: its last standstill, from the last turn before to the first one after. A process that
 * is continued only to be ended (SIGCONT, then SIGABRT) turns once more: that is no sign of life.
 */
enum { STATE_WORD_STILL = STATE_WORDS - 3, STATE_WORD_AGAIN = STATE_WORDS - 2 };

struct state_file;

struct state_head {
	uint64_t process; /* counts up from process to process; the highest is the newest */
	uint32_t worker;     /* STATE_SHARED: of all */
	uint32_t workers;    /* how many files of workers belong to it */
	uint8_t boot_id[16]; /* monotonic times mean nothing after another boot */
};
#define STATE_SHARED UINT32_MAX

/* Most records of each kind; 0: none. */
struct state_sizes {
	uint32_t records[STATE_KIND_COUNT];
};

/* How much memory such a file needs, in whole pages; 0 if that is more than there can be. */
size_t state_file_bytes(const struct state_sizes *sizes);

/*
 * An empty file in that memory, which is all zero, of state_file_bytes(), aligned to a page, and
 * outlives the result. NULL if out of memory.
 */
struct state_file *state_file_new(void *memory, size_t bytes,
				  const struct state_head *head,
				  const struct state_sizes *sizes);
/* Leaves the memory as it is; NULL is allowed. */
void state_file_free(struct state_file *file);

/*
 * Put a record in force, in place of the one of that kind and index, which is below the size of that
 * kind. record: copied; may be the one in force. False, and the old one stays, if there is no room:
 * it is longer than STATE_RECORD_MAX, or too many are long.
 */
bool state_file_put(struct state_file *file, enum state_kind kind, uint32_t index,
		    struct slice record);
/*
 * The same for a record that ends in len open bytes, which change in place and which no checksum
 * covers; the first of them are as body says. Returns where they are until the record is replaced or dropped; NULL if there
 * is no room.
 */
uint8_t *state_file_put_open(struct state_file *file, enum state_kind kind,
			     uint32_t index, struct slice record, struct slice body,
			     size_t len);
/* Nothing if there is none. */
void state_file_drop(struct state_file *file, enum state_kind kind, uint32_t index);

/* The one in force, borrowed until it is replaced; no data if there is none. */
struct slice state_file_get(const struct state_file *file, enum state_kind kind,
			    uint32_t index);

/* For so many records of that kind there is an index. */
uint32_t state_file_records(const struct state_file *file, enum state_kind kind);

/* Have records of that kind words? */
static inline bool state_kind_has_words(enum state_kind kind)
{
	return kind == STATE_STREAM || kind == STATE_PEER || kind == STATE_QUEUED;
}

/*
 * STATE_WORDS of them, zero when the record is new, kept when it is replaced; kinds with words
 * only. They stay where they are for as long as the file. Read them as you like; change them with
 * state_word_store().
 */
uint64_t *state_file_words(struct state_file *file, enum state_kind kind, uint32_t index);
/* Atomic, and in order: what the caller has written before is there if the new word is. */
void state_word_store(struct state_file *file, uint64_t *word, uint64_t value);

/*
 * Window number 0 to STATE_WINDOWS - 1: STATE_WINDOW_LEN bytes aligned to a page, for the caller to
 * write, and its STATE_WORDS words; words may be NULL.
 */
uint8_t *state_file_window(struct state_file *file, unsigned number, uint64_t **words);

/*
 * All that a process takes over is in its files: from now on they count, and those of the process before
 * do not. For the shared file.
 */
void state_file_complete(struct state_file *file);

/* Most records of that kind, as it was made. */
uint32_t state_file_size(const struct state_file *file, enum state_kind kind);

/* Bytes of memory that records take, for metrics. */
size_t state_file_used(const struct state_file *file);

/*
 * For tests: called before each write of up to 8 bytes to the memory, but for those to windows; it may
 * look at the memory, or end the process there. NULL ends it.
 */
typedef void state_write_fn(void *arg, const void *to, size_t len);
void state_file_watch(struct state_file *file, state_write_fn *before, void *arg);

#endif
