/*
 * state_file.h - what has to outlive the process: records in memory that the next process gets, one
 * file for each worker and one for what they share.
 *
 * A record is bytes under a kind and an index, and never changes: a new version is written beside
 * it, and one store of a word puts it in force. A process that is killed between any two
 * writes therefore leaves the old version or the new one, and each has a checksum of its own, so that
 * what is neither is recognised. A kind may also have words, which change in place, one store
 * each, for what moves with every read of a stream.
 *
 * Nothing here knows what the bytes mean: saved_*.h. Pure: the memory is the caller's
 * (state_memory.h), and state_view.h reads it, in this process or the next.
 *
 * Owner    one worker, or main for the shared one.
 * Threads  its own.
 * Memory   reserved as a whole and not touched until used. Records lie in blocks of a few sizes,
 *          so an idle allocation has about its own length.
 */
#ifndef RELAY_STATE_STATE_FILE_H
#define RELAY_STATE_STATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

/* The layout of the file itself. What records contain has a version of its own, in each. */
enum { STATE_FILE_VERSION = 1, STATE_RECORD_MAX = 64 << 10, STATE_WORDS = 8 };

enum state_kind {
	STATE_ALLOCATION,  /* by slot */
	STATE_STREAM,      /* of a client, with words; see saved_stream.h */
	STATE_PEER,        /* a connection of a relayed address with a peer, with words */
	STATE_SECRETS,     /* shared file only: nonce and ticket keys */
	STATE_FRONT,       /* shared: what the indices in this file mean */
	STATE_RESERVATION, /* shared: ports promised by EVEN-PORT */
	STATE_KIND_COUNT
};

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

/* How much memory such a file needs; 0 if that is more than there can be. */
size_t state_file_bytes(const struct state_sizes *sizes);

/*
 * An empty file in that memory, which is all zero, aligned to a page and outlives the result. NULL if out
 * of memory.
 */
struct state_file *state_file_new(void *memory, size_t bytes,
				  const struct state_head *head,
				  const struct state_sizes *sizes);
void state_file_free(
	struct state_file *file); /* leaves the memory as it is; NULL is allowed */

/*
 * Put a record in force, in place of the one of that kind and index. False, and the old one stays, if
 * there is no room: len above STATE_RECORD_MAX, or too many long ones.
 */
bool state_file_put(struct state_file *file, enum state_kind kind, uint32_t index,
		    struct slice record);
void state_file_drop(struct state_file *file, enum state_kind kind, uint32_t index);

/* The one in force, borrowed until it is replaced; empty if there is none. */
struct slice state_file_get(const struct state_file *file, enum state_kind kind,
			    uint32_t index);

/* STATE_WORDS of them, zero when the record is new; kinds with words only. Each store is atomic. */
uint64_t *state_file_words(struct state_file *file, enum state_kind kind, uint32_t index);

/*
 * All that a process takes over is in its files: from now on they count, and those of the process before
 * do not. For the shared file.
 */
void state_file_complete(struct state_file *file);

/* Bytes of memory that records take, for metrics. */
size_t state_file_used(const struct state_file *file);

#endif
