/*
 * kernel_test_run.c - kernel_plane.h by BPF_PROG_TEST_RUN.
 */
#include "tests/unit/offload/kernel_plane.h"

#include <assert.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "relay/offload/bpf/flow_program.h"

enum { SHORTEST = FRAME_ETHERNET + FRAME_IPV6 };

struct kernel_plane {
	struct flow_program *program;
	void *tables[FLOW_PROGRAM_TABLES];
	size_t sizes[FLOW_PROGRAM_TABLES];
	struct flow_memory memory;
};

static bool map(struct kernel_plane *plane, enum flow_program_table table)
{
	plane->sizes[table] = flow_program_table_size(plane->program, table);
	plane->tables[table] = mmap(NULL, plane->sizes[table], PROT_READ | PROT_WRITE,
				    MAP_SHARED, flow_program_table(plane->program, table),
				    0);
	if (plane->tables[table] == MAP_FAILED)
		plane->tables[table] = NULL;
	return plane->tables[table] != NULL;
}

/*
 * Loading takes longer than a test: the plane of a process, and of those that it forks, is loaded once and
 * cleared for each that is new.
 */
static struct kernel_plane loaded;

static void unload(void)
{
	for (int i = 0; i < FLOW_PROGRAM_TABLES; i++) {
		if (loaded.tables[i] != NULL)
			munmap(loaded.tables[i], loaded.sizes[i]);
	}
	flow_program_free(loaded.program);
	loaded = (struct kernel_plane){.program = NULL};
}

static bool load(size_t bucket_count, const char **why)
{
	static char refused[256];
	bool mapped = true;

	loaded.program =
		flow_program_load((uint32_t)bucket_count, refused, sizeof(refused));
	if (loaded.program == NULL) {
		*why = refused;
		return false;
	}
	for (int i = 0; i < FLOW_PROGRAM_TABLES; i++)
		mapped = map(&loaded, (enum flow_program_table)i) && mapped;
	loaded.memory = (struct flow_memory){
		.settings = loaded.tables[FLOW_PROGRAM_SETTINGS],
		.buckets = loaded.tables[FLOW_PROGRAM_BUCKETS],
		.flows = loaded.tables[FLOW_PROGRAM_FLOWS],
		.bucket_count = bucket_count,
		.hops = loaded.tables[FLOW_PROGRAM_HOPS],
		.counts = loaded.tables[FLOW_PROGRAM_COUNTS],
	};
	*why = "its tables cannot be mapped";
	return mapped;
}

struct kernel_plane *kernel_plane_new(size_t bucket_count, const char **why)
{
	if (loaded.program != NULL && loaded.memory.bucket_count != bucket_count)
		unload();
	if (loaded.program == NULL && !load(bucket_count, why)) {
		unload();
		return NULL;
	}
	for (int i = 0; i < FLOW_PROGRAM_TABLES; i++)
		memset(loaded.tables[i], 0, loaded.sizes[i]);
	return &loaded;
}

void kernel_plane_free(struct kernel_plane *plane)
{
	(void)plane;
}

const struct flow_memory *kernel_plane_memory(const struct kernel_plane *plane)
{
	return &plane->memory;
}

bool kernel_plane_can_be_partial(const struct kernel_plane *plane)
{
	(void)plane;
	return false;
}

uint64_t kernel_plane_now_ms(const struct kernel_plane *plane)
{
	struct timespec now;

	(void)plane;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool kernel_plane_set_clock(struct kernel_plane *plane, uint64_t now_ms)
{
	(void)plane;
	(void)now_ms;
	return false;
}

void kernel_plane_run(struct kernel_plane *plane, enum kernel_hook hook,
		      const struct kernel_frame *frame, struct kernel_verdict *verdict)
{
	bool tc = hook == KERNEL_TC;
	struct __sk_buff skb = {.gso_segs = frame->is_super ? 2 : 0,
				.gso_size = frame->is_super ? 100 : 0};
	union bpf_attr attr = {
		.test.prog_fd = (uint32_t)(tc ? flow_program_tc(plane->program)
					      : flow_program_xdp(plane->program)),
		.test.data_in = (uint64_t)(uintptr_t)frame->bytes,
		.test.data_size_in = (uint32_t)frame->len,
		.test.data_out = (uint64_t)(uintptr_t)verdict->frame,
		.test.data_size_out = sizeof(verdict->frame),
		.test.repeat = 1,
	};

	assert((!frame->is_super || tc) && !frame->is_partial);
	if (frame->is_super) {
		attr.test.ctx_in = (uint64_t)(uintptr_t)&skb;
		attr.test.ctx_size_in = sizeof(skb);
	}
	if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr)) != 0) {
		/* The kernel makes no packet of so few bytes, and no device brings them. */
		if (errno != EINVAL || frame->len >= SHORTEST) {
			perror("BPF_PROG_TEST_RUN");
			abort();
		}
		verdict->forwarded = verdict->dropped = false;
		verdict->len = frame->len;
		memcpy(verdict->frame, frame->bytes, frame->len);
		return;
	}
	verdict->len = attr.test.data_size_out;
	verdict->forwarded = tc ? attr.test.retval == TC_ACT_REDIRECT
				: attr.test.retval == XDP_REDIRECT ||
					     attr.test.retval == XDP_TX;
	verdict->dropped = tc ? attr.test.retval == TC_ACT_SHOT
			      : attr.test.retval == XDP_DROP ||
					   attr.test.retval == XDP_ABORTED;
}
