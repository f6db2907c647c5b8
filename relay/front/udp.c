/*
 * udp.c - receives in batches, because a front serves many clients at once. Replies are sent
 * one by one; what is relayed goes out in runs (base/udp/udp_batch.h), which end with the batch
 * that holds their payloads.
 */
#include "relay/front/udp.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/sockaddr.h"
#include "base/udp/udp_batch.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/front/trace.h"
#include "relay/loop.h"
#include "relay/reload/relay_settings.h"

enum { SOCKET_BUFFER = 4 << 20 }; /* one socket for what all clients send and get */

static_assert(FORWARD_HEADER_MAX <= (int)UDP_BATCH_HEADER_MAX,
	      "a header fits a datagram");

struct udp_front {
	struct udp_fronts *owner;
	struct event event;
	int fd;         /* -1: this front is not UDP */
	uint32_t drops; /* by the kernel, as counted */
	uint16_t index;
};

struct udp_fronts {
	struct delivery *delivery;
	struct udp_front fronts[FRONTS_MAX];
	struct udp_batch batch; /* from clients and to a client */
};

static void handle(struct udp_front *front, const struct five_tuple *tuple,
		   struct slice message, const struct udp_message *from)
{
	struct delivery *delivery = front->owner->delivery;
	struct dispatch dispatch;

	dispatch_from_client(delivery->turn, tuple, message, delivery->loop->now_ms,
			     delivery->loop->unix_s, delivery->reply, &dispatch);
	if (dispatch.action == DISPATCH_FORWARD) {
		if (forward_set_header(delivery->turn, &dispatch.forward, from->tos,
				       from->hop_limit))
			delivery->to_peer(delivery->self, &dispatch.forward);
	} else if (dispatch.action == DISPATCH_REPLY) {
		udp_front_send(front->owner, front->index, &tuple->client,
			       (struct slice){delivery->reply, dispatch.reply_len});
		trace_reply(delivery->trace, delivery->turn, tuple,
			    (struct slice){delivery->reply, dispatch.reply_len},
			    delivery->loop->now_ms);
	}
	if (dispatch.authenticated)
		delivery->expire(delivery->self);
}

static void received(struct udp_front *front, unsigned i)
{
	struct udp_batch *batch = &front->owner->batch;
	struct delivery *delivery = front->owner->delivery;
	struct counters *counters = &delivery->turn->counters;
	struct udp_message message = udp_batch_message(batch, i);
	struct five_tuple tuple = {.front = front->index};

	if (!udp_batch_source(batch, i, &tuple.client))
		return;
	if (udp_batch_is_truncated(batch, i)) {
		counter_add(&counters->drops[DROP_TRUNCATED], 1);
		return;
	}
	if (!relay_settings_client_allowed(
		    delivery->settings, delivery->turn->shared->fronts[front->index].side,
		    &tuple.client.ip)) {
		counter_add(&counters->drops[DROP_CLIENT_ACL], 1);
		return;
	}

	do {
		handle(front, &tuple, udp_message_take(&message), &message);
	} while (message.rest.len > 0);
}

static void readable(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	struct udp_front *front = arg;
	struct udp_fronts *fronts = front->owner;
	struct delivery *delivery = fronts->delivery;

	unsigned count = udp_batch_receive(&fronts->batch, fd, UDP_BATCH_MAX);
	if (count == 0)
		return;
	loop_turn(delivery->loop);
	distribution_add(&delivery->turn->counters.batches[SOCKET_FRONT],
			 &distribution_batches, count);
	for (unsigned i = 0; i < count; i++)
		received(front, i);
	delivery->flush_peers(delivery->self);
}

struct udp_fronts *udp_fronts_new(struct delivery *delivery)
{
	struct udp_fronts *fronts = calloc(1, sizeof(*fronts));
	if (fronts == NULL)
		return NULL;
	fronts->delivery = delivery;
	if (!udp_batch_init(&fronts->batch, 0)) {
		free(fronts);
		return NULL;
	}
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		fronts->fronts[i].owner = fronts;
		fronts->fronts[i].index = (uint16_t)i;
		fronts->fronts[i].fd = -1;
	}
	return fronts;
}

void udp_fronts_free(struct udp_fronts *fronts)
{
	if (fronts == NULL)
		return;
	for (uint16_t i = 0; i < FRONTS_MAX; i++)
		udp_front_close(fronts, i);
	udp_batch_destroy(&fronts->batch);
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

bool udp_front_open(struct udp_fronts *fronts, uint16_t front, int fd)
{
	struct udp_front *opened = &fronts->fronts[front];

	assert(front < FRONTS_MAX && opened->fd < 0);
	assert(fronts->delivery->turn->shared->fronts[front].transport == TRANSPORT_UDP);
	if (event_assign(&opened->event, fronts->delivery->loop->base, fd,
			 EV_READ | EV_PERSIST, readable, opened) != 0 ||
	    event_add(&opened->event, NULL) != 0)
		return false;
	if (fronts->delivery->settings->turn.decrement_hop_limit)
		tell_hop_limit(opened, fd, true);
	opened->fd = fd;
	opened->drops = 0;
	return true;
}

void udp_front_close(struct udp_fronts *fronts, uint16_t front)
{
	struct udp_front *closed = &fronts->fronts[front];

	assert(front < FRONTS_MAX);
	if (closed->fd < 0)
		return;
	assert(fronts->batch.count == 0);
	count_drops(closed);
	event_del(&closed->event);
	close(closed->fd);
	closed->fd = -1;
}

void udp_front_send(struct udp_fronts *fronts, uint16_t front,
		    const struct endpoint *client, struct slice datagram)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(client, &sa);

	assert(front < FRONTS_MAX && fronts->fronts[front].fd >= 0);
	if (sendto(fronts->fronts[front].fd, datagram.data, datagram.len, 0,
		   (struct sockaddr *)&sa, sa_len) < 0)
		counter_add(&fronts->delivery->turn->counters.drops[DROP_SEND_FAILED], 1);
}

void udp_front_relay(struct udp_fronts *fronts, uint16_t front,
		     const struct endpoint *client, const struct udp_datagram *datagram)
{
	assert(front < FRONTS_MAX && fronts->fronts[front].fd >= 0);
	udp_batch_send(&fronts->batch, fronts->fronts[front].fd, client, datagram);
}

void udp_fronts_flush(struct udp_fronts *fronts)
{
	uint64_t failed = udp_batch_flush(&fronts->batch);

	if (failed > 0)
		counter_add(&fronts->delivery->turn->counters.drops[DROP_SEND_FAILED],
			    failed);
}

int udp_front_bind(const struct endpoint *local)
{
	int fd = udp_batch_bind(local, &(const struct udp_bind_options){
					       .reuse_port = true,
					       .receive_tos = true,
					       .force_buffers = true,
					       .receive_buffer = SOCKET_BUFFER,
					       .send_buffer = SOCKET_BUFFER,
				       });
	if (fd >= 0)
		udp_batch_enable_gro(fd);
	return fd;
}
