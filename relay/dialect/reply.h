/*
 * reply.h - the one place that builds answers and counts the results of requests.
 *
 * Two kinds of answers leave here:
 *
 *   to strangers         the smallest that is legal: no reason phrase, no SOFTWARE, no
 *                        integrity
 *   to authenticated     reason phrase, SOFTWARE, integrity with the request's key and of
 *   clients              the request's kind
 *
 * Both have FINGERPRINT exactly if the request had it (RFC 8489 section 7).
 *
 * Owner    the reply is in the caller's buffer, see request.h.
 * Threads  the worker of the request's turn.
 */
#ifndef RELAY_DIALECT_REPLY_H
#define RELAY_DIALECT_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/dialect/request.h"
#include "stun/msg.h"

/*
 * May a request that proved nothing be answered? Streams have proved their return path, and so
 * have clients with an allocation on this 5-tuple; the limiter bounds answers to all others.
 * False: withheld, and counted. Asking spends allowance, so ask once and before building.
 */
bool reply_allowed_to_stranger(struct request *rq);
/* The same for whatever came from that 5-tuple; al is its allocation, or NULL. */
bool reply_allowed(struct turn *turn, const struct five_tuple *tuple,
		   enum transport transport, const struct allocation *al,
		   uint64_t now_ms);

/*
 * A reply that is longer than most: each STRANGER_ANSWER_LEN bytes begun count as one answer,
 * the first of which was counted when it was allowed.
 */
enum { STRANGER_ANSWER_LEN = 80 }; /* the longest challenge */
void reply_spend_on_stranger(const struct request *rq);

/* A success response: start, add the method's attributes, finish. */
void reply_success_start(struct request *rq, struct stun_builder *b);
void reply_finish(struct request *rq, struct stun_builder *b, int code);

/* A success response without attributes of its own. */
void reply_success(struct request *rq);

void reply_error(struct request *rq, int code);
/* Its reason phrase says why, too: a few words. */
void reply_error_because(struct request *rq, int code, const char *why);

/* 420 with what was not understood, each type once. */
void reply_unknown_attributes(struct request *rq, const uint16_t *types, size_t count);

/*
 * 300 with the other relays of the client's side, that of the client's own family first (RFC
 * 8489 section 10). Authenticated requests only, and only if there is one of that family.
 */
bool reply_can_redirect(const struct request *rq);
void reply_redirect(struct request *rq);

/*
 * 401 or 438 with REALM, a fresh NONCE and PASSWORD-ALGORITHMS. Never signed: a 401 has no key
 * to be signed with, and a 438, which may be, goes to a source that has not shown its return
 * path yet, so it stays as small and as cheap as the 401.
 */
void reply_challenge(struct request *rq, int code);

#endif
