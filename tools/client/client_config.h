/*
 * client_config.h - what a client is told at its start, and what it reports.
 */
#ifndef TOOLS_CLIENT_CLIENT_CONFIG_H
#define TOOLS_CLIENT_CLIENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "stun/endpoint.h"
#include "stun/wire.h"

struct client_loop;

enum client_transport {
	CLIENT_UDP,
	CLIENT_TCP,
	CLIENT_TLS,  /* RFC 8656 only */
	CLIENT_PTLS, /* TCP with Microsoft's pseudo-TLS; that dialect only */
};

struct client_config {
	struct client_loop *loop;
	enum client_transport transport;
	bool ms;        /* the Microsoft dialect instead of RFC 8656 */
	bool send_mode; /* a Send around each packet; no channel, no active destination */
	struct endpoint server;
	SSL_CTX *tls;         /* CLIENT_TLS: decides what is verified */
	const char *tls_name; /* host name or address that the certificate must show */
	/*
	 * Borrowed for the client's life. In the Microsoft dialect the base64 texts of the
	 * bytes that it sends and signs with.
	 */
	const char *username, *password;
	uint8_t family;    /* of the relayed address; IP_NONE: the server's choice */
	size_t send_queue; /* bytes queued on a stream before sends are refused */
};

/* client_data.channel of data from the active destination (Microsoft dialect). */
enum { CLIENT_ACTIVE = 1 };

/* Data from a peer; borrowed for the call. */
struct client_data {
	uint16_t channel; /* 0: it came in a Data indication, and peer is its source */
	struct endpoint peer;
	struct slice payload;
	uint64_t arrived_ns; /* CLOCK_REALTIME, by the kernel where it says */
};

struct client_events {
	void *arg;
	/* Allocated: client_relayed() is valid. */
	void (*ready)(void *arg);
	/* client_bind() has been granted. */
	void (*bound)(void *arg);
	void (*data)(void *arg, const struct client_data *data);
	/* client_release() is done. */
	void (*released)(void *arg);
	/*
	 * The client is finished: connection lost, no answer, refused. code: STUN error code
	 * or 0; what: a whole sentence.
	 */
	void (*failed)(void *arg, int code, const char *what);
};

#endif
