/*
 * session_model.h - invariants of a session, checked by a model that knows only the
 * answers: which permissions and channels each client got, and until when. A violation
 * calls abort().
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

/* All zero except fixture. */
struct model {
	struct fixture *fixture;
	size_t count;
	struct grant grants[GRANTS_MAX];
};

/* The client has just sent a message: check and record what came back in c->out. */
void model_check_answer(struct model *m, const struct client *c);

/* A datagram from source to the relayed address of al became f. */
void model_check_to_client(const struct model *m, const struct allocation *al,
			   const struct endpoint *source, const struct forward *f);

/* Sockets, quotas and deadlines, which must agree after every step. */
void model_check_invariants(const struct model *m);

/* The same for every port. It visits all of them, so call it once per input. */
void model_check_ports(const struct model *m);

#endif
