/*
 * load_streams.h - peers on TCP, to which the server connects from a client's relayed address.
 * A connection is expected before it can come, by the address it will come from; others are
 * closed. Packets stand on it behind their length (packet_stream.h), both ways.
 *
 * Owner    the run.
 * Threads  that of the event base.
 */
#ifndef TOOLS_LOAD_LOAD_STREAMS_H
#define TOOLS_LOAD_LOAD_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/endpoint.h"
#include "stun/wire.h"

struct event_base;
struct load_stream;
struct load_streams;

struct load_streams_config {
	struct event_base *base;
	struct ip_addr address; /* local */
	uint32_t count;         /* of listening peers */
	void *arg;
	/* A packet has arrived at peer number index. arrived_ns as in struct client_events. */
	void (*data)(void *arg, uint32_t index, struct slice payload,
		     uint64_t arrived_ns);
};

/* NULL and errno: the address is not local, no descriptor, no memory. */
struct load_streams *load_streams_open(const struct load_streams_config *config);
/* NULL is allowed. Its streams must be forgotten first. */
void load_streams_close(struct load_streams *streams);

const struct endpoint *load_streams_endpoint(const struct load_streams *streams,
					     uint32_t index);

/*
 * Peer number index expects a connection from there. came() says once that it is there, or
 * false if it is not after ten seconds; it must not forget the stream. NULL: no memory.
 */
struct load_stream *load_streams_expect(struct load_streams *streams, uint32_t index,
					const struct endpoint *from,
					void (*came)(void *arg, bool ok), void *arg);
/* NULL is allowed; closes the connection. */
void load_stream_forget(struct load_stream *stream);

/* It came, whether or not it has ended since. */
bool load_stream_has_come(const struct load_stream *stream);

/* False and errno: it did not go out. */
bool load_stream_send(struct load_stream *stream, struct slice payload);

#endif
