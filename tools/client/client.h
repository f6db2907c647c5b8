/*
 * client.h - a TURN client over libstun, for load and diagnosis: one allocation, one channel or
 * permission, data both ways. It keeps its allocation, permission and channel fresh by itself.
 *
 *   CONNECTING --> ALLOCATING --> READY --> (BINDING --> READY) --> RELEASING --> gone
 *
 * Owner    who called client_new(). Callbacks may call anything but client_free().
 * Threads  those of the event base.
 */
#ifndef TOOLS_CLIENT_CLIENT_H
#define TOOLS_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "stun/endpoint.h"
#include "stun/wire.h"

struct client;
struct client_loop;
struct event_base;

enum client_transport {
	CLIENT_UDP,
	CLIENT_TCP,
	CLIENT_TLS,
	CLIENT_PTLS, /* TCP with Microsoft's pretended TLS; its dialect only */
};

/*
 * What the clients of one event base share: receive buffers, and random bytes drawn ahead so
 * that a Send indication costs no system call. NULL: no memory. Free it after the clients.
 */
struct client_loop *client_loop_new(struct event_base *base);
void client_loop_free(struct client_loop *loop); /* NULL is allowed */

struct client_config {
	struct client_loop *loop;
	enum client_transport transport;
	struct endpoint server;
	SSL_CTX *tls;         /* CLIENT_TLS: verified as it says */
	const char *tls_name; /* host name or address that the certificate must show */
	const char *username, *password; /* borrowed for the client's life */
	uint8_t family;    /* of the relayed address; IP_NONE: as the server likes */
	size_t send_queue; /* bytes queued on a stream before sends are refused */
};

/* Data from a peer; borrowed for the call. */
struct client_data {
	uint16_t channel; /* 0: it came in a Data indication, and peer says from whom */
	struct endpoint peer;
	struct slice payload;
	uint64_t arrived_ns; /* CLOCK_REALTIME, by the kernel where it can tell */
};

struct client_events {
	void *arg;
	/* Allocated: client_relayed() holds. */
	void (*ready)(void *arg);
	/* client_bind() or client_permit() has been granted. */
	void (*bound)(void *arg);
	void (*data)(void *arg, const struct client_data *data);
	/* client_release() is done. */
	void (*released)(void *arg);
	/*
	 * It is over: connection lost, no answer, refused. code: STUN error code or 0; what: a
	 * whole sentence.
	 */
	void (*failed)(void *arg, int code, const char *what);
};

/* Starts connecting and allocating. NULL and errno: no descriptor, no memory. */
struct client *client_new(const struct client_config *config,
			  const struct client_events *events);
void client_free(
	struct client *client); /* NULL is allowed; leaves the allocation to expire */

/* After ready: bind number (0x4000..0x4FFF) to peer, or install a permission for it. */
void client_bind(struct client *client, uint16_t number, const struct endpoint *peer);
void client_permit(struct client *client, const struct endpoint *peer);

/* After bound: send by the channel, or in a Send indication. False: it did not go out. */
bool client_send_channel(struct client *client, uint16_t number, struct slice payload);
bool client_send_indication(struct client *client, const struct endpoint *peer,
			    struct slice payload);

/* Refresh with lifetime 0. */
void client_release(struct client *client);

const struct endpoint *client_relayed(const struct client *client);

#endif
