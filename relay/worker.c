/*
 * worker.c - a worker's life, what its core asks of the world (core/edge.h), and what its two
 * sides hand to each other (delivery.h).
 */
#include "relay/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <event2/event.h>

#include "base/udp/udp_batch.h"
#include "relay/core/allocation.h"
#include "relay/core/ids.h"
#include "relay/core/mobility_end.h"
#include "relay/core/mobility_state.h"
#include "relay/core/revocation.h"
#include "relay/core/tcp_connection.h"
#include "relay/core/visitors.h"
#include "relay/front/clients.h"
#include "relay/front/dtls.h"
#include "relay/front/fronts.h"
#include "relay/front/stream.h"
#include "relay/front/tcp.h"
#include "relay/front/udp.h"
#include "relay/front/web/pass_through.h"
#include "relay/ops/record.h"
#include "relay/ops/record_sums.h"
#include "relay/ops/records.h"
#include "relay/peer/data_conn.h"
#include "relay/peer/relay_tcp.h"
#include "relay/peer/relay_udp.h"
#include "relay/rates.h"
#include "relay/relocation.h"
#include "relay/throttle.h"

/* NULL: it is one of datagrams, or it is gone and another may have its 5-tuple. */
static struct stream *client_of(const struct worker *worker, const struct allocation *al)
{
	if (al->client_gone || !transport_is_stream(al->transport))
		return NULL;
	return stream_find(worker->clients, &al->tuple);
}

static int edge_open(void *self, uint32_t slot, const struct endpoint *local)
{
	struct worker *worker = self;

	return relay_udp_open(worker->relay_udp, slot, local);
}

static void edge_close(void *self, uint32_t slot, uint8_t family)
{
	struct worker *worker = self;

	relay_udp_close(worker->relay_udp, slot, family);
}

static int edge_listen(void *self, uint32_t slot, const struct endpoint *local)
{
	struct worker *worker = self;

	return relay_tcp_listen(worker->relay_tcp, slot, local);
}

static void edge_unlisten(void *self, uint32_t slot)
{
	struct worker *worker = self;

	relay_tcp_unlisten(worker->relay_tcp, slot);
}

static void edge_permitted(void *self, uint32_t slot)
{
	struct worker *worker = self;

	relay_tcp_permitted(worker->relay_tcp, slot);
}

/* What bandwidth or TCP peers hold up, in its stream, they hold up no longer. */
static void edge_client_leaves(void *self, const struct allocation *al)
{
	struct worker *worker = self;
	struct stream *stream = client_of(worker, al);

	throttle_forget(worker->throttle, al->slot);
	if (stream != NULL)
		stream_pause(stream, STREAM_PAUSE_PEERS, false);
}

static void edge_take(void *self, uint32_t slot, uint8_t family,
		      struct relay_socket_state *state)
{
	struct worker *worker = self;

	relay_udp_take(worker->relay_udp, slot, family, state);
}

static void edge_give(void *self, uint32_t slot, uint8_t family,
		      const struct relay_socket_state *state)
{
	struct worker *worker = self;

	relay_udp_give(worker->relay_udp, slot, family, state);
}

static void edge_arrival_ended(void *self, unsigned number, const struct five_tuple *to)
{
	struct worker *worker = self;

	relocation_arrival_ended(worker->delivery.relocation, number, to);
}

static void edge_arrival_due(void *self, unsigned number, const struct five_tuple *to)
{
	struct worker *worker = self;

	relocation_arrival_due(worker->delivery.relocation, number, to);
}

static int edge_connect(void *self, uint32_t connection, const struct endpoint *peer)
{
	struct worker *worker = self;

	return data_conns_connect(worker->data_conns, connection, peer);
}

static void edge_disconnect(void *self, uint32_t connection)
{
	struct worker *worker = self;

	data_conns_disconnect(worker->data_conns, connection);
}

static void edge_ended(void *self, const struct allocation *al)
{
	struct worker *worker = self;
	struct record record = record_of(&worker->turn, al, worker->loop.now_ms);

	assert(allocation_at(worker->turn.table, al->slot) == al);
	throttle_forget(worker->throttle, al->slot);
	record.is_logged = worker->settings->records;
	if (record_is_short(&record))
		records_add_short(worker->records, &record, worker->loop.now_ms);
	else
		records_add(worker->records, &record);
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
		assert(worker->random_left <= sizeof(worker->random));
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
	loop_arm(&worker->loop, &worker->sampler, worker->loop.now_ms + wait_ms);
}

struct endpoint worker_via(const struct worker *worker, const struct allocation *al)
{
	const struct stream *stream;

	if (!transport_is_stream(al->transport))
		return udp_front_via(worker->udp_fronts, al->tuple.front,
				     &al->tuple.client);
	stream = client_of(worker, al);
	return stream != NULL ? *stream_via(stream)
			      : (struct endpoint){.ip.family = IP_NONE};
}

static void to_udp_client(struct worker *worker, const struct allocation *al,
			  const struct forward *forward, uint8_t *room)
{
	struct udp_datagram datagram = {
		.header = {forward->header, forward->header_len},
		.payload = forward->payload,
		.padding_len = forward->padding_len,
		.tos = forward->tos,
		.hop_limit = forward->hop_limit,
	};

	if (room != NULL) {
		memcpy(room - forward->header_len, forward->header, forward->header_len);
		memset(room + forward->payload.len, 0, forward->padding_len);
		datagram = (struct udp_datagram){
			.payload = {room - forward->header_len,
				    forward->header_len + forward->payload.len +
					    forward->padding_len},
			.tos = forward->tos,
			.hop_limit = forward->hop_limit,
		};
	}
	udp_front_relay(worker->udp_fronts, al->tuple.front, &al->tuple.client,
			&datagram);
}

static void to_client(void *self, const struct forward *forward, uint8_t *room)
{
	struct worker *worker = self;
	const struct allocation *al = allocation_at(worker->turn.table, forward->slot);
	struct stream *stream;

	assert(al != NULL && forward->kind == FORWARD_TO_CLIENT);
	if (forward->wait_ms > 0)
		throttle_slot(worker->throttle, forward->slot, forward->wait_ms);
	if (al->transport == TRANSPORT_UDP) {
		to_udp_client(worker, al, forward, room);
		return;
	}
	if (al->transport == TRANSPORT_DTLS && !al->client_gone) {
		dtls_send_forward(udp_fronts_dtls(worker->udp_fronts), &al->tuple,
				  forward, room);
		return;
	}
	stream = client_of(worker, al);
	if (stream == NULL)
		counter_add(&worker->turn.counters.drops[DROP_CLIENT_GONE], 1);
	else
		stream_send_forward(stream, forward, room);
}

static void flush_clients(void *self)
{
	struct worker *worker = self;

	udp_fronts_flush(worker->udp_fronts);
}

static void to_peer(void *self, const struct forward *forward)
{
	struct worker *worker = self;
	const struct allocation *al = allocation_at(worker->turn.table, forward->slot);

	assert(al != NULL && forward->kind == FORWARD_TO_PEER);
	if (al->relay_transport == TRANSPORT_TCP)
		relay_tcp_send(worker->relay_tcp, forward);
	else
		relay_udp_send(worker->relay_udp, forward);
	if (forward->wait_ms > 0)
		throttle_slot(worker->throttle, forward->slot, forward->wait_ms);
}

static void flush_peers(void *self)
{
	struct worker *worker = self;

	relay_udp_flush(worker->relay_udp);
}

/* A client whose stream is closing takes everything: its allocation is about to end. */
static bool client_takes(void *self, uint32_t slot, size_t len)
{
	struct worker *worker = self;
	struct stream *stream =
		client_of(worker, allocation_at(worker->turn.table, slot));

	return stream == NULL || stream_takes(stream, len);
}

static void client_wait(void *self, uint32_t slot, bool wait)
{
	struct worker *worker = self;
	struct stream *stream =
		client_of(worker, allocation_at(worker->turn.table, slot));

	if (stream != NULL)
		stream_pause(stream, STREAM_PAUSE_PEERS, wait);
}

static void client_ready(void *self, const struct five_tuple *client)
{
	struct worker *worker = self;
	const struct allocation *al = allocation_find(worker->turn.table, client);

	if (al != NULL)
		relay_tcp_client_ready(worker->relay_tcp, al->slot);
}

static void hand_over(void *self, const struct client_datagram *datagram,
		      const struct dispatch *dispatch)
{
	struct worker *worker = self;

	relocation_datagram(worker->delivery.relocation, datagram, dispatch);
}

static bool bind_client(void *self, uint32_t connection,
			const struct bound_client *client)
{
	struct worker *worker = self;

	return data_conns_bind(worker->data_conns, connection, client);
}

static void unbind_client(void *self, struct stream *stream, bool reset)
{
	(void)self;
	stream_bound_end(stream, reset);
}

static void bound_client_gone(void *self, uint32_t connection)
{
	struct worker *worker = self;

	data_conns_client_gone(worker->data_conns, connection);
}

static void to_control(void *self, uint32_t slot, struct slice message)
{
	struct worker *worker = self;
	struct stream *stream =
		client_of(worker, allocation_at(worker->turn.table, slot));

	if (stream != NULL)
		stream_send(stream, message);
}

static void throttle(void *self, uint32_t slot, uint32_t wait_ms)
{
	struct worker *worker = self;

	throttle_slot(worker->throttle, slot, wait_ms);
}

static void expire(void *self)
{
	worker_expire(self);
}

/* On its way to another worker. */
struct posted {
	struct worker *there;
	void (*fn)(struct delivery *there, void *arg);
	void *arg;
};

static void run_posted(void *arg)
{
	struct posted posted = *(struct posted *)arg;

	free(arg);
	loop_turn(&posted.there->loop);
	posted.fn(&posted.there->delivery, posted.arg);
}

static bool post(void *self, unsigned number, void (*fn)(struct delivery *, void *),
		 void *arg)
{
	struct worker *worker = self;
	struct posted *posted;

	if (number >= worker->sibling_count)
		return false;
	posted = malloc(sizeof(*posted));
	if (posted == NULL)
		return false;
	*posted = (struct posted){worker->siblings[number], fn, arg};
	assert(posted->there->turn.worker == number);
	if (inbox_post(posted->there->inbox, run_posted, posted))
		return true;
	free(posted);
	return false;
}

/* For want of bandwidth: the client of that slot, if it is a stream, and its TCP peers. */
static void pause_streams(void *arg, uint32_t slot, bool pause)
{
	struct worker *worker = arg;
	const struct allocation *al = allocation_at(worker->turn.table, slot);
	struct stream *stream = NULL;

	/* A control connection alone carries requests only. */
	if (transport_is_stream(al->transport) && !allocation_has_data_connections(al))
		stream = client_of(worker, al);
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

/* What the core and the parts call; before there are any. */
static void connect_parts(struct worker *worker)
{
	worker->edge = (struct edge){
		.self = worker,
		.relay_open = edge_open,
		.relay_close = edge_close,
		.relay_listen = edge_listen,
		.relay_unlisten = edge_unlisten,
		.relay_permitted = edge_permitted,
		.relay_take = edge_take,
		.relay_give = edge_give,
		.arrival_ended = edge_arrival_ended,
		.arrival_due = edge_arrival_due,
		.client_leaves = edge_client_leaves,
		.tcp_connect = edge_connect,
		.tcp_disconnect = edge_disconnect,
		.allocation_ended = edge_ended,
		.random = edge_random,
	};
	worker->delivery = (struct delivery){
		.loop = &worker->loop,
		.turn = &worker->turn,
		.settings = worker->settings,
		.trace = &worker->trace,
		.reply = worker->reply,
		.self = worker,
		.to_peer = to_peer,
		.flush_peers = flush_peers,
		.to_client = to_client,
		.flush_clients = flush_clients,
		.client_takes = client_takes,
		.client_wait = client_wait,
		.client_ready = client_ready,
		.hand_over = hand_over,
		.bind = bind_client,
		.unbind = unbind_client,
		.client_gone = bound_client_gone,
		.to_control = to_control,
		.throttle = throttle,
		.expire = expire,
		.post = post,
	};
	worker->turn.settings = &worker->settings->turn;
	worker->turn.edge = &worker->edge;
}

/* False if out of memory. */
static bool make_parts(struct worker *worker, const struct worker_common *common)
{
	const struct relay_config *config = common->config;
	struct delivery *delivery = &worker->delivery;
	size_t slots = slots_wanted(config);

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
	worker->clients = clients_new(delivery, common->unauthenticated_max, stream_end);
	delivery->clients = worker->clients;
	delivery->pass_through = pass_through_new(delivery);
	worker->udp_fronts = udp_fronts_new(delivery);
	worker->turn.visitors = visitors_new(&worker->turn.shared->hash_key);
	delivery->relocation = relocation_new(delivery, worker->udp_fronts);
	worker->rates = rates_new(slots);
	if (worker->clients != NULL)
		worker->tcp_fronts = tcp_fronts_new(worker->clients);
	return delivery->pass_through != NULL && worker->turn.table != NULL &&
	       worker->data_conns != NULL && worker->rates != NULL &&
	       worker->turn.visitors != NULL && delivery->relocation != NULL &&
	       worker->relay_udp != NULL && worker->relay_tcp != NULL &&
	       worker->throttle != NULL && worker->udp_fronts != NULL &&
	       worker->tcp_fronts != NULL;
}

struct worker *worker_new(const struct worker_common *common, unsigned number,
			  struct relay_settings *settings, char *error, size_t error_size)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	assert(number < WORKERS_MAX && common->records != NULL);
	if (worker == NULL)
		goto fail;
	worker->siblings = common->workers;
	worker->sibling_count = common->worker_count;
	worker->turn.shared = common->shared;
	worker->turn.worker = (uint16_t)number;
	worker->records = common->records;
	worker->settings = settings;
	worker->expiry_armed_ms = UINT64_MAX;
	connect_parts(worker);
	if (!loop_init(&worker->loop))
		goto fail;
	worker->inbox = inbox_new(worker->loop.base);
	if (worker->inbox == NULL || !make_parts(worker, common) ||
	    event_assign(&worker->expiry, worker->loop.base, -1, 0, expiry_due, worker) !=
		    0 ||
	    event_assign(&worker->sampler, worker->loop.base, -1, 0, sample_rates,
			 worker) != 0)
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
	rates_free(worker->rates);
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
	worker_expire(worker);
	relay_settings_unref(old);
}
