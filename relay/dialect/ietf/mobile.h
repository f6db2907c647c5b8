/*
 * mobile.h - MOBILITY-TICKET in Allocate and Refresh (RFC 8016 sections 3.1.2 and 3.2.2).
 *
 * A Refresh with a ticket finds its allocation through the ticket and not by the 5-tuple it came
 * from. The order is that of the RFC, behind authentication, which is as for every request and so
 * gives a client at a new address a nonce first (401, 438): 405, 400 for a ticket that is none, 437,
 * 400 for an old one or one from where the client is, 441, then the checks of a Refresh.
 *
 * Threads  the worker of the request's turn, which has the allocation.
 */
#ifndef RELAY_DIALECT_IETF_MOBILE_H
#define RELAY_DIALECT_IETF_MOBILE_H

#include <stdbool.h>

struct allocation;
struct request;
struct stun_builder;

/* Before anything else of a request: fills its ticket, if it is a Refresh with one. */
void mobile_read_ticket(struct request *rq);

/*
 * Does another worker have the allocation that the ticket names, or the one that moves to the
 * request's 5-tuple? Then it is for that worker to answer, which the request says from now on. Only
 * a client with a nonce of its own gets that far.
 */
bool mobile_is_elsewhere(struct request *rq);

/* The allocation that the ticket names, on this worker; NULL if there is none. */
struct allocation *mobile_named(const struct request *rq);

/* An authenticated Refresh with a ticket. */
void mobile_refresh(struct request *rq);

/*
 * What an Allocate asks for: 0, or 405 or 400. *wanted: it asks for a ticket.
 */
int mobile_check_allocate(struct request *rq, bool *wanted);

/* The allocation's valid ticket, if it is mobile. */
void mobile_add_ticket(const struct request *rq, struct stun_builder *b);

#endif
