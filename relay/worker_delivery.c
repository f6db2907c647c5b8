/*
 * worker_delivery.c - what the two sides of a worker hand to each other, and to other workers
 * (delivery.h).
 */
#include "relay/worker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/udp/udp_queue.h"
#include "relay/core/allocation_table.h"
#include "relay/front/dtls/dtls.h"
#include "relay/front/stream.h"
#include "relay/front/udp.h"
#include "relay/peer/data_conn.h"
#include "relay/peer/relay_tcp.h"
#include "relay/peer/relay_udp.h"
#include "relay/relocation.h"
#include "relay/stray.h"
#include "relay/throttle.h"

struct stream *worker_stream(const struct worker *worker, const struct allocation *al)
{
	if (al->client_gone || !transport_is_stream(al->transport))
		return NULL;
	return stream_find(worker->clients, &al->tuple);
}
struct endpoint worker_via(const struct worker *worker, const struct allocation *al)
{
	const struct stream *stream;

	if (!transport_is_stream(al->transport))
		return udp_front_via(worker->udp_fronts, al->tuple.front,
				     &al->tuple.client);
	stream = worker_stream(worker, al);
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
	stream = worker_stream(worker, al);
	if (stream == NULL)
		counter_add(&worker->turn.counters.drops[DROP_CLIENT_GONE], 1);
	else
		stream_send_forward(stream, forward, room);
}

static void flush_clients(void *self)
{
	struct worker *worker = self;

	udp_fronts_flush(worker->udp_fronts);
	if (worker->turn.hot.count > 0)
		worker_take_hot(worker);
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
	if (worker->turn.hot.count > 0)
		worker_take_hot(worker);
}

/* A client whose stream is closing takes everything: its allocation is about to end. */
static bool client_takes(void *self, uint32_t slot, size_t len)
{
	struct worker *worker = self;
	struct stream *stream =
		worker_stream(worker, allocation_at(worker->turn.table, slot));

	return stream == NULL || stream_takes(stream, len);
}

static void client_wait(void *self, uint32_t slot, bool wait)
{
	struct worker *worker = self;
	struct stream *stream =
		worker_stream(worker, allocation_at(worker->turn.table, slot));

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

static uint64_t client_accepted(void *self, uint32_t slot)
{
	struct worker *worker = self;
	const struct stream *stream =
		worker_stream(worker, allocation_at(worker->turn.table, slot));

	return stream != NULL ? stream_accepted(stream) : UINT64_MAX;
}

static void hand_over(void *self, const struct client_datagram *datagram,
		      const struct dispatch *dispatch)
{
	struct worker *worker = self;

	relocation_datagram(worker->delivery.relocation, datagram, dispatch);
}

static void stray(void *self, const struct five_tuple *from,
		  const struct udp_message *message)
{
	struct worker *worker = self;

	stray_hand_over(&worker->delivery, from, message);
}

static void end_elsewhere(void *self, const struct five_tuple *client)
{
	struct worker *worker = self;

	stray_allocations_end(&worker->delivery, client);
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
		worker_stream(worker, allocation_at(worker->turn.table, slot));

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

struct delivery worker_delivery(struct worker *worker)
{
	return (struct delivery){
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
		.client_accepted = client_accepted,
		.hand_over = hand_over,
		.stray = stray,
		.end_elsewhere = end_elsewhere,
		.bind = bind_client,
		.unbind = unbind_client,
		.client_gone = bound_client_gone,
		.to_control = to_control,
		.throttle = throttle,
		.expire = expire,
		.post = post,
	};
}
