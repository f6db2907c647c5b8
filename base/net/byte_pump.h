/*
 * byte_pump.h - one direction of a connection that is passed on to another one: bytes from a
 * source to a sink, each a TCP socket, plain or with TLS. A connection in both directions has two.
 *
 * Between two plain sockets bytes do not enter this process: splice() moves them through a pipe,
 * of which a pump has one only while there is something in it. When pipes are short, and where TLS
 * is, they are copied. Either way a pump reads nothing more while the sink has not taken what was
 * read, so what it holds is bounded, and the source's window closes. The end of the source is
 * passed on, too, after everything before it.
 *
 * A process that is killed leaves what is under way where it was: in a pipe, of which another one
 * may have a copy (byte_pumps_watch()), or with the source. How much has gone each way is known
 * from the sockets (tcp_progress.h).
 *
 * Owner    a pump is embedded in what has the connections; sockets are borrowed for each call. The
 *          source and the sink of a pump stay the same.
 * Threads  one for all pumps that share a struct byte_pumps.
 * Memory   at most BYTE_PUMP_HELD_MAX for a pump, or a pipe. Nothing while nothing is under way.
 *
 * SIGPIPE has to be ignored.
 */
#ifndef BASE_NET_BYTE_PUMP_H
#define BASE_NET_BYTE_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "stun/wire.h"

enum {
	BYTE_PUMP_PIECE = 16 << 10,    /* what is copied at a time: a record of TLS */
	BYTE_PUMP_HELD_MAX = 64 << 10, /* see byte_pump_first() */
	BYTE_PUMP_PIPE = 256 << 10,    /* what is moved at a time */
	/*
	 * Pipes with something in them, all together. So many of that size are what the kernel
	 * allows four threads of a user (pipe-user-pages-soft).
	 */
	BYTE_PUMP_PIPES_MAX = 64,
};

/* What pumps share. */
struct byte_pump;
struct byte_pumps;

/* NULL if out of memory. */
struct byte_pumps *byte_pumps_new(void);
void byte_pumps_free(struct byte_pumps *pumps); /* no pump has anything; NULL is allowed */
/*
 * Tell somebody which pipes there are, and which pump's bytes are in each. A pipe is kept from then
 * on once it was made, because others may have copies of it.
 *
 * made   a new pipe, before it is used
 * ready  may pipes be used now? Those that were made may have to be somewhere first
 * used  bytes of that pump are about to go into the pipe of that id; 0: none are in any
 */
struct byte_pumps_watch {
	void *arg; /* given back as the first argument */
	void (*made)(void *arg, const int pipe[2]);
	bool (*ready)(void *arg);
	void (*used)(void *arg, struct byte_pump *pump, uint64_t id);
};
void byte_pumps_watch(struct byte_pumps *pumps, const struct byte_pumps_watch *watch);

/* What tells pipes apart, as long as they exist, in whatever process; 0: it is none. */
uint64_t byte_pump_pipe_id(int fd);
/*
 * Take over a pipe that others made, non-blocking, whatever is in it; for pumps to come. False:
 * there are enough.
 */
bool byte_pumps_add(struct byte_pumps *pumps, const int pipe[2]);

/* Pipes with something in them; for tests. */
unsigned byte_pumps_pipes(const struct byte_pumps *pumps);

struct byte_pump_end {
	int fd; /* non-blocking */
	SSL *ssl; /* with its handshake done, partial writes and moving buffers; NULL: plain */
};

/* All zero is a new one. */
struct byte_pump {
	int pipe[2]; /* while in_pipe is not 0 */
	uint64_t pipe_id;
	size_t in_pipe;
	uint8_t *held; /* copied, and not taken by the sink; NULL: nothing */
	size_t held_len, held_sent;
	size_t repeated;         /* see byte_pump_skip() */
	bool ended;              /* the source has */
	bool is_done;            /* and the sink was told so */
	bool source_wants_write; /* TLS: it can be read when it can be written */
	bool sink_wants_read;    /* and the other way round */
};

/* Bytes that come before those of the source, at most BYTE_PUMP_HELD_MAX. False: no memory. */
bool byte_pump_first(struct byte_pump *pump, struct slice first);

/* A new pump goes on from a pipe with len bytes, at least one, which is taken over. */
void byte_pump_restore(struct byte_pump *pump, struct byte_pumps *pumps,
		       const int pipe[2], size_t len);

/* So many bytes of the source, which are there, have been passed on already: they are read first. */
static inline void byte_pump_skip(struct byte_pump *pump, size_t repeated)
{
	pump->repeated = repeated;
}

/* Is something under way, which the sink has to take before more is read? */
static inline bool byte_pump_holds(const struct byte_pump *pump)
{
	return pump->in_pipe > 0 || pump->held != NULL;
}

enum byte_pump_result {
	BYTE_PUMP_MORE,   /* budget is used up, there may be more */
	BYTE_PUMP_EMPTY,  /* when the source is ready again */
	BYTE_PUMP_FULL,   /* when the sink is */
	BYTE_PUMP_DONE,   /* the source has ended, and the sink was told so */
	BYTE_PUMP_BROKEN, /* either: both have to be closed */
};

/*
 * Pass on what is under way, all of it, and then no more than what budget leaves, at least 1.
 * *taken: how many bytes the sink has taken.
 */
enum byte_pump_result byte_pump_run(struct byte_pump *pump, struct byte_pumps *pumps,
				    const struct byte_pump_end *source,
				    const struct byte_pump_end *sink, size_t budget,
				    size_t *taken);

/* Drop what is under way. */
void byte_pump_release(struct byte_pump *pump, struct byte_pumps *pumps);

#endif
