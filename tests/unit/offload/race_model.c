/*
 * race_model.c - see race_model.h.
 */
#include "tests/unit/offload/race_model.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

#define MS_NS UINT64_C(1000000)
#define OUTSIDE UINT64_MAX

enum { KEYS_MAX = 4096, CLOCK_STEP_MS = 50 };

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
	const struct race *race;
	uint32_t flow_count;
	struct flow_table *table;
	uint64_t now_ms;  /* atomic */
	unsigned working; /* atomic */
	struct actor workers[RACE_WORKERS], programs[RACE_PROGRAMS];
	struct one *flows;
	/* Atomic; libcheck is not thread-safe. */
	uint64_t torn, late, sent, refused, passed_up[FLOW_UP_COUNT];
} model;

static void add(uint64_t *counter, uint64_t by)
{
	__atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

static uint64_t now(void)
{
	return model.race->now_ms != NULL
		       ? model.race->now_ms(model.race->arg)
		       : __atomic_load_n(&model.now_ms, __ATOMIC_SEQ_CST);
}

static uint64_t begin(struct actor *actor)
{
	uint64_t now_ms;

	do {
		now_ms = now();
		__atomic_store_n(&actor->since_ms, now_ms, __ATOMIC_SEQ_CST);
	} while (now_ms != now());
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
	for (int i = 0; i < RACE_WORKERS; i++) {
		if (holds_up(&model.workers[i], then_ms))
			return true;
	}
	for (int i = 0; i < RACE_PROGRAMS; i++) {
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

struct flow_key race_key(uint16_t number)
{
	return (struct flow_key){.source = {192, 0, 2, 1},
				 .destination = {198, 51, 100, 1},
				 .source_port = number,
				 .destination_port = 3478,
				 .family = 4};
}

static void send_one(struct actor *program)
{
	uint64_t now_ms = begin(program);
	uint16_t number = (uint16_t)random_below(&program->seed, model.race->keys);
	uint32_t len = 1 + random_below(&program->seed, RACE_LEN_MAX);
	struct race_run result;

	model.race->run(model.race->arg, number, len, now_ms, &result);
	if (result.up != FLOW_UP_COUNT) {
		add(&model.passed_up[result.up], 1);
		end(program);
		return;
	}
	if (result.to != ~result.from || result.to >= model.flow_count ||
	    result.to_port != number) {
		add(&model.torn, 1);
		end(program);
		return;
	}
	struct one *one = &model.flows[result.to];
	if (now_ms >=
	    __atomic_load_n(&one->ends_ms, __ATOMIC_RELAXED) + model.race->coarse_ms)
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
		.key = race_key(number),
		.hop = 1,
		.back = 1,
		.to_port = number,
		.family = 4,
		.owner = worker->number,
	};
	uint32_t inverse = ~id;
	struct one *one = &model.flows[id];

	/* Published by the table, which a kernel program reads: no sanitizer sees that. */
	__atomic_store_n(&one->ends_ms,
			 now_ms + random_below(&worker->seed, 3 * FLOW_LEASE_MS),
			 __ATOMIC_RELAXED);
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
	const struct race *race = model.race;
	static _Thread_local struct held held[KEYS_MAX];

	for (int i = 0; i < race->keys; i++)
		held[i].place = FLOW_NONE;
	for (uint32_t step = 0;
	     step < race->steps && (race->now_ms == NULL || now() < race->until_ms);
	     step++) {
		/* Its own keys. */
		uint16_t number = (uint16_t)(random_below(&worker->seed,
							  race->keys / RACE_WORKERS) *
						     RACE_WORKERS +
					     worker->number);
		uint64_t now_ms = begin(worker);

		if (held[number].place == FLOW_NONE)
			held[number] = put(worker, number,
					   step * RACE_WORKERS + worker->number, now_ms);
		else
			change(worker, &held[number], now_ms);
		end(worker);
		if (step % 16 == 0)
			sched_yield();
	}
	for (int i = 0; i < race->keys; i++) {
		if (held[i].place != FLOW_NONE)
			count(held[i].id,
			      flow_table_end(model.table, held[i].place, now()));
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

void race_check(const struct race *race)
{
	pthread_t clock;
	uint64_t counted = 0, puts = 0;

	memset(&model, 0, sizeof(model));
	ck_assert(race->keys <= KEYS_MAX && race->keys % RACE_WORKERS == 0);
	model.race = race;
	model.flow_count = RACE_WORKERS * race->steps;
	model.table = flow_table_new(race->memory);
	model.flows = calloc(model.flow_count, sizeof(*model.flows));
	ck_assert(model.table != NULL && model.flows != NULL);
	model.now_ms = 100000;
	model.working = RACE_WORKERS;
	for (int i = 0; i < RACE_WORKERS; i++)
		model.workers[i].since_ms = OUTSIDE;
	for (int i = 0; i < RACE_PROGRAMS; i++)
		model.programs[i].since_ms = OUTSIDE;
	for (uint16_t i = 0; i < RACE_PROGRAMS; i++)
		start(&model.programs[i], i, run_program, 100u + i);
	for (uint16_t i = 0; i < RACE_WORKERS; i++)
		start(&model.workers[i], i, run_worker, 200u + i);
	if (race->now_ms == NULL)
		ck_assert_int_eq(pthread_create(&clock, NULL, run_clock, NULL), 0);
	for (int i = 0; i < RACE_WORKERS; i++)
		pthread_join(model.workers[i].thread, NULL);
	for (int i = 0; i < RACE_PROGRAMS; i++)
		pthread_join(model.programs[i].thread, NULL);
	if (race->now_ms == NULL)
		pthread_join(clock, NULL);

	ck_assert_uint_eq(model.torn, 0);
	ck_assert_uint_eq(model.late, 0);
	for (uint32_t id = 0; id < model.flow_count; id++) {
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
			  one->sent_bytes <= one->granted + RACE_PROGRAMS * RACE_LEN_MAX);
		counted += one->counted.packets;
		puts += one->sent_packets > 0;
	}
	ck_assert_uint_eq(counted, model.sent);
	ck_assert_uint_eq(flow_table_count(model.table), 0);

	/* It has tried what it is there for. */
	ck_assert_uint_gt(model.sent, 1000);
	ck_assert_uint_gt(model.refused, 0);
	ck_assert_msg(puts > race->memory->bucket_count * FLOW_WAYS,
		      "no place was used again");
	for (int up = 0; up < FLOW_UP_COUNT && race->knows_why; up++)
		ck_assert_msg((model.passed_up[up] > 0) ==
				      (up == FLOW_UP_NO_FLOW || up == FLOW_UP_EXPIRED ||
				       up == FLOW_UP_NO_CREDIT),
			      "passed up for %d: %lu", up,
			      (unsigned long)model.passed_up[up]);

	flow_table_free(model.table);
	free(model.flows);
}
