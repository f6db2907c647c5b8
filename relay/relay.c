/*
 * relay.c - see relay.h. Counters are read where they are; everything else is posted to the
 * workers' inboxes.
 */
#include "relay/relay.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "relay/core/ids.h"
#include "relay/front/clients.h"
#include "relay/front/fronts.h"
#include "relay/front/saved/stream_record.h"
#include "relay/front/udp.h"
#include "relay/peer/data_conn.h"
#include "relay/peer/peer_record.h"
#include "relay/peer/relay_udp.h"
#include "relay/reload/relay_config.h"
#include "relay/self_test.h"
#include "relay/state/keeper.h"
#include "relay/worker.h"

enum { SOCKETS_AT_ONCE = 256 };

struct fronts_question {
	struct worker *worker;
	struct front_sockets *sockets;
	const bool *fronts;
	bool ok;
};

static void open_fronts(void *arg)
{
	struct fronts_question *question = arg;

	question->ok = worker_open_fronts(question->worker, question->sockets);
}

bool relay_open_fronts(struct relay *relay, struct front_sockets *sets)
{
	for (size_t i = 0; i < relay->worker_count; i++) {
		struct fronts_question question = {
			.worker = relay->workers[i],
			.sockets = &sets[i],
		};

		if (!inbox_call(relay->workers[i]->inbox, open_fronts, &question) ||
		    !question.ok)
			return false;
	}
	return true;
}

static void ask_fronts(struct relay *relay, inbox_fn *fn, const bool fronts[FRONTS_MAX])
{
	for (size_t i = 0; i < relay->worker_count; i++) {
		struct fronts_question question = {
			.worker = relay->workers[i],
			.fronts = fronts,
		};

		inbox_call(relay->workers[i]->inbox, fn, &question);
	}
}

static void retire_fronts(void *arg)
{
	struct fronts_question *question = arg;

	worker_retire_fronts(question->worker, question->fronts);
}

void relay_retire_fronts(struct relay *relay, const bool fronts[FRONTS_MAX])
{
	ask_fronts(relay, retire_fronts, fronts);
}

static void close_fronts(void *arg)
{
	struct fronts_question *question = arg;

	loop_turn(&question->worker->loop);
	worker_close_fronts(question->worker, question->fronts);
}

void relay_close_fronts(struct relay *relay, const bool fronts[FRONTS_MAX])
{
	ask_fronts(relay, close_fronts, fronts);
}

bool relay_front_is_empty(const struct relay *relay, size_t front)
{
	assert(front < FRONTS_MAX);
	for (size_t i = 0; i < relay->worker_count; i++) {
		const struct turn *turn = &relay->workers[i]->turn;

		if (__atomic_load_n(&turn->front_allocations[front], __ATOMIC_RELAXED) >
		    0)
			return false;
	}
	return true;
}

struct settings_question {
	struct worker *worker;
	struct relay_settings *settings;
};

static void use_settings(void *arg)
{
	struct settings_question *question = arg;

	loop_turn(&question->worker->loop);
	worker_use(question->worker, question->settings);
}

void relay_publish(struct relay *relay, struct relay_settings *settings)
{
	for (size_t i = 0; i < relay->worker_count; i++) {
		struct settings_question question = {
			.worker = relay->workers[i],
			.settings = relay_settings_ref(settings),
		};

		if (!inbox_call(relay->workers[i]->inbox, use_settings, &question))
			relay_settings_unref(settings);
	}
}

static void take_reference(void *arg)
{
	struct settings_question *question = arg;

	question->settings = relay_settings_ref(question->worker->settings);
}

struct relay_settings *relay_settings(struct relay *relay)
{
	struct settings_question question = {0};

	if (relay->worker_count > 0) {
		question.worker = relay->workers[0];
		inbox_call(question.worker->inbox, take_reference, &question);
	}
	return question.settings;
}

static void end_all_drained(void *arg)
{
	struct worker *worker = arg;

	loop_turn(&worker->loop);
	worker_end_all(worker, END_DRAINED);
}

bool relay_drain_all(struct relay *relay)
{
	bool ok = true;

	for (size_t i = 0; i < relay->worker_count; i++)
		ok &= inbox_post(relay->workers[i]->inbox, end_all_drained,
				 relay->workers[i]);
	return ok;
}

struct self_test_question {
	struct worker *worker;
	const char *keys;
	int64_t unix_s;
	char *error;
	size_t error_size;
	bool passed;
};

static void ask_self_test(void *arg)
{
	struct self_test_question *question = arg;
	struct worker *worker = question->worker;

	loop_turn(&worker->loop);
	question->passed = self_test_run(&worker->turn, question->keys,
					 worker->loop.now_ms, question->unix_s,
					 question->error, question->error_size);
}

bool relay_self_test(struct relay *relay, int64_t unix_s, char *error, size_t error_size)
{
	for (size_t i = 0; i < relay->worker_count; i++) {
		struct self_test_question question = {
			.worker = relay->workers[i],
			.keys = relay->config->common.keys,
			.unix_s = unix_s,
			.error = error,
			.error_size = error_size,
		};

		snprintf(error, error_size, "out of memory");
		if (!inbox_call(relay->workers[i]->inbox, ask_self_test, &question) ||
		    !question.passed)
			return false;
	}
	return true;
}

bool relay_is_alive(const struct relay *relay, uint64_t *seen, size_t *still)
{
	const struct heartbeat *heartbeats[WORKERS_MAX];

	assert(relay->worker_count <= WORKERS_MAX);
	for (size_t i = 0; i < relay->worker_count; i++)
		heartbeats[i] = &relay->workers[i]->heartbeat;
	return heartbeat_all_moved(heartbeats, relay->worker_count, seen, still);
}

struct drops_question {
	struct worker *worker;
	uint32_t slot; /* to go on with */
};

static void count_front_drops(void *arg)
{
	struct worker *worker = arg;

	udp_fronts_count_drops(worker->udp_fronts);
}

static void count_relay_drops(void *arg)
{
	struct drops_question *question = arg;

	question->slot = relay_udp_count_drops(question->worker->relay_udp,
					       question->slot, SOCKETS_AT_ONCE);
}

void relay_count_drops(struct relay *relay)
{
	for (size_t i = 0; i < relay->worker_count; i++) {
		struct worker *worker = relay->workers[i];
		struct drops_question question = {.worker = worker};

		inbox_call(worker->inbox, count_front_drops, worker);
		while (question.slot != SLOT_NONE &&
		       inbox_call(worker->inbox, count_relay_drops, &question))
			;
	}
}

void relay_counters(struct relay *relay, struct counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < relay->worker_count; i++)
		counters_sum(sum, &relay->workers[i]->turn.counters);
}

struct turn_refusal relay_refusal(const struct relay *relay)
{
	struct turn_refusal last = {0};

	for (size_t i = 0; i < relay->worker_count; i++) {
		struct turn_refusal refusal = turn_read_refusal(&relay->workers[i]->turn);

		if (refusal.at_s >= last.at_s)
			last = refusal;
	}
	return last;
}

uint64_t relay_conflicts(const struct relay *relay, struct endpoint *local, bool *tcp)
{
	uint64_t count = 0;

	*local = (struct endpoint){.port = 0};
	for (size_t i = 0; i < relay->worker_count; i++) {
		const struct turn *turn = &relay->workers[i]->turn;
		struct turn_conflict conflict = turn_read_conflict(turn);

		count += counter_read(&turn->counters.bind_failures);
		if (conflict.port == 0)
			continue;
		*local = (struct endpoint){relay->shared.relay[conflict.address].local,
					   conflict.port};
		*tcp = conflict.tcp;
	}
	return count;
}

size_t relay_unknown_attributes(const struct relay *relay,
				struct attribute_count list[ATTRIBUTE_COUNTS_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < relay->worker_count; i++)
		attribute_counts_merge(&relay->workers[i]->turn.unknown_attributes, list,
				       &len);
	attribute_counts_sort(list, len);
	return len;
}

/*
 * Allocations of one worker: those made here or moved to here. What ended or left is read first:
 * one that comes and goes meanwhile does not make it negative.
 */
static uint64_t live(const struct counters *counters)
{
	uint64_t gone = counter_read(&counters->allocations_closed) +
			counter_read(&counters->moved_out);

	return counters_open(counter_read(&counters->allocations_opened) +
				     counter_read(&counters->moved_in),
			     gone);
}

uint64_t relay_unsaved(const struct relay *relay)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < relay->worker_count; i++) {
		sum += keeper_unsaved(relay->workers[i]->keeper);
	}
	return sum;
}

uint64_t relay_unsaved_streams(const struct relay *relay)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < relay->worker_count; i++) {
		const struct stream_records *records =
			clients_records(relay->workers[i]->clients);

		if (records != NULL)
			sum += stream_records_unsaved(records);
	}
	return sum;
}

uint64_t relay_unsaved_peers(const struct relay *relay)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < relay->worker_count; i++) {
		sum += peer_records_unsaved(
			data_conns_records(relay->workers[i]->data_conns));
	}
	return sum;
}

uint64_t relay_allocation_count(const struct relay *relay)
{
	uint64_t count = 0;

	for (size_t i = 0; i < relay->worker_count; i++) {
		count += live(&relay->workers[i]->turn.counters);
	}
	return count;
}

static void add_traffic(struct traffic *sum, const struct traffic *more)
{
	sum->packets += counter_read(&more->packets);
	sum->bytes += counter_read(&more->bytes);
}

static double cpu_s(const struct worker *worker)
{
	struct timespec used;
	clockid_t clock;

	if (!worker->is_running || pthread_getcpuclockid(worker->thread, &clock) != 0 ||
	    clock_gettime(clock, &used) != 0)
		return 0;
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* Those opened here or handed over to here; what ends or leaves is read first, as above. */
static uint64_t connections(const struct counters *counters)
{
	uint64_t gone = counter_read(&counters->connections_closed);

	gone += counter_read(&counters->connections_departed);
	return counter_read(&counters->connections_opened) +
	       counter_read(&counters->connections_arrived) - gone;
}

struct relay_worker relay_worker(const struct relay *relay, size_t number)
{
	assert(number < relay->worker_count);
	const struct worker *worker = relay->workers[number];
	const struct counters *counters = &worker->turn.counters;
	struct relay_worker row = {
		.number = (unsigned)number,
		.allocations = live(counters),
		.connections = connections(counters),
		.cpu_s = cpu_s(worker),
	};

	for (int side = 0; side < SIDE_COUNT; side++) {
		for (int i = 0; i < TRANSPORT_COUNT; i++) {
			add_traffic(&row.to_peer, &counters->to_peer[side][i]);
			add_traffic(&row.to_client, &counters->to_client[side][i]);
		}
	}
	return row;
}
