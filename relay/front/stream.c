/*
 * stream.c - one stream client. What has arrived is read into a buffer that all streams of a
 * worker share, and frames are handled where they lie; only a frame that is not complete has
 * memory of its own. So an idle connection owns nothing but its socket and this object.
 */
#include "relay/front/stream.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/front/clients.h"
#include "relay/front/stream_io.h"
#include "relay/front/stream_times.h"
#include "relay/front/trace.h"
#include "relay/loop.h"
#include "relay/reload/relay_settings.h"
#include "stun/chandata.h"
#include "stun/framing.h"
#include "stun/ms_registry.h"
#include "stun/pseudo_tls.h"

enum {
	/* A reply never waits behind more than the media queue and this much more. */
	REPLY_ROOM = 64 << 10,
	/* Enough to know where a frame ends, and whether it is one. */
	FRAME_HEAD = MS_FRAME_HEADER_LEN + MS_MSG_MIN,
	LARGE = 4096,       /* a longer frame is not moved while the rest of it arrives */
	READS_PER_TURN = 4, /* then others have their turn */
	COARSE_MS = 20,     /* the coarse clock may be a tick behind a timer */
};

struct stream {
	struct client client; /* its front is the TLS one once that is known */
	struct clients *clients;
	struct delivery *delivery;
	enum stream_state state;
	bool authenticated;
	bool ms;        /* MS framing; decided by the first bytes, like all of the next */
	bool hello_due; /* pseudo-TLS, whose hello has not come yet */
	bool waits_to_write; /* for the event of that name */
	unsigned paused;     /* by what, see stream_pause() */
	bool kept_back;      /* partial is what a pause left unhandled, not one frame */
	bool awaited;        /* client_ready() is due when the queue is empty */
	struct stream_io io;
	struct {
		uint8_t *data; /* NULL: all that has arrived is handled */
		size_t len;
		size_t size; /* of a large frame, which has memory for all of it; or 0 */
	} partial;
	struct event readable, writable;
	struct stream_times times;
};

static struct stream *stream_of(struct client *client)
{
	return (struct stream *)((char *)client - offsetof(struct stream, client));
}

struct stream *stream_find(struct clients *clients, const struct five_tuple *tuple)
{
	struct client *client = clients_find(clients, tuple);

	return client != NULL ? stream_of(client) : NULL;
}

static uint64_t now_ms(const struct stream *stream)
{
	return stream->delivery->loop->now_ms;
}

static void stream_free(struct stream *stream)
{
	clients_remove(&stream->client);
	if (!stream->authenticated)
		clients_discharge(stream->clients, &stream->client.tuple.client.ip);
	clients_leave(stream->clients);
	stream_times_end(&stream->times);
	event_del(&stream->writable);
	event_del(&stream->readable);
	stream_io_close(&stream->io);
	counter_add(&stream->delivery->turn->counters.connections_closed, 1);
	free(stream->partial.data);
	free(stream);
}

void stream_end(struct client *client)
{
	stream_free(stream_of(client));
}

/* The client is gone for good: its 5-tuple cannot come back, so its allocation ends, too. */
static void end(struct stream *stream)
{
	struct delivery *delivery = stream->delivery;

	dispatch_client_gone(delivery->turn, &stream->client.tuple, now_ms(stream));
	stream_free(stream);
}

/* An allocation is looked for only where it matters. */
static uint64_t deadline(const struct stream *stream)
{
	const struct delivery *delivery = stream->delivery;
	const struct stream_waits waits = {
		.state = stream->state,
		.authenticated = stream->authenticated,
		.paused = stream->paused,
		.has_allocation = stream->state == STREAM_OPEN &&
				  allocation_find(delivery->turn->table,
						  &stream->client.tuple) != NULL,
	};

	return stream_times_deadline(&stream->times, &waits, delivery->settings);
}

static void arm(struct stream *stream)
{
	stream_times_arm(&stream->times, stream->delivery->loop, deadline(stream));
}

static void enter(struct stream *stream, enum stream_state state)
{
	assert(state > stream->state);
	stream->state = state;
	stream_times_rearm(&stream->times, stream->delivery->loop, deadline(stream));
}

static void timer_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct stream *stream = arg;
	struct delivery *delivery = stream->delivery;

	loop_turn(delivery->loop);
	if (deadline(stream) <= now_ms(stream) + COARSE_MS) {
		counter_add(&delivery->turn->counters.connections_timed_out, 1);
		end(stream);
	} else {
		stream_times_rearm(&stream->times, delivery->loop, deadline(stream));
	}
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

static void reply(struct stream *stream, struct slice message)
{
	struct delivery *delivery = stream->delivery;
	size_t limit = (size_t)delivery->settings->stream.send_queue + REPLY_ROOM;
	unsigned dropped = stream_io_send(&stream->io, message, STREAM_IO_REPLY, limit);

	if (dropped > 0)
		counter_add(&delivery->turn->counters.drops[DROP_CLIENT_SLOW], dropped);
	trace_reply(delivery->trace, delivery->turn, &stream->client.tuple, message,
		    now_ms(stream));
}

/* One complete frame. False if the stream has to end. */
static bool handle(struct stream *stream, struct slice frame)
{
	struct delivery *delivery = stream->delivery;
	struct dispatch dispatch;

	assert(stream->state == STREAM_OPEN && frame.len > 0);
	stream->times.frame_begun_ms = 0;
	stream->times.last_frame_ms = now_ms(stream);
	if (stream->ms)
		dispatch_ms_frame(delivery->turn, &stream->client.tuple, frame,
				  now_ms(stream), delivery->loop->unix_s, delivery->reply,
				  &dispatch);
	else
		dispatch_from_client(delivery->turn, &stream->client.tuple, frame,
				     now_ms(stream), delivery->loop->unix_s,
				     delivery->reply, &dispatch);
	switch (dispatch.action) {
	case DISPATCH_NOTHING:
		break;
	case DISPATCH_REPLY:
		reply(stream, (struct slice){delivery->reply, dispatch.reply_len});
		break;
	case DISPATCH_FORWARD:
		dispatch.forward.tos = marking_apply(dispatch.forward.marking, 0);
		delivery->to_peer(delivery->self, &dispatch.forward);
		break;
	case DISPATCH_CLOSE:
		return false;
	}
	if (dispatch.authenticated) {
		if (!stream->authenticated)
			clients_discharge(stream->clients,
					  &stream->client.tuple.client.ip);
		stream->authenticated = true;
		delivery->expire(delivery->self);
	}
	return !stream->io.failed;
}

/* Where the first frame ends, 0 if that is not known yet. False if the stream is broken. */
static bool next_frame(const struct stream *stream, struct slice arrived,
		       size_t *frame_len)
{
	struct turn *turn = stream->delivery->turn;

	if (stream->ms)
		return ms_framing_next(arrived, frame_len) != MS_FRAMING_BROKEN;
	const struct allocation *al = allocation_find(turn->table, &stream->client.tuple);
	uint16_t channel_max = al != NULL ? channel_data_max(al) : CHANNEL_NUMBER_MAX;
	return framing_next_channels(arrived, channel_max, frame_len) != FRAMING_BROKEN;
}

/*
 * Keep what is not complete. The next bytes go behind it: a small frame is moved to where they
 * arrive, and a large one gets memory for all of it, so that it is not moved for each byte of a
 * client that sends it byte by byte. False if out of memory.
 */
static bool keep(struct stream *stream, struct slice rest, size_t frame_len)
{
	bool large = rest.len >= FRAME_HEAD && frame_len > LARGE;

	assert(stream->partial.data == NULL && rest.len > 0);
	assert(!large || rest.len < frame_len);
	stream->partial.data = malloc(large ? frame_len : rest.len);
	if (stream->partial.data == NULL)
		return false;
	memcpy(stream->partial.data, rest.data, rest.len);
	stream->partial.len = rest.len;
	stream->partial.size = large ? frame_len : 0;
	if (stream->times.frame_begun_ms == 0)
		stream->times.frame_begun_ms = now_ms(stream);
	return true;
}

static void forget_partial(struct stream *stream)
{
	free(stream->partial.data);
	memset(&stream->partial, 0, sizeof(stream->partial));
}

/* The pretended handshake: answered in one write. False if it is none. */
static bool take_hello(struct stream *stream, struct slice *arrived)
{
	struct delivery *delivery = stream->delivery;
	uint8_t random[PSEUDO_TLS_RANDOM_LEN], session_id[PSEUDO_TLS_SESSION_ID_LEN];
	uint8_t answer[PSEUDO_TLS_ANSWER_LEN];
	const struct edge *edge = delivery->turn->edge;

	switch (pseudo_tls_hello(*arrived)) {
	case PSEUDO_TLS_MORE:
		return true;
	case PSEUDO_TLS_BROKEN:
		return false;
	case PSEUDO_TLS_COMPLETE:
		break;
	}
	*arrived = slice_skip(*arrived, PSEUDO_TLS_HELLO_LEN);
	edge->random(edge->self, random, sizeof(random));
	edge->random(edge->self, session_id, sizeof(session_id));
	pseudo_tls_write_answer(answer, delivery->loop->unix_s, random, session_id);
	stream->hello_due = false;
	stream->times.frame_begun_ms = 0;
	stream->times.last_frame_ms = now_ms(stream);
	enter(stream, STREAM_OPEN);
	reply(stream, (struct slice){answer, sizeof(answer)});
	return true;
}

/* Handle all that is complete or may be, and keep the rest. False if the stream has to end. */
static bool handle_all(struct stream *stream, struct slice arrived)
{
	size_t frame_len = 0;
	bool whole = !stream->hello_due || take_hello(stream, &arrived);

	while (whole && !stream->hello_due && !stream->paused && arrived.len > 0) {
		whole = next_frame(stream, arrived, &frame_len);
		if (!whole || frame_len == 0 || arrived.len < frame_len)
			break;
		if (!handle(stream, (struct slice){arrived.data, frame_len}))
			return false;
		arrived = slice_skip(arrived, frame_len);
	}
	if (!whole) {
		counter_add(&stream->delivery->turn->counters.drops[DROP_NOT_STUN], 1);
		return false;
	}
	stream->kept_back = stream->paused && arrived.len > 0;
	return arrived.len == 0 || keep(stream, arrived, stream->paused ? 0 : frame_len);
}

static bool handle_kept(struct stream *stream)
{
	uint8_t *data = stream->partial.data;
	struct slice kept = {data, stream->partial.len};

	memset(&stream->partial, 0, sizeof(stream->partial));
	bool alive = handle_all(stream, kept);
	stream->delivery->flush_peers(stream->delivery->self);
	free(data);
	return alive;
}

static enum stream_io_result read_large(struct stream *stream)
{
	size_t len = 0;

	assert(stream->partial.len < stream->partial.size);
	enum stream_io_result result =
		stream_io_read(&stream->io, stream->partial.data + stream->partial.len,
			       stream->partial.size - stream->partial.len, &len);

	if (result != STREAM_IO_OK)
		return result;
	stream->partial.len += len;
	if (stream->partial.len < stream->partial.size)
		return STREAM_IO_OK;
	return handle_kept(stream) ? STREAM_IO_OK : STREAM_IO_FAILED;
}

/* Into the buffer that all streams share, until that is full or nothing more is there. */
static enum stream_io_result read_shared(struct stream *stream)
{
	uint8_t *buffer = clients_buffer(stream->clients);
	size_t kept = stream->partial.len, total = kept, len;
	enum stream_io_result result;

	assert(kept < CLIENTS_BUFFER && !stream->kept_back);
	if (kept > 0)
		memcpy(buffer, stream->partial.data, kept);
	do {
		result = stream_io_read(&stream->io, buffer + total,
					CLIENTS_BUFFER - total, &len);
		if (result == STREAM_IO_OK)
			total += len;
	} while (result == STREAM_IO_OK && total < CLIENTS_BUFFER &&
		 stream_io_has_more(&stream->io));
	if (total == kept)
		return result;

	forget_partial(stream);
	bool alive = handle_all(stream, (struct slice){buffer, total});
	stream->delivery->flush_peers(stream->delivery->self);
	return alive ? result : STREAM_IO_FAILED;
}

/* Half closed: what has been asked is still answered (RFC 8489 section 6.2.2). */
static void drain_or_end(struct stream *stream)
{
	struct delivery *delivery = stream->delivery;

	if (stream->state != STREAM_OPEN || stream->io.queued == 0) {
		end(stream);
		return;
	}
	dispatch_client_gone(delivery->turn, &stream->client.tuple, now_ms(stream));
	event_del(&stream->readable);
	stream->times.draining_ms = now_ms(stream);
	enter(stream, STREAM_DRAINING);
	look_after(stream);
}

static void read_frames(struct stream *stream)
{
	enum stream_io_result result = STREAM_IO_OK;
	unsigned reads = 0;

	if (stream->kept_back && !stream->paused && !handle_kept(stream)) {
		end(stream);
		return;
	}
	do {
		if (stream->paused)
			break;
		result = stream->partial.size > 0 ? read_large(stream)
						  : read_shared(stream);
	} while (result == STREAM_IO_OK && stream_io_has_more(&stream->io) &&
		 ++reads < READS_PER_TURN);

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
		end(stream);
		return;
	}
	/* What TLS holds already makes no event. */
	if (reads == READS_PER_TURN)
		event_active(&stream->readable, EV_READ, 0);
	arm(stream);
	look_after(stream);
}

static void handshake(struct stream *stream)
{
	switch (stream_io_handshake(&stream->io)) {
	case STREAM_IO_OK:
		stream->times.last_frame_ms = now_ms(stream);
		enter(stream, STREAM_OPEN);
		read_frames(stream);
		break;
	case STREAM_IO_AGAIN:
		look_after(stream);
		break;
	case STREAM_IO_ENDED:
	case STREAM_IO_FAILED:
		end(stream);
		break;
	}
}

/* Plain and TLS are different fronts of one port, so the 5-tuple is another one. */
static bool start_tls(struct stream *stream)
{
	struct delivery *delivery = stream->delivery;

	if (delivery->settings->tls == NULL ||
	    !stream_io_start_tls(&stream->io, delivery->settings->tls))
		return false;
	clients_remove(&stream->client);
	stream->client.tuple.front++;
	assert(delivery->turn->shared->fronts[stream->client.tuple.front].transport ==
	       TRANSPORT_TLS);
	clients_add(stream->clients, &stream->client);
	return true;
}

/* What the first bytes have shown. False if it is not served. */
static bool start(struct stream *stream, enum stream_kind kind)
{
	const struct relay_settings *settings = stream->delivery->settings;

	stream->times.last_frame_ms = now_ms(stream);
	switch (kind) {
	case STREAM_STUN:
		stream->state = STREAM_OPEN;
		return true;
	case STREAM_TLS:
		stream->state = STREAM_HANDSHAKE;
		return start_tls(stream);
	case STREAM_MS_FRAMED:
	case STREAM_PSEUDO_TLS:
		stream->ms = true;
		stream->hello_due = kind == STREAM_PSEUDO_TLS;
		stream->state = stream->hello_due ? STREAM_HANDSHAKE : STREAM_OPEN;
		return settings->turn.ms.enabled;
	case STREAM_UNDECIDED:
	case STREAM_PROXY:
	case STREAM_HTTP:
	case STREAM_OTHER:
	case STREAM_KIND_COUNT:
		break;
	}
	return false;
}

static void greeting(struct stream *stream)
{
	enum stream_kind kind;

	switch (stream_io_peek(&stream->io, &kind)) {
	case STREAM_IO_OK:
		break;
	case STREAM_IO_AGAIN:
		return;
	case STREAM_IO_ENDED:
	case STREAM_IO_FAILED:
		end(stream);
		return;
	}
	counter_add(&stream->delivery->turn->counters.streams[kind], 1);
	if (!start(stream, kind))
		end(stream);
	else if (stream->io.ssl != NULL)
		handshake(stream);
	else
		read_frames(stream);
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

static void ready(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	struct stream *stream = arg;

	loop_turn(stream->delivery->loop);
	if (stream->state == STREAM_GREETING) {
		greeting(stream);
	} else if (stream->state == STREAM_HANDSHAKE && stream->io.ssl != NULL) {
		handshake(stream);
	} else if (stream_io_flush(&stream->io) == STREAM_IO_FAILED) {
		end(stream);
	} else if (stream->state == STREAM_DRAINING) {
		if (stream->io.queued == 0)
			stream_free(stream);
	} else {
		resume_peers(stream);
		if ((events & EV_READ) || stream->io.read_wants_write)
			read_frames(stream);
		else
			look_after(stream);
	}
}

void stream_accept(struct clients *clients, int fd, const struct five_tuple *tuple)
{
	struct delivery *delivery = clients_delivery(clients);
	struct event_base *base = delivery->loop->base;
	struct stream *stream = calloc(1, sizeof(*stream));

	assert(fd >= 0 && tuple->front < FRONTS_MAX);
	if (stream == NULL)
		goto fail;
	stream->client.tuple = *tuple;
	stream->clients = clients;
	stream->delivery = delivery;
	stream->state = STREAM_GREETING;
	if (!stream_times_begin(&stream->times, delivery->loop, timer_due, stream) ||
	    event_assign(&stream->readable, base, fd, EV_READ | EV_PERSIST, ready,
			 stream) != 0 ||
	    event_assign(&stream->writable, base, fd, EV_WRITE | EV_PERSIST, ready,
			 stream) != 0 ||
	    event_add(&stream->readable, NULL) != 0)
		goto fail;
	stream_io_init(&stream->io, fd);
	clients_add(clients, &stream->client);
	arm(stream);
	return;
fail:
	free(stream);
	close(fd);
	clients_discharge(clients, &tuple->client.ip);
	clients_leave(clients);
	counter_add(&delivery->turn->counters.connections_closed, 1);
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
		stream->times.frame_begun_ms = now_ms(stream);
	event_add(&stream->readable, NULL);
	event_active(&stream->readable, EV_READ, 0);
	arm(stream);
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
