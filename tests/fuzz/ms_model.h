/*
 * ms_model.h - invariants of a session in the MS dialect, checked by a model that knows
 * only which packets went to a peer and which destination each client was told. A
 * violation calls abort().
 */
#ifndef TESTS_FUZZ_MS_MODEL_H
#define TESTS_FUZZ_MS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/dialect/ms_client.h"

/* A known fact about an allocation, by its id. */
struct ms_known {
	uint64_t allocation;
	struct ip_addr permitted; /* by a Send; or none */
	struct endpoint active;   /* by Set Active Destination; or none */
	uint32_t number;          /* used by a Send; or 0 */
};

enum { MS_KNOWN_MAX = 400 };

/* All zero except fixture. */
struct ms_model {
	struct fixture *fixture;
	struct ms_known known[MS_KNOWN_MAX];
	size_t count;
};

/* A packet leaves for a peer, from the relayed address of the client at tuple. */
void ms_model_check_to_peer(struct ms_model *m, const struct five_tuple *tuple,
			    struct slice sent, bool control, const struct forward *f);

/* A request was granted: the client relies on it from now on. */
void ms_model_granted(struct ms_model *m, const struct ms_client *c);

/* Reservations of bandwidth and the sums of them agree. */
void ms_model_check_reservations(const struct ms_model *m);

/* A packet from source to the relayed address of al became f. */
void ms_model_check_to_client(const struct ms_model *m, const struct allocation *al,
			      const struct endpoint *source, struct slice payload,
			      const struct forward *f);

#endif
