/*
 * load_streams.c - see load_streams.h.
 */
#include "tools/load/load_streams.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>

#include "base/sockaddr.h"
#include "tools/client/clock.h"
#include "tools/client/packet_stream.h"

enum {
	EXPECTED_S = 10,      /* time limit for an expected connection */
	SEND_QUEUE = 1 << 20, /* bytes on a stream before packets are refused */
	BACKLOG = 1024,
};

struct load_stream {
	LIST_ENTRY(load_stream) link; /* among the expected */
	struct load_streams *streams;
	uint32_t index;
	struct endpoint from;
	void (*came)(void *arg, bool ok);
	void *arg;
	struct event timer;      /* pending while it is expected */
	struct bufferevent *bev; /* NULL before it arrives and after it ends */
	bool has_come;
	struct packet_stream packets;
};

LIST_HEAD(load_stream_list, load_stream);

struct listening {
	struct load_streams *streams;
	struct evconnlistener *listener;
	struct endpoint endpoint;
};

struct load_streams {
	struct load_peers_config config;
	struct load_stream_list expected; /* at most those being set up */
	struct listening peers[];
};

static void stop_expecting(struct load_stream *stream)
{
	if (!event_pending(&stream->timer, EV_TIMEOUT, NULL))
		return;
	event_del(&stream->timer);
	LIST_REMOVE(stream, link);
}

static void end(struct load_stream *stream)
{
	if (stream->bev != NULL)
		bufferevent_free(stream->bev);
	stream->bev = NULL;
	packet_stream_clear(&stream->packets);
}

/* --- arrival ------------------------------------------------------------------------------ */

struct arrival {
	const struct load_stream *stream;
	uint64_t now_ns;
};

static void packet_found(void *arg, struct slice packet)
{
	const struct arrival *arrival = arg;
	const struct load_stream *stream = arrival->stream;
	const struct load_peers_config *config = &stream->streams->config;

	config->data(config->arg, stream->index, packet, arrival->now_ns);
}

static void readable(struct bufferevent *bev, void *arg)
{
	struct load_stream *stream = arg;
	struct evbuffer *input = bufferevent_get_input(bev);
	struct arrival arrival = {stream, clock_realtime_ns()};
	struct evbuffer_iovec piece;

	while (evbuffer_peek(input, -1, NULL, &piece, 1) > 0) {
		if (!packet_stream_take(&stream->packets,
					(struct slice){piece.iov_base, piece.iov_len},
					packet_found, &arrival)) {
			end(stream);
			return;
		}
		evbuffer_drain(input, piece.iov_len);
	}
}

static void ended(struct bufferevent *bev, short events, void *arg)
{
	(void)bev;
	(void)events;
	end(arg);
}

static struct load_stream *find_expected(struct listening *peer,
					 const struct endpoint *from)
{
	struct load_stream *stream;

	LIST_FOREACH(stream, &peer->streams->expected, link)
	{
		if (&peer->streams->peers[stream->index] == peer &&
		    endpoint_equal(&stream->from, from))
			break;
	}
	return stream;
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd,
		     struct sockaddr *sa, int sa_len, void *arg)
{
	(void)listener;
	struct listening *peer = arg;
	struct sockaddr_storage storage = {0};
	struct endpoint from;
	const int on = 1;

	memcpy(&storage, sa, (size_t)sa_len);
	struct load_stream *stream =
		sockaddr_to_endpoint(&storage, &from) ? find_expected(peer, &from) : NULL;
	if (stream != NULL)
		stream->bev = bufferevent_socket_new(peer->streams->config.base, fd,
						     BEV_OPT_CLOSE_ON_FREE);
	if (stream == NULL || stream->bev == NULL) {
		close(fd);
		return;
	}
	/* Packets must not wait for the acknowledgement of earlier ones. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	assert(!stream->has_come);
	stop_expecting(stream);
	stream->has_come = true;
	bufferevent_setcb(stream->bev, readable, NULL, ended, stream);
	bufferevent_enable(stream->bev, EV_READ | EV_WRITE);
	stream->came(stream->arg, true);
}

static void too_late(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct load_stream *stream = arg;

	LIST_REMOVE(stream, link);
	stream->came(stream->arg, false);
}

/* --- streams ------------------------------------------------------------------------------ */

struct load_stream *load_streams_expect(struct load_streams *streams, uint32_t index,
					const struct endpoint *from,
					void (*came)(void *arg, bool ok), void *arg)
{
	struct load_stream *stream = calloc(1, sizeof(*stream));
	const struct timeval patience = {.tv_sec = EXPECTED_S};

	assert(index < streams->config.count);
	if (stream == NULL)
		return NULL;
	stream->streams = streams;
	stream->index = index;
	stream->from = *from;
	stream->came = came;
	stream->arg = arg;
	event_assign(&stream->timer, streams->config.base, -1, 0, too_late, stream);
	if (event_add(&stream->timer, &patience) != 0) {
		free(stream);
		return NULL;
	}
	LIST_INSERT_HEAD(&streams->expected, stream, link);
	return stream;
}

void load_stream_forget(struct load_stream *stream)
{
	if (stream == NULL)
		return;
	stop_expecting(stream);
	end(stream);
	free(stream);
}

bool load_stream_has_come(const struct load_stream *stream)
{
	return stream->has_come;
}

bool load_stream_send(struct load_stream *stream, struct slice payload)
{
	uint8_t header[PACKET_STREAM_HEADER_LEN];

	if (stream->bev == NULL) {
		errno = ENOTCONN;
		return false;
	}
	struct evbuffer *output = bufferevent_get_output(stream->bev);
	size_t len = sizeof(header) + payload.len;
	if (evbuffer_get_length(output) + len > SEND_QUEUE) {
		errno = ENOBUFS;
		return false;
	}
	/* Reserve room first: half a packet would break the stream. */
	if (evbuffer_expand(output, len) != 0) {
		errno = ENOMEM;
		return false;
	}
	packet_stream_header(header, payload.len);
	evbuffer_add(output, header, sizeof(header));
	evbuffer_add(output, payload.data, payload.len);
	return true;
}

/* --- all of them -------------------------------------------------------------------------- */

static bool open_peer(struct load_streams *streams, struct listening *peer)
{
	const struct endpoint any = {.ip = streams->config.address};
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&any, &sa);

	peer->streams = streams;
	peer->listener =
		evconnlistener_new_bind(streams->config.base, accepted, peer,
					LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
					BACKLOG, (struct sockaddr *)&sa, (int)len);
	if (peer->listener == NULL)
		return false;
	len = sizeof(sa);
	return getsockname(evconnlistener_get_fd(peer->listener), (struct sockaddr *)&sa,
			   &len) == 0 &&
	       sockaddr_to_endpoint(&sa, &peer->endpoint);
}

struct load_streams *load_streams_open(const struct load_peers_config *config)
{
	struct load_streams *streams =
		calloc(1, sizeof(*streams) + config->count * sizeof(struct listening));

	if (streams == NULL)
		return NULL;
	streams->config = *config;
	LIST_INIT(&streams->expected);
	for (uint32_t i = 0; i < config->count; i++) {
		if (!open_peer(streams, &streams->peers[i])) {
			int error = errno;
			load_streams_close(streams);
			errno = error;
			return NULL;
		}
	}
	return streams;
}

void load_streams_close(struct load_streams *streams)
{
	if (streams == NULL)
		return;
	assert(LIST_EMPTY(&streams->expected));
	for (uint32_t i = 0; i < streams->config.count; i++) {
		if (streams->peers[i].listener != NULL)
			evconnlistener_free(streams->peers[i].listener);
	}
	free(streams);
}

const struct endpoint *load_streams_endpoint(const struct load_streams *streams,
					     uint32_t index)
{
	assert(index < streams->config.count);
	return &streams->peers[index].endpoint;
}
