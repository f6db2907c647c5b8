/*
 * dtls.h - the clients of a worker over DTLS (RFC 7350). A UDP front hands over every datagram that
 * begins as DTLS does; a client is known by its 5-tuple, of which the front is the one after the UDP
 * front.
 *
 *   hello without cookie --> HelloVerifyRequest; nothing is kept, and nothing allocated
 *   hello with our cookie --> an association in its handshake, one of the unauthenticated
 *   handshake complete --> messages, each in a record of its own, go to dispatch.h
 *
 * A valid hello on a 5-tuple that has an association begins another one beside it, which replaces it
 * and ends its allocation once the handshake is complete, not before: a hello can be forged (RFC
 * 6347 section 4.2.8).
 *
 * The limits are those of connections, counted apart: limits.connections, limits.unauthenticated, an
 * eighth of limits.unauthenticated_per_prefix (see clients.h), their times. All timers of all associations are one timer of the worker, which looks at those in
 * a handshake several times a second and at the others in turn.
 *
 * Owner    the worker, through the UDP fronts; its thread only.
 * Memory   beside the associations, a buffer for what is encrypted until it is sent.
 */
#ifndef RELAY_FRONT_DTLS_H
#define RELAY_FRONT_DTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/five_tuple.h"
#include "relay/core/forward.h"
#include "relay/core/front.h"
#include "stun/wire.h"

struct delivery;
struct dispatch;
struct dtls;

/* Of the IP header of a datagram; hop_limit 0: not known, or the system's. */
struct dtls_header {
	uint8_t tos, hop_limit;
};

/* The ways to a client, which know its next hop. front: the one of DTLS. */
struct dtls_path {
	void *self;
	/* Now. */
	void (*send)(void *self, uint16_t front, const struct endpoint *client,
		     struct slice datagram);
	/* In runs; the datagram is borrowed until flush. */
	void (*relay)(void *self, uint16_t front, const struct endpoint *client,
		      struct slice datagram, struct dtls_header header);
	void (*flush)(void *self);
	/* A message with that verdict (relay/relocation.h). */
	void (*hand_over)(void *self, const struct five_tuple *tuple,
			  struct slice message, struct dtls_header header,
			  const struct dispatch *dispatch);
};

/* path is copied. NULL if out of memory. */
struct dtls *dtls_new(struct delivery *delivery, const struct dtls_path *path);
/* Ends all associations, which are told, and the allocations go with their worker. NULL is allowed. */
void dtls_free(struct dtls *dtls);

/*
 * A datagram that begins with 20..63 (RFC 7983), from a client that may be one. It is overwritten
 * with what it decrypts to, which is valid until its buffer is used again.
 *
 * tuple  of the DTLS front
 *
 * True if it proves that the client is there: by a cookie, or by a record that only the client can
 * have made.
 */
bool dtls_receive(struct dtls *dtls, const struct five_tuple *tuple, uint8_t *datagram,
		  size_t len, struct dtls_header header);

/*
 * What is relayed to a client: header, payload, padding as the forward says, in one record. It is
 * borrowed; what is encrypted is sent with the runs of the path. room as for to_client() of
 * delivery.h.
 */
void dtls_send_forward(struct dtls *dtls, const struct five_tuple *tuple,
		       const struct forward *forward, uint8_t *room);

/* Has it an association, in its handshake or open? */
bool dtls_has(struct dtls *dtls, const struct five_tuple *tuple);

/*
 * A message that has been through another worker: handle it as if it had just come; and the answer to
 * one. Nothing if the association is gone. known: another worker has an allocation for the client.
 */
void dtls_handle(struct dtls *dtls, const struct five_tuple *tuple, struct slice message,
		 struct dtls_header header);
void dtls_answer(struct dtls *dtls, const struct five_tuple *tuple, struct slice reply,
		 bool known);

/* The runs of the path have been sent. */
void dtls_flushed(struct dtls *dtls);

/*
 * Look at what is due; its timer does so too. Time is that of the loop.
 */
void dtls_look(struct dtls *dtls);

/* End that client's associations, and its allocation if it has one. */
void dtls_end(struct dtls *dtls, const struct five_tuple *tuple);

/* End all associations of that front, none of which has an allocation. */
void dtls_end_front(struct dtls *dtls, uint16_t front);

#endif
