/*
 * program_bed.h - the kernel's own program run on one packet at a time (BPF_PROG_TEST_RUN), with its
 * tables mapped, so that a test fills them as the relay does.
 *
 * What leaves is not sent: bytes are those of the frame that would be, but for the Ethernet header of TC, which
 * the neighbour gives.
 */
#ifndef TESTS_UNIT_OFFLOAD_PROGRAM_BED_H
#define TESTS_UNIT_OFFLOAD_PROGRAM_BED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/offload/bpf/flow_program.h"
#include "relay/offload/flow_table.h"

enum program_kind { PROGRAM_TC, PROGRAM_XDP };

enum { PROGRAM_FRAME_MAX = 4096 };

struct program_bed {
	struct flow_program *program;
	struct flow_memory
		memory; /* settings: on, relayed ports 50000-59999, front port 3478 */
};

struct program_result {
	bool goes;       /* it leaves, as bytes; else it passes up */
	bool is_lost;    /* or neither: the second of two flows was closed */
	enum flow_up up; /* why; FLOW_UP_COUNT: counted nowhere, so not ours, or it goes */
	uint32_t code;   /* TC_ACT_* or XDP_* */
	size_t len;
	uint8_t bytes[PROGRAM_FRAME_MAX]; /* as it leaves or passes up */
};

/* Where this process may not: false, and why. Ends the test program if the programs are refused. */
bool program_bed_may(char *why, size_t why_size);

/* buckets: a power of two. */
void program_bed_open(struct program_bed *bed, uint32_t buckets);
void program_bed_close(struct program_bed *bed);

/* Put a flow in force, whatever else is there; where it lies. */
struct flow *program_bed_put(struct program_bed *bed, const struct flow *flow);
/* No flows, no counts, and the settings of the beginning. */
void program_bed_clear(struct program_bed *bed);

/* gso_size: of a super-packet; else 0. XDP has none. */
void program_bed_run(struct program_bed *bed, enum program_kind kind, const void *frame,
		     size_t len, uint32_t gso_size, struct program_result *result);

/* CLOCK_MONOTONIC. */
uint64_t program_bed_now_ns(void);

#endif
