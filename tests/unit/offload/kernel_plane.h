/*
 * kernel_plane.h - the programs of relay/offload/bpf, run for one frame at a time: by the kernel
 * (kernel_test_run.c, which takes privileges), or compiled for this machine with the few functions of the kernel
 * that they call (kernel_native.c), for everybody, fuzzing and sanitizers.
 */
#ifndef TESTS_UNIT_OFFLOAD_KERNEL_PLANE_H
#define TESTS_UNIT_OFFLOAD_KERNEL_PLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/offload/flow_table.h"
#include "tests/unit/offload/frame.h"

struct kernel_plane;

enum kernel_hook { KERNEL_TC, KERNEL_XDP, KERNEL_HOOKS };

/* What comes in. */
struct kernel_frame {
	const uint8_t *bytes;
	size_t len;
	bool is_super; /* several datagrams in one (GRO); KERNEL_TC only */
	/*
	 * A device is to complete the UDP checksum, which is that of the pseudo header so far (CHECKSUM_PARTIAL); as
	 * kernel_plane_can_be_partial() says, KERNEL_TC only.
	 */
	bool is_partial;
};

struct kernel_verdict {
	bool forwarded; /* else it passes up, as frame has it */
	bool dropped;   /* neither */
	size_t len;
	uint8_t frame[FRAME_MAX];
};

/* NULL: it cannot be had here; *why is a sentence. All memory is zero. One at a time. */
struct kernel_plane *kernel_plane_new(size_t bucket_count, const char **why);
void kernel_plane_free(struct kernel_plane *plane); /* NULL is allowed */

/* Borrowed. */
const struct flow_memory *kernel_plane_memory(const struct kernel_plane *plane);

/* The clock that the programs see, in ms: that of the system, or what was set last (kernel_native.c). */
uint64_t kernel_plane_now_ms(const struct kernel_plane *plane);
/* False: it is the system's. */
bool kernel_plane_set_clock(struct kernel_plane *plane, uint64_t now_ms);

bool kernel_plane_can_be_partial(const struct kernel_plane *plane);

/* Any number of threads, each with its own verdict. */
void kernel_plane_run(struct kernel_plane *plane, enum kernel_hook hook,
		      const struct kernel_frame *frame, struct kernel_verdict *verdict);

#endif
