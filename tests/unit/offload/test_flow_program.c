/*
 * test_flow_program.c - the programs load, and the tables are as the relay expects them. Skipped where
 * this process may not load programs.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "relay/offload/bpf/flow_program.h"
#include "relay/offload/flow_layout.h"
#include "tests/unit/lib/unit.h"

static const size_t sizes[] = {
	[FLOW_PROGRAM_SETTINGS] = sizeof(struct flow_settings),
	[FLOW_PROGRAM_BUCKETS] = 64 * sizeof(struct flow_bucket),
	[FLOW_PROGRAM_FLOWS] = 64 * FLOW_WAYS * sizeof(struct flow),
	[FLOW_PROGRAM_HOPS] = FLOW_HOPS * sizeof(struct flow_hop),
	[FLOW_PROGRAM_COUNTS] = FLOW_CPUS_MAX * sizeof(struct flow_counts),
};

START_TEST(tables_are_mapped_whole_and_zero)
{
	char why[256] = "";
	struct flow_program *program = flow_program_load(64, why, sizeof(why));
	size_t not_zero = 0;

	ck_assert_msg(program != NULL, "%s", why);
	ck_assert_int_ge(flow_program_tc(program), 0);
	ck_assert_int_ge(flow_program_xdp(program), 0);
	for (int i = 0; i < FLOW_PROGRAM_TABLES; i++) {
		size_t size =
			flow_program_table_size(program, (enum flow_program_table)i);
		ck_assert_uint_ge(size, sizes[i]);
		ck_assert_uint_lt(size, sizes[i] + 65536);
		unsigned char *bytes =
			mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			     flow_program_table(program, (enum flow_program_table)i), 0);
		ck_assert_ptr_ne(bytes, MAP_FAILED);
		for (size_t at = 0; at < sizes[i]; at++)
			not_zero += bytes[at] != 0;
		ck_assert_uint_eq(not_zero, 0);
		munmap(bytes, size);
	}
	flow_program_free(program);
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tcase = tcase_create("load");

	tcase_add_test(tcase, tables_are_mapped_whole_and_zero);
	suite_add_tcase(suite, tcase);
}

static bool may_load(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 8,
		.max_entries = 1,
		.map_flags = BPF_F_MMAPABLE,
	};
	int fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

int main(void)
{
	if (!may_load()) {
		printf("this process may not use bpf(2): %s\n", strerror(errno));
		return 77;
	}
	return unit_run("flow_program", add_cases);
}
