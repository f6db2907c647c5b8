/*
 * association.h - the DTLS association with one client: its SSL object, fed record by record, and
 * what may go into it while a handshake is under way. It knows no socket, no table and no limits;
 * those are in dtls.h.
 *
 *   HANDSHAKE --Finished of both--> OPEN --close_notify or fatal alert--> ended
 *
 * OpenSSL keeps what comes too early: up to a hundred records of the next epoch and fragments of
 * messages of any length. A client in a handshake has no credentials yet, so only what a handshake
 * consists of is passed on, and not much of it.
 *
 * Owner    dtls.c; its worker's thread only.
 * Memory   some 10 KB in OpenSSL, and 35 KB of buffers while records come and go, which
 *          association_rest() gives back.
 */
#ifndef RELAY_FRONT_ASSOCIATION_H
#define RELAY_FRONT_ASSOCIATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "relay/core/counters.h"
#include "relay/front/clients.h"
#include "stun/dtls_hello.h"
#include "stun/wire.h"

struct association;

/* Where its datagrams go: flights of the handshake, alerts, records of data. */
struct association_output {
	void *self;
	void (*send)(void *self, const struct association *association,
		     struct slice datagram);
};

enum association_state {
	ASSOCIATION_HANDSHAKE,
	ASSOCIATION_OPEN,
};

struct association {
	struct client client; /* its front is the one of DTLS */
	TAILQ_ENTRY(association) roster;
	TAILQ_ENTRY(association) opening; /* while in its handshake */
	/* The one that this ends once its handshake is complete; NULL: none. Its owner's. */
	struct association *former;
	const struct association_output *output;
	SSL *ssl;
	struct slice input; /* the record that OpenSSL reads next */
	enum association_state state;
	enum connection_end why; /* it failed */
	bool failed;             /* nothing more can be sent */
	bool authenticated;
	bool binding_only; /* it was negotiated for stun.nat-discovery */
	bool has_buffers;
	uint8_t repeats; /* of flights of the handshake, by the clock */
	uint8_t early;   /* records of the next epoch that came in the handshake */
	uint32_t handshake_bytes;        /* received */
	uint8_t random[DTLS_RANDOM_LEN]; /* of the hello: distinguishes a repeated one */
	uint64_t began_ms;
	uint64_t last_use_ms;    /* an authenticated request, or data of an allocation */
	uint64_t last_record_ms; /* in either direction */
};

enum {
	/* Datagrams of a handshake: they fit wherever a DTLS packet may have to pass. */
	ASSOCIATION_MTU = 1200,
	/* One record of data, and what protects it. */
	ASSOCIATION_PLAIN_MAX = 16384,
	ASSOCIATION_RECORD_MAX = ASSOCIATION_PLAIN_MAX + 256,
};

enum association_result {
	ASSOCIATION_NOTHING, /* as handshakes go on, or nothing came of it */
	ASSOCIATION_DROPPED, /* not a record for this state, or not a valid one */
	ASSOCIATION_OPENED,  /* the handshake is complete */
	ASSOCIATION_MESSAGE, /* plain is a message */
	ASSOCIATION_CLOSED,  /* by the client */
	ASSOCIATION_FAILED,  /* for the reason in why */
};

/* The BIO that all associations of a worker have one of. NULL if out of memory. */
BIO_METHOD *association_bio_method(void);

/*
 * Begin with a hello whose cookie has proved where it comes from. The caller has filled in client
 * and output; method is from association_bio_method(). False if it cannot go on, for the reason in why; association_release() is due in any
 * case.
 */
bool association_begin(struct association *association, SSL_CTX *ctx,
		       const BIO_METHOD *method, const struct dtls_hello *hello,
		       struct slice record, uint64_t now_ms);
/* Nothing is sent. */
void association_release(struct association *association);

/*
 * One record of the client. plain: as many bytes as its content has, where its plaintext goes; it
 * may lie over the record, which has been copied by then.
 */
enum association_result association_take(struct association *association,
					 const struct dtls_record *record, uint8_t *plain,
					 size_t *plain_len);

/* One message as one record (RFC 7350 section 3). False if that failed; it has to end then. */
bool association_send(struct association *association, struct slice message);

/* Send close_notify, if it is open. */
void association_close(struct association *association);

/* Repeat the last flight if it is time to, three times at most in a handshake. False: it cannot. */
bool association_retransmit(struct association *association);

/* Give back buffers that will be made again when they are needed. */
void association_rest(struct association *association);

#endif
