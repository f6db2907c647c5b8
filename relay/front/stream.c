/*
 * stream.c - one stream client on a bufferevent. The bufferevent exists only after the first
 * bytes have shown what the client speaks; until then there is a socket and a deadline.
 */
#include "relay/front/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "relay/core/channel.h"
#include "relay/front/clients.h"
#include "relay/worker.h"
#include "stun/chandata.h"
#include "stun/classify.h"
#include "stun/framing.h"
#include "stun/ms_registry.h"
#include "stun/pseudo_tls.h"

enum {
	/* A reply never waits behind more than the media queue and this much more. */
	REPLY_ROOM = 64 << 10,
	DRAIN_MS = 5000, /* for the last replies to a client that has closed */
	/* Enough to know where a frame ends, and whether it is one. */
	FRAME_HEAD = MS_FRAME_HEADER_LEN + MS_MSG_MIN,
};

enum stream_state {
	STREAM_GREETING,
	STREAM_HANDSHAKE,
	STREAM_OPEN,
	STREAM_DRAINING,
};

struct stream {
	struct worker *worker;
	struct stream *chain;
	struct five_tuple tuple; /* front: the TLS one once that is known */
	enum stream_state state;
	bool authenticated;
	bool listed;    /* in the clients table */
	bool ms;        /* MS framing; decided by the first bytes, like all of the next */
	bool hello_due; /* pseudo-TLS, whose hello has not come yet */
	int fd;         /* GREETING only; then the bufferevent's */
	struct bufferevent *bev;
	struct event readable; /* GREETING only */
	struct event timer;
	uint64_t armed_ms; /* when the timer will fire */
	uint64_t accepted_ms;
	uint64_t last_frame_ms;
	uint64_t frame_begun_ms; /* 0: no frame is incomplete */
	uint64_t draining_ms;
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

	if (stream->listed)
		clients_remove(worker->clients, stream);
	if (!stream->authenticated)
		clients_discharge(worker->clients, &stream->tuple.client.ip);
	clients_leave(worker->clients);
	event_del(&stream->timer);
	if (stream->bev != NULL) {
		bufferevent_free(stream->bev);
	} else {
		event_del(&stream->readable);
		close(stream->fd);
	}
	counter_add(&worker->turn.counters.connections_closed, 1);
	free(stream);
}

/* The client is gone for good: its 5-tuple cannot come back (T-213). */
static void end(struct stream *stream)
{
	struct worker *worker = stream->worker;

	if (stream->listed)
		dispatch_client_gone(&worker->turn, &stream->tuple, worker->now_ms);
	stream_free(stream);
}

/* The earliest deadline that holds in this state; UINT64_MAX if none does. */
static uint64_t deadline(const struct stream *stream)
{
	const struct worker *worker = stream->worker;
	const struct settings *settings = worker->settings;
	uint64_t earliest = UINT64_MAX;

	switch (stream->state) {
	case STREAM_GREETING:
	case STREAM_HANDSHAKE:
		return stream->accepted_ms + settings->stream.greeting_ms;
	case STREAM_DRAINING:
		return stream->draining_ms + DRAIN_MS;
	case STREAM_OPEN:
		break;
	}
	if (!stream->authenticated)
		earliest = stream->accepted_ms + settings->stream.authentication_ms;
	if (stream->frame_begun_ms != 0 &&
	    stream->frame_begun_ms + settings->stream.frame_ms < earliest)
		earliest = stream->frame_begun_ms + settings->stream.frame_ms;
	if (settings->stream.idle_ms != 0 &&
	    allocation_find(worker->turn.table, &stream->tuple) == NULL &&
	    stream->last_frame_ms + settings->stream.idle_ms < earliest)
		earliest = stream->last_frame_ms + settings->stream.idle_ms;
	return earliest;
}

/* Arm the timer if it would fire too late; firing too early is harmless and rare. */
static void arm(struct stream *stream)
{
	uint64_t now = stream->worker->now_ms, at = deadline(stream);

	if (at >= stream->armed_ms)
		return;
	uint64_t wait_ms = at > now ? at - now : 0;
	struct timeval tv = {
		.tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000),
	};
	stream->armed_ms = at;
	event_add(&stream->timer, &tv);
}

static void timer_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct stream *stream = arg;
	struct worker *worker = stream->worker;

	worker_tick(worker);
	stream->armed_ms = UINT64_MAX;
	/* The coarse clock may be a tick behind the timer. */
	if (deadline(stream) <= worker->now_ms + 20) {
		counter_add(&worker->turn.counters.connections_timed_out, 1);
		end(stream);
	} else {
		arm(stream);
	}
}

static size_t queued(const struct stream *stream)
{
	return evbuffer_get_length(bufferevent_get_output(stream->bev));
}

/* False if the client takes so little that the stream has to end. */
static bool reply(struct stream *stream, size_t len)
{
	const struct worker *worker = stream->worker;

	if (queued(stream) > (size_t)worker->settings->stream.send_queue + REPLY_ROOM)
		return false;
	return bufferevent_write(stream->bev, worker->reply, len) == 0;
}

/* One complete frame. False if the stream has to end. */
static bool handle(struct stream *stream, struct slice frame)
{
	struct worker *worker = stream->worker;
	struct dispatch dispatch;
	bool alive = true;

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
		alive = reply(stream, dispatch.reply_len);
		break;
	case DISPATCH_FORWARD:
		relay_udp_send(worker->relay_sockets, &dispatch.forward);
		relay_udp_flush(worker->relay_sockets);
		break;
	case DISPATCH_CLOSE:
		alive = false;
		break;
	}
	if (dispatch.authenticated) {
		if (!stream->authenticated)
			clients_discharge(worker->clients, &stream->tuple.client.ip);
		stream->authenticated = true;
		worker_expire(worker);
	}
	return alive;
}

/* The size of the frame at the front, 0 if that is not known yet; false if it is none. */
static bool next_frame(const struct stream *stream, struct slice front,
		       uint16_t channel_max, size_t *frame_len)
{
	if (stream->ms)
		return ms_framing_next(front, frame_len) != MS_FRAMING_BROKEN;
	return framing_next_channels(front, channel_max, frame_len) != FRAMING_BROKEN;
}

/* The pretended handshake: all of its answer in one write. False if it is none. */
static bool take_hello(struct stream *stream, struct evbuffer *input)
{
	struct worker *worker = stream->worker;
	uint8_t hello[PSEUDO_TLS_HELLO_LEN], random[PSEUDO_TLS_RANDOM_LEN];
	uint8_t session_id[PSEUDO_TLS_SESSION_ID_LEN], answer[PSEUDO_TLS_ANSWER_LEN];
	ev_ssize_t arrived = evbuffer_copyout(input, hello, sizeof(hello));

	if (arrived < 0)
		return false;
	switch (pseudo_tls_hello((struct slice){hello, (size_t)arrived})) {
	case PSEUDO_TLS_MORE:
		return true;
	case PSEUDO_TLS_BROKEN:
		return false;
	case PSEUDO_TLS_COMPLETE:
		break;
	}
	evbuffer_drain(input, PSEUDO_TLS_HELLO_LEN);
	worker->edge.random(worker, random, sizeof(random));
	worker->edge.random(worker, session_id, sizeof(session_id));
	pseudo_tls_write_answer(answer, worker->unix_s, random, session_id);
	stream->hello_due = false;
	stream->state = STREAM_OPEN;
	stream->armed_ms = UINT64_MAX;
	stream->last_frame_ms = worker->now_ms;
	return bufferevent_write(stream->bev, answer, sizeof(answer)) == 0;
}

static void read_frames(struct bufferevent *bev, void *arg)
{
	struct stream *stream = arg;
	struct worker *worker = stream->worker;
	struct evbuffer *input = bufferevent_get_input(bev);
	size_t arrived;

	worker_tick(worker);
	if (stream->hello_due && !take_hello(stream, input)) {
		counter_add(&worker->turn.counters.drops[DROP_NOT_STUN], 1);
		end(stream);
		return;
	}
	if (stream->hello_due)
		return;
	const struct allocation *al = allocation_find(worker->turn.table, &stream->tuple);
	uint16_t channel_max = al != NULL ? channel_number_max(&worker->turn, al)
					  : CHANNEL_NUMBER_MAX;
	while ((arrived = evbuffer_get_length(input)) > 0) {
		size_t head = arrived < FRAME_HEAD ? arrived : FRAME_HEAD, frame_len;
		const uint8_t *front = evbuffer_pullup(input, (ev_ssize_t)head);
		if (front == NULL || !next_frame(stream, (struct slice){front, head},
						 channel_max, &frame_len)) {
			counter_add(&worker->turn.counters.drops[DROP_NOT_STUN], 1);
			end(stream);
			return;
		}
		if (frame_len == 0 || arrived < frame_len) {
			if (stream->frame_begun_ms == 0)
				stream->frame_begun_ms = worker->now_ms;
			break;
		}
		stream->frame_begun_ms = 0;
		stream->last_frame_ms = worker->now_ms;
		front = evbuffer_pullup(input, (ev_ssize_t)frame_len);
		if (front == NULL || !handle(stream, (struct slice){front, frame_len})) {
			end(stream);
			return;
		}
		evbuffer_drain(input, frame_len);
	}
	arm(stream);
}

static void written(struct bufferevent *bev, void *arg)
{
	(void)bev;
	struct stream *stream = arg;

	if (stream->state == STREAM_DRAINING)
		stream_free(stream);
}

static void happened(struct bufferevent *bev, short events, void *arg)
{
	struct stream *stream = arg;
	struct worker *worker = stream->worker;

	worker_tick(worker);
	if (events & BEV_EVENT_CONNECTED) {
		stream->state = STREAM_OPEN;
		stream->armed_ms = UINT64_MAX;
		arm(stream);
		return;
	}
	/* Half closed: what has been asked is still answered (RFC 8489 section 6.2.2, T-025). */
	if ((events & BEV_EVENT_EOF) && stream->state == STREAM_OPEN &&
	    queued(stream) > 0) {
		dispatch_client_gone(&worker->turn, &stream->tuple, worker->now_ms);
		bufferevent_disable(bev, EV_READ);
		stream->state = STREAM_DRAINING;
		stream->draining_ms = worker->now_ms;
		stream->armed_ms = UINT64_MAX;
		arm(stream);
		return;
	}
	end(stream);
}

/*
 * From a socket to a bufferevent; ctx NULL for plain TCP. The pretended TLS is plain TCP too,
 * but has a handshake. False: nothing has changed.
 */
static bool open_stream(struct stream *stream, enum stream_kind kind, SSL_CTX *ctx)
{
	struct worker *worker = stream->worker;

	if (ctx != NULL) {
		SSL *ssl = SSL_new(ctx);
		if (ssl == NULL)
			return false;
		stream->bev = bufferevent_openssl_socket_new(worker->base, stream->fd,
							     ssl,
							     BUFFEREVENT_SSL_ACCEPTING,
							     BEV_OPT_CLOSE_ON_FREE);
		if (stream->bev == NULL) {
			SSL_free(ssl);
			return false;
		}
		bufferevent_openssl_set_allow_dirty_shutdown(stream->bev, 1);
		stream->tuple.front++;
		stream->state = STREAM_HANDSHAKE;
	} else {
		stream->bev = bufferevent_socket_new(worker->base, stream->fd,
						     BEV_OPT_CLOSE_ON_FREE);
		if (stream->bev == NULL)
			return false;
		stream->ms = kind != STREAM_STUN;
		stream->hello_due = kind == STREAM_PSEUDO_TLS;
		stream->state = stream->hello_due ? STREAM_HANDSHAKE : STREAM_OPEN;
	}
	event_del(&stream->readable);
	stream->last_frame_ms = worker->now_ms;
	bufferevent_setwatermark(stream->bev, EV_READ, 0, FRAMING_MAX);
	bufferevent_setcb(stream->bev, read_frames, written, happened, stream);
	bufferevent_enable(stream->bev, EV_READ | EV_WRITE);
	clients_add(worker->clients, stream);
	stream->listed = true;
	arm(stream);
	return true;
}

static bool open_kind(struct stream *stream, enum stream_kind kind)
{
	const struct settings *settings = stream->worker->settings;

	switch (kind) {
	case STREAM_STUN:
		return open_stream(stream, kind, NULL);
	case STREAM_TLS:
		return settings->tls != NULL && open_stream(stream, kind, settings->tls);
	case STREAM_MS_FRAMED:
	case STREAM_PSEUDO_TLS:
		return settings->turn.ms.enabled && open_stream(stream, kind, NULL);
	case STREAM_UNDECIDED:
	case STREAM_PROXY:
	case STREAM_HTTP:
	case STREAM_OTHER:
	case STREAM_KIND_COUNT:
		break;
	}
	return false;
}

static void greeting(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	struct stream *stream = arg;
	struct worker *worker = stream->worker;
	uint8_t first[STREAM_CLASSIFY_MAX];

	worker_tick(worker);
	ssize_t len = recv(fd, first, sizeof(first), MSG_PEEK);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		end(stream);
		return;
	}
	enum stream_kind kind = stream_classify((struct slice){first, (size_t)len});
	int enough = kind == STREAM_UNDECIDED ? (int)len + 1 : 1;
	/* Until that many are there the socket is not readable, so that peeking never spins. */
	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &enough, sizeof(enough));
	if (kind == STREAM_UNDECIDED)
		return;

	counter_add(&worker->turn.counters.streams[kind], 1);
	if (!open_kind(stream, kind))
		end(stream);
}

void stream_accept(struct worker *worker, int fd, const struct five_tuple *tuple)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	if (stream == NULL)
		goto fail;

	*stream = (struct stream){
		.worker = worker,
		.tuple = *tuple,
		.state = STREAM_GREETING,
		.fd = fd,
		.armed_ms = UINT64_MAX,
		.accepted_ms = worker->now_ms,
	};
	if (event_assign(&stream->timer, worker->base, -1, 0, timer_due, stream) != 0 ||
	    event_assign(&stream->readable, worker->base, fd, EV_READ | EV_PERSIST,
			 greeting, stream) != 0 ||
	    event_add(&stream->readable, NULL) != 0)
		goto fail;
	arm(stream);
	return;
fail:
	free(stream);
	close(fd);
	clients_discharge(worker->clients, &tuple->client.ip);
	clients_leave(worker->clients);
	counter_add(&worker->turn.counters.connections_closed, 1);
}

static void free_chunk(const void *data, size_t len, void *arg)
{
	(void)data, (void)len;
	free(arg);
}

/*
 * Towards TLS every message is a chunk of the buffer for itself, because chunks are encrypted
 * one by one: turnutils_uclient takes one record for one message. All or nothing, since half a
 * frame would break the stream for good; false if out of memory.
 */
static bool append(const struct stream *stream, const struct forward *forward, size_t len)
{
	static const uint8_t padding[4];
	struct evbuffer *output = bufferevent_get_output(stream->bev);

	if (bufferevent_openssl_get_ssl(stream->bev) == NULL) {
		if (evbuffer_expand(output, len) != 0)
			return false;
		evbuffer_add(output, forward->header, forward->header_len);
		evbuffer_add(output, forward->payload.data, forward->payload.len);
		evbuffer_add(output, padding, forward->padding_len);
		return true;
	}

	uint8_t *chunk = malloc(len);
	if (chunk == NULL)
		return false;
	memcpy(chunk, forward->header, forward->header_len);
	memcpy(chunk + forward->header_len, forward->payload.data, forward->payload.len);
	memset(chunk + len - forward->padding_len, 0, forward->padding_len);
	if (evbuffer_add_reference(output, chunk, len, free_chunk, chunk) != 0) {
		free(chunk);
		return false;
	}
	return true;
}

void stream_send_forward(struct stream *stream, const struct forward *forward)
{
	struct worker *worker = stream->worker;
	size_t len = forward->header_len + forward->payload.len + forward->padding_len;

	if (stream->state != STREAM_OPEN) {
		counter_add(&worker->turn.counters.drops[DROP_CLIENT_GONE], 1);
		return;
	}
	struct evbuffer *output = bufferevent_get_output(stream->bev);
	if (evbuffer_get_length(output) + len > worker->settings->stream.send_queue) {
		counter_add(&worker->turn.counters.drops[DROP_CLIENT_SLOW], 1);
		return;
	}
	if (!append(stream, forward, len))
		counter_add(&worker->turn.counters.drops[DROP_CLIENT_SLOW], 1);
}
