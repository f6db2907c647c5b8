/*
 * load_streams.h - TCP peers, to which the server connects from a client's relayed address. A
 * connection is announced by its source address before it can arrive; others are closed. Packets
 * on it have their length in front (packet_stream.h), in both directions.
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
#include "tools/load/load_peers.h"

struct load_stream;
struct load_streams;

/* NULL and errno: the address is not local, no descriptor, no memory. */
struct load_streams *load_streams_open(const struct load_peers_config *config);
/* NULL is allowed. Its streams must be forgotten first. */
void load_streams_close(struct load_streams *streams);

const struct endpoint *load_streams_endpoint(const struct load_streams *streams,
					     uint32_t index);

/*
 * Peer number index expects a connection from that address. came() reports once that it
 * arrived, or false after ten seconds; it must not forget the stream. NULL: no memory.
 */
struct load_stream *load_streams_expect(struct load_streams *streams, uint32_t index,
					const struct endpoint *from,
					void (*came)(void *arg, bool ok), void *arg);
/* NULL is allowed; closes the connection. */
void load_stream_forget(struct load_stream *stream);

/* It arrived; it may have ended since. */
bool load_stream_has_come(const struct load_stream *stream);

/* False and errno: it did not go out. */
bool load_stream_send(struct load_stream *stream, struct slice payload);

#endif
