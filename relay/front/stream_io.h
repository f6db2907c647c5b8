/*
 * stream_io.h - the bytes of one connection, plain or TLS: reads, writes, and a bounded queue of
 * what the socket does not take yet. It waits for nothing; stream.c knows when to come back.
 *
 * What is sent goes to the socket at once when nothing is queued, because nearly always it
 * takes all. The queue is a list of whole messages: media that is too much is dropped from its
 * front, where it is oldest, and a message of which a part is gone stays, or the stream would
 * be broken for good.
 *
 * Owner    embedded in struct stream; one worker.
 */
#ifndef RELAY_FRONT_STREAM_IO_H
#define RELAY_FRONT_STREAM_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "relay/front/saved/stream_record.h"
#include "stun/classify.h"
#include "stun/wire.h"

struct stream_io {
	int fd;
	SSL *ssl; /* NULL: plain TCP */
	struct stream_message *first, **end;
	size_t queued;         /* bytes */
	size_t awaited;        /* bytes without which it is not readable; 0 or 1: any */
	bool failed;           /* nothing more can be sent or read */
	bool read_wants_write; /* TLS */
	bool is_stored;        /* a copy of the descriptor outlives the process */
	bool resets;           /* when it is closed */
	struct stream_record record;
};

enum stream_io_result {
	STREAM_IO_OK,
	STREAM_IO_AGAIN, /* when the socket is ready again */
	STREAM_IO_ENDED, /* the client has closed its direction */
	STREAM_IO_FAILED,
};

/* The descriptor is taken over. */
void stream_io_init(struct stream_io *io, int fd);
void stream_io_close(struct stream_io *io);
/* Give up the descriptor, plain and with nothing queued; a close does nothing then. */
int stream_io_release(struct stream_io *io);
/* Let the close that follows reset it, so that the kernel keeps nothing of it either. */
void stream_io_abort(struct stream_io *io);

/* It has a record from here on: so have the messages that are queued. */
void stream_io_save(struct stream_io *io);
/* It has none any more. */
void stream_io_unsave(struct stream_io *io);
/* The same because something of it does not fit; nothing if it has none. */
void stream_io_lose(struct stream_io *io);
/* Its record is the next process's from here on: a close changes nothing of it, nor of the connection. */
void stream_io_leave(struct stream_io *io);
/* A message of the process before, whose first bytes may be sent. False if out of memory. */
bool stream_io_requeue(struct stream_io *io, const struct saved_message *message,
		       size_t sent);

/*
 * The first bytes, up to size of them, which stay to be read. OK with *len > 0. ENDED also if those
 * that are awaited will not come.
 */
enum stream_io_result stream_io_look(struct stream_io *io, uint8_t *buf, size_t size,
				     size_t *len);
/* The socket is not readable before there are that many; 1 for all that is not looked at. */
void stream_io_await(struct stream_io *io, size_t bytes);
/* Read that many, which have been looked at. False if it fails. */
bool stream_io_skip(struct stream_io *io, size_t len);

/*
 * What the first bytes show, which stay to be read. OK when that is decided; AGAIN when more of
 * them are needed, and then the socket is not readable before there are more.
 */
enum stream_io_result stream_io_peek(struct stream_io *io, enum stream_kind *kind);

/* From here on TLS. False if out of memory. */
bool stream_io_start_tls(struct stream_io *io, SSL_CTX *ctx);
/* OK when done. */
enum stream_io_result stream_io_handshake(struct stream_io *io);

/* OK with *len > 0, which is at most size; size is not 0. */
enum stream_io_result stream_io_read(struct stream_io *io, uint8_t *buf, size_t size,
				     size_t *len);

/* Has more been received already? No event tells of it. */
bool stream_io_has_more(const struct stream_io *io);

enum stream_io_kind {
	STREAM_IO_REPLY,
	STREAM_IO_MEDIA, /* may be dropped */
};

/*
 * Send one message, or queue it. limit is for the queue with it; old media makes room. Returns
 * how many messages were dropped for that, the new one included if nothing else would do; a
 * reply that finds no room makes the connection fail.
 */
unsigned stream_io_send(struct stream_io *io, struct slice message,
			enum stream_io_kind kind, size_t limit);

/*
 * Somebody else sends from here on: move what is queued to buf, in order. If its beginning was
 * offered to TLS, it has to be offered again with all that follows. False, and nothing is moved,
 * if it is longer than size.
 */
bool stream_io_take_queue(struct stream_io *io, uint8_t *buf, size_t size, size_t *len);

/* The socket takes more: send what is queued. */
enum stream_io_result stream_io_flush(struct stream_io *io);

/* Must stream.c come back when the socket can be written? */
static inline bool stream_io_wants_write(const struct stream_io *io)
{
	return io->queued > 0 || io->read_wants_write;
}

#endif
