/*
 * flow_check.h - flows of packets at given rates in the fixture of fake_edge.h, with time
 * moved by hand, and what passes; for the tests of bandwidth.
 */
#ifndef TESTS_UNIT_DIALECT_FLOW_CHECK_H
#define TESTS_UNIT_DIALECT_FLOW_CHECK_H

#include <stdio.h>

#include "relay/core/bandwidth/bandwidth.h"
#include "tests/unit/core/random.h"
#include "tests/unit/dialect/dialect_check.h"

#define KBIT UINT64_C(1000)
#define MBIT UINT64_C(1000000)

enum { FLOWS_MAX = 64, STEP_MS = 10 };

/* A flow: its sender, its rate, and how much passed. */
struct flow {
	struct allocation *al;
	uint64_t bps;
	size_t packet; /* bytes */
	uint64_t owed; /* bit-milliseconds not sent yet */
	uint64_t sent, passed;
	uint64_t refused[DROP_REASON_COUNT];
};

static struct flow flows[FLOWS_MAX];
static size_t flow_count;
static uint64_t seed;

static inline struct turn_bandwidth *limits(void)
{
	return &fixture.settings.limits.bandwidth;
}

static inline void begin_flows(void)
{
	begin();
	memset(flows, 0, sizeof(flows));
	flow_count = 0;
	seed = 1;
	limits()->burst_ms = 5000;
	limits()->peak_percent = 200;
}

/* An outside client, with an address of its own. */
static inline struct flow *add_flow(const char *user, uint64_t bps, size_t packet)
{
	struct flow *flow = &flows[flow_count];
	char address[32];
	static struct client client;

	snprintf(address, sizeof(address), "192.0.2.%zu:6000", 10 + flow_count);
	client_init(&client, &fixture, address, FRONT_OUTSIDE_UDP, user);
	ck_assert_int_eq(client_allocate(&client), 0);
	*flow = (struct flow){
		.al = client_allocation(&client), .bps = bps, .packet = packet};
	flow_count++;
	return flow;
}

static inline void offer(struct flow *flow)
{
	enum drop_reason reason;

	flow->sent += flow->packet;
	if (bandwidth_pays(&fixture.turn, flow->al, flow->packet, fixture.now_ms,
			   &reason))
		flow->passed += flow->packet;
	else
		flow->refused[reason] += flow->packet;
}

/* Run all flows for that time, in varying order. */
static inline void run(uint64_t ms)
{
	for (uint64_t t = 0; t < ms; t += STEP_MS) {
		size_t first = random_below(&seed, (uint32_t)flow_count);

		for (size_t i = 0; i < flow_count; i++) {
			struct flow *flow = &flows[(first + i) % flow_count];

			for (flow->owed += flow->bps * STEP_MS;
			     flow->owed >= flow->packet * 8000;
			     flow->owed -= flow->packet * 8000)
				offer(flow);
		}
		fixture.now_ms += STEP_MS;
	}
}

static inline void forget(void)
{
	for (size_t i = 0; i < flow_count; i++) {
		flows[i].sent = flows[i].passed = 0;
		memset(flows[i].refused, 0, sizeof(flows[i].refused));
	}
}

static inline double mbit_of(const struct flow *flow, uint64_t ms)
{
	return (double)flow->passed * 8 / 1000 / (double)ms;
}

static inline void near(const char *name, double got, double want, double tolerance)
{
	ck_assert_msg(got > want * (1 - tolerance) && got < want * (1 + tolerance),
		      "%s: %.3f Mbit/s instead of %.3f", name, got, want);
}

static inline void lost_nothing(const char *name, const struct flow *flow)
{
	ck_assert_msg(flow->sent > 0 && flow->passed == flow->sent,
		      "%s: lost %llu of %llu bytes", name,
		      (unsigned long long)(flow->sent - flow->passed),
		      (unsigned long long)flow->sent);
}

#endif
