/*
 * refresh.h - what a Refresh asks for (RFC 8656 section 8.2), with a ticket or without.
 *
 * Threads  the worker of the request's turn.
 */
#ifndef RELAY_DIALECT_IETF_REFRESH_H
#define RELAY_DIALECT_IETF_REFRESH_H

#include <stdint.h>

struct request;

struct refresh {
	uint32_t lifetime_s; /* to grant; 0 deletes */
	uint8_t family;      /* those of the allocation, or one of both */
};

/* Of rq->al, that of its 5-tuple or the one that its ticket names: 0, or the code to answer with. */
int refresh_check(const struct request *rq, struct refresh *refresh);

/* Do it; returns what is left of the lifetime, 0 if all or that family of it has ended. */
uint32_t refresh_do(struct request *rq, const struct refresh *refresh);

#endif
