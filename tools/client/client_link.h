/*
 * client_link.h - a client's connection to its server: datagrams, or a stream cut into messages. For
 * client_state.c and the dialects alone.
 *
 * Owner    the client embeds it. Callbacks must not close it.
 * Threads  those of the event base.
 */
#ifndef TOOLS_CLIENT_CLIENT_LINK_H
#define TOOLS_CLIENT_CLIENT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "stun/proxy_header.h"
#include "tools/client/client_config.h"

struct bufferevent;
struct client_dtls;

struct client_link_events {
	void *arg;
	/* A stream is connected, TLS included; DTLS is. Plain datagrams need nothing of the kind. */
	void (*connected)(void *arg);
	/* One message or datagram; arrived_ns as in struct client_events. */
	void (*message)(void *arg, struct slice message, uint64_t arrived_ns);
	/*
	 * Not NULL: streams are framed as in MS-TURN, and this receives the content of data
	 * frames.
	 */
	void (*bare)(void *arg, struct slice data, uint64_t arrived_ns);
	/*
	 * After client_link_unframed(): the next piece of the stream. Must not touch the link.
	 */
	void (*raw)(void *arg, struct slice piece, uint64_t arrived_ns);
	/*
	 * Nothing listens there, or the stream or the association has ended; what: a whole
	 * sentence.
	 */
	void (*lost)(void *arg, const char *what);
};

struct client_link {
	int fd; /* of datagrams; a bufferevent keeps its own */
	struct client_loop *loop;
	struct bufferevent *bev; /* of a stream, else NULL */
	struct client_link_events events;
	size_t send_queue;
	enum client_transport transport;
	bool ended;            /* lost() was called, for good */
	bool heard;            /* something has arrived; whoever asks sets it back */
	bool greeting;         /* waits for the answer to the hello of pseudo-TLS */
	bool unframed;         /* what arrives is raw */
	struct event readable; /* datagrams */
	struct client_dtls *dtls;
	/* A balancer's header, once per stream or in front of each datagram; 0 bytes: none. */
	struct endpoint server;
	struct ip_addr proxied;
	uint8_t header[PROXY_HEADER_WRITTEN_MAX];
	size_t header_len;
	SSL_CTX *tls; /* of a stream that first sends a header */
	const char *tls_name;
};

/* A message in parts: everything before the payload, the payload, zeros after it. */
struct client_parts {
	struct slice head, payload;
	size_t padding;
};

/* Starts connecting. False and errno: no descriptor, no memory. */
bool client_link_open(struct client_link *link, const struct client_config *config,
		      const struct client_link_events *events);
/* A zeroed link, or one that failed to open, is allowed. */
void client_link_close(struct client_link *link);

static inline bool client_link_is_stream(const struct client_link *link)
{
	return link->bev != NULL;
}

/* Does it report connected() before anything can be sent? */
bool client_link_connects(const struct client_link *link);

/* The rest of the stream is not cut into messages. */
void client_link_unframed(struct client_link *link);

/* The local address. False: the system does not say. */
bool client_link_local(const struct client_link *link, struct endpoint *local);

/* False and errno: it did not go out. A full queue of a stream is ENOBUFS. */
bool client_link_send(struct client_link *link, const struct client_parts *parts);

#endif
