/*
 * delivery.h - what the two sides of a worker, front and peer, know of it and of each other: the
 * loop in which they run, the core that decides, the settings in force, and functions that hand
 * data to the other side. worker.c fills it in; nothing else of the worker is known to them.
 *
 * Owner    embedded in the worker; each part borrows it for as long as the part lives.
 * Threads  the worker's only.
 */
#ifndef RELAY_DELIVERY_H
#define RELAY_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "stun/wire.h"

struct client_datagram;
struct clients;
struct dispatch;
struct five_tuple;
struct forward;
struct loop;
struct pass_through;
struct relay_settings;
struct relocation;
struct state_file;
struct stream;
struct trace;
struct turn;
struct udp_fronts;
struct udp_message;

/* The client's half of a data connection. */
struct bound_client {
	struct stream *stream; /* the front's; to be given back to it */
	int fd;
	SSL *ssl;           /* NULL: plain */
	struct slice first; /* for the peer: received behind the request; copied */
	struct slice unsent; /* for the client, before all from the peer: replies; copied */
};

struct delivery {
	struct loop *loop;
	struct turn *turn;
	const struct relay_settings *settings; /* in force; a reload puts others here */
	struct trace *trace;                   /* of replies; the front's */
	struct pass_through *pass_through;     /* the front's */
	uint8_t *reply; /* DISPATCH_REPLY_MAX bytes, for one dispatch at a time */
	struct clients
		*clients; /* the front's: where a stream that is handed over arrives */
	struct relocation *relocation; /* of datagram clients between workers */
	struct udp_fronts *udp_fronts; /* the front's: where stray datagrams arrive */
	size_t stray_bytes; /* on their way to other workers; atomic, as those subtract */

	/* Where the records of this worker's connections are; NULL: nothing outlives the process. */
	struct state_file *state;
	/*
	 * The front's: which frame of a client's stream is being handled, as the number of bytes of
	 * that stream up to the end of the frame, counted from a start that outlives the process;
	 * 0: none, or of a stream that does not. A process that takes over handles a frame that was
	 * not handled to its end again, under the same number, and what a peer's connection has
	 * taken of it already is left out (relay/peer/peer_record.h).
	 */
	uint64_t handling;

	void *self; /* given back as the first argument */

	/*
	 * Send a FORWARD_TO_PEER, whatever the transport of its relayed address. The payload is
	 * borrowed until flush_peers(), which is due before the loop resumes.
	 */
	void (*to_peer)(void *self, const struct forward *forward);
	void (*flush_peers)(void *self);

	/*
	 * Deliver a FORWARD_TO_CLIENT to the client of its allocation, whatever the transport.
	 * The payload is borrowed until flush_clients(), which is due before the loop resumes.
	 *
	 * room  the forward's own payload, writable, with FORWARD_HEADER_MAX bytes of room in
	 *       front and 4 behind; NULL if there is none
	 */
	void (*to_client)(void *self, const struct forward *forward, uint8_t *room);
	void (*flush_clients)(void *self);

	/*
	 * From the front, about clients of datagrams (relay/stray.h):
	 *
	 * stray          datagrams of a source that is another worker's; copied
	 * end_elsewhere  a client behind a balancer is authenticated: it may have got an
	 *                allocation, and left one on another worker
	 */
	void (*stray)(void *self, const struct five_tuple *from,
		      const struct udp_message *message);
	void (*end_elsewhere)(void *self, const struct five_tuple *client);

	/*
	 * Between a stream client and the TCP peers of its allocation, neither of which may lose
	 * a byte:
	 *
	 * client_takes  would a message of that length be queued for the client of that slot,
	 *               not dropped? If not, its peers are told as soon as it would
	 * client_wait   handle nothing more of what that client sends, or resume
	 * client_ready  from the front: the queue of a client that did not take data is empty
	 */
	bool (*client_takes)(void *self, uint32_t slot, size_t len);
	void (*client_wait)(void *self, uint32_t slot, bool wait);
	void (*client_ready)(void *self, const struct five_tuple *client);

	/*
	 * How many bytes the stream of that slot's client has accepted so far, sent or queued,
	 * counted from a start that outlives the process: after a take-up it goes on from what the
	 * process before had accepted, and so tells whether a message of a peer was among it.
	 * UINT64_MAX: it has no stream, or one that does not outlive the process.
	 */
	uint64_t (*client_accepted)(void *self, uint32_t slot);

	/* A datagram of a client with HAND_OVER as its verdict. */
	void (*hand_over)(void *self, const struct client_datagram *datagram,
			  const struct dispatch *dispatch);

	/*
	 * Data connections of TCP allocations (RFC 6062), by their index in core/tcp_connection.h:
	 *
	 * bind         from the front: a ConnectionBind has succeeded on that stream. Its socket is
	 *              lent until unbind() or client_gone(). False if out of memory
	 * unbind       the connection is over: close the stream, reset if that is how it ended
	 * client_gone  from the front: the stream is about to be closed, and its socket no longer lent
	 * to_control   send a message to the client of that slot, on its control connection
	 * throttle     read nothing of that allocation for so long
	 */
	bool (*bind)(void *self, uint32_t connection, const struct bound_client *client);
	void (*unbind)(void *self, struct stream *stream, bool reset);
	void (*client_gone)(void *self, uint32_t connection);
	void (*to_control)(void *self, uint32_t slot, struct slice message);
	void (*throttle)(void *self, uint32_t slot, uint32_t wait_ms);

	/* A request may have changed deadlines: drop what is due, and arm the one timer anew. */
	void (*expire)(void *self);

	/*
	 * Run fn on the thread of the worker of that number, between two of its events, with its
	 * delivery; posts of one worker to another run in order. False if it will never run:
	 * there is no such worker, it is ending, or memory is short; then arg is still the
	 * caller's.
	 */
	bool (*post)(void *self, unsigned worker,
		     void (*fn)(struct delivery *there, void *arg), void *arg);
};

#endif
