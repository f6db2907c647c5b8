/*
 * flow_program.c - see flow_program.h.
 */
#include "relay/offload/bpf/flow_program.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/fail.h"
#include "relay/offload/flow_layout.h"

/* Generated; written by others for other warnings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wnull-dereference"
#include "relay/offload/bpf/flow_skeleton.inc"
#pragma GCC diagnostic pop

struct flow_program {
	struct flow_skeleton *skeleton;
	bool has_xdp;
};

/* libbpf explains itself line by line, to one function for all; the caller gets a sentence. */
static int be_silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static struct bpf_map *map_of(const struct flow_program *program,
			      enum flow_program_table table)
{
	const struct flow_skeleton *skeleton = program->skeleton;

	switch (table) {
	case FLOW_PROGRAM_SETTINGS:
		return skeleton->maps.data_settings;
	case FLOW_PROGRAM_BUCKETS:
		return skeleton->maps.buckets;
	case FLOW_PROGRAM_FLOWS:
		return skeleton->maps.flows;
	case FLOW_PROGRAM_HOPS:
		return skeleton->maps.hops;
	case FLOW_PROGRAM_COUNTS:
		return skeleton->maps.bss;
	case FLOW_PROGRAM_TABLES:
		break;
	}
	assert(false);
	return NULL;
}

/* 0 or -errno, and the skeleton in *program. */
static int load(struct flow_program *program, uint32_t buckets, bool with_xdp)
{
	struct flow_skeleton *skeleton = flow_skeleton__open();

	program->skeleton = skeleton;
	program->has_xdp = with_xdp;
	if (skeleton == NULL)
		return errno != 0 ? -errno : -ENOMEM;
	skeleton->rodata->bucket_mask = buckets - 1;
	bpf_program__set_autoload(skeleton->progs.flow_xdp, with_xdp);
	int error = bpf_map__set_max_entries(skeleton->maps.buckets, buckets);
	if (error == 0)
		error = bpf_map__set_max_entries(skeleton->maps.flows,
						 buckets * FLOW_WAYS);
	if (error == 0)
		error = flow_skeleton__load(skeleton);
	return error;
}

static void unload(struct flow_program *program)
{
	flow_skeleton__destroy(program->skeleton);
	program->skeleton = NULL;
}

static const char *remedy(int error)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
		return "; it takes CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, and no lockdown or seccomp filter that "
		       "forbids bpf(2)";
	case -ENOMEM:
		return "; fewer flows need less memory";
	case -ENOSYS:
		return "; it is built without BPF";
	default:
		return "";
	}
}

struct flow_program *flow_program_load(uint32_t buckets, char *why, size_t why_size)
{
	assert(buckets > 0 && buckets <= FLOW_PROGRAM_BUCKETS_MAX &&
	       (buckets & (buckets - 1)) == 0);
	struct flow_program *program = calloc(1, sizeof(*program));
	if (program == NULL) {
		fail(why, why_size, "out of memory");
		return NULL;
	}

	libbpf_print_fn_t before = libbpf_set_print(be_silent);
	int error = load(program, buckets, true);
	/* A kernel that refuses one of the two takes the other all the same. */
	if (error == -EINVAL || error == -EACCES) {
		unload(program);
		error = load(program, buckets, false);
	}
	libbpf_set_print(before);
	if (error == 0)
		return program;
	fail(why, why_size, "the kernel does not load the program: %s%s",
	     strerror(-error), remedy(error));
	flow_program_free(program);
	return NULL;
}

void flow_program_free(struct flow_program *program)
{
	if (program == NULL)
		return;
	unload(program);
	free(program);
}

int flow_program_table(const struct flow_program *program, enum flow_program_table table)
{
	return bpf_map__fd(map_of(program, table));
}

size_t flow_program_table_size(const struct flow_program *program,
			       enum flow_program_table table)
{
	const struct bpf_map *map = map_of(program, table);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);

	return (bytes + page - 1) / page * page;
}

int flow_program_tc(const struct flow_program *program)
{
	return bpf_program__fd(program->skeleton->progs.flow_tc);
}

int flow_program_xdp(const struct flow_program *program)
{
	return program->has_xdp ? bpf_program__fd(program->skeleton->progs.flow_xdp) : -1;
}
