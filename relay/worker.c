/*
 * worker.c - a worker's life and its parts.
 */
#include "relay/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "relay/core/allocation.h"
#include "relay/core/changes.h"
#include "relay/core/ids.h"
#include "relay/core/mobility_end.h"
#include "relay/core/mobility_state.h"
#include "relay/core/revocation.h"
#include "relay/core/tcp_connection.h"
#include "relay/core/visitors.h"
#include "relay/front/clients.h"
#include "relay/front/fronts.h"
#include "relay/front/saved/stream_record.h"
#include "relay/front/saved/streams_restore.h"
#include "relay/front/stream.h"
#include "relay/front/tcp.h"
#include "relay/front/udp.h"
#include "relay/front/web/pass_through.h"
#include "relay/offload/flows.h"
#include "relay/ops/records.h"
#include "relay/peer/data_conn.h"
#include "relay/peer/peer_record.h"
#include "relay/peer/relay_tcp.h"
#include "relay/peer/relay_udp.h"
#include "relay/rates.h"
#include "relay/relocation.h"
#include "relay/state/keeper.h"
#include "relay/throttle.h"

void worker_expire(struct worker *worker)
{
	uint64_t next = dispatch_expire(&worker->turn, worker->loop.now_ms);

	if (next == worker->expiry_armed_ms)
		return;
	assert(next > worker->loop.now_ms); /* what was due is gone */
	worker->expiry_armed_ms = next;
	if (next == UINT64_MAX) {
		event_del(&worker->expiry);
		return;
	}
	/* The coarse clock may lag by a tick; one more millisecond spares a second wake-up. */
	loop_arm(&worker->loop, &worker->expiry, next + 1);
}

static void expiry_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct worker *worker = arg;

	worker->expiry_armed_ms = UINT64_MAX;
	loop_turn(&worker->loop);
	worker_expire(worker);
}

static uint64_t relayed_packets(const struct counters *counters)
{
	uint64_t sum = 0;

	for (int side = 0; side < SIDE_COUNT; side++)
		sum += traffic_sum(counters->to_peer[side]).packets +
		       traffic_sum(counters->to_client[side]).packets;
	return sum;
}

static void sample_rates(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct worker *worker = arg;

	loop_turn(&worker->loop);
	uint32_t wait_ms = rates_sample(worker->rates, worker->turn.table,
					relayed_packets(&worker->turn.counters),
					worker->loop.now_ms);
	/* Nothing moves: the saver's timer is enough for both. */
	worker->sampler_rests = wait_ms == RATES_STILL && worker->keeper != NULL;
	if (worker->sampler_rests)
		return;
	if (wait_ms == RATES_STILL)
		wait_ms = RATES_WINDOW_MS;
	loop_arm(&worker->loop, &worker->sampler, worker->loop.now_ms + wait_ms);
}

static void catch_up(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct worker *worker = arg;

	loop_turn(&worker->loop);
	uint32_t wait_ms = keeper_catch_up(worker->keeper,
					   relayed_packets(&worker->turn.counters),
					   worker->loop.now_ms);
	loop_arm(&worker->loop, &worker->saver, worker->loop.now_ms + wait_ms);
	if (worker->sampler_rests)
		sample_rates(-1, 0, worker);
}

/* For want of bandwidth: the client of that slot, if it is a stream, and its TCP peers. */
static void pause_streams(void *arg, uint32_t slot, bool pause)
{
	struct worker *worker = arg;
	const struct allocation *al = allocation_at(worker->turn.table, slot);
	struct stream *stream = NULL;

	/* A control connection alone carries requests only. */
	if (transport_is_stream(al->transport) && !allocation_has_data_connections(al))
		stream = worker_stream(worker, al);
	if (stream != NULL)
		stream_pause(stream, STREAM_PAUSE_BANDWIDTH, pause);
	relay_tcp_throttle(worker->relay_tcp, slot, pause);
	data_conns_throttle(worker->data_conns, slot, pause);
}

static size_t slots_wanted(const struct relay_config *config)
{
	size_t ports =
		(size_t)(config->relay.ports.last - config->relay.ports.first + 1) *
		config->sides[SIDE_OUTSIDE].address_count;
	size_t limit = config->fixed_limits.allocations_total;

	ports *= 2; /* of UDP and of TCP */
	if (limit == 0 || limit > ports)
		limit = ports;
	assert(limit > 0);
	return limit < SLOTS_MAX ? limit : SLOTS_MAX;
}

/* A reload may allow an allocation more of them, but not the worker. */
static size_t connections_wanted(const struct relay_config *config, size_t slots)
{
	size_t wanted = slots * config->limits.peer_connections;

	return wanted < TCP_CONNECTIONS_MAX ? wanted : TCP_CONNECTIONS_MAX;
}

static struct endpoint via(void *arg, const struct allocation *al)
{
	return worker_via(arg, al);
}

/* What the file of records has room for: all that a restart can keep. */
static struct state_sizes state_wanted(const struct relay_config *config, size_t slots)
{
	size_t connections = connections_wanted(config, slots);
	/* One of each allocation, and one for each data connection. */
	size_t streams = slots + connections;
	struct state_sizes sizes = {.records = {[STATE_ALLOCATION] = (uint32_t)slots,
						[STATE_STREAM] = (uint32_t)streams,
						[STATE_STREAM_BYTES] = (uint32_t)streams,
						[STATE_QUEUED] = STREAM_RECORD_MESSAGES}};

	peer_records_sizes(connections, &sizes);
	return sizes;
}

/* The file of records; -errno. */
static int make_state(struct worker *worker, const struct worker_common *common,
		      size_t slots)
{
	const struct state_sizes sizes = state_wanted(common->config, slots);
	struct state_head head = *common->state;
	char name[32];

	uint64_t *words;

	head.worker = worker->turn.worker;
	snprintf(name, sizeof(name), "mediarelayd-worker-%u", worker->turn.worker);
	int result = state_memory_make(&worker->state, name, state_file_bytes(&sizes));

	if (result != 0)
		return result;
	worker->state_file =
		state_file_new(worker->state.memory, worker->state.bytes, &head, &sizes);
	if (worker->state_file == NULL)
		return -ENOMEM;
	state_file_window(worker->state_file, 0, &words);
	worker->loop.still = &words[STATE_WORD_STILL];
	worker->loop.alive = &words[STATE_WORD_ALIVE];
	worker->keeper =
		keeper_new(&worker->turn, worker->state_file, slots, via, worker);
	worker->delivery.state = worker->state_file;
	return worker->keeper != NULL ? 0 : -ENOMEM;
}

/* What the core and the parts call; before there are any. */
static void connect_parts(struct worker *worker, bool saves)
{
	worker->edge = worker_edge(worker, saves);
	worker->delivery = worker_delivery(worker);
	worker->turn.settings = &worker->settings->turn;
	worker->turn.edge = &worker->edge;
}

/* False if out of memory. */
static bool make_parts(struct worker *worker, const struct worker_common *common)
{
	const struct relay_config *config = common->config;
	struct delivery *delivery = &worker->delivery;
	size_t slots = slots_wanted(config);
	int made = 0;

	if ((common->state != NULL || common->offload != NULL) &&
	    !change_list_init(&worker->turn.changes, slots))
		return false;
	if (common->state != NULL)
		made = make_state(worker, common, slots);
	if (made != 0) {
		errno = -made;
		return false;
	}
	worker->turn.table = allocation_table_new(slots, config->fixed_limits.permissions,
						  config->fixed_limits.channels,
						  &worker->turn.shared->hash_key);
	worker->turn.connections =
		tcp_connections_new(connections_wanted(config, slots), slots);
	worker->relay_udp = relay_udp_new(delivery, slots);
	if (worker->turn.connections == NULL)
		return false;
	worker->data_conns = data_conns_new(delivery);
	worker->relay_tcp = relay_tcp_new(delivery, slots, worker->data_conns);
	worker->throttle = throttle_new(&worker->loop, slots, pause_streams, worker);
	worker->clients = clients_new(delivery, CLIENTS_STREAMS,
				      common->unauthenticated_max, stream_end);
	if (worker->clients != NULL && worker->state_file != NULL &&
	    !clients_save(worker->clients, worker->state_file))
		return false;
	delivery->clients = worker->clients;
	delivery->pass_through = pass_through_new(delivery);
	worker->udp_fronts = udp_fronts_new(delivery);
	delivery->udp_fronts = worker->udp_fronts;
	worker->turn.visitors = visitors_new(&worker->turn.shared->hash_key);
	delivery->relocation = relocation_new(delivery, worker->udp_fronts);
	worker->rates = rates_new(slots);
	if (worker->clients != NULL)
		worker->tcp_fronts = tcp_fronts_new(worker->clients);
	return delivery->pass_through != NULL && worker->turn.table != NULL &&
	       worker->data_conns != NULL && worker->rates != NULL &&
	       worker->turn.visitors != NULL && delivery->relocation != NULL &&
	       worker->relay_udp != NULL && worker->relay_tcp != NULL &&
	       worker->throttle != NULL && worker->clients != NULL &&
	       worker->udp_fronts != NULL && worker->tcp_fronts != NULL &&
	       worker_make_flows(worker, common->flow_owner);
}

static void end_turn(void *arg)
{
	struct worker *worker = arg;

	relay_udp_end_turn(worker->relay_udp);
}

struct worker *worker_new(const struct worker_common *common, unsigned number,
			  struct relay_settings *settings, char *error, size_t error_size)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	assert(number < WORKERS_MAX && common->records != NULL);
	if (worker == NULL)
		goto fail;
	worker->state.fd = -1;
	worker->siblings = common->workers;
	worker->sibling_count = common->worker_count;
	worker->turn.shared = common->shared;
	worker->turn.worker = (uint16_t)number;
	worker->records = common->records;
	worker->offload = common->offload;
	worker->settings = settings;
	worker->expiry_armed_ms = worker->looker_armed_ms = UINT64_MAX;
	connect_parts(worker, common->state != NULL);
	if (!loop_init(&worker->loop))
		goto fail;
	worker->inbox = inbox_new(worker->loop.base);
	if (worker->inbox == NULL || !make_parts(worker, common) ||
	    event_assign(&worker->expiry, worker->loop.base, -1, 0, expiry_due, worker) !=
		    0 ||
	    event_assign(&worker->sampler, worker->loop.base, -1, 0, sample_rates,
			 worker) != 0 ||
	    event_assign(&worker->saver, worker->loop.base, -1, 0, catch_up, worker) != 0)
		goto fail;
	worker->loop.turn_end = end_turn;
	worker->loop.turn_end_arg = worker;
	sample_rates(-1, 0, worker); /* and from now on it calls itself */
	if (worker->keeper != NULL)
		catch_up(-1, 0, worker); /* likewise */
	return worker;
fail:
	snprintf(error, error_size, "worker %u: %s", number, strerror(errno));
	if (worker != NULL)
		worker->settings = NULL; /* still the caller's */
	worker_free(worker);
	return NULL;
}

static void close_front(struct worker *worker, uint16_t front)
{
	udp_front_close(worker->udp_fronts, front);
	tcp_front_close(worker->tcp_fronts, front);
}

static bool open_front(struct worker *worker, struct front_sockets *sockets,
		       uint16_t front)
{
	int *udp = &sockets->udp[front], *tcp = &sockets->tcp[front];

	if (*udp >= 0) {
		if (!udp_front_open(worker->udp_fronts, front, *udp))
			return false;
		*udp = -1;
	}
	if (*tcp >= 0) {
		if (!tcp_front_open(worker->tcp_fronts, front, *tcp))
			return false;
		*tcp = -1;
	}
	return true;
}

bool worker_open_fronts(struct worker *worker, struct front_sockets *sockets)
{
	bool opened[FRONTS_MAX];

	for (uint16_t i = 0; i < FRONTS_MAX; i++) {
		opened[i] = sockets->udp[i] >= 0 || sockets->tcp[i] >= 0;
		if (open_front(worker, sockets, i))
			continue;
		for (uint16_t j = 0; j < i; j++) {
			if (opened[j])
				close_front(worker, j);
		}
		return false;
	}
	return true;
}

void worker_drain_leftovers(struct worker *worker, struct front_sockets *sockets)
{
	for (size_t i = 0; i < sockets->leftover_count; i++) {
		const struct front_leftover *leftover = &sockets->leftovers[i];

		if (leftover->tcp) {
			tcp_front_drain(worker->tcp_fronts, leftover->front,
					leftover->fd);
			continue;
		}
		udp_front_drain(worker->udp_fronts, leftover->front, leftover->fd);
		close(leftover->fd);
	}
	free(sockets->leftovers);
	sockets->leftovers = NULL;
	sockets->leftover_count = 0;
}

void worker_retire_fronts(struct worker *worker, const bool fronts[FRONTS_MAX])
{
	for (uint16_t i = 0; i < FRONTS_MAX; i++) {
		if (fronts[i])
			tcp_front_close(worker->tcp_fronts, i);
	}
}

void worker_close_fronts(struct worker *worker, const bool fronts[FRONTS_MAX])
{
	struct allocation *al;

	for (uint32_t slot = 0;
	     (al = allocation_next(worker->turn.table, slot)) != NULL;) {
		slot = al->slot + 1;
		if (fronts[al->tuple.front])
			allocation_delete(&worker->turn, al, END_SHUTDOWN,
					  worker->loop.now_ms);
		else if (al->moving && fronts[mobility_of(&worker->turn, al)->to.front])
			mobility_abandon(&worker->turn, al);
	}
	changes_save(&worker->turn, worker->loop.now_ms);
	relocation_close_fronts(worker->delivery.relocation, fronts);
	clients_end(worker->clients, fronts);
	for (uint16_t i = 0; i < FRONTS_MAX; i++) {
		if (!fronts[i])
			continue;
		assert(worker->turn.front_allocations[i] == 0);
		close_front(worker, i);
	}
}

static void *run(void *arg)
{
	struct worker *worker = arg;

	loop_run(&worker->loop);
	return NULL;
}

int worker_start(struct worker *worker)
{
	char name[16];

	assert(!worker->is_running);
	worker->flows_rest = false;
	int error = pthread_create(&worker->thread, NULL, run, worker);

	if (error != 0)
		return error;
	snprintf(name, sizeof(name), "worker-%u", worker->turn.worker);
	pthread_setname_np(worker->thread, name);
	worker->is_running = true;
	return 0;
}

void worker_end_all(struct worker *worker, enum end_reason reason)
{
	struct allocation *al;
	unsigned ended = 0;
	bool wait = true;

	for (uint32_t slot = 0; (al = allocation_next(worker->turn.table, slot)) != NULL;
	     slot = al->slot + 1) {
		allocation_delete(&worker->turn, al, reason, worker->loop.now_ms);
		if (++ended % RECORDS_PAUSE == 0 && wait)
			wait = records_catch_up(worker->records);
	}
	worker_expire(worker);
}

static void stop(void *arg)
{
	struct worker *worker = arg;

	loop_turn(&worker->loop);
	worker_end_all(worker, END_SHUTDOWN);
	loop_end(&worker->loop);
}

void worker_stop(struct worker *worker)
{
	if (worker->is_running) {
		inbox_post(worker->inbox, stop, worker);
		pthread_join(worker->thread, NULL);
		worker->is_running = false;
	}
	inbox_close(worker->inbox);
	/* What another worker sent here at the end has come out of its inbox just now. */
	worker_end_all(worker, END_SHUTDOWN);
}

static void pause_loop(void *arg)
{
	struct worker *worker = arg;

	loop_end(&worker->loop);
}

void worker_pause(struct worker *worker)
{
	if (!worker->is_running)
		return;
	inbox_post(worker->inbox, pause_loop, worker);
	pthread_join(worker->thread, NULL);
	worker->is_running = false;
}

void worker_save_all(struct worker *worker)
{
	assert(!worker->is_running);
	loop_turn(&worker->loop);
	/* Once: from then on they may be the next process's. */
	if (worker->flows != NULL && !worker->flows_rest)
		flows_look_all(worker->flows, worker->loop.now_ms);
	worker->flows_rest = true;
	if (worker->keeper != NULL)
		keeper_save_all(worker->keeper, worker->loop.now_ms);
}

void worker_leave(struct worker *worker)
{
	assert(!worker->is_running);
	loop_turn(&worker->loop);
	stream_leave_all(worker->clients);
	inbox_close(worker->inbox);
	/* With the figures of the last second. */
	if (worker->keeper != NULL)
		keeper_save_all(worker->keeper, worker->loop.now_ms);
}

void worker_each_relay_socket(const struct worker *worker, void (*fn)(void *arg, int fd),
			      void *arg)
{
	relay_udp_each_descriptor(worker->relay_udp, fn, arg);
	relay_tcp_each_listener(worker->relay_tcp, fn, arg);
}

void worker_each_connection(const struct worker *worker, void (*fn)(void *arg, int fd),
			    void *arg)
{
	streams_each_descriptor(worker->clients, fn, arg);
}

void worker_each_peer(const struct worker *worker,
		      void (*fn)(void *arg, const char *name, int fd), void *arg)
{
	relay_tcp_each_connection(worker->relay_tcp, fn, arg);
}

void worker_each_front_socket(const struct worker *worker,
			      void (*fn)(void *arg, const char *name, int fd), void *arg)
{
	for (uint16_t i = 0; i < FRONTS_MAX; i++) {
		const struct front *front = &worker->turn.shared->fronts[i];
		int fd = udp_front_descriptor(worker->udp_fronts, i);
		char name[FRONTS_NAME_MAX];

		if (fd < 0)
			fd = tcp_front_descriptor(worker->tcp_fronts, i);
		if (fd < 0)
			continue;
		fronts_name(front, worker->turn.worker, name);
		fn(arg, name, fd);
	}
}

void worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	assert(!worker->is_running);
	tcp_fronts_free(worker->tcp_fronts);
	clients_free(worker->clients);
	pass_through_free(worker->delivery.pass_through);
	udp_fronts_free(worker->udp_fronts);
	inbox_free(worker->inbox);
	heartbeat_stop(&worker->heartbeat);
	allocation_table_free(worker->turn.table);
	tcp_connections_free(worker->turn.connections);
	visitors_free(worker->turn.visitors);
	relocation_free(worker->delivery.relocation);
	relay_udp_free(worker->relay_udp);
	throttle_free(worker->throttle);
	relay_tcp_free(worker->relay_tcp);
	data_conns_free(worker->data_conns);
	if (worker->expiry.ev_base != NULL)
		event_del(&worker->expiry);
	if (worker->sampler.ev_base != NULL)
		event_del(&worker->sampler);
	if (worker->saver.ev_base != NULL)
		event_del(&worker->saver);
	worker_free_flows(worker);
	rates_free(worker->rates);
	keeper_free(worker->keeper);
	change_list_release(&worker->turn.changes);
	state_file_free(worker->state_file);
	worker->loop.alive = NULL;
	state_memory_release(&worker->state);
	loop_release(&worker->loop);
	relay_settings_unref(worker->settings);
	free(worker);
}

void worker_use(struct worker *worker, struct relay_settings *settings)
{
	struct relay_settings *old = worker->settings;

	assert(settings != old && settings->turn.generation != old->turn.generation);
	worker->settings = settings;
	worker->delivery.settings = settings;
	worker->turn.settings = &settings->turn;
	allocation_regroup(&worker->turn, &old->turn);
	udp_fronts_use(worker->udp_fronts, old);
	relay_udp_use(worker->relay_udp, old);
	revocation_apply(&worker->turn, &old->turn, worker->loop.now_ms,
			 worker->loop.unix_s);
	tcp_connections_judge(&worker->turn);
	if (worker->flows != NULL)
		flows_use(worker->flows, worker->loop.now_ms);
	worker_expire(worker);
	relay_settings_unref(old);
}
