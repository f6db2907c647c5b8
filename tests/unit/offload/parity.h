/*
 * parity.h - both planes side by side: a relay as core and dialects have it (fake_edge.h), the flows that
 * relay/offload/flow_of.c makes of it in the memory of a program, and for each frame the check that the program
 * does what the sockets would do. Does not use libcheck.
 *
 * Whatever the program forwards has to be what the sockets would have sent, and is counted to the byte; what
 * passes up is as it came, and counts nowhere.
 */
#ifndef TESTS_UNIT_OFFLOAD_PARITY_H
#define TESTS_UNIT_OFFLOAD_PARITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/core/fake_edge.h"
#include "tests/unit/offload/kernel_plane.h"

enum {
	PARITY_PAIRS = 64,
	PARITY_BUCKETS = 64,
	PARITY_MTU = 1500,
	PARITY_HOP = 1,
	PARITY_BACK = 2
};

/* A channel, or the active destination of an allocation, that the kernel is to forward. */
struct parity_pair {
	uint64_t id; /* of the allocation */
	uint32_t channel;
	uint32_t flows[2]; /* to the peer, to the client; FLOW_NONE: not in force */
};

struct parity {
	struct fixture fixture;
	struct kernel_plane *plane;
	struct flow_table *table;
	struct parity_pair pairs[PARITY_PAIRS];
	size_t pair_count;
	uint64_t ahead_ms; /* of the clock that the program sees */
	int32_t credit;    /* of flows with a limit, when they are put */
	char fault[512];   /* a sentence, if parity_check() has found one */
};

/* False: *why says why not. options: of the fixture. */
bool parity_start(struct parity *parity, const struct fixture_options *options,
		  const char **why);
void parity_stop(struct parity *parity);

/*
 * It is to be forwarded from now on, as far as it may be; or is already, and is judged again. False: there is
 * no room for more.
 */
bool parity_add(struct parity *parity, const struct allocation *al, uint32_t channel);
/* Something has changed: flows say what is so by now, as after relay/offload/flows.h. */
void parity_judge(struct parity *parity);
/* Time passes, and nobody judges or renews. */
void parity_pass(struct parity *parity, uint64_t ms);

enum parity_result { PARITY_UP, PARITY_FORWARDED, PARITY_FAULT };

/* One frame through the program, and what the sockets make of it. */
enum parity_result parity_check(struct parity *parity, enum kernel_hook hook,
				const struct kernel_frame *frame);

#endif
