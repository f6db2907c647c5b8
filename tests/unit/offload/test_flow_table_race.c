/*
 * test_flow_table_race.c - the table against threads that forward by it as the kernel's program does, on plain
 * memory and by a clock of the model. A build with --enable-sanitizer=thread finds in addition whatever is written
 * while a program reads it.
 */
#include <sched.h>

/* Between the look at the deadline and the count: now and then another thread comes in. */
static _Thread_local unsigned runs;
#define PLAIN_PAUSE() (++runs % 32 == 0 ? (void)sched_yield() : (void)0)

#include "tests/unit/offload/plain_memory.h"
#include "tests/unit/offload/race_model.h"

#define MS_NS UINT64_C(1000000)

static void run(void *arg, uint16_t number, uint32_t len, uint64_t now_ms,
		struct race_run *result)
{
	const struct flow_memory *memory = arg;
	const struct flow_key key = race_key(number);
	struct flow *flow = plain_find(memory, &key);

	result->up = flow != NULL ? plain_count(flow, now_ms * MS_NS, len)
				  : FLOW_UP_NO_FLOW;
	if (result->up != FLOW_UP_COUNT)
		return;
	memcpy(&result->to, flow->to, sizeof(result->to));
	memcpy(&result->from, flow->from, sizeof(result->from));
	result->to_port = flow->to_port;
}

START_TEST(attack_56_no_packet_is_lost_or_counted_twice)
{
	struct flow_memory memory = plain_memory_new(4);
	const struct race race = {
		.memory = &memory,
		.keys = 48,
		.steps = 40000,
		.run = run,
		.arg = &memory,
		.knows_why = true,
	};

	race_check(&race);
	plain_memory_free(&memory);
}
END_TEST

static void race_suite(Suite *suite)
{
	TCase *tc = tcase_create("race");
	tcase_add_test(tc, attack_56_no_packet_is_lost_or_counted_twice);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("flow_table_race", race_suite)
