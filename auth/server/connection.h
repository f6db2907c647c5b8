/*
 * connection.h - one TLS connection, from accept to close.
 *
 *   HANDSHAKE --trusted--> GREETING --first line--> SIP or HTTP --> DRAINING --> gone
 *
 * HTTP: one request at a time goes to libmicrohttpd; the bytes that follow wait for its answer.
 *
 * Deadlines are absolute, never per byte: the handshake, the first request, each request
 * once begun, and each answer once written. What is queued towards a server that does not
 * read is bounded: we stop reading from it.
 *
 * Owner    itself, from connection_new() on; connection_end() ends it.
 */
#ifndef AUTH_SERVER_CONNECTION_H
#define AUTH_SERVER_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "auth/mras/http_framing.h"
#include "auth/server/tls.h"
#include "stun/endpoint.h"

struct bufferevent;
struct connection;
struct issuer;

enum connection_state {
	CONNECTION_HANDSHAKE,
	CONNECTION_GREETING,
	CONNECTION_SIP,
	CONNECTION_HTTP,
	CONNECTION_DRAINING,
};

enum connection_list { CONNECTION_NOWHERE, CONNECTION_HALF_OPEN, CONNECTION_OPEN };

/* Lists the connection; called when its state changes. */
struct connection_owner {
	void (*opened)(struct connection *connection); /* the handshake is done */
	void (*ends)(struct connection *connection);   /* it is about to be freed */
};

struct connection {
	struct issuer *issuer;
	const struct connection_owner *owner;
	TAILQ_ENTRY(connection) links; /* the owner's, as is listed */
	enum connection_list listed;
	enum connection_state state;
	char name[ENDPOINT_TEXT_LEN]; /* address and port, for the log */
	struct tls_peer peer;
	struct bufferevent *bev;
	struct bufferevent *http;    /* HTTP: our end of the socket pair, else NULL */
	struct http_framing framing; /* HTTP: of the request that arrives */
	struct event timer;
	bool heard_end;   /* the other end sends no more */
	bool is_full;     /* enough waits in its input: nothing is read */
	bool is_asking;   /* HTTP: libmicrohttpd has a request that it has not answered */
	bool is_answered; /* HTTP: it has, and the answer is in the pair */
	bool is_last;     /* HTTP: the connection ends with the request it has */
	size_t wanted;    /* SIP: bytes of the message that has begun; 0: unknown */
	uint64_t armed_ms;  /* when the timer will fire */
	uint64_t state_ms;  /* when it entered its state */
	uint64_t heard_ms;  /* the last complete request */
	uint64_t begun_ms;  /* of the request that is incomplete; 0: none */
	uint64_t unread_ms; /* since when an answer waits to be read; 0: none does */
};

/*
 * Take over an accepted, non-blocking socket and begin the handshake. NULL if out of memory;
 * then the socket is closed.
 */
struct connection *connection_new(struct issuer *issuer,
				  const struct connection_owner *owner, int fd,
				  const struct endpoint *client);

void connection_end(struct connection *connection);

/* The settings have changed: is its server still trusted? peer.why if not. */
bool connection_check_again(struct connection *connection);

#endif
