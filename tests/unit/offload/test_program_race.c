/*
 * test_program_race.c - the table against the program in the kernel, run by two threads while two workers put,
 * read, renew and end flows for some seconds: no packet is lost or counted twice, and none leaves by a flow that
 * has ended. Skipped where this process may not load programs.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/lib/unit.h"
#include "tests/unit/offload/kernel_plane.h"
#include "tests/unit/offload/race_model.h"

enum { BUCKETS = 16, SECONDS = 4 };

static uint64_t now_ms(void *arg)
{
	return kernel_plane_now_ms(arg);
}

static void run(void *arg, uint16_t number, uint32_t len, uint64_t began_ms,
		struct race_run *result)
{
	static _Thread_local struct kernel_verdict verdict;
	static _Thread_local uint8_t frame[FRAME_MAX], payload[RACE_LEN_MAX];
	const struct flow_key key = race_key(number);
	struct datagram datagram = {
		.source = {{.family = IP_V4},
			   load_be16((const uint8_t *)&key.source_port)},
		.destination = {{.family = IP_V4},
				load_be16((const uint8_t *)&key.destination_port)},
		.hop_limit = 64,
		.payload = {payload, len},
	};
	struct kernel_frame input = {.bytes = frame};

	(void)began_ms;
	memcpy(datagram.source.ip.bytes, key.source, sizeof(key.source));
	memcpy(datagram.destination.ip.bytes, key.destination, sizeof(key.destination));
	input.len = frame_build(frame, &datagram);
	kernel_plane_run(arg, number % 2 ? KERNEL_TC : KERNEL_XDP, &input, &verdict);
	/* Why is not told. */
	result->up = FLOW_UP_NO_FLOW;
	if (!verdict.forwarded)
		return;
	result->up = FLOW_UP_COUNT;
	memcpy(&result->from, verdict.frame + FRAME_ETHERNET + 12, 4);
	memcpy(&result->to, verdict.frame + FRAME_ETHERNET + 16, 4);
	memcpy(&result->to_port, verdict.frame + frame_udp_at(verdict.frame) + 2, 2);
	if (frame_read(verdict.frame, verdict.len, &datagram) != FRAME_WHOLE ||
	    datagram.payload.len != len)
		result->to_port = 0;
}

START_TEST(attack_56_the_program_counts_each_packet_once)
{
	const char *why = "";
	struct kernel_plane *plane = kernel_plane_new(BUCKETS, &why);

	ck_assert_msg(plane != NULL, "%s", why);
	const struct flow_memory *memory = kernel_plane_memory(plane);
	const struct race race = {
		.memory = memory,
		.keys = 2 * BUCKETS * FLOW_WAYS,
		.steps = 1000000,
		.run = run,
		.arg = plane,
		.now_ms = now_ms,
		.coarse_ms = 20,
		.until_ms = kernel_plane_now_ms(plane) + SECONDS * 1000,
	};

	memory->settings->version = FLOW_LAYOUT_VERSION;
	memory->settings->on = 1;
	memory->settings->seed = 4711;
	memory->settings->relay_port_first = 1;
	memory->settings->relay_port_last = UINT16_MAX;
	memory->hops[1] = (struct flow_hop){
		.ifindex = 1, .mtu = 1500, .has_macs = 1, .hop_limit = 64};
	race_check(&race);
	kernel_plane_free(plane);
}
END_TEST

static void race_suite(Suite *suite)
{
	TCase *tc = tcase_create("race");
	tcase_add_test(tc, attack_56_the_program_counts_each_packet_once);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(suite, tc);
}

int main(void)
{
	const char *why;
	struct kernel_plane *plane = kernel_plane_new(BUCKETS, &why);

	if (plane == NULL) {
		printf("no program here: %s\n", why);
		return 77;
	}
	kernel_plane_free(plane);
	return unit_run("program_race", race_suite);
}
