/*
 * ms_reply.h - the one place that builds answers of the MS dialect and counts the results of
 * requests.
 *
 *   to strangers         a challenge, whatever the code: REALM, NONCE, ALTERNATE-SERVER, no
 *                        reason phrase, no integrity; 400 and 431 without those
 *   to authenticated     signed with the request's key and kind: a client exists that ignores
 *   clients              unsigned errors but 300, 400, 401 and 438
 *
 * Owner    the reply is in the caller's buffer, see ms_request.h.
 * Threads  the worker of the request's turn.
 */
#ifndef RELAY_DIALECT_MS_MS_REPLY_H
#define RELAY_DIALECT_MS_MS_REPLY_H

#include "relay/dialect/ms/ms_request.h"
#include "stun/ms_msg.h"

/* A success response: start, add the method's attributes, finish. */
void ms_reply_success_start(struct ms_request *rq, struct ms_builder *b);
void ms_reply_finish(struct ms_request *rq, struct ms_builder *b, int code);

void ms_reply_error(struct ms_request *rq, int code);
/* Its reason phrase says why, too: a few words. The request is authenticated. */
void ms_reply_error_because(struct ms_request *rq, int code, const char *why);

/* 420 with what was not understood, each type once. */
void ms_reply_unknown_attributes(struct ms_request *rq, const uint16_t *types,
				 size_t count);

/*
 * 401, 432, 434, 435, 436 or 438. ALTERNATE-SERVER is the address that the request was sent
 * to: a client exists that starts again elsewhere if it reads another one.
 */
void ms_reply_challenge(struct ms_request *rq, int code);

/*
 * 300 with another relay of the client's side and family; there is room for one. Clients start
 * again there, as if they had been sent to it at first.
 */
bool ms_reply_can_redirect(const struct ms_request *rq);
void ms_reply_redirect(struct ms_request *rq);

/* The client's MS-VERSION or ours, whichever is lower; left out if the client sent none. */
void ms_reply_add_version(const struct ms_request *rq, struct ms_builder *b);
/* What the client sent, 0 for none. */
uint32_t ms_request_version(const struct ms_request *rq);

#endif
