/*
 * udp.c - receives in batches, because a front serves many clients at once. Replies are sent
 * one by one; what is relayed waits in a queue (base/udp/udp_queue.h) until the flush.
 */
#include "relay/front/udp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "base/udp/steering.h"
#include "base/udp/udp_batch.h"
#include "base/udp/udp_queue.h"
#include "relay/core/allocation_table.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/front/dtls/dtls.h"
#include "relay/front/next_hops.h"
#include "relay/front/proxy.h"
#include "relay/front/trace.h"
#include "relay/loop.h"
#include "relay/reload/relay_settings.h"

static_assert(FORWARD_HEADER_MAX <= (int)UDP_QUEUE_HEADER_MAX,
	      "a header fits a datagram");

struct udp_front {
	struct loop_watch watch;
	struct udp_fronts *owner;
	int fd;         /* -1: this front is not UDP */
	uint32_t drops; /* by the kernel, as counted */
	uint16_t index;
};

struct udp_fronts {
	struct delivery *delivery;
	struct next_hops *hops; /* of clients that balancers hand on */
	struct {                /* of the client whose datagram is at hand */
		struct five_tuple client;
		struct endpoint hop; /* of no family: it has come itself */
	} current;
	struct proxy_last last_proxied;
	struct udp_front fronts[FRONTS_MAX];
	struct udp_batch batch; /* from clients */
	struct udp_queue queue; /* to clients of a front */
	struct dtls *dtls;      /* clients at the fronts after these */
};

/* --- the way to a client ---------------------------------------------------------------------- */

static bool is_known(void *arg, const struct five_tuple *client)
{
	const struct udp_fronts *fronts = arg;

	return allocation_find_any(fronts->delivery->turn->table, client) != NULL ||
	       dtls_has(fronts->dtls, client);
}

static const struct endpoint *next_hop(const struct udp_fronts *fronts, uint16_t front,
				       const struct endpoint *client)
{
	bool is_proxied = fronts->current.hop.ip.family != IP_NONE;

	if (!is_proxied && next_hops_count(fronts->hops) == 0)
		return client;

	const struct five_tuple tuple = {.client = *client, .front = front};
	if (is_proxied && five_tuple_equal(&fronts->current.client, &tuple))
		return &fronts->current.hop;
	const struct endpoint *hop = next_hops_find(fronts->hops, &tuple);
	return hop != NULL ? hop : client;
}

/*
 * Without memory the client loses what it has: nothing is sent to an address that a header alone
 * names.
 */
static void keep_hop(struct udp_fronts *fronts, const struct five_tuple *tuple)
{
	struct delivery *delivery = fronts->delivery;

	if (fronts->current.hop.ip.family != IP_NONE) {
		if (next_hops_set(fronts->hops, tuple, &fronts->current.hop))
			return;
		dtls_end(fronts->dtls, tuple);
		dispatch_client_gone(delivery->turn, tuple, END_CLIENT_GONE,
				     delivery->loop->now_ms);
	} else if (next_hops_count(fronts->hops) > 0) {
		next_hops_remove(fronts->hops, tuple);
	}
}

void udp_front_come_through(struct udp_fronts *fronts, const struct five_tuple *client,
			    const struct endpoint *hop)
{
	assert(hop->ip.family != IP_NONE);
	next_hops_set(fronts->hops, client, hop);
}

struct endpoint udp_front_via(const struct udp_fronts *fronts, uint16_t front,
			      const struct endpoint *client)
{
	const struct five_tuple tuple = {.client = *client, .front = front};
	const struct endpoint *hop = next_hops_find(fronts->hops, &tuple);

	return hop != NULL ? *hop : (struct endpoint){.ip.family = IP_NONE};
}

/* --- receiving -------------------------------------------------------------------------------- */

static enum drop_reason proxy_drop(enum proxy_result result)
{
	return result == PROXY_RESULT_MISSING      ? DROP_PROXY_MISSING
	       : result == PROXY_RESULT_CLIENT_ACL ? DROP_CLIENT_ACL
						   : DROP_PROXY_REFUSED;
}

/* A header where none belongs, which has been dropped like anything else that is no message. */
static void notice_header(struct delivery *delivery, const struct five_tuple *tuple,
			  struct slice datagram)
{
	struct proxy_header header;
	size_t needed;

	if (datagram.len >= PROXY_HEADER_V2_MIN && datagram.data[0] == '\r' &&
	    proxy_header_read(datagram, PROXY_DGRAM, &header, &needed) != PROXY_NONE)
		proxy_stranger(delivery, tuple);
}

/* The socket of a front, that of the plain one for DTLS; -1: it is not open. */
static int socket_of(const struct udp_fronts *fronts, uint16_t front)
{
	const struct front *table = fronts->delivery->turn->shared->fronts;

	assert(front < FRONTS_MAX);
	return fronts
		->fronts[transport_is_secure(table[front].transport) ? front - 1 : front]
		.fd;
}

static void handle(struct udp_fronts *fronts, const struct five_tuple *tuple,
		   struct slice message, uint8_t tos, uint8_t hop_limit)
{
	struct delivery *delivery = fronts->delivery;
	struct dispatch dispatch;

	(fronts->current.hop.ip.family != IP_NONE
		 ? dispatch_from_balancer
		 : dispatch_from_client)(delivery->turn, tuple, message,
					 delivery->loop->now_ms, delivery->loop->unix_s,
					 delivery->reply, &dispatch);
	if (dispatch.action == DISPATCH_FORWARD) {
		if (forward_set_header(delivery->turn, &dispatch.forward, tos, hop_limit))
			delivery->to_peer(delivery->self, &dispatch.forward);
	} else if (dispatch.action == DISPATCH_REPLY) {
		const struct endpoint to = {tuple->client.ip, dispatch.reply_port};

		udp_front_send(fronts, dispatch.reply_front, &to,
			       (struct slice){delivery->reply, dispatch.reply_len});
		trace_reply(delivery->trace, delivery->turn, tuple,
			    (struct slice){delivery->reply, dispatch.reply_len},
			    delivery->loop->now_ms);
	} else if (dispatch.action == DISPATCH_HAND_OVER) {
		const struct client_datagram datagram = {tuple, &fronts->current.hop,
							 message, tos, hop_limit};

		delivery->hand_over(delivery->self, &datagram, &dispatch);
	}
	if (dispatch.authenticated) {
		delivery->expire(delivery->self);
		if (fronts->current.hop.ip.family != IP_NONE)
			delivery->end_elsewhere(delivery->self, tuple);
	}
	/* Of a client, not of anybody who sends in its name. */
	if (dispatch.authenticated || dispatch.action == DISPATCH_FORWARD)
		keep_hop(fronts, tuple);
	else if (dispatch.action == DISPATCH_NOTHING)
		notice_header(delivery, tuple, message);
}

static bool is_secure(const struct udp_fronts *fronts, const struct five_tuple *tuple)
{
	return transport_is_secure(
		fronts->delivery->turn->shared->fronts[tuple->front].transport);
}

static bool is_open(const struct udp_fronts *fronts, const struct five_tuple *tuple)
{
	return socket_of(fronts, tuple->front) >= 0;
}

void udp_front_handle(struct udp_fronts *fronts, const struct client_datagram *datagram)
{
	if (!is_open(fronts, datagram->tuple))
		return;
	if (is_secure(fronts, datagram->tuple)) {
		dtls_handle(fronts->dtls, datagram->tuple, datagram->message,
			    (struct dtls_header){datagram->tos, datagram->hop_limit});
		return;
	}
	fronts->current.client = *datagram->tuple;
	fronts->current.hop = *datagram->hop;
	handle(fronts, datagram->tuple, datagram->message, datagram->tos,
	       datagram->hop_limit);
	fronts->current.hop.ip.family = IP_NONE;
}

void udp_front_answer(struct udp_fronts *fronts, const struct five_tuple *tuple,
		      const struct endpoint *hop, struct slice reply, bool known)
{
	struct delivery *delivery = fronts->delivery;

	if (!is_open(fronts, tuple))
		return;
	if (is_secure(fronts, tuple)) {
		dtls_answer(fronts->dtls, tuple, reply, known);
		return;
	}
	fronts->current.client = *tuple;
	fronts->current.hop = *hop;
	udp_front_send(fronts, tuple->front, &tuple->client, reply);
	trace_reply(delivery->trace, delivery->turn, tuple, reply,
		    delivery->loop->now_ms);
	if (known)
		keep_hop(fronts, tuple);
	fronts->current.hop.ip.family = IP_NONE;
}

/* Has the worker an allocation of that dialect with a UDP client? */
static bool has_ms(const struct turn *turn)
{
	uint64_t open = 0;

	for (int side = 0; side < SIDE_COUNT; side++) {
		for (int relay = 0; relay < COUNTED_RELAYS; relay++) {
			const struct turnover *turnover =
				&turn->counters.allocations[DIALECT_MS][side]
							   [TRANSPORT_UDP][relay];

			open += turnover->opened - turnover->closed;
		}
	}
	return open != 0;
}

/*
 * RFC 7983 section 7. MS-TURN alone relays bare data, which may be DTLS of the client's media: an
 * allocation of that dialect owns whatever comes on its 5-tuple. One of RFC 8656 has no use for such
 * first bytes, so they belong to the client's other 5-tuple, which names the DTLS front.
 */
static bool is_dtls(const struct udp_front *front, const struct five_tuple *tuple,
		    struct slice datagram)
{
	const struct turn *turn = front->owner->delivery->turn;
	const struct allocation *al;

	if (datagram_classify(datagram) != DATAGRAM_DTLS)
		return false;
	if (!has_ms(turn))
		return true;
	al = allocation_find(turn->table, tuple);
	return al == NULL || al->dialect != DIALECT_MS;
}

/* One datagram; bytes are those of the message that it is part of, which may be overwritten. */
static void take(struct udp_front *front, const struct five_tuple *tuple,
		 struct slice datagram, uint8_t *bytes, const struct udp_message *from)
{
	const struct five_tuple secure = {tuple->client, (uint16_t)(tuple->front + 1)};
	const struct dtls_header header = {from->tos, from->hop_limit};
	struct udp_fronts *fronts = front->owner;

	if (!is_dtls(front, tuple, datagram)) {
		handle(fronts, tuple, datagram, from->tos, from->hop_limit);
		return;
	}
	fronts->current.client = secure;
	if (dtls_receive(fronts->dtls, &secure, bytes + (datagram.data - bytes),
			 datagram.len, header))
		keep_hop(fronts, &secure);
}

/* What a balancer sends: a header, and the client's datagram behind it. */
static void handle_proxied(struct udp_front *front, const struct endpoint *balancer,
			   struct slice datagram, uint8_t *bytes,
			   const struct udp_message *from)
{
	struct udp_fronts *fronts = front->owner;
	struct delivery *delivery = fronts->delivery;
	struct five_tuple tuple = {.client = *balancer, .front = front->index};
	enum proxy_result result =
		proxy_take(delivery, &fronts->last_proxied, &datagram, &tuple);

	if (!proxy_lets_in(result)) {
		counter_add(&delivery->turn->counters.drops[proxy_drop(result)], 1);
		return;
	}
	if (datagram.len == 0)
		return; /* a header alone only looks whether we are there */
	fronts->current.client = tuple;
	fronts->current.hop = *balancer;
	take(front, &tuple, datagram, bytes, from);
	fronts->current.hop.ip.family = IP_NONE;
}

/* What one source sends. bytes: where the message begins. */
static void arrive(struct udp_front *front, const struct five_tuple *from,
		   struct udp_message *message, uint8_t *bytes)
{
	struct delivery *delivery = front->owner->delivery;
	uint64_t *drops = delivery->turn->counters.drops;
	enum side side = delivery->turn->shared->fronts[front->index].side;

	if (relay_settings_is_balancer(delivery->settings, side, &from->client.ip)) {
		do {
			handle_proxied(front, &from->client, udp_message_take(message),
				       bytes, message);
		} while (message->rest.len > 0);
		return;
	}
	if (!relay_settings_client_allowed(delivery->settings, side, &from->client.ip)) {
		counter_add(&drops[DROP_CLIENT_ACL], 1);
		return;
	}

	do {
		take(front, from, udp_message_take(message), bytes, message);
	} while (message->rest.len > 0);
}

void udp_front_arrive(struct udp_fronts *fronts, const struct five_tuple *from,
		      struct udp_message *message, uint8_t *bytes)
{
	if (is_open(fronts, from))
		arrive(&fronts->fronts[from->front], from, message, bytes);
}

static void received(struct udp_front *front, unsigned i)
{
	struct udp_batch *batch = &front->owner->batch;
	struct delivery *delivery = front->owner->delivery;
	const struct turn *turn = delivery->turn;
	struct udp_message message = udp_batch_message(batch, i);
	struct five_tuple from = {.front = front->index};
	unsigned workers = turn->shared->worker_count;

	if (!udp_batch_source(batch, i, &from.client))
		return;
	if (udp_batch_is_truncated(batch, i))
		counter_add(&delivery->turn->counters.drops[DROP_TRUNCATED], 1);
	else if (workers > 1 && steering_worker(&from.client, workers) != turn->worker)
		delivery->stray(delivery->self, &from, &message);
	else
		arrive(front, &from, &message, batch->buffer_of[i].iov_base);
}

/* False if there was nothing. */
static bool receive(struct udp_front *front, int fd)
{
	struct udp_fronts *fronts = front->owner;
	struct delivery *delivery = fronts->delivery;

	unsigned count = udp_batch_receive(&fronts->batch, fd, UDP_BATCH_MAX);
	if (count == 0)
		return false;
	distribution_add(&delivery->turn->counters.batches[SOCKET_FRONT],
			 &distribution_batches, count);
	for (unsigned i = 0; i < count; i++)
		received(front, i);
	delivery->flush_peers(delivery->self);
	return true;
}

static void readable(struct loop_watch *watch)
{
	struct udp_front *front = (struct udp_front *)watch;

	receive(front, front->fd);
}

int udp_front_descriptor(const struct udp_fronts *fronts, uint16_t front)
{
	assert(front < FRONTS_MAX);
	return fronts->fronts[front].fd;
}

void udp_front_drain(struct udp_fronts *fronts, uint16_t front, int fd)
{
	assert(front < FRONTS_MAX && fronts->fronts[front].fd >= 0);
	do
		loop_turn(fronts->delivery->loop);
	while (receive(&fronts->fronts[front], fd));
}

/* --- the ways of DTLS to its clients --------------------------------------------------------- */

static void path_send(void *self, uint16_t front, const struct endpoint *client,
		      struct slice datagram)
{
	udp_front_send(self, front, client, datagram);
}

static void path_relay(void *self, uint16_t front, const struct endpoint *client,
		       struct slice datagram, struct dtls_header header)
{
	udp_front_relay(self, front, client,
			&(const struct udp_datagram){.payload = datagram,
						     .tos = header.tos,
						     .hop_limit = header.hop_limit});
}

/* Through which balancer a client over DTLS comes is kept with its association. */
static void path_hand_over(void *self, const struct five_tuple *tuple,
			   struct slice message, struct dtls_header header,
			   const struct dispatch *dispatch)
{
	static const struct endpoint none = {.ip.family = IP_NONE};
	struct udp_fronts *fronts = self;
	const struct client_datagram datagram = {tuple, &none, message, header.tos,
						 header.hop_limit};

	fronts->delivery->hand_over(fronts->delivery->self, &datagram, dispatch);
}

static void path_flush(void *self)
{
	udp_fronts_flush(self);
}

struct dtls *udp_fronts_dtls(struct udp_fronts *fronts)
{
	return fronts->dtls;
}

/* --- their lives ----------------------------------------------------------------------------- */

struct udp_fronts *udp_fronts_new(struct delivery *delivery)
{
	struct udp_fronts *fronts = calloc(1, sizeof(*fronts));
	if (fronts == NULL)
		return NULL;
	fronts->delivery = delivery;
	fronts->hops = next_hops_new(&delivery->turn->shared->hash_key, is_known, fronts);
	if (fronts->hops == NULL || !udp_batch_init(&fronts->batch, 0)) {
		next_hops_free(fronts->hops);
		free(fronts);
		return NULL;
	}
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		fronts->fronts[i].owner = fronts;
		fronts->fronts[i].index = (uint16_t)i;
		fronts->fronts[i].fd = -1;
	}
	fronts->dtls = dtls_new(delivery, &(const struct dtls_path){
						  .self = fronts,
						  .send = path_send,
						  .relay = path_relay,
						  .flush = path_flush,
						  .hand_over = path_hand_over,
					  });
	if (fronts->dtls != NULL)
		return fronts;
	udp_fronts_free(fronts);
	return NULL;
}

void udp_fronts_free(struct udp_fronts *fronts)
{
	if (fronts == NULL)
		return;
	for (uint16_t i = 0; i < FRONTS_MAX; i++)
		udp_front_close(fronts, i);
	dtls_free(fronts->dtls);
	udp_batch_destroy(&fronts->batch);
	next_hops_free(fronts->hops);
	free(fronts);
}

static void count_drops(struct udp_front *front)
{
	uint64_t *counter =
		&front->owner->delivery->turn->counters.socket_drops[SOCKET_FRONT];

	counter_add(counter, udp_batch_drops(front->fd, &front->drops));
}

void udp_fronts_count_drops(struct udp_fronts *fronts)
{
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (fronts->fronts[i].fd >= 0)
			count_drops(&fronts->fronts[i]);
	}
}

static void tell_hop_limit(const struct udp_front *front, int fd, bool on)
{
	const struct front *served =
		&front->owner->delivery->turn->shared->fronts[front->index];

	udp_batch_tell_hop_limit(fd, served->local.ip.family, on);
}

void udp_fronts_use(struct udp_fronts *fronts, const struct relay_settings *old)
{
	bool on = fronts->delivery->settings->turn.decrement_hop_limit;

	for (size_t i = 0; i < FRONTS_MAX && on != old->turn.decrement_hop_limit; i++) {
		if (fronts->fronts[i].fd >= 0)
			tell_hop_limit(&fronts->fronts[i], fronts->fronts[i].fd, on);
	}
}

int udp_fronts_settle(struct udp_fronts *fronts)
{
	unsigned workers = fronts->delivery->turn->shared->worker_count;
	bool hop_limit = fronts->delivery->settings->turn.decrement_hop_limit;
	int failed = 0;

	for (size_t i = 0; i < FRONTS_MAX; i++) {
		const struct udp_front *front = &fronts->fronts[i];
		int error = front->fd >= 0 ? steering_attach(front->fd, workers) : 0;

		/* A system without such programs can do with one worker. */
		if (error != 0 && workers > 1)
			failed = error;
		if (front->fd >= 0)
			tell_hop_limit(front, front->fd, hop_limit);
	}
	return failed;
}

bool udp_front_open(struct udp_fronts *fronts, uint16_t front, int fd)
{
	struct udp_front *opened = &fronts->fronts[front];

	assert(front < FRONTS_MAX && opened->fd < 0);
	assert(fronts->delivery->turn->shared->fronts[front].transport == TRANSPORT_UDP);
	opened->watch.ready = readable;
	if (loop_watch(fronts->delivery->loop, fd, &opened->watch) != 0)
		return false;
	if (fronts->delivery->settings->turn.decrement_hop_limit)
		tell_hop_limit(opened, fd, true);
	opened->fd = fd;
	/* What the process before has dropped is not counted again. */
	opened->drops = 0;
	udp_batch_drops(fd, &opened->drops);
	return true;
}

void udp_front_close(struct udp_fronts *fronts, uint16_t front)
{
	struct udp_front *closed = &fronts->fronts[front];

	assert(front < FRONTS_MAX);
	if (closed->fd < 0)
		return;
	dtls_end_front(fronts->dtls, (uint16_t)(front + 1));
	udp_fronts_flush(fronts);
	count_drops(closed);
	loop_unwatch(fronts->delivery->loop, closed->fd, &closed->watch);
	close(closed->fd);
	closed->fd = -1;
}

void udp_front_send(struct udp_fronts *fronts, uint16_t front,
		    const struct endpoint *client, struct slice datagram)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(next_hop(fronts, front, client), &sa);

	udp_fronts_flush(fronts); /* what came before goes out before */
	if (sendto(socket_of(fronts, front), datagram.data, datagram.len, 0,
		   (struct sockaddr *)&sa, sa_len) < 0)
		counter_add(&fronts->delivery->turn->counters.drops[DROP_SEND_FAILED], 1);
}

void udp_front_relay(struct udp_fronts *fronts, uint16_t front,
		     const struct endpoint *client, const struct udp_datagram *datagram)
{
	udp_queue_add(&fronts->queue, socket_of(fronts, front),
		      next_hop(fronts, front, client), datagram);
}

void udp_fronts_flush(struct udp_fronts *fronts)
{
	uint64_t failed = udp_queue_flush(&fronts->queue);

	dtls_flushed(fronts->dtls);
	if (failed > 0)
		counter_add(&fronts->delivery->turn->counters.drops[DROP_SEND_FAILED],
			    failed);
}
