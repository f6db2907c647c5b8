/*
 * relay_udp.c - one UDP socket per allocation and family. The receive buffers are the worker's, not
 * the socket's. What comes for UDP clients lies there until the end of the loop's turn, and then goes out
 * with one call: clients share the socket of their front. What goes to peers has a socket each.
 *
 * How a socket is read follows what comes. Voice is one datagram each time, and the plainest
 * call is the cheapest for it. A socket whose turn comes again soon after the last one has a
 * queue, and is read in batches; if they show bursts, the kernel is asked to hand those over
 * in one piece (UDP_GRO).
 */
#include "relay/peer/relay_udp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/udp/udp_batch.h"
#include "base/udp/udp_errors.h"
#include "base/udp/udp_queue.h"
#include "relay/core/allocation_table.h"
#include "relay/core/edge.h"
#include "relay/core/icmp.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/loop.h"
#include "relay/reload/relay_settings.h"

enum {
	BATCH = 16,
	BURST = 4,    /* so many at once ask for UDP_GRO */
	SOON = 16,    /* so few other reads between two of a socket */
	ERRORS = 16,  /* taken at once */
	SINGLES = 16, /* after a batch of one: so many reads without a batch */
	/* Charged as far as it is filled; the system's default is less than one key frame. */
	RECEIVE_BUFFER = 256 << 10,
};

/* Two of them fit a cache line. */
struct relay_socket {
	struct loop_watch watch;
	struct relay_udp *owner; /* NULL: slot not open */
	int fd;
	uint32_t read_at; /* the number of its last read */
	uint8_t family;
	uint8_t singles; /* reads to go without a batch */
	bool bursts;     /* UDP_GRO is on */
	bool df;         /* what is sent has DF set */
	uint32_t drops;  /* by the kernel, as counted */
};

static_assert(sizeof(struct relay_socket) <= 32, "every packet touches one");

struct relay_udp {
	struct delivery *delivery;
	struct relay_socket *sockets; /* of IPv4 by slot; behind them those of IPv6 */
	size_t slots;
	uint32_t reads;
	struct udp_batch batch; /* from peers */
	struct udp_queue queue; /* to a peer */
};

static struct relay_socket *socket_of(struct relay_udp *sockets, uint32_t slot,
				      uint8_t family)
{
	assert(slot < sockets->slots && (family == IP_V4 || family == IP_V6));
	return &sockets->sockets[slot + (family == IP_V6 ? sockets->slots : 0)];
}

static uint32_t slot_of(const struct relay_socket *rs)
{
	size_t place = (size_t)(rs - rs->owner->sockets);

	return (uint32_t)(place < rs->owner->slots ? place : place - rs->owner->slots);
}

/* How many datagrams to ask for. */
static unsigned batch_for(struct relay_udp *sockets, struct relay_socket *rs)
{
	uint32_t since = ++sockets->reads - rs->read_at;

	rs->read_at = sockets->reads;
	if (since > SOON && !rs->bursts)
		return 1;
	if (rs->singles > 0) {
		rs->singles--;
		return 1;
	}
	return BATCH;
}

void relay_udp_end_turn(struct relay_udp *sockets)
{
	if (udp_batch_room(&sockets->batch) == UDP_BATCH_MAX)
		return;
	sockets->delivery->flush_clients(sockets->delivery->self);
	udp_batch_let_go(&sockets->batch);
}

/* How many messages came. */
static unsigned receive(struct relay_udp *sockets, struct relay_socket *rs, unsigned max)
{
	if (udp_batch_room(&sockets->batch) < max)
		relay_udp_end_turn(sockets);
	if (max == 1 && !rs->bursts)
		return udp_batch_receive_one(&sockets->batch, rs->fd);

	unsigned count = udp_batch_receive(&sockets->batch, rs->fd, max);
	if (max > 1 && count <= 1)
		rs->singles = SINGLES;
	if (count >= BURST && !rs->bursts)
		rs->bursts = udp_batch_enable_gro(rs->fd);
	return count;
}

static void relay(struct delivery *delivery, uint32_t slot, const struct endpoint *source,
		  struct slice payload, const struct udp_message *message)
{
	struct forward forward;

	dispatch_from_peer(delivery->turn, slot, source, payload, delivery->loop->now_ms,
			   &forward);
	if (forward.kind != FORWARD_TO_CLIENT)
		return;
	if (!forward_set_header(delivery->turn, &forward, message->tos,
				message->hop_limit))
		return;
	delivery->to_client(delivery->self, &forward, message->room);
}

static void received(struct relay_udp *sockets, uint32_t slot, unsigned i)
{
	struct udp_message message = udp_batch_message(&sockets->batch, i);
	struct endpoint source;

	if (!udp_batch_source(&sockets->batch, i, &source))
		return;
	do {
		relay(sockets->delivery, slot, &source, udp_message_take(&message),
		      &message);
	} while (message.rest.len > 0);
}

/* RFC 8656 section 11.5. */
static void tell_error(struct delivery *delivery, uint32_t slot,
		       const struct udp_error *error)
{
	const struct icmp_error icmp = {
		.destination = error->destination,
		.type = error->type,
		.code = error->code,
		.mtu = error->mtu,
	};
	struct forward forward;

	dispatch_icmp(delivery->turn, slot, &icmp, delivery->loop->now_ms, &forward);
	if (forward.kind == FORWARD_TO_CLIENT)
		delivery->to_client(delivery->self, &forward, NULL);
}

/* A pending error wakes the loop and fails a read as well: both end when the queue is empty. */
static void read_errors(struct relay_udp *sockets, struct relay_socket *rs)
{
	struct delivery *delivery = sockets->delivery;
	struct udp_error error;

	if (!udp_errors_next(rs->fd, &error))
		return;
	for (unsigned some = ERRORS; some > 0; some--) {
		tell_error(delivery, slot_of(rs), &error);
		if (!udp_errors_next(rs->fd, &error))
			break;
	}
	delivery->flush_clients(delivery->self);
}

static void readable(struct loop_watch *watch)
{
	struct relay_socket *rs = (struct relay_socket *)watch;
	struct relay_udp *sockets = rs->owner;
	struct delivery *delivery = sockets->delivery;
	uint32_t slot = slot_of(rs);

	allocation_prefetch(delivery->turn->table, slot);
	unsigned count = receive(sockets, rs, batch_for(sockets, rs));
	if (count == 0) {
		read_errors(sockets, rs);
		return;
	}
	distribution_add(&delivery->turn->counters.batches[SOCKET_RELAY],
			 &distribution_batches, count);
	for (unsigned i = 0; i < count; i++)
		received(sockets, slot, i);
	udp_batch_hold(&sockets->batch);
}

struct relay_udp *relay_udp_new(struct delivery *delivery, size_t slots)
{
	struct relay_udp *sockets = calloc(1, sizeof(*sockets));
	if (sockets == NULL)
		return NULL;

	sockets->delivery = delivery;
	sockets->slots = slots;
	/* Reserved, not touched: what is never used costs no memory. */
	sockets->sockets = mmap(NULL, 2 * slots * sizeof(struct relay_socket),
				PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sockets->sockets == MAP_FAILED)
		sockets->sockets = NULL;
	if (sockets->sockets == NULL ||
	    !udp_batch_init(&sockets->batch, FORWARD_HEADER_MAX)) {
		relay_udp_free(sockets);
		return NULL;
	}
	return sockets;
}

void relay_udp_free(struct relay_udp *sockets)
{
	if (sockets == NULL)
		return;
	/* Allocations close their sockets when they end, and all have ended by now. */
	if (sockets->sockets != NULL)
		munmap(sockets->sockets,
		       2 * sockets->slots * sizeof(struct relay_socket));
	udp_batch_destroy(&sockets->batch);
	free(sockets);
}

static const struct udp_bind_options bind_options = {
	.receive_tos = true,
	.receive_buffer = RECEIVE_BUFFER,
};

/* 0: fd is taken over. Or a negative errno. */
static int serve(struct relay_udp *sockets, uint32_t slot, uint8_t family, int fd)
{
	struct relay_socket *rs = socket_of(sockets, slot, family);
	int failed = udp_errors_enable(fd, family);

	assert(rs->owner == NULL);
	if (failed != 0)
		return failed;
	if (sockets->delivery->settings->turn.decrement_hop_limit)
		udp_batch_tell_hop_limit(fd, family, true);
	rs->watch.ready = readable;
	failed = loop_watch(sockets->delivery->loop, fd, &rs->watch);
	if (failed != 0)
		return failed;
	rs->owner = sockets;
	rs->fd = fd;
	rs->family = family;
	rs->read_at = sockets->reads - SOON;
	rs->singles = 0;
	rs->bursts = false;
	rs->df = false;
	rs->drops = 0;
	return 0;
}

int relay_udp_open(struct relay_udp *sockets, uint32_t slot, const struct endpoint *local)
{
	int fd = udp_batch_bind(local, &bind_options);

	if (fd < 0)
		return fd;

	int failed = serve(sockets, slot, local->ip.family, fd);
	if (failed != 0)
		close(fd);
	return failed;
}

/*
 * UDP_GRO stays as it is: what lies in the queue has been put together already. What was dropped
 * before is not counted again.
 */
int relay_udp_adopt(struct relay_udp *sockets, uint32_t slot,
		    const struct endpoint *local, int fd)
{
	struct relay_socket *rs = socket_of(sockets, slot, local->ip.family);
	int failed = udp_batch_adopt(fd, local, &bind_options);

	if (failed == 0)
		failed = serve(sockets, slot, local->ip.family, fd);
	if (failed != 0)
		return failed;
	if (!sockets->delivery->settings->turn.decrement_hop_limit)
		udp_batch_tell_hop_limit(fd, local->ip.family, false);
	rs->bursts = udp_batch_has_gro(fd);
	udp_batch_drops(fd, &rs->drops);
	return 0;
}

void relay_udp_each_descriptor(const struct relay_udp *sockets,
			       void (*fn)(void *arg, int fd), void *arg)
{
	const struct turn *turn = sockets->delivery->turn;
	const struct allocation *al;

	for (uint32_t slot = 0; (al = allocation_next(turn->table, slot)) != NULL;
	     slot = al->slot + 1) {
		const struct relay_socket *v4 = &sockets->sockets[al->slot];
		const struct relay_socket *v6 = v4 + sockets->slots;

		if (v4->owner != NULL)
			fn(arg, v4->fd);
		if (v6->owner != NULL)
			fn(arg, v6->fd);
	}
}

static void count_drops(struct relay_udp *sockets, struct relay_socket *rs)
{
	counter_add(&sockets->delivery->turn->counters.socket_drops[SOCKET_RELAY],
		    udp_batch_drops(rs->fd, &rs->drops));
}

uint32_t relay_udp_count_drops(struct relay_udp *sockets, uint32_t slot, uint32_t some)
{
	for (; slot < sockets->slots && some > 0; slot++) {
		const struct allocation *al =
			allocation_next(sockets->delivery->turn->table, slot);

		if (al == NULL)
			return SLOT_NONE;
		slot = al->slot;
		for (uint8_t family = IP_V4; family <= IP_V6; family++) {
			struct relay_socket *rs = socket_of(sockets, slot, family);

			if (allocation_has_family(al, family) && rs->owner != NULL)
				count_drops(sockets, rs);
		}
		some--;
	}
	return slot < sockets->slots ? slot : SLOT_NONE;
}

void relay_udp_use(struct relay_udp *sockets, const struct relay_settings *old)
{
	const struct turn *turn = sockets->delivery->turn;
	bool on = sockets->delivery->settings->turn.decrement_hop_limit;
	const struct allocation *al;

	if (on == old->turn.decrement_hop_limit)
		return;
	for (uint32_t slot = 0; (al = allocation_next(turn->table, slot)) != NULL;
	     slot = al->slot + 1) {
		for (uint8_t family = IP_V4; family <= IP_V6; family++) {
			struct relay_socket *rs = socket_of(sockets, al->slot, family);

			if (allocation_has_family(al, family) && rs->owner != NULL)
				udp_batch_tell_hop_limit(rs->fd, family, on);
		}
	}
}

void relay_udp_close(struct relay_udp *sockets, uint32_t slot, uint8_t family)
{
	struct relay_socket *rs = socket_of(sockets, slot, family);

	assert(rs->owner == sockets && rs->family == family);
	relay_udp_flush(sockets); /* the descriptor may soon be another socket's */
	count_drops(sockets, rs);
	loop_unwatch(sockets->delivery->loop, rs->fd, &rs->watch);
	close(rs->fd);
	rs->owner = NULL;
}

void relay_udp_take(struct relay_udp *sockets, uint32_t slot, uint8_t family,
		    struct relay_socket_state *state)
{
	struct relay_socket *rs = socket_of(sockets, slot, family);

	assert(rs->owner == sockets && rs->family == family);
	relay_udp_flush(sockets);
	count_drops(sockets, rs);
	loop_unwatch(sockets->delivery->loop, rs->fd, &rs->watch);
	*state = (struct relay_socket_state){
		.fd = rs->fd,
		.drops = rs->drops,
		.bursts = rs->bursts,
		.df = rs->df,
	};
	rs->owner = NULL;
}

void relay_udp_give(struct relay_udp *sockets, uint32_t slot, uint8_t family,
		    const struct relay_socket_state *state)
{
	struct relay_socket *rs;

	if (slot == SLOT_NONE) {
		close(state->fd);
		return;
	}
	rs = socket_of(sockets, slot, family);
	assert(rs->owner == NULL && state->fd >= 0);
	/* Without memory to watch it, it only sends; the next move or its end puts that right. */
	rs->watch.ready = readable;
	loop_watch(sockets->delivery->loop, state->fd, &rs->watch);
	rs->owner = sockets;
	rs->fd = state->fd;
	rs->family = family;
	rs->read_at = sockets->reads - SOON;
	rs->singles = 0;
	rs->bursts = state->bursts;
	rs->df = state->df;
	rs->drops = state->drops;
}

void relay_udp_flush(struct relay_udp *sockets)
{
	uint64_t failed = udp_queue_flush(&sockets->queue);

	if (failed > 0)
		counter_add(&sockets->delivery->turn->counters.drops[DROP_SEND_FAILED],
			    failed);
}

/*
 * RFC 8656 sections 14 and 15, alternate behaviour: DF is not set unless a Send asks for it. DF
 * belongs to the socket, so what was added before goes out before it changes.
 */
static void set_df(struct relay_udp *sockets, struct relay_socket *rs, bool df)
{
	if (rs->df == df)
		return;
	relay_udp_flush(sockets);
	udp_batch_set_df(rs->fd, rs->family, df);
	rs->df = df;
}

void relay_udp_send(struct relay_udp *sockets, const struct forward *forward)
{
	struct relay_socket *rs =
		socket_of(sockets, forward->slot, forward->peer.ip.family);
	const struct udp_datagram datagram = {
		.payload = forward->payload,
		.tos = forward->tos,
		.hop_limit = forward->hop_limit,
	};

	assert(rs->owner == sockets);
	set_df(sockets, rs, forward->dont_fragment);
	udp_queue_add(&sockets->queue, rs->fd, &forward->peer, &datagram);
	/* A client that asks for DF probes the path: each of these goes out alone. */
	if (forward->dont_fragment)
		relay_udp_flush(sockets);
}
