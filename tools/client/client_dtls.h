/*
 * client_dtls.h - DTLS 1.2 or later between a client's datagrams and its messages (RFC 7350). It
 * has no socket: the owner gives it what arrives and sends what it puts out.
 *
 * Owner    whoever calls client_dtls_new(). Callbacks must not free it.
 * Threads  that of the event base.
 */
#ifndef TOOLS_CLIENT_CLIENT_DTLS_H
#define TOOLS_CLIENT_CLIENT_DTLS_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "stun/wire.h"

struct client_dtls;
struct event_base;

enum { CLIENT_DTLS_MAX = SSL3_RT_MAX_PLAIN_LENGTH }; /* bytes of one message */

struct client_dtls_events {
	void *arg;
	/* The handshake is complete, and the certificate verified. */
	void (*connected)(void *arg);
	/* The content of one record, borrowed; arrived_ns as given for its datagram. */
	void (*message)(void *arg, struct slice message, uint64_t arrived_ns);
	/* It failed or was closed by the server; what: a whole sentence. Once; nothing follows. */
	void (*lost)(void *arg, const char *what);
	/* Send this datagram. False and errno: it did not go out. */
	bool (*output)(void *arg, struct slice datagram);
};

/*
 * Starts the handshake, offering ALPN stun.turn; repeats its flights until the owner gives up.
 * name: as for client_tls_new(). NULL and errno: no memory.
 */
struct client_dtls *client_dtls_new(struct event_base *base, SSL_CTX *context,
				    const char *name,
				    const struct client_dtls_events *events);
/* NULL is allowed. Tells the server (close_notify) if it was connected. */
void client_dtls_free(struct client_dtls *dtls);

bool client_dtls_is_connected(const struct client_dtls *dtls);

/* A datagram arrived. What is not DTLS is ignored. */
void client_dtls_receive(struct client_dtls *dtls, struct slice datagram,
			 uint64_t arrived_ns);

/*
 * After connected(): one message in one record. False and errno: it did not go out; EMSGSIZE: it is
 * longer than CLIENT_DTLS_MAX.
 */
bool client_dtls_send(struct client_dtls *dtls, struct slice message);

#endif
