/*
 * dtls_fixture.h - the DTLS clients of one worker without a socket: the fixture of fake_edge.h with
 * a DTLS front, a clock moved by hand, and clients of OpenSSL whose datagrams pass through memory.
 * Does not use libcheck, so that the fuzzer can use it.
 */
#ifndef TESTS_UNIT_RELAY_DTLS_FIXTURE_H
#define TESTS_UNIT_RELAY_DTLS_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/front/dtls/dtls.h"
#include "relay/front/trace.h"
#include "relay/loop.h"
#include "relay/reload/relay_settings.h"
#include "tests/unit/core/fake_edge.h"

enum {
	FRONT_DTLS_PLAIN = 3, /* outside UDP; the next one is made its DTLS front */
	FRONT_DTLS = 4,
	DTLS_DATAGRAMS = 64,
	DTLS_DATAGRAM_MAX = 17000,
};

struct dtls_datagram {
	struct endpoint to;
	size_t len;
	uint8_t bytes[DTLS_DATAGRAM_MAX];
};

struct dtls_fixture {
	struct fixture core;
	struct loop loop;
	struct delivery delivery;
	struct relay_settings settings;
	struct trace trace;
	struct dtls *dtls;
	SSL_CTX *tls;
	struct tickets *tickets;
	struct forward to_peer; /* the last one */
	uint8_t payload[2048];  /* of it */
	unsigned peers;         /* how many */
	unsigned handed_over;   /* messages for another worker */
	/* Sent to clients and not taken yet; more than there is room for is only counted. */
	struct dtls_datagram datagrams[DTLS_DATAGRAMS];
	unsigned count;
	uint64_t sent, sent_bytes;
	size_t longest;
	uint8_t reply[DISPATCH_REPLY_MAX];
};

/* False if out of memory. */
bool dtls_fixture_start(struct dtls_fixture *fixture);
void dtls_fixture_stop(struct dtls_fixture *fixture);

/* Move the clock, and look at what is due. */
void dtls_fixture_wait(struct dtls_fixture *fixture, uint64_t ms);

/* A datagram of that client; copied, because it is overwritten. */
void dtls_fixture_receive(struct dtls_fixture *fixture, const struct endpoint *client,
			  const uint8_t *bytes, size_t len);

uint64_t dtls_fixture_drops(const struct dtls_fixture *fixture, enum drop_reason reason);
uint64_t dtls_fixture_ends(const struct dtls_fixture *fixture, enum connection_end why);

struct dtls_peer {
	struct dtls_fixture *fixture;
	struct endpoint address;
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out;
	size_t longest; /* datagram received */
};

/* alpn: as on the wire, or NULL. version: the highest, DTLS1_2_VERSION or DTLS1_VERSION. */
bool dtls_peer_init(struct dtls_peer *peer, struct dtls_fixture *fixture,
		    const char *address, const char *alpn, int version);
void dtls_peer_free(struct dtls_peer *peer);

/* Pass what it has written to the relay; false if there was nothing. */
bool dtls_peer_flush(struct dtls_peer *peer);
/* Take what the relay has sent to it. */
void dtls_peer_take(struct dtls_peer *peer);
/* One step of its handshake, to the relay and back; true when it is complete. */
bool dtls_peer_step(struct dtls_peer *peer);
/* All of them. False if it is refused. */
bool dtls_peer_connect(struct dtls_peer *peer);

/* One message in a record. */
void dtls_peer_send(struct dtls_peer *peer, const void *message, size_t len);
/* The next message, 0: none. */
size_t dtls_peer_receive(struct dtls_peer *peer, uint8_t *message, size_t size);

#endif
