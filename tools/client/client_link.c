/*
 * client_link.c - see client_link.h.
 */
#include "tools/client/client_link.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>

#include "base/sockaddr.h"
#include "stun/framing.h"
#include "stun/ms_msg.h"
#include "stun/pseudo_tls.h"
#include "stun/registry.h"
#include "tools/client/client_dtls.h"
#include "tools/client/client_loop.h"
#include "tools/client/client_tls.h"
#include "tools/client/clock.h"

enum {
	RECEIVE_BUFFER = 1 << 20, /* requested; uses memory only when filled */
	FRAME_HEAD =
		32, /* enough bytes to know the length of a frame, and whether it is one */
};

static void lose(struct client_link *link, const char *what)
{
	if (link->ended)
		return;
	link->ended = true;
	link->events.lost(link->events.arg, what);
}

/* --- datagrams ---------------------------------------------------------------------------- */

static void nothing_listens(struct client_link *link)
{
	static const char what[] = "nothing listens on that port (ICMP)";

	/* A hard ICMP error ends a transaction (RFC 8489 section 6.2.1), and a handshake. */
	if (link->dtls != NULL && !client_dtls_is_connected(link->dtls))
		lose(link, what);
	else
		link->events.lost(link->events.arg, what);
}

static void udp_readable(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	struct client_link *link = arg;
	struct mmsghdr *headers = client_loop_headers(link->loop);
	int count = recvmmsg(fd, headers, CLIENT_LOOP_BATCH, MSG_DONTWAIT, NULL);

	if (count < 0) {
		if (errno == ECONNREFUSED)
			nothing_listens(link);
		return;
	}
	link->heard = true;
	uint64_t now_ns = count > 0 ? clock_realtime_ns() : 0;
	for (int i = 0; i < count && !link->ended; i++) {
		const struct msghdr *header = &headers[i].msg_hdr;
		struct slice datagram = {header->msg_iov->iov_base, headers[i].msg_len};
		uint64_t arrived_ns = clock_arrival_ns(header, now_ns);
		if (link->dtls != NULL)
			client_dtls_receive(link->dtls, datagram, arrived_ns);
		else
			link->events.message(link->events.arg, datagram, arrived_ns);
	}
}

static bool write_header(struct client_link *link)
{
	struct endpoint source;

	if (link->proxied.family == IP_NONE)
		return true;
	if (!client_link_local(link, &source))
		return false;
	source.ip = link->proxied;
	link->header_len = proxy_header_write(link->header,
					      link->fd < 0 ? PROXY_STREAM : PROXY_DGRAM,
					      &source, &link->server);
	return true;
}

static bool open_udp(struct client_link *link, const struct sockaddr *sa,
		     socklen_t sa_len)
{
	const int on = 1, size = RECEIVE_BUFFER;

	link->fd = socket(sa->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0)
		return false;
	/* Both are optional: without them times are less exact and bursts shorter. */
	setsockopt(link->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	if (setsockopt(link->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(link->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return connect(link->fd, sa, sa_len) == 0 && write_header(link) &&
	       event_assign(&link->readable, client_loop_base(link->loop), link->fd,
			    EV_READ | EV_PERSIST, udp_readable, link) == 0 &&
	       event_add(&link->readable, NULL) == 0;
}

static bool send_udp(struct client_link *link, const struct client_parts *parts)
{
	static const uint8_t zeros[4];
	struct iovec vectors[4] = {
		{link->header, link->header_len},
		{(void *)(uintptr_t)parts->head.data, parts->head.len},
		{(void *)(uintptr_t)parts->payload.data, parts->payload.len},
		{(void *)(uintptr_t)zeros, parts->padding},
	};
	size_t first = link->header_len > 0 ? 0 : 1;
	size_t last = parts->padding > 0 ? 3 : parts->payload.len > 0 ? 2 : 1;
	struct msghdr header = {
		.msg_iov = vectors + first,
		.msg_iovlen = last - first + 1,
	};

	return sendmsg(link->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* --- DTLS --------------------------------------------------------------------------------- */

static void dtls_connected(void *arg)
{
	struct client_link *link = arg;

	client_loop_count_handshake(link->loop);
	link->events.connected(link->events.arg);
}

static void dtls_message(void *arg, struct slice message, uint64_t arrived_ns)
{
	struct client_link *link = arg;

	link->events.message(link->events.arg, message, arrived_ns);
}

static void dtls_lost(void *arg, const char *what)
{
	lose(arg, what);
}

static bool dtls_output(void *arg, struct slice datagram)
{
	return send_udp(arg, &(struct client_parts){.head = datagram});
}

static bool open_dtls(struct client_link *link, const struct client_config *config,
		      const struct sockaddr *sa, socklen_t sa_len)
{
	const struct client_dtls_events events = {
		.arg = link,
		.connected = dtls_connected,
		.message = dtls_message,
		.lost = dtls_lost,
		.output = dtls_output,
	};

	if (!open_udp(link, sa, sa_len))
		return false;
	link->dtls = client_dtls_new(client_loop_base(link->loop), config->tls,
				     config->tls_name, &events);
	return link->dtls != NULL;
}

static bool send_dtls(struct client_link *link, const struct client_parts *parts)
{
	uint8_t message[CLIENT_DTLS_MAX];
	size_t len = parts->head.len;

	if (parts->payload.len == 0 && parts->padding == 0)
		return client_dtls_send(link->dtls, parts->head);
	if (len + parts->payload.len + parts->padding > sizeof(message)) {
		errno = EMSGSIZE;
		return false;
	}
	memcpy(message, parts->head.data, len);
	memcpy(message + len, parts->payload.data, parts->payload.len);
	len += parts->payload.len;
	memset(message + len, 0, parts->padding);
	return client_dtls_send(link->dtls,
				(struct slice){message, len + parts->padding});
}

/* --- streams ------------------------------------------------------------------------------ */

/* The first bytes of the input, which is not empty, at most max of them. None: lost. */
static struct slice front(struct client_link *link, struct evbuffer *input, size_t max)
{
	size_t len = evbuffer_get_length(input);

	if (len > max)
		len = max;
	const uint8_t *data = evbuffer_pullup(input, (ev_ssize_t)len);
	if (data == NULL)
		lose(link, "out of memory");
	return (struct slice){data, data != NULL ? len : 0};
}

static bool is_ms(const struct client_link *link)
{
	return link->events.bare != NULL;
}

/* False: not a valid frame. *frame_len is 0 until it is known. */
static bool next_frame(const struct client_link *link, struct slice head,
		       size_t *frame_len)
{
	return is_ms(link) ? ms_framing_next(head, frame_len) != MS_FRAMING_BROKEN
			   : framing_next(head, frame_len) != FRAMING_BROKEN;
}

static void take_frame(struct client_link *link, struct slice frame, uint64_t now_ns)
{
	if (!is_ms(link))
		link->events.message(link->events.arg, frame, now_ns);
	else if (frame.data[0] == MS_FRAME_CONTROL)
		link->events.message(link->events.arg,
				     slice_skip(frame, MS_FRAME_HEADER_LEN), now_ns);
	else
		link->events.bare(link->events.arg,
				  slice_skip(frame, MS_FRAME_HEADER_LEN), now_ns);
}

/* False until the answer is complete, or if it is invalid. */
static bool greeted(struct client_link *link, struct evbuffer *input)
{
	switch (pseudo_tls_answer(front(link, input, PSEUDO_TLS_ANSWER_LEN))) {
	case PSEUDO_TLS_MORE:
		return false;
	case PSEUDO_TLS_BROKEN:
		lose(link, "the server did not answer the pseudo-TLS hello");
		return false;
	case PSEUDO_TLS_COMPLETE:
		break;
	}
	evbuffer_drain(input, PSEUDO_TLS_ANSWER_LEN);
	link->greeting = false;
	link->events.connected(link->events.arg);
	return true;
}

static void take_raw(struct client_link *link, struct evbuffer *input, uint64_t now_ns)
{
	struct evbuffer_iovec piece;

	while (!link->ended && evbuffer_peek(input, -1, NULL, &piece, 1) > 0) {
		link->events.raw(link->events.arg,
				 (struct slice){piece.iov_base, piece.iov_len}, now_ns);
		evbuffer_drain(input, piece.iov_len);
	}
}

static void stream_readable(struct bufferevent *bev, void *arg)
{
	struct client_link *link = arg;
	struct evbuffer *input = bufferevent_get_input(bev);
	uint64_t now_ns = clock_realtime_ns();
	size_t arrived, frame_len = 0;

	if (link->greeting && !greeted(link, input))
		return;
	while ((arrived = evbuffer_get_length(input)) > 0 && !link->ended) {
		if (link->unframed) {
			take_raw(link, input, now_ns);
			return;
		}
		struct slice frame = front(link, input, FRAME_HEAD);
		if (frame.len > 0 && !next_frame(link, frame, &frame_len))
			lose(link, "the server sent something other than TURN");
		if (link->ended || frame_len == 0 || arrived < frame_len)
			return;
		frame = front(link, input, frame_len);
		if (frame.len == 0)
			return;
		take_frame(link, frame, now_ns);
		evbuffer_drain(input, frame_len);
	}
}

static void stream_connected(struct client_link *link)
{
	uint8_t hello[PSEUDO_TLS_HELLO_LEN], random[PSEUDO_TLS_RANDOM_LEN];

	if (link->transport == CLIENT_TLS)
		client_loop_count_handshake(link->loop);
	if (link->transport != CLIENT_PTLS) {
		link->events.connected(link->events.arg);
		return;
	}
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
		lose(link, "no random bytes from the system");
		return;
	}
	pseudo_tls_write_hello(hello, (int64_t)(clock_realtime_ns() / 1000000000u),
			       random);
	link->greeting = true;
	if (bufferevent_write(link->bev, hello, sizeof(hello)) != 0)
		lose(link, "out of memory");
}

static void start_tls(struct client_link *link);

/* An empty socket takes a header at once. */
static void header_first(struct client_link *link)
{
	if (!write_header(link) ||
	    send(bufferevent_getfd(link->bev), link->header, link->header_len,
		 MSG_NOSIGNAL) != (ssize_t)link->header_len)
		lose(link, "cannot send the header of the PROXY protocol");
	else if (link->transport == CLIENT_TLS)
		start_tls(link);
	else
		stream_connected(link);
}

static void stream_event(struct bufferevent *bev, short events, void *arg)
{
	struct client_link *link = arg;
	int error = EVUTIL_SOCKET_ERROR();
	char what[200];

	if (events & BEV_EVENT_CONNECTED) {
		if (link->proxied.family != IP_NONE && link->header_len == 0)
			header_first(link);
		else
			stream_connected(link);
		return;
	}
	SSL *ssl = bufferevent_openssl_get_ssl(bev);
	unsigned long tls_error = ssl != NULL ? bufferevent_get_openssl_error(bev) : 0;
	if (tls_error != 0)
		client_tls_describe(ssl, "TLS", tls_error, error, what, sizeof(what));
	else if (events & BEV_EVENT_EOF || error == 0)
		snprintf(what, sizeof(what), "the server closed the connection");
	else
		snprintf(what, sizeof(what), "connection failed: %s",
			 evutil_socket_error_to_string(error));
	lose(link, what);
}

/* fd: connected, or -1. */
static struct bufferevent *new_tls(struct event_base *base, int fd, SSL_CTX *context,
				   const char *name)
{
	SSL *ssl = client_tls_new(context, name);
	if (ssl == NULL)
		return NULL;
	struct bufferevent *bev = bufferevent_openssl_socket_new(
		base, fd, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL)
		SSL_free(ssl);
	else
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

static void use_bev(struct client_link *link, struct bufferevent *bev)
{
	link->bev = bev;
	bufferevent_setcb(bev, stream_readable, NULL, stream_event, link);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

/* The connection is there: TLS takes over its descriptor. */
static void start_tls(struct client_link *link)
{
	struct bufferevent *plain = link->bev;
	int fd = bufferevent_getfd(plain);
	struct bufferevent *bev =
		new_tls(client_loop_base(link->loop), fd, link->tls, link->tls_name);

	if (bev == NULL) {
		lose(link, "out of memory");
		return;
	}
	bufferevent_setfd(plain, -1);
	bufferevent_free(plain);
	use_bev(link, bev);
}

/* The header precedes all else, TLS too: so a connection of TLS begins as one of TCP. */
static bool open_stream(struct client_link *link, const struct client_config *config,
			const struct sockaddr *sa, socklen_t sa_len)
{
	const int on = 1;
	struct event_base *base = client_loop_base(link->loop);
	bool tls = config->transport == CLIENT_TLS && link->proxied.family == IP_NONE;
	struct bufferevent *bev =
		tls ? new_tls(base, -1, config->tls, config->tls_name)
		    : bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

	if (bev == NULL)
		return false;
	use_bev(link, bev);
	if (bufferevent_socket_connect(bev, sa, (int)sa_len) != 0)
		return false;
	/* Media must not wait for the acknowledgement of earlier data. */
	setsockopt(bufferevent_getfd(bev), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return true;
}

static bool send_stream(struct client_link *link, const struct client_parts *parts)
{
	static const uint8_t zeros[4];
	struct evbuffer *output = bufferevent_get_output(link->bev);
	size_t len = parts->head.len + parts->payload.len + parts->padding;

	if (evbuffer_get_length(output) + len > link->send_queue) {
		errno = ENOBUFS;
		return false;
	}
	/* Reserve room first: half a message would break the stream. */
	if (evbuffer_expand(output, len) != 0) {
		errno = ENOMEM;
		return false;
	}
	evbuffer_add(output, parts->head.data, parts->head.len);
	evbuffer_add(output, parts->payload.data, parts->payload.len);
	evbuffer_add(output, zeros, parts->padding);
	return true;
}

/* ------------------------------------------------------------------------------------------ */

bool client_link_open(struct client_link *link, const struct client_config *config,
		      const struct client_link_events *events)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(&config->server, &sa);

	*link = (struct client_link){
		.fd = -1,
		.loop = config->loop,
		.events = *events,
		.send_queue = config->send_queue,
		.transport = config->transport,
		.server = config->server,
		.proxied = config->proxied,
		.tls = config->tls,
		.tls_name = config->tls_name,
	};
	const struct sockaddr *to = (const struct sockaddr *)&sa;
	bool opened = config->transport == CLIENT_UDP ? open_udp(link, to, sa_len)
		      : config->transport == CLIENT_DTLS
			      ? open_dtls(link, config, to, sa_len)
			      : open_stream(link, config, to, sa_len);
	if (!opened) {
		int error = errno;
		client_link_close(link);
		errno = error;
	}
	return opened;
}

void client_link_close(struct client_link *link)
{
	if (link->loop == NULL)
		return;
	client_dtls_free(link->dtls); /* says goodbye over the socket */
	link->dtls = NULL;
	if (link->readable.ev_base != NULL)
		event_del(&link->readable);
	if (link->bev != NULL)
		bufferevent_free(link->bev);
	if (link->fd >= 0)
		close(link->fd);
	link->loop = NULL;
}

bool client_link_send(struct client_link *link, const struct client_parts *parts)
{
	if (link->ended) {
		errno = ENOTCONN;
		return false;
	}
	return link->bev != NULL    ? send_stream(link, parts)
	       : link->dtls != NULL ? send_dtls(link, parts)
				    : send_udp(link, parts);
}

bool client_link_connects(const struct client_link *link)
{
	return link->transport != CLIENT_UDP;
}

void client_link_unframed(struct client_link *link)
{
	assert(link->bev != NULL && link->events.raw != NULL);
	link->unframed = true;
}

bool client_link_local(const struct client_link *link, struct endpoint *local)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd = link->bev != NULL ? bufferevent_getfd(link->bev) : link->fd;

	return getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
	       sockaddr_to_endpoint(&sa, local);
}
