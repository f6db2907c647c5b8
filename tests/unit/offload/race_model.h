/*
 * race_model.h - a model: two workers put, read, renew and end flows of few buckets while two programs forward
 * packets by them. Each flow has a number of its own in its addresses, so that what the programs have sent is
 * compared with what the workers have counted, flow by flow.
 */
#ifndef TESTS_UNIT_OFFLOAD_RACE_MODEL_H
#define TESTS_UNIT_OFFLOAD_RACE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/offload/flow_table.h"

enum {
	RACE_WORKERS = 2,
	RACE_PROGRAMS = 2,
	RACE_LEN_MAX = 1200,
};

/* What a program has done with a packet. */
struct race_run {
	enum flow_up up; /* FLOW_UP_COUNT: it is forwarded, to and from these: */
	uint32_t to, from;
	uint16_t to_port; /* as it lies in the flow */
};

struct race {
	const struct flow_memory *memory;
	uint16_t keys;  /* more than there are places, so that some find none */
	uint32_t steps; /* of a worker */
	/*
	 * The packet of that number and payload length, at that time. One thread of each program; it may be held
	 * up wherever it likes.
	 */
	void (*run)(void *arg, uint16_t number, uint32_t len, uint64_t now_ms,
		    struct race_run *result);
	void *arg;
	/* The clock; NULL: one of the model, where neither a turn nor a run lasts longer than FLOW_REST_MS / 2. */
	uint64_t (*now_ms)(void *arg);
	uint64_t until_ms;  /* with now_ms: workers go on until then, within steps */
	uint64_t coarse_ms; /* the clock of the program is behind by so much */
	/* Why packets passed up is known to run(). */
	bool knows_why;
};

/* The key of a number. */
struct flow_key race_key(uint16_t number);

/* Run it, and check what must be so, with libcheck. */
void race_check(const struct race *race);

#endif
