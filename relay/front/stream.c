/*
 * stream.c - one stream client: its events and deadlines, what is sent to it, how it ends.
 */
#include "relay/front/stream.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/front/stream_conn.h"
#include "relay/front/stream_frames.h"
#include "relay/front/stream_handover.h"
#include "relay/front/stream_opening.h"
#include "relay/loop.h"
#include "relay/reload/relay_settings.h"

enum {
	READS_PER_TURN = 4, /* then others have their turn */
	COARSE_MS = 20,     /* the coarse clock may be a tick behind a timer */
};

struct stream *stream_find(struct clients *clients, const struct five_tuple *tuple)
{
	struct client *client = clients_find(clients, tuple);

	return client != NULL ? stream_of_client(client) : NULL;
}

uint64_t stream_accepted(const struct stream *stream)
{
	const struct stream_io *io = &stream->io;

	return stream_record_is(&io->record) && stream->state == STREAM_OPEN
		       ? stream_record_given(&io->record) + io->queued
		       : UINT64_MAX;
}

const struct endpoint *stream_via(const struct stream *stream)
{
	return &stream->via;
}

/* Its part ends with the data connection's; the core knows it no more. */
static void drop_bound(struct stream *stream)
{
	struct delivery *delivery = stream->delivery;

	delivery->client_gone(delivery->self, stream->bound);
	stream_conn_free(stream, CONNECTION_END_BROKEN);
}

/*
 * A ConnectionBind has succeeded (RFC 6062 section 5.4): this is the client's half of a data
 * connection. Socket, TLS and what was received beyond the request are lent to the other side of
 * the worker (delivery.h), which reads and writes from then on. The stream stays in the clients
 * table, and ends when the data connection does.
 */
static void begin_bound(struct stream *stream)
{
	struct delivery *delivery = stream->delivery;
	uint8_t *unsent = clients_message(stream->clients);
	size_t unsent_len;

	assert(stream->state == STREAM_BOUND);
	event_del(&stream->readable);
	event_del(&stream->writable);
	stream->waits_to_write = false;
	/* It ends if the process does before the other side has a record of what is under way. */
	if (stream_record_is(&stream->io.record) &&
	    !stream_record_bind(&stream->io.record))
		stream_io_lose(&stream->io);
	if (stream->io.failed ||
	    !stream_io_take_queue(&stream->io, unsent, CLIENTS_BUFFER, &unsent_len)) {
		drop_bound(stream);
		return;
	}
	const struct bound_client client = {
		.stream = stream,
		.fd = stream->io.fd,
		.ssl = stream->io.ssl,
		.first = {stream->partial.data, stream->partial.len},
		.unsent = {unsent, unsent_len},
	};
	if (!delivery->bind(delivery->self, stream->bound, &client)) {
		drop_bound(stream);
		return;
	}
	stream_conn_free_partial(stream);
	stream->kept_back = false;
	stream->is_lent = true;
}

static void leave_bound(struct stream *stream)
{
	struct delivery *delivery = stream->delivery;

	assert(stream->state == STREAM_BOUND);
	if (stream->is_lent)
		delivery->client_gone(delivery->self, stream->bound);
}

/* The client is gone for good: its 5-tuple cannot come back, so its allocation ends, too. */
static void end(struct stream *stream, enum connection_end why)
{
	struct delivery *delivery = stream->delivery;
	enum end_reason reason = why == CONNECTION_END_UNPADDED  ? END_UNPADDED
				 : why == CONNECTION_END_RESTART ? END_RESTART
								 : END_CLIENT_GONE;

	if (stream->state == STREAM_BOUND)
		leave_bound(stream);
	else
		dispatch_client_gone(delivery->turn, &stream->client.tuple, reason,
				     stream_conn_now_ms(stream));
	stream_conn_free(stream, why);
}

void stream_end(struct client *client, enum connection_end why)
{
	struct stream *stream = stream_of_client(client);

	if (why == CONNECTION_END_RELAY) {
		if (stream->state == STREAM_BOUND)
			leave_bound(stream);
		stream_conn_free(stream, why);
		return;
	}
	assert(why == CONNECTION_END_GAVE_WAY || why == CONNECTION_END_GAVE_WAY_PREFIX ||
	       why == CONNECTION_END_GAVE_WAY_FILES);
	assert(!stream->authenticated);
	stream_io_abort(&stream->io);
	end(stream, why);
}

/* A client that is cut off, or gives up, in a frame that it did not mean to send. */
static enum connection_end reason_of(const struct stream *stream, enum connection_end why)
{
	uint64_t *drops = stream->delivery->turn->counters.drops;

	if (!stream_frames_unpadded(stream))
		return why;
	counter_add(&drops[DROP_UNPADDED_CHANNEL_DATA], 1);
	return CONNECTION_END_UNPADDED;
}

static void timer_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct stream *stream = arg;
	struct delivery *delivery = stream->delivery;
	unsigned pressure = 0;

	loop_turn(delivery->loop);
	if (!stream->authenticated)
		pressure = clients_pressure(stream->clients, &stream->client);
	struct stream_deadline deadline = stream_conn_deadline(stream, pressure);
	if (deadline.at_ms > stream_conn_now_ms(stream) + COARSE_MS) {
		stream_conn_rearm(stream, pressure);
		return;
	}
	counter_add(&delivery->turn->counters.connections_timed_out, 1);
	if (deadline.why == CONNECTION_END_FRAME)
		deadline.why = reason_of(stream, deadline.why);
	end(stream, deadline.why);
}

/*
 * After everything that may have sent: wait for the socket to take more, or for nothing. A
 * connection that failed ends in its own event, because the sender may not be prepared for that.
 */
static void look_after(struct stream *stream)
{
	bool wants = stream_io_wants_write(&stream->io);

	if (stream->io.failed) {
		event_active(&stream->readable, EV_READ, 0);
	} else if (wants != stream->waits_to_write) {
		if (wants)
			event_add(&stream->writable, NULL);
		else
			event_del(&stream->writable);
		stream->waits_to_write = wants;
	}
}

/* Half closed: what has been asked is still answered (RFC 8489 section 6.2.2). */
static void drain_or_end(struct stream *stream)
{
	struct delivery *delivery = stream->delivery;

	if (stream->state != STREAM_OPEN || stream->io.queued == 0) {
		end(stream, reason_of(stream, CONNECTION_END_CLIENT));
		return;
	}
	dispatch_client_gone(delivery->turn, &stream->client.tuple, END_CLIENT_GONE,
			     stream_conn_now_ms(stream));
	event_del(&stream->readable);
	stream->times.draining_ms = stream_conn_now_ms(stream);
	stream_conn_enter(stream, STREAM_DRAINING);
	look_after(stream);
}

static void read_frames(struct stream *stream)
{
	enum stream_io_result result = STREAM_IO_OK;
	unsigned reads = 0;

	/* Bound when it came back: what it has received is not frames. */
	if (stream->state != STREAM_BOUND && !stream_frames_resume(stream)) {
		end(stream, stream->why);
		return;
	}
	do {
		if (stream->paused || stream->leaves || stream->state == STREAM_BOUND)
			break;
		result = stream_frames_read(stream);
	} while (result == STREAM_IO_OK && stream_io_has_more(&stream->io) &&
		 ++reads < READS_PER_TURN);

	/* Even if it has closed its direction, which is read again, here and below. */
	if (stream->state == STREAM_BOUND) {
		begin_bound(stream);
		return;
	}
	if (stream->leaves && result != STREAM_IO_FAILED) {
		stream_handover(stream, stream->leaves_for);
		return;
	}
	switch (result) {
	case STREAM_IO_OK:
	case STREAM_IO_AGAIN:
		break;
	case STREAM_IO_ENDED:
		/* What is kept back comes first; then it will be read again. */
		if (stream->paused)
			break;
		drain_or_end(stream);
		return;
	case STREAM_IO_FAILED:
		end(stream, stream->why);
		return;
	}
	/* What TLS holds already makes no event. */
	if (reads == READS_PER_TURN)
		event_active(&stream->readable, EV_READ, 0);
	stream_conn_arm(stream);
	look_after(stream);
}

/* Tell the TCP peers that wait for this client, if its queue is empty now. */
static void resume_peers(struct stream *stream)
{
	struct delivery *delivery = stream->delivery;

	if (!stream->awaited || stream->io.queued > 0)
		return;
	stream->awaited = false;
	delivery->client_ready(delivery->self, &stream->client.tuple);
}

static void opening(struct stream *stream)
{
	switch (stream_opening_ready(stream)) {
	case STREAM_OPENING_WAITS:
		look_after(stream);
		break;
	case STREAM_OPENING_FRAMES:
		read_frames(stream);
		break;
	case STREAM_OPENING_ENDS:
		end(stream, stream->why);
		break;
	}
}

static void ready(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	struct stream *stream = arg;

	loop_turn(stream->delivery->loop);
	if (stream->state == STREAM_GREETING ||
	    (stream->state == STREAM_HANDSHAKE && stream->io.ssl != NULL)) {
		opening(stream);
	} else if (stream_io_flush(&stream->io) == STREAM_IO_FAILED) {
		end(stream, CONNECTION_END_BROKEN);
	} else if (stream->state == STREAM_DRAINING) {
		if (stream->io.queued == 0)
			stream_conn_free(stream, CONNECTION_END_CLIENT);
	} else {
		resume_peers(stream);
		if ((events & EV_READ) || stream->io.read_wants_write)
			read_frames(stream);
		else
			look_after(stream);
	}
}

/* In no table yet. NULL if out of memory; fd is taken over otherwise. */
static struct stream *stream_new(struct clients *clients, int fd,
				 const struct five_tuple *tuple)
{
	struct delivery *delivery = clients_delivery(clients);
	struct event_base *base = delivery->loop->base;
	struct stream *stream = calloc(1, sizeof(*stream));

	assert(fd >= 0 && tuple->front < FRONTS_MAX);
	if (stream == NULL)
		return NULL;
	stream->client.tuple = *tuple;
	stream->clients = clients;
	stream->delivery = delivery;
	stream_io_init(&stream->io, fd);
	if (stream_times_begin(&stream->times, delivery->loop, timer_due, stream) &&
	    event_assign(&stream->readable, base, fd, EV_READ | EV_PERSIST, ready,
			 stream) == 0 &&
	    event_assign(&stream->writable, base, fd, EV_WRITE | EV_PERSIST, ready,
			 stream) == 0)
		return stream;
	free(stream);
	return NULL;
}

void stream_accept(struct clients *clients, int fd, const struct five_tuple *tuple)
{
	struct delivery *delivery = clients_delivery(clients);
	struct stream *stream = stream_new(clients, fd, tuple);

	if (stream == NULL)
		goto fail;
	stream->state = STREAM_GREETING;
	stream->header_due = relay_settings_is_balancer(
		delivery->settings, delivery->turn->shared->fronts[tuple->front].side,
		&tuple->client.ip);
	if (event_add(&stream->readable, NULL) != 0)
		goto fail;
	if (!clients_enter(clients, &stream->client)) {
		event_del(&stream->readable);
		goto fail;
	}
	stream_conn_arm(stream);
	return;
fail:
	free(stream);
	close(fd);
	counter_add(&delivery->turn->counters.connections_ended[CONNECTION_END_BROKEN],
		    1);
	counter_add(&delivery->turn->counters.connections_closed, 1);
}

/* From the words of the process before. */
static void resume_marks(struct stream *stream, const struct stream_resumed *resumed)
{
	uint64_t marks = resumed->words[STREAM_WORD_PADDING];

	for (size_t i = 0; i < sizeof(stream->padding.bytes); i++)
		stream->padding.bytes[i] = (uint8_t)(marks >> 8 * i);
	stream->padding.len = (uint8_t)(marks >> 24 & 3);
	stream->is_unpadded = (marks >> 32 & 1) != 0;
	stream->times.accepted_ms = resumed->saved->accepted_ms;
	stream->times.last_use_ms = stream_conn_now_ms(stream);
	if (resumed->standing->unhandled.len > 0)
		stream->times.frame_begun_ms = stream_conn_now_ms(stream);
}

/* What is not handled is kept back, as after a pause. False if out of memory. */
static bool resume_bytes(struct stream *stream, const struct stream_resumed *resumed)
{
	struct slice rest = resumed->standing->unhandled;
	struct stream_io *io = &stream->io;

	for (size_t i = resumed->standing->first; i < resumed->message_count; i++) {
		size_t sent =
			i == resumed->standing->first ? resumed->standing->first_sent : 0;
		if (!stream_io_requeue(io, &resumed->messages[i], sent))
			return false;
	}
	if (stream_record_resume(&io->record, clients_records(stream->clients),
				 resumed->saved, resumed->standing))
		stream_io_save(io);
	return rest.len == 0 || stream_frames_keep_back(stream, rest);
}

struct stream *stream_resume(struct clients *clients, int fd,
			     const struct five_tuple *tuple,
			     const struct stream_resumed *resumed)
{
	struct delivery *delivery = clients_delivery(clients);
	struct stream *stream = stream_new(clients, fd, tuple);

	if (stream == NULL)
		return NULL;
	stream->state = resumed->saved->is_bound ? STREAM_BOUND : STREAM_OPEN;
	stream->via = resumed->saved->via;
	stream->ms = resumed->saved->ms;
	stream->tos = resumed->saved->tos;
	stream->authenticated = stream->is_admitted = true;
	stream->io.is_stored = true;
	stream->client.moving = CLIENT_MOVES;
	resume_marks(stream, resumed);
	if (!resume_bytes(stream, resumed) || !clients_arrive(clients, &stream->client)) {
		stream->io.fd = -1;
		stream_conn_free_partial(stream);
		stream_io_close(&stream->io);
		stream_times_end(&stream->times);
		free(stream);
		return NULL;
	}
	counter_add(&delivery->turn->counters.connections_opened, 1);
	if (stream->state == STREAM_BOUND)
		return stream;
	event_add(&stream->readable, NULL);
	/* What is kept back makes no event. */
	event_active(&stream->readable, EV_READ, 0);
	stream_conn_arm(stream);
	look_after(stream);
	return stream;
}

bool stream_lend(struct stream *stream, uint32_t connection, struct bound_client *client)
{
	if (stream->state != STREAM_BOUND || stream->is_lent)
		return false;
	stream->is_lent = true;
	stream->bound = connection;
	*client = (struct bound_client){.stream = stream, .fd = stream->io.fd};
	return true;
}

void stream_unlend(struct stream *stream)
{
	assert(stream->state == STREAM_BOUND && stream->is_lent);
	stream->is_lent = false;
}

/* The request was the first that its record counts. */
bool stream_bind_again(struct stream *stream, uint32_t connection)
{
	if (stream->state != STREAM_OPEN || !stream_record_is(&stream->io.record) ||
	    stream_record_handled(&stream->io.record) == 0)
		return false;
	stream->bound = connection;
	stream_conn_enter(stream, STREAM_BOUND);
	event_active(&stream->readable, EV_READ, 0);
	return true;
}

int stream_end_unlent(struct stream *stream)
{
	int fd = stream->io.fd;

	if (stream->state != STREAM_BOUND || stream->is_lent)
		return -1;
	stream->io.fd = -1;
	stream_conn_free(stream, CONNECTION_END_IN_DOUBT);
	return fd;
}

bool stream_leave(struct stream *stream)
{
	if (stream->io.ssl == NULL) {
		stream_io_leave(&stream->io);
		return false;
	}
	end(stream, CONNECTION_END_RESTART);
	return true;
}

static void leave_client(void *arg, struct client *client)
{
	(void)arg;
	stream_leave(stream_of_client(client));
}

void stream_leave_all(struct clients *clients)
{
	clients_each(clients, leave_client, NULL);
}

bool stream_takes(struct stream *stream, size_t len)
{
	if (stream->state != STREAM_OPEN || stream->io.failed ||
	    stream->io.queued + len <= stream->delivery->settings->stream.send_queue)
		return true;
	stream->awaited = true;
	return false;
}

/* This may come in the middle of handle_all(), so resuming is left to an event. */
void stream_pause(struct stream *stream, enum stream_pause why, bool pause)
{
	unsigned before = stream->paused;

	assert(why == STREAM_PAUSE_PEERS || why == STREAM_PAUSE_BANDWIDTH);
	stream->paused = pause ? before | why : before & ~(unsigned)why;
	if ((stream->paused != 0) == (before != 0) || stream->state != STREAM_OPEN)
		return;
	if (pause) {
		event_del(&stream->readable);
		return;
	}
	if (stream->times.frame_begun_ms != 0)
		stream->times.frame_begun_ms = stream_conn_now_ms(stream);
	event_add(&stream->readable, NULL);
	event_active(&stream->readable, EV_READ, 0);
	stream_conn_arm(stream);
}

void stream_send_forward(struct stream *stream, const struct forward *forward,
			 uint8_t *room)
{
	struct delivery *delivery = stream->delivery;
	size_t len = forward->header_len + forward->payload.len + forward->padding_len;

	assert(forward->header_len <= FORWARD_HEADER_MAX && forward->padding_len < 4);
	assert(room == NULL || room == forward->payload.data);
	if (stream->state != STREAM_OPEN) {
		counter_add(&delivery->turn->counters.drops[DROP_CLIENT_GONE], 1);
		return;
	}
	if (room == NULL) {
		assert(FORWARD_HEADER_MAX - forward->header_len + len <= CLIENTS_MESSAGE);
		room = clients_message(stream->clients) + FORWARD_HEADER_MAX;
		/* A report of ICMP is a header alone, without a pointer. */
		if (forward->payload.len > 0)
			memcpy(room, forward->payload.data, forward->payload.len);
	}
	uint8_t *message = room - forward->header_len;
	memcpy(message, forward->header, forward->header_len);
	memset(room + forward->payload.len, 0, forward->padding_len);

	unsigned dropped = stream_io_send(&stream->io, (struct slice){message, len},
					  STREAM_IO_MEDIA,
					  delivery->settings->stream.send_queue);
	if (dropped > 0)
		counter_add(&delivery->turn->counters.drops[DROP_CLIENT_SLOW], dropped);
	look_after(stream);
}

void stream_send(struct stream *stream, struct slice message)
{
	if (stream->state != STREAM_OPEN)
		return;
	stream_conn_reply(stream, message);
	look_after(stream);
}

void stream_bound_end(struct stream *stream, bool reset)
{
	assert(stream->state == STREAM_BOUND);
	if (reset)
		stream_io_abort(&stream->io);
	stream_conn_free(stream, CONNECTION_END_DATA);
}
