/*
 * worker.c - a worker's life, and what its core asks of the world (core/edge.h).
 */
#include "relay/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/udp_batch.h"
#include "relay/core/ids.h"
#include "relay/core/revocation.h"
#include "relay/front/clients.h"
#include "relay/front/fronts.h"
#include "relay/front/listener.h"
#include "relay/front/stream.h"
#include "relay/ops/record.h"
#include "relay/ops/record_writer.h"
#include "relay/ops/records.h"
#include "relay/throttle.h"

void worker_tick(struct worker *worker)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	worker->now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	worker->unix_s = ts.tv_sec;
}

static int edge_open(void *self, uint32_t slot, const struct endpoint *local)
{
	struct worker *worker = self;

	return relay_udp_open(worker->relay_sockets, slot, local);
}

static void edge_close(void *self, uint32_t slot, uint8_t family)
{
	struct worker *worker = self;

	relay_udp_close(worker->relay_sockets, slot, family);
}

static int edge_listen(void *self, uint32_t slot, const struct endpoint *local)
{
	struct worker *worker = self;

	return relay_tcp_listen(worker->tcp_relays, slot, local);
}

static void edge_unlisten(void *self, uint32_t slot)
{
	struct worker *worker = self;

	relay_tcp_unlisten(worker->tcp_relays, slot);
}

static void edge_permitted(void *self, uint32_t slot)
{
	struct worker *worker = self;

	relay_tcp_permitted(worker->tcp_relays, slot);
}

static void edge_ended(void *self, const struct allocation *al)
{
	struct worker *worker = self;
	struct record record = record_of(&worker->turn, al, worker->now_ms);

	throttle_forget(worker->throttle, al->slot);
	record.is_logged = worker->settings->records;
	if (worker->relay->records != NULL)
		records_add(worker->relay->records, &record);
}

/*
 * Drawn ahead in blocks, so that a Data indication's transaction id costs no system call. The
 * kernel gives up to 256 bytes without ever being interrupted; more is asked for again.
 */
static void edge_random(void *self, void *buf, size_t len)
{
	struct worker *worker = self;
	uint8_t *out = buf;

	while (len > 0) {
		if (worker->random_left == 0) {
			ssize_t got =
				getrandom(worker->random, sizeof(worker->random), 0);
			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0)
				abort(); /* no CSPRNG: nothing here may go on */
			worker->random_left = (size_t)got;
		}
		size_t n = len < worker->random_left ? len : worker->random_left;
		uint8_t *from = worker->random + worker->random_left - n;
		memcpy(out, from, n);
		explicit_bzero(from, n);
		worker->random_left -= n;
		out += n;
		len -= n;
	}
}

void worker_expire(struct worker *worker)
{
	uint64_t next = dispatch_expire(&worker->turn, worker->now_ms);

	if (next == worker->expiry_armed_ms)
		return;
	worker->expiry_armed_ms = next;
	if (next == UINT64_MAX) {
		event_del(&worker->expiry);
		return;
	}
	uint64_t wait_ms = next > worker->now_ms ? next - worker->now_ms : 0;
	/* The coarse clock may lag by a tick; one more millisecond spares a second wake-up. */
	wait_ms += 1;
	struct timeval tv = {
		.tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000),
	};
	event_add(&worker->expiry, &tv);
}

static void expiry_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct worker *worker = arg;

	worker->expiry_armed_ms = UINT64_MAX;
	worker_tick(worker);
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

	worker_tick(worker);
	uint32_t wait_ms = rates_sample(worker->rates, worker->turn.table,
					relayed_packets(&worker->turn.counters),
					worker->now_ms);
	const struct timeval tv = {
		.tv_sec = wait_ms / 1000,
		.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000),
	};
	event_add(&worker->sampler, &tv);
}

void worker_to_client(struct worker *worker, const struct forward *forward, uint8_t *room)
{
	const struct allocation *al = allocation_at(worker->turn.table, forward->slot);

	if (forward->wait_ms > 0)
		throttle_slot(worker->throttle, forward->slot, forward->wait_ms);
	if (al->transport == TRANSPORT_UDP) {
		struct udp_datagram datagram = {
			.header = {forward->header, forward->header_len},
			.payload = forward->payload,
			.padding_len = forward->padding_len,
		};
		if (room != NULL) {
			memcpy(room - forward->header_len, forward->header,
			       forward->header_len);
			memset(room + forward->payload.len, 0, forward->padding_len);
			datagram = (struct udp_datagram){
				.payload = {room - forward->header_len,
					    forward->header_len + forward->payload.len +
						    forward->padding_len},
			};
		}
		udp_front_relay(worker->udp, al->tuple.front, &al->tuple.client,
				&datagram);
		return;
	}
	struct stream *stream = clients_find(worker->clients, &al->tuple);
	if (stream == NULL)
		counter_add(&worker->turn.counters.drops[DROP_CLIENT_GONE], 1);
	else
		stream_send_forward(stream, forward, room);
}

void worker_flush_clients(struct worker *worker)
{
	udp_fronts_flush(worker->udp);
}

void worker_to_peer(struct worker *worker, const struct forward *forward)
{
	const struct allocation *al = allocation_at(worker->turn.table, forward->slot);

	if (al->relay_transport == TRANSPORT_TCP)
		relay_tcp_send(worker->tcp_relays, forward);
	else
		relay_udp_send(worker->relay_sockets, forward);
	if (forward->wait_ms > 0)
		throttle_slot(worker->throttle, forward->slot, forward->wait_ms);
}

/* NULL: it is closing, and its allocation about to end. */
static struct stream *client_of(struct worker *worker, uint32_t slot)
{
	const struct allocation *al = allocation_at(worker->turn.table, slot);

	return clients_find(worker->clients, &al->tuple);
}

bool worker_client_takes(struct worker *worker, uint32_t slot, size_t len)
{
	struct stream *stream = client_of(worker, slot);

	return stream == NULL || stream_takes(stream, len);
}

void worker_client_wait(struct worker *worker, uint32_t slot, bool wait)
{
	struct stream *stream = client_of(worker, slot);

	if (stream != NULL)
		stream_pause(stream, STREAM_PAUSE_PEERS, wait);
}

void worker_client_throttle(struct worker *worker, uint32_t slot, bool throttle)
{
	const struct allocation *al = allocation_at(worker->turn.table, slot);
	struct stream *stream = NULL;

	if (transport_is_stream(al->transport))
		stream = clients_find(worker->clients, &al->tuple);
	if (stream != NULL)
		stream_pause(stream, STREAM_PAUSE_BANDWIDTH, throttle);
}

void worker_client_ready(struct worker *worker, const struct five_tuple *tuple)
{
	const struct allocation *al = allocation_find(worker->turn.table, tuple);

	if (al != NULL)
		relay_tcp_client_ready(worker->tcp_relays, al->slot);
}

static size_t slots_wanted(const struct relay *relay)
{
	const struct config *config = relay->config;
	size_t ports = (size_t)(config->relay.last - config->relay.first + 1) *
		       config->sides[SIDE_OUTSIDE].address_count;
	size_t limit = config->fixed_limits.allocations_total;

	ports *= 2; /* of UDP and of TCP */
	if (limit == 0 || limit > ports)
		limit = ports;
	return limit < SLOTS_MAX ? limit : SLOTS_MAX;
}

/* One thread's own, so without locks. */
static struct event_base *make_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (config == NULL)
		return NULL;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct worker *worker_new(struct relay *relay, unsigned number, struct settings *settings,
			  char *error, size_t error_size)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	if (worker == NULL)
		goto fail;

	const struct config *config = relay->config;
	size_t slots = slots_wanted(relay);
	worker->relay = relay;
	worker->settings = settings;
	worker->expiry_armed_ms = UINT64_MAX;
	worker->edge = (struct edge){
		.self = worker,
		.relay_open = edge_open,
		.relay_close = edge_close,
		.relay_listen = edge_listen,
		.relay_unlisten = edge_unlisten,
		.relay_permitted = edge_permitted,
		.allocation_ended = edge_ended,
		.random = edge_random,
	};
	worker->turn.shared = &relay->shared;
	worker->turn.settings = &settings->turn;
	worker->turn.edge = &worker->edge;
	worker->turn.worker = (uint16_t)number;
	worker_tick(worker);

	worker->base = make_base();
	if (worker->base == NULL)
		goto fail;

	worker->turn.table = allocation_table_new(slots, config->fixed_limits.permissions,
						  config->fixed_limits.channels,
						  &relay->shared.hash_key);
	worker->relay_sockets = relay_udp_new(worker, slots);
	worker->tcp_relays = relay_tcp_new(worker, slots);
	worker->throttle = throttle_new(worker, slots);
	worker->clients = clients_new(worker);
	worker->udp = udp_fronts_new(worker);
	worker->listeners = listeners_new(worker);
	worker->inbox = handoff_new(worker->base, worker);
	worker->rates = rates_new(slots);
	if (worker->turn.table == NULL || worker->rates == NULL ||
	    worker->relay_sockets == NULL || worker->tcp_relays == NULL ||
	    worker->throttle == NULL || worker->clients == NULL || worker->udp == NULL ||
	    worker->listeners == NULL || worker->inbox == NULL ||
	    event_assign(&worker->expiry, worker->base, -1, 0, expiry_due, worker) != 0 ||
	    event_assign(&worker->sampler, worker->base, -1, 0, sample_rates, worker) !=
		    0)
		goto fail;
	sample_rates(-1, 0, worker); /* and from now on it calls itself */
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
	udp_front_close(worker->udp, front);
	listener_close(worker->listeners, front);
}

static bool open_front(struct worker *worker, struct front_sockets *sockets,
		       uint16_t front)
{
	int *udp = &sockets->udp[front], *tcp = &sockets->tcp[front];

	if (*udp >= 0) {
		if (!udp_front_open(worker->udp, front, *udp))
			return false;
		*udp = -1;
	}
	if (*tcp >= 0) {
		if (!listener_open(worker->listeners, front, *tcp))
			return false;
		*tcp = -1;
	}
	return true;
}

bool worker_adopt(struct worker *worker, struct front_sockets *sockets)
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

struct opening {
	struct front_sockets *sockets;
	bool ok;
};

static void open_fronts(struct worker *worker, void *arg)
{
	struct opening *opening = arg;

	opening->ok = worker_adopt(worker, opening->sockets);
}

bool worker_open_fronts(struct worker *worker, struct front_sockets *sockets)
{
	struct opening opening = {.sockets = sockets};

	return handoff_call(worker->inbox, open_fronts, &opening) && opening.ok;
}

struct some_fronts {
	const bool *fronts;
};

static void retire_fronts(struct worker *worker, void *arg)
{
	const bool *fronts = ((struct some_fronts *)arg)->fronts;

	for (uint16_t i = 0; i < FRONTS_MAX; i++) {
		if (fronts[i])
			listener_close(worker->listeners, i);
	}
}

void worker_retire_fronts(struct worker *worker, const bool fronts[FRONTS_MAX])
{
	handoff_call(worker->inbox, retire_fronts, &(struct some_fronts){fronts});
}

static void close_fronts(struct worker *worker, void *arg)
{
	const bool *fronts = ((struct some_fronts *)arg)->fronts;

	struct allocation *al;

	for (uint32_t slot = 0;
	     (al = allocation_next(worker->turn.table, slot)) != NULL;) {
		slot = al->slot + 1;
		if (fronts[al->tuple.front])
			allocation_delete(&worker->turn, al, END_SHUTDOWN,
					  worker->now_ms);
	}
	clients_end(worker->clients, fronts);
	for (uint16_t i = 0; i < FRONTS_MAX; i++) {
		if (fronts[i])
			close_front(worker, i);
	}
}

void worker_close_fronts(struct worker *worker, const bool fronts[FRONTS_MAX])
{
	handoff_call(worker->inbox, close_fronts, &(struct some_fronts){fronts});
}

uint32_t worker_front_allocations(const struct worker *worker, size_t front)
{
	return __atomic_load_n(&worker->turn.front_allocations[front], __ATOMIC_RELAXED);
}

static void *run(void *arg)
{
	struct worker *worker = arg;

	event_base_loop(worker->base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

int worker_start(struct worker *worker)
{
	char name[16];
	int error = pthread_create(&worker->thread, NULL, run, worker);

	if (error != 0)
		return error;
	snprintf(name, sizeof(name), "worker-%u", worker->turn.worker);
	pthread_setname_np(worker->thread, name);
	worker->running = true;
	return 0;
}

void worker_end_all(struct worker *worker, enum end_reason reason)
{
	struct record_writer *writer = worker->relay->record_writer;
	struct allocation *al;
	unsigned ended = 0;

	for (uint32_t slot = 0; (al = allocation_next(worker->turn.table, slot)) != NULL;
	     slot = al->slot + 1) {
		allocation_delete(&worker->turn, al, reason, worker->now_ms);
		if (++ended % RECORD_WRITER_PAUSE == 0 && !record_writer_catch_up(writer))
			writer = NULL;
	}
	worker_expire(worker);
}

static void stop(struct worker *worker, void *arg)
{
	(void)arg;
	worker_end_all(worker, END_SHUTDOWN);
	event_base_loopbreak(worker->base);
}

void worker_stop(struct worker *worker)
{
	if (!worker->running)
		return;
	handoff_post(worker->inbox, stop, NULL);
	pthread_join(worker->thread, NULL);
	worker->running = false;
}

void worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	listeners_free(worker->listeners);
	clients_free(worker->clients);
	udp_fronts_free(worker->udp);
	handoff_free(worker->inbox);
	heartbeat_stop(&worker->heartbeat);
	allocation_table_free(worker->turn.table);
	relay_udp_free(worker->relay_sockets);
	throttle_free(worker->throttle);
	relay_tcp_free(worker->tcp_relays);
	if (worker->expiry.ev_base != NULL)
		event_del(&worker->expiry);
	if (worker->sampler.ev_base != NULL)
		event_del(&worker->sampler);
	rates_free(worker->rates);
	if (worker->base != NULL)
		event_base_free(worker->base);
	settings_unref(worker->settings);
	free(worker);
}

static void take_settings(struct worker *worker, void *arg)
{
	struct settings *old = worker->settings;

	worker->settings = arg;
	worker->turn.settings = &worker->settings->turn;
	worker_tick(worker);
	revocation_apply(&worker->turn, &old->turn, worker->now_ms, worker->unix_s);
	worker_expire(worker);
	settings_unref(old);
}

void worker_publish(struct worker *worker, struct settings *settings)
{
	settings_ref(settings);
	if (!handoff_call(worker->inbox, take_settings, settings))
		settings_unref(settings);
}
