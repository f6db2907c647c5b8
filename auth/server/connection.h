/*
 * connection.h - one TLS connection, from accept to close; read by the language that it speaks.
 *
 *   HANDSHAKE --trusted--> SERVING --> DRAINING --> gone
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
#include "base/net/half_open.h"
#include "stun/endpoint.h"

struct bufferevent;
struct connection;
struct evbuffer;
struct issuer;
struct mras_config;

enum connection_state {
	CONNECTION_HANDSHAKE,
	CONNECTION_SERVING,
	CONNECTION_DRAINING,
};

enum connection_list { CONNECTION_NOWHERE, CONNECTION_HALF_OPEN, CONNECTION_OPEN };

/* Lists the connection; called when its state changes. */
struct connection_owner {
	void (*opened)(struct connection *connection); /* the handshake is done */
	void (*ends)(struct connection *connection);   /* it is about to be freed */
};

/*
 * Serve what has arrived at an open connection: called after bytes, after the end of what the other
 * end sends (heard_end), and after all answers were read. It finishes with connection_await(),
 * connection_drain() or connection_end().
 */
typedef void connection_read_fn(struct connection *connection);

struct connection {
	struct issuer *issuer;
	const struct connection_owner *owner;
	TAILQ_ENTRY(connection) links; /* the owner's, as are the next two */
	struct half_open_entry half_open;
	enum connection_list listed;
	enum connection_state state;
	char name[ENDPOINT_TEXT_LEN]; /* address and port, for the log */
	struct tls_peer peer;
	struct bufferevent *bev;
	connection_read_fn *read;
	size_t wanted; /* SIP: bytes of the message that has begun; 0: unknown */
	struct http_framing framing; /* HTTP: of the request that arrives */
	struct event timer;
	bool heard_end;     /* the other end sends no more */
	bool is_full;       /* enough waits in its input: nothing is read */
	uint64_t armed_ms;  /* when the timer will fire */
	uint64_t state_ms;  /* when it entered its state */
	uint64_t heard_ms;  /* the last complete request */
	uint64_t begun_ms;  /* of the request that is incomplete; 0: none */
	uint64_t unread_ms; /* since when an answer waits to be read; 0: none does */
};

/*
 * Take over an accepted, non-blocking socket and begin the handshake; read is for what comes after
 * it. NULL if out of memory; then the socket is closed.
 */
struct connection *connection_new(struct issuer *issuer,
				  const struct connection_owner *owner,
				  connection_read_fn *read, int fd,
				  const struct endpoint *client);

void connection_end(struct connection *connection);

/*
 * The process leaves: end it if nothing has been asked on it for quiet_ms, or, in a handshake, if
 * that takes longer. False: it is still to be waited for.
 */
bool connection_finish(struct connection *connection, uint64_t quiet_ms);

/* The settings have changed: is its server still trusted? peer.why if not. */
bool connection_check_again(struct connection *connection);

/* --- for a connection_read_fn --- */

const struct mras_config *connection_config(const struct connection *connection);
struct evbuffer *connection_input(const struct connection *connection);

/* False, with a line in the log, if its certificate has expired since: end it. */
bool connection_may_ask(const struct connection *connection);

/* Is there room for one more answer? If not, read is called once there is. */
bool connection_has_room(const struct connection *connection);

/* answer is taken over; NULL: there is none. False if out of memory: end it. */
bool connection_send(struct connection *connection, char *answer, size_t len);
bool connection_send_static(struct connection *connection, const char *text);

/* A complete request was read, or a keep-alive. */
void connection_served(struct connection *connection);

/*
 * Nothing more can be served now: wait for bytes or room. has_begun: part of a request has arrived;
 * input_max: bytes of input at which to stop reading. After heard_end it drains.
 */
void connection_await(struct connection *connection, bool has_begun, size_t input_max);

/* Write what is queued, then end; nothing more is read. */
void connection_drain(struct connection *connection);

#endif
