/*
 * stream.h - one client on TCP or TLS, from accept to close.
 *
 *   GREETING --first bytes known--> HANDSHAKE (TLS, real or pretended) --> OPEN
 *            --> DRAINING --> gone
 *            --ConnectionBind--> BOUND --> gone
 *
 * In front of all of that, a balancer puts a PROXY header (proxy.h), which counts as greeting.
 *
 * Deadlines are absolute, never per byte: greeting and handshake, first authenticated request,
 * each frame once begun, and a connection that has no allocation (stream_times.h). An
 * unauthenticated one can also give way to the next client (clients.h). What is queued towards a slow
 * client is bounded: media beyond it is dropped and counted.
 *
 * Owner    itself, from stream_accept() on; the clients table can end it.
 */
#ifndef RELAY_FRONT_STREAM_H
#define RELAY_FRONT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/counters.h"
#include "relay/core/five_tuple.h"
#include "relay/core/forward.h"
#include "stun/wire.h"

struct bound_client;
struct client;
struct clients;
struct saved_message;
struct saved_stream;
struct saved_stream_standing;
struct stream;

/* Take over an accepted, non-blocking socket that the clients table has made room for. */
void stream_accept(struct clients *clients, int fd, const struct five_tuple *tuple);

/*
 * One of the process before, which goes on where it stood: with what it has received and not handled,
 * and what is queued for it. Before the worker runs. saved and all that it refers to is copied.
 * If it is bound, it waits for stream_lend(). NULL, and fd is the caller's: no room, or no memory.
 */
struct stream_resumed {
	const struct saved_stream *saved;
	const struct saved_stream_standing *standing;
	const uint64_t *words;                /* of its record */
	const struct saved_message *messages; /* by sequence */
	size_t message_count;
};
struct stream *stream_resume(struct clients *clients, int fd,
			     const struct five_tuple *tuple,
			     const struct stream_resumed *resumed);

/*
 * One that is bound, and came back so, to the other side of the worker, as that data connection; it
 * has nothing first or unsent. False: it is not bound, or lent already.
 */
bool stream_lend(struct stream *stream, uint32_t connection, struct bound_client *client);
/* It is not lent after all. */
void stream_unlend(struct stream *stream);
/*
 * Its ConnectionBind was being answered for that data connection: true if it has been, and then it
 * is bound, and lent once the worker runs. False: it handles that request again, or is not open.
 */
bool stream_bind_again(struct stream *stream, uint32_t connection);
/* If it is bound, and nobody has taken it: it is gone, and its descriptor is the caller's; else -1. */
int stream_end_unlent(struct stream *stream);

/*
 * This process leaves it to the next one: it is closed if it has TLS, with its allocation unless that
 * is mobile, and then true. Otherwise whatever closes it from now on leaves the connection open.
 */
bool stream_leave(struct stream *stream);
void stream_leave_all(struct clients *clients); /* all of them */

/* Bytes of messages accepted so far, sent or queued; UINT64_MAX: it does not outlive the process. */
uint64_t stream_accepted(const struct stream *stream);

/* The stream of that client; NULL if there is none. */
struct stream *stream_find(struct clients *clients, const struct five_tuple *tuple);

/* The balancer through which it has come; of no family if it has come itself. */
const struct endpoint *stream_via(const struct stream *stream);

/*
 * For clients_new(). CONNECTION_END_RELAY: close it now, without ending its allocation; a shutdown
 * ends those. If it gives way it is reset; it is not authenticated.
 */
void stream_end(struct client *client, enum connection_end why);

/*
 * Header, payload, padding as the forward says, at once or through the queue; drops and counts
 * what the queue cannot hold. room as for to_client() of delivery.h.
 */
void stream_send_forward(struct stream *stream, const struct forward *forward,
			 uint8_t *room);

/* A reply or an indication that was not asked for in this turn, while the stream is open. */
void stream_send(struct stream *stream, struct slice message);

/*
 * Would a message of that length be queued, not dropped? If not, client_ready() of delivery.h
 * is called once everything before it has been sent.
 */
bool stream_takes(struct stream *stream, size_t len);

/* Handle nothing more of what the client sends until each reason to pause is withdrawn. */
enum stream_pause {
	STREAM_PAUSE_PEERS = 1 << 0,     /* a TCP peer's queue is full */
	STREAM_PAUSE_BANDWIDTH = 1 << 1, /* see relay/throttle.h */
};
void stream_pause(struct stream *stream, enum stream_pause why, bool pause);

/*
 * unbind() of delivery.h: the data connection of which this is the client's half is over, and the
 * stream with it.
 */
void stream_bound_end(struct stream *stream, bool reset);

#endif
