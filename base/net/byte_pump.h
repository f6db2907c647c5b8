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
struct byte_pumps;

/* NULL if out of memory. */
struct byte_pumps *byte_pumps_new(void);
void byte_pumps_free(struct byte_pumps *pumps); /* no pump has anything; NULL is allowed */
/* Pipes with something in them; for tests. */
unsigned byte_pumps_pipes(const struct byte_pumps *pumps);

struct byte_pump_end {
	int fd; /* non-blocking */
	SSL *ssl; /* with its handshake done, partial writes and moving buffers; NULL: plain */
};

/* All zero is a new one. */
struct byte_pump {
	int pipe[2]; /* while in_pipe is not 0 */
	size_t in_pipe;
	uint8_t *held; /* copied, and not taken by the sink; NULL: nothing */
	size_t held_len, held_sent;
	bool ended;              /* the source has */
	bool is_done;            /* and the sink was told so */
	bool source_wants_write; /* TLS: it can be read when it can be written */
	bool sink_wants_read;    /* and the other way round */
};

/* Bytes that come before those of the source, at most BYTE_PUMP_HELD_MAX. False: no memory. */
bool byte_pump_first(struct byte_pump *pump, struct slice first);

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
