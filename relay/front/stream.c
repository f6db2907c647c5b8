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

#include "relay/core/channel.h"
#include "relay/front/clients.h"
#include "relay/front/stream_io.h"
#include "relay/front/stream_times.h"
#include "relay/front/trace.h"
#include "relay/worker.h"
#include "stun/chandata.h"
#include "stun/framing.h"
#include "stun/ms_registry.h"
#include "stun/pseudo_tls.h"

enum {
	/* A reply never waits behind more than the media queue and this much more. */
	REPLY_ROOM = 64 << 10,
	/* Enough to know where a frame ends, and whether it is one. */
	FRAME_HEAD = MS_FRAME_HEADER_LEN + MS_MSG_MIN,
	LARGE = 4096,       /* frames that are not moved when more of them arrives */
	READS_PER_TURN = 4, /* then others have their turn */
};

struct stream {
	struct worker *worker;
	struct stream *chain;
	struct five_tuple tuple; /* front: the TLS one once that is known */
	enum stream_state state;
	bool authenticated;
	bool ms;        /* MS framing; decided by the first bytes, like all of the next */
	bool hello_due; /* pseudo-TLS, whose hello has not come yet */
	bool waits_to_write; /* for the event of that name */
	unsigned paused;     /* by what, see stream_pause() */
	bool kept_back;      /* partial is what that left unhandled, not one frame */
	bool awaited;        /* somebody waits for the queue to be empty */
	struct stream_io io;
	struct {
		uint8_t *data; /* NULL: all that has arrived is handled */
		size_t len;
		size_t size; /* of a large frame, which has memory for all of it; or 0 */
	} partial;
	struct event readable, writable;
	struct stream_times times;
};

const struct five_tuple *stream_tuple(const struct stream *stream)
{
	return &stream->tuple;
}

struct stream *stream_chain(const struct stream *stream)
{
	return stream->chain;
}

void stream_set_chain(struct stream *stream, struct stream *next)
{
	stream->chain = next;
}

void stream_free(struct stream *stream)
{
	struct worker *worker = stream->worker;

	clients_remove(worker->clients, stream);
	if (!stream->authenticated)
		clients_discharge(worker->clients, &stream->tuple.client.ip);
	clients_leave(worker->clients);
	stream_times_end(&stream->times);
	event_del(&stream->writable);
	event_del(&stream->readable);
	stream_io_close(&stream->io);
	counter_add(&worker->turn.counters.connections_closed, 1);
	free(stream->partial.data);
	free(stream);
}

/* The client is gone for good: its 5-tuple cannot come back (T-213). */
static void end(struct stream *stream)
{
	struct worker *worker = stream->worker;

	dispatch_client_gone(&worker->turn, &stream->tuple, worker->now_ms);
	stream_free(stream);
}

/* An allocation is looked for only where it matters. */
static uint64_t deadline(const struct stream *stream)
{
	const struct worker *worker = stream->worker;
	const struct stream_waits waits = {
		.state = stream->state,
		.authenticated = stream->authenticated,
		.paused = stream->paused,
		.has_allocation = stream->state == STREAM_OPEN &&
				  allocation_find(worker->turn.table, &stream->tuple) !=
					  NULL,
	};

	return stream_times_deadline(&stream->times, &waits, worker->settings);
}

static void arm(struct stream *stream)
{
	stream_times_arm(&stream->times, deadline(stream), stream->worker->now_ms);
}

static void enter(struct stream *stream, enum stream_state state)
{
	stream->state = state;
	stream_times_rearm(&stream->times, deadline(stream), stream->worker->now_ms);
}

static void timer_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct stream *stream = arg;
	struct worker *worker = stream->worker;

	worker_tick(worker);
	/* The coarse clock may be a tick behind the timer. */
	if (deadline(stream) <= worker->now_ms + 20) {
		counter_add(&worker->turn.counters.connections_timed_out, 1);
		end(stream);
	} else {
		stream_times_rearm(&stream->times, deadline(stream), worker->now_ms);
	}
}

/*
 * After everything that may have sent: wait for the socket to take more, or for nothing. A
 * connection that failed ends in its own event, because whoever sends may not be prepared for
 * that.
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
	struct worker *worker = stream->worker;
	size_t limit = (size_t)worker->settings->stream.send_queue + REPLY_ROOM;
	unsigned dropped = stream_io_send(&stream->io, message, STREAM_IO_REPLY, limit);

	if (dropped > 0)
		counter_add(&worker->turn.counters.drops[DROP_CLIENT_SLOW], dropped);
	trace_reply(&worker->trace, &worker->turn, &stream->tuple, message,
		    worker->now_ms);
}

/* One complete frame. False if the stream has to end. */
static bool handle(struct stream *stream, struct slice frame)
{
	struct worker *worker = stream->worker;
	struct dispatch dispatch;

	stream->times.frame_begun_ms = 0;
	stream->times.last_frame_ms = worker->now_ms;
	if (stream->ms)
		dispatch_ms_frame(&worker->turn, &stream->tuple, frame, worker->now_ms,
				  worker->unix_s, worker->reply, &dispatch);
	else
		dispatch_from_client(&worker->turn, &stream->tuple, frame, worker->now_ms,
				     worker->unix_s, worker->reply, &dispatch);
	switch (dispatch.action) {
	case DISPATCH_NOTHING:
		break;
	case DISPATCH_REPLY:
		reply(stream, (struct slice){worker->reply, dispatch.reply_len});
		break;
	case DISPATCH_FORWARD:
		worker_to_peer(worker, &dispatch.forward);
		break;
	case DISPATCH_CLOSE:
		return false;
	}
	if (dispatch.authenticated) {
		if (!stream->authenticated)
			clients_discharge(worker->clients, &stream->tuple.client.ip);
		stream->authenticated = true;
		worker_expire(worker);
	}
	return !stream->io.failed;
}

/* Where the first frame ends, 0 if that is not known yet. False if the stream is broken. */
static bool next_frame(const struct stream *stream, struct slice arrived,
		       size_t *frame_len)
{
	struct turn *turn = &stream->worker->turn;

	if (stream->ms)
		return ms_framing_next(arrived, frame_len) != MS_FRAMING_BROKEN;
	const struct allocation *al = allocation_find(turn->table, &stream->tuple);
	uint16_t channel_max = al != NULL ? channel_number_max(turn, al)
					  : CHANNEL_NUMBER_MAX;
	return framing_next_channels(arrived, channel_max, frame_len) != FRAMING_BROKEN;
}

/*
 * Keep what is not complete. The next bytes go behind it: with a small frame it is moved to
 * where they arrive, and a large one gets memory for all of it, so that who sends it byte by
 * byte does not have it moved for each. False if out of memory.
 */
static bool keep(struct stream *stream, struct slice rest, size_t frame_len)
{
	bool large = rest.len >= FRAME_HEAD && frame_len > LARGE;

	assert(stream->partial.data == NULL);
	stream->partial.data = malloc(large ? frame_len : rest.len);
	if (stream->partial.data == NULL)
		return false;
	memcpy(stream->partial.data, rest.data, rest.len);
	stream->partial.len = rest.len;
	stream->partial.size = large ? frame_len : 0;
	if (stream->times.frame_begun_ms == 0)
		stream->times.frame_begun_ms = stream->worker->now_ms;
	return true;
}

static void forget_partial(struct stream *stream)
{
	free(stream->partial.data);
	memset(&stream->partial, 0, sizeof(stream->partial));
}

/* The pretended handshake: all of its answer in one write. False if it is none. */
static bool take_hello(struct stream *stream, struct slice *arrived)
{
	struct worker *worker = stream->worker;
	uint8_t random[PSEUDO_TLS_RANDOM_LEN], session_id[PSEUDO_TLS_SESSION_ID_LEN];
	uint8_t answer[PSEUDO_TLS_ANSWER_LEN];

	switch (pseudo_tls_hello(*arrived)) {
	case PSEUDO_TLS_MORE:
		return true;
	case PSEUDO_TLS_BROKEN:
		return false;
	case PSEUDO_TLS_COMPLETE:
		break;
	}
	*arrived = slice_skip(*arrived, PSEUDO_TLS_HELLO_LEN);
	worker->edge.random(worker, random, sizeof(random));
	worker->edge.random(worker, session_id, sizeof(session_id));
	pseudo_tls_write_answer(answer, worker->unix_s, random, session_id);
	stream->hello_due = false;
	stream->times.frame_begun_ms = 0;
	stream->times.last_frame_ms = worker->now_ms;
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
		counter_add(&stream->worker->turn.counters.drops[DROP_NOT_STUN], 1);
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
	relay_udp_flush(stream->worker->relay_sockets);
	free(data);
	return alive;
}

static enum stream_io_result read_large(struct stream *stream)
{
	size_t len = 0;
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
	uint8_t *buffer = clients_buffer(stream->worker->clients);
	size_t kept = stream->partial.len, total = kept, len;
	enum stream_io_result result;

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
	relay_udp_flush(stream->worker->relay_sockets);
	return alive ? result : STREAM_IO_FAILED;
}

/* Half closed: what has been asked is still answered (RFC 8489 section 6.2.2, T-025). */
static void drain_or_end(struct stream *stream)
{
	struct worker *worker = stream->worker;

	if (stream->state != STREAM_OPEN || stream->io.queued == 0) {
		end(stream);
		return;
	}
	dispatch_client_gone(&worker->turn, &stream->tuple, worker->now_ms);
	event_del(&stream->readable);
	stream->times.draining_ms = worker->now_ms;
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
		stream->times.last_frame_ms = stream->worker->now_ms;
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
	struct worker *worker = stream->worker;

	if (worker->settings->tls == NULL ||
	    !stream_io_start_tls(&stream->io, worker->settings->tls))
		return false;
	clients_remove(worker->clients, stream);
	stream->tuple.front++;
	clients_add(worker->clients, stream);
	return true;
}

/* What the first bytes have shown. False if it is not served. */
static bool start(struct stream *stream, enum stream_kind kind)
{
	const struct settings *settings = stream->worker->settings;

	stream->times.last_frame_ms = stream->worker->now_ms;
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
	counter_add(&stream->worker->turn.counters.streams[kind], 1);
	if (!start(stream, kind))
		end(stream);
	else if (stream->io.ssl != NULL)
		handshake(stream);
	else
		read_frames(stream);
}

static void tell_who_waits(struct stream *stream)
{
	if (!stream->awaited || stream->io.queued > 0)
		return;
	stream->awaited = false;
	worker_client_ready(stream->worker, &stream->tuple);
}

static void ready(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	struct stream *stream = arg;

	worker_tick(stream->worker);
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
		tell_who_waits(stream);
		if ((events & EV_READ) || stream->io.read_wants_write)
			read_frames(stream);
		else
			look_after(stream);
	}
}

void stream_accept(struct worker *worker, int fd, const struct five_tuple *tuple)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	if (stream == NULL)
		goto fail;

	stream->worker = worker;
	stream->tuple = *tuple;
	stream->state = STREAM_GREETING;
	if (!stream_times_begin(&stream->times, worker->base, timer_due, stream,
				worker->now_ms) ||
	    event_assign(&stream->readable, worker->base, fd, EV_READ | EV_PERSIST, ready,
			 stream) != 0 ||
	    event_assign(&stream->writable, worker->base, fd, EV_WRITE | EV_PERSIST,
			 ready, stream) != 0 ||
	    event_add(&stream->readable, NULL) != 0)
		goto fail;
	stream_io_init(&stream->io, fd);
	clients_add(worker->clients, stream);
	arm(stream);
	return;
fail:
	free(stream);
	close(fd);
	clients_discharge(worker->clients, &tuple->client.ip);
	clients_leave(worker->clients);
	counter_add(&worker->turn.counters.connections_closed, 1);
}

bool stream_takes(struct stream *stream, size_t len)
{
	if (stream->state != STREAM_OPEN || stream->io.failed ||
	    stream->io.queued + len <= stream->worker->settings->stream.send_queue)
		return true;
	stream->awaited = true;
	return false;
}

/* It happens in the middle of handle_all() or of anything else, so going on is for later. */
void stream_pause(struct stream *stream, enum stream_pause why, bool pause)
{
	unsigned before = stream->paused;

	stream->paused = pause ? before | why : before & ~(unsigned)why;
	if ((stream->paused != 0) == (before != 0) || stream->state != STREAM_OPEN)
		return;
	if (pause) {
		event_del(&stream->readable);
		return;
	}
	if (stream->times.frame_begun_ms != 0)
		stream->times.frame_begun_ms = stream->worker->now_ms;
	event_add(&stream->readable, NULL);
	event_active(&stream->readable, EV_READ, 0);
	arm(stream);
}

void stream_send_forward(struct stream *stream, const struct forward *forward,
			 uint8_t *room)
{
	struct worker *worker = stream->worker;
	size_t len = forward->header_len + forward->payload.len + forward->padding_len;

	if (stream->state != STREAM_OPEN) {
		counter_add(&worker->turn.counters.drops[DROP_CLIENT_GONE], 1);
		return;
	}
	if (room == NULL) {
		room = clients_message(worker->clients) + FORWARD_HEADER_MAX;
		memcpy(room, forward->payload.data, forward->payload.len);
	}
	uint8_t *message = room - forward->header_len;
	memcpy(message, forward->header, forward->header_len);
	memset(room + forward->payload.len, 0, forward->padding_len);

	unsigned dropped = stream_io_send(&stream->io, (struct slice){message, len},
					  STREAM_IO_MEDIA,
					  worker->settings->stream.send_queue);
	if (dropped > 0)
		counter_add(&worker->turn.counters.drops[DROP_CLIENT_SLOW], dropped);
	look_after(stream);
}
