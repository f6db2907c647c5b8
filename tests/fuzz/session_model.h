/*
 * session_model.h - what must hold at any time in a session, judged by a model that knows only
 * what was answered: who was given which permission and channel, and until when. What does not
 * hold ends in abort().
 */
#ifndef TESTS_FUZZ_SESSION_MODEL_H
#define TESTS_FUZZ_SESSION_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "tests/unit/dialect/turn_client.h"

/*
 * What a client was given for a peer: permission (number 0) or channel; or a relayed address
 * of a family (number GRANT_ADDRESS, the peer has that family and nothing else).
 */
struct grant {
	uint64_t allocation;
	struct endpoint peer; /* as the client names it; permissions: port 0 */
	uint16_t number;
	uint64_t until_ms;
};

enum { GRANTS_MAX = 4096, GRANT_ADDRESS = 1 };

/* Zero but for the fixture. */
struct model {
	struct fixture *fixture;
	size_t count;
	struct grant grants[GRANTS_MAX];
};

/* The client has just sent something: the answer or forwarding in c->out, and what it gave. */
void model_check_answer(struct model *m, const struct client *c);

/* What a datagram of source became at the relayed address of al. */
void model_check_to_client(const struct model *m, const struct allocation *al,
			   const struct endpoint *source, const struct forward *f);

/* Books that must agree between any two steps: sockets, quotas, deadlines. */
void model_check_invariants(const struct model *m);

/* The same of every port. It walks through all of them, so once for an input. */
void model_check_ports(const struct model *m);

#endif
