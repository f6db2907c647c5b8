/*
 * test_flow_table_race.c - a model: two workers put, read, renew and end flows of few buckets while two
 * programs forward packets by them, as the kernel's does. Each flow has a number of its own in its addresses, so
 * that what the programs have sent is compared with what the workers have counted, flow by flow. A build
 * with --enable-sanitizer=thread finds in addition whatever is written while a program reads it.
 *
 * Time goes on as the header of the table assumes: neither a worker's turn nor a program's run lasts longer
 * than FLOW_REST_MS / 2.
 */
#include <pthread.h>
#include <sched.h>

#include "tests/unit/core/random.h"

/* Between the look at the deadline and the count: now and then another thread comes in. */
static _Thread_local unsigned runs;
#define PLAIN_PAUSE() (++runs % 32 == 0 ? (void)sched_yield() : (void)0)

#include "tests/unit/offload/plain_memory.h"

#define MS_NS UINT64_C(1000000)
#define OUTSIDE UINT64_MAX

enum {
	WORKERS = 2,
	PROGRAMS = 2,
	BUCKETS = 4,
	KEYS = 48, /* more than there are places */
	STEPS = 40000,
	FLOWS = WORKERS * STEPS,
	CLOCK_STEP_MS = 50,
	LEN_MAX = 1400,
};

/* Of each flow that ever was. */
struct one {
	uint64_t sent_packets, sent_bytes; /* atomic, by the programs */
	uint64_t ends_ms;                  /* written before it is put */
	uint64_t granted;                  /* atomic */
	struct traffic counted;            /* its worker's */
};

struct actor {
	pthread_t thread;
	uint64_t seed;
	uint64_t since_ms; /* atomic: it began at that time; OUTSIDE: it does nothing */
	uint16_t number;
};

static struct {
	struct flow_memory memory;
	struct flow_table *table;
	uint64_t now_ms;  /* atomic */
	unsigned working; /* atomic */
	struct actor workers[WORKERS], programs[PROGRAMS];
	struct one *flows;
	/* Atomic; libcheck is not thread-safe. */
	uint64_t torn, late, sent, refused, passed_up[FLOW_UP_COUNT];
} model;

static void add(uint64_t *counter, uint64_t by)
{
	__atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

static uint64_t begin(struct actor *actor)
{
	uint64_t now_ms;

	do {
		now_ms = __atomic_load_n(&model.now_ms, __ATOMIC_SEQ_CST);
		__atomic_store_n(&actor->since_ms, now_ms, __ATOMIC_SEQ_CST);
	} while (now_ms != __atomic_load_n(&model.now_ms, __ATOMIC_SEQ_CST));
	return now_ms;
}

static void end(struct actor *actor)
{
	__atomic_store_n(&actor->since_ms, OUTSIDE, __ATOMIC_SEQ_CST);
}

/* Would it have lasted too long at that time? */
static bool holds_up(struct actor *actor, uint64_t then_ms)
{
	uint64_t since_ms = __atomic_load_n(&actor->since_ms, __ATOMIC_SEQ_CST);

	return since_ms != OUTSIDE && then_ms - since_ms > FLOW_REST_MS / 2;
}

static bool anybody_holds_up(uint64_t then_ms)
{
	for (int i = 0; i < WORKERS; i++) {
		if (holds_up(&model.workers[i], then_ms))
			return true;
	}
	for (int i = 0; i < PROGRAMS; i++) {
		if (holds_up(&model.programs[i], then_ms))
			return true;
	}
	return false;
}

static void *run_clock(void *arg)
{
	(void)arg;
	while (__atomic_load_n(&model.working, __ATOMIC_ACQUIRE) > 0) {
		uint64_t then_ms =
			__atomic_load_n(&model.now_ms, __ATOMIC_RELAXED) + CLOCK_STEP_MS;

		if (!anybody_holds_up(then_ms))
			__atomic_store_n(&model.now_ms, then_ms, __ATOMIC_SEQ_CST);
		sched_yield();
	}
	return NULL;
}

/* --- programs ------------------------------------------------------------------------------------ */

static struct flow_key key_number(uint16_t number)
{
	return (struct flow_key){.source = {192, 0, 2, 1},
				 .source_port = number,
				 .destination_port = 3478,
				 .family = 4};
}

static void send_one(struct actor *program)
{
	uint64_t now_ms = begin(program);
	uint16_t number = (uint16_t)random_below(&program->seed, KEYS);
	uint32_t len = 1 + random_below(&program->seed, LEN_MAX);
	const struct flow_key key = key_number(number);
	struct flow *flow = plain_find(&model.memory, &key);
	enum flow_up up = FLOW_UP_NO_FLOW;

	if (flow != NULL)
		up = plain_count(flow, now_ms * MS_NS, len);
	if (up != FLOW_UP_COUNT) {
		add(&model.passed_up[up], 1);
		end(program);
		return;
	}

	uint32_t id, inverse;
	memcpy(&id, flow->to, sizeof(id));
	memcpy(&inverse, flow->from, sizeof(inverse));
	if (id != ~inverse || id >= FLOWS || flow->to_port != number) {
		add(&model.torn, 1);
		end(program);
		return;
	}
	struct one *one = &model.flows[id];
	if (now_ms >= one->ends_ms)
		add(&model.late, 1);
	add(&one->sent_packets, 1);
	add(&one->sent_bytes, len);
	add(&model.sent, 1);
	end(program);
}

static void *run_program(void *arg)
{
	while (__atomic_load_n(&model.working, __ATOMIC_ACQUIRE) > 0)
		send_one(arg);
	return NULL;
}

/* --- workers ------------------------------------------------------------------------------------- */

struct held {
	uint32_t place, id;
};

static void count(uint32_t id, struct traffic traffic)
{
	model.flows[id].counted.packets += traffic.packets;
	model.flows[id].counted.bytes += traffic.bytes;
}

static struct held put(struct actor *worker, uint16_t number, uint32_t id,
		       uint64_t now_ms)
{
	struct flow flow = {
		.key = key_number(number),
		.to_port = number,
		.family = 4,
		.owner = worker->number,
	};
	uint32_t inverse = ~id;
	struct one *one = &model.flows[id];

	one->ends_ms = now_ms + random_below(&worker->seed, 3 * FLOW_LEASE_MS);
	memcpy(flow.to, &id, sizeof(id));
	memcpy(flow.from, &inverse, sizeof(inverse));
	flow.deadline_ns = one->ends_ms * MS_NS;
	if (random_below(&worker->seed, 2)) {
		flow.flags = FLOW_LIMITED;
		flow.credit = 4000;
		one->granted = 4000;
	}

	struct held held = {flow_table_put(model.table, &flow, now_ms), id};
	if (held.place == FLOW_NONE)
		add(&model.refused, 1);
	return held;
}

static void change(struct actor *worker, struct held *held, uint64_t now_ms)
{
	const struct flow *flow = flow_table_at(model.table, held->place);
	struct one *one = &model.flows[held->id];

	switch (random_below(&worker->seed, 8)) {
	case 0:
		count(held->id, flow_table_end(model.table, held->place, now_ms));
		held->place = FLOW_NONE;
		break;
	case 1:
		count(held->id, flow_table_read(model.table, held->place));
		break;
	case 2:
		if (flow->flags & FLOW_LIMITED) {
			add(&one->granted, 3000);
			flow_table_grant(model.table, held->place, 3000);
		}
		break;
	default:
		flow_table_renew(model.table, held->place, one->ends_ms * MS_NS, now_ms);
	}
}

static void *run_worker(void *arg)
{
	struct actor *worker = arg;
	struct held held[KEYS];

	for (int i = 0; i < KEYS; i++)
		held[i].place = FLOW_NONE;
	for (uint32_t step = 0; step < STEPS; step++) {
		/* Its own keys. */
		uint16_t number =
			(uint16_t)(random_below(&worker->seed, KEYS / WORKERS) * WORKERS +
				   worker->number);
		uint64_t now_ms = begin(worker);

		if (held[number].place == FLOW_NONE)
			held[number] = put(worker, number,
					   step * WORKERS + worker->number, now_ms);
		else
			change(worker, &held[number], now_ms);
		end(worker);
		if (step % 16 == 0)
			sched_yield();
	}
	for (int i = 0; i < KEYS; i++) {
		if (held[i].place != FLOW_NONE)
			count(held[i].id,
			      flow_table_end(model.table, held[i].place,
					     __atomic_load_n(&model.now_ms,
							     __ATOMIC_SEQ_CST)));
	}
	__atomic_fetch_sub(&model.working, 1, __ATOMIC_ACQ_REL);
	return NULL;
}

/* --- the model ----------------------------------------------------------------------------------- */

static void start(struct actor *actor, uint16_t number, void *(*run)(void *),
		  uint64_t seed)
{
	*actor = (struct actor){.number = number, .seed = seed, .since_ms = OUTSIDE};
	ck_assert_int_eq(pthread_create(&actor->thread, NULL, run, actor), 0);
}

START_TEST(attack_56_no_packet_is_lost_or_counted_twice)
{
	pthread_t clock;
	uint64_t counted = 0;

	memset(&model, 0, sizeof(model));
	model.memory = plain_memory_new(BUCKETS);
	model.table = flow_table_new(&model.memory);
	model.flows = calloc(FLOWS, sizeof(*model.flows));
	model.now_ms = 100000;
	model.working = WORKERS;
	for (int i = 0; i < WORKERS; i++)
		model.workers[i].since_ms = OUTSIDE;
	for (int i = 0; i < PROGRAMS; i++)
		model.programs[i].since_ms = OUTSIDE;
	for (uint16_t i = 0; i < PROGRAMS; i++)
		start(&model.programs[i], i, run_program, 100u + i);
	for (uint16_t i = 0; i < WORKERS; i++)
		start(&model.workers[i], i, run_worker, 200u + i);
	ck_assert_int_eq(pthread_create(&clock, NULL, run_clock, NULL), 0);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(model.workers[i].thread, NULL);
	for (int i = 0; i < PROGRAMS; i++)
		pthread_join(model.programs[i].thread, NULL);
	pthread_join(clock, NULL);

	ck_assert_uint_eq(model.torn, 0);
	ck_assert_uint_eq(model.late, 0);
	for (uint32_t id = 0; id < FLOWS; id++) {
		const struct one *one = &model.flows[id];

		ck_assert_msg(one->counted.packets == one->sent_packets &&
				      one->counted.bytes == one->sent_bytes,
			      "flow %u: sent %lu packets, %lu bytes; counted %lu, %lu",
			      id, (unsigned long)one->sent_packets,
			      (unsigned long)one->sent_bytes,
			      (unsigned long)one->counted.packets,
			      (unsigned long)one->counted.bytes);
		/* Programs that look at the same time may overdraw by a packet each. */
		ck_assert(one->granted == 0 ||
			  one->sent_bytes <= one->granted + PROGRAMS * LEN_MAX);
		counted += one->counted.packets;
	}
	ck_assert_uint_eq(counted, model.sent);
	ck_assert_uint_eq(flow_table_count(model.table), 0);

	/* It has tried what it is there for. */
	ck_assert_uint_gt(model.sent, 1000);
	ck_assert_uint_gt(model.refused, 0);
	ck_assert_uint_gt(model.passed_up[FLOW_UP_NO_FLOW], 0);
	ck_assert_uint_gt(model.passed_up[FLOW_UP_EXPIRED], 0);
	ck_assert_uint_gt(model.passed_up[FLOW_UP_NO_CREDIT], 0);

	flow_table_free(model.table);
	plain_memory_free(&model.memory);
	free(model.flows);
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
