/*
 * tcp.c - accept, make room, hand to stream.c. A client that has not authenticated costs a
 * descriptor and a small object, and their number is bounded.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "relay/front/tcp.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/descriptors/connection_store.h"
#include "base/log.h"
#include "base/sockaddr.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/front/clients.h"
#include "relay/front/stream.h"
#include "relay/front/stream_marks.h"
#include "relay/loop.h"
#include "relay/reload/relay_settings.h"

enum {
	BACKLOG = 4096,
	ACCEPTS_PER_TURN = 16,     /* media waits for no longer than that */
	STALLED_MS = 200,          /* pause when descriptors have run out */
	UNACKNOWLEDGED_MS = 30000, /* a client that takes nothing for so long is gone */
	/* In the kernel: unsent bytes, which only make media late, and all, until acknowledged. */
	UNSENT_MAX = 64 << 10,
	SEND_BUFFER = 256 << 10,
};

struct tcp_front {
	struct tcp_fronts *owner;
	struct event event;
	int fd; /* -1: this front has no listening socket */
	uint16_t index;
};

struct tcp_fronts {
	struct delivery *delivery;
	struct clients *clients;
	struct tcp_front fronts[FRONTS_MAX];
	struct event resume;
};

static void set_all(struct tcp_fronts *fronts, bool on)
{
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (fronts->fronts[i].fd < 0)
			continue;
		if (on)
			event_add(&fronts->fronts[i].event, NULL);
		else
			event_del(&fronts->fronts[i].event);
	}
}

static void resume(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	set_all(arg, true);
}

static void admit(struct tcp_front *front, int fd, const struct endpoint *client)
{
	struct tcp_fronts *fronts = front->owner;
	struct delivery *delivery = fronts->delivery;
	struct counters *counters = &delivery->turn->counters;
	struct five_tuple tuple = {.client = *client, .front = front->index};
	enum side side = delivery->turn->shared->fronts[front->index].side;

	assert(front->fd >= 0);
	/* A balancer's clients are judged by its header. */
	if (!relay_settings_is_balancer(delivery->settings, side, &client->ip) &&
	    !relay_settings_client_allowed(delivery->settings, side, &client->ip)) {
		counter_add(&counters->drops[DROP_CLIENT_ACL], 1);
		close(fd);
	} else if (!clients_make_room(fronts->clients, &client->ip)) {
		static struct log_limit limit;
		log_limited(
			&limit, LOG_LEVEL_WARNING,
			"refusing connections: limits.connections of a worker are open "
			"and authenticated");
		counter_add(&counters->connections_refused, 1);
		close(fd);
	} else {
		counter_add(&counters->connections_opened, 1);
		stream_marks_accepted(delivery, fd, &tuple);
		stream_accept(fronts->clients, fd, &tuple);
	}
}

/* As accept4(); a client that has not authenticated gives up its descriptor if none is left. */
static int accept_client(struct tcp_front *front, int fd, struct sockaddr_storage *sa)
{
	struct clients *clients = front->owner->clients;
	socklen_t len = sizeof(*sa);
	int accepted =
		accept4(fd, (struct sockaddr *)sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int error = errno;

	if (accepted >= 0 || (error != EMFILE && error != ENFILE))
		return accepted;
	if (!clients_free_descriptor(clients)) {
		errno = error;
		return -1;
	}
	len = sizeof(*sa);
	return accept4(fd, (struct sockaddr *)sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void acceptable(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	struct tcp_front *front = arg;
	struct tcp_fronts *fronts = front->owner;

	loop_turn(fronts->delivery->loop);
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage sa;
		struct endpoint client;
		int accepted = accept_client(front, fd, &sa);
		if (accepted >= 0) {
			if (sockaddr_to_endpoint(&sa, &client))
				admit(front, accepted, &client);
			else
				close(accepted);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			static struct log_limit limit;
			log_limited(&limit, LOG_LEVEL_ERROR,
				    "cannot accept a connection: %s; raise LimitNOFILE",
				    strerror(errno));
			struct timeval pause = {.tv_usec = STALLED_MS * 1000};
			set_all(fronts, false);
			event_add(&fronts->resume, &pause);
		}
		return;
	}
}

struct tcp_fronts *tcp_fronts_new(struct clients *clients)
{
	struct tcp_fronts *fronts = calloc(1, sizeof(*fronts));
	if (fronts == NULL)
		return NULL;
	fronts->delivery = clients_delivery(clients);
	fronts->clients = clients;
	if (event_assign(&fronts->resume, fronts->delivery->loop->base, -1, 0, resume,
			 fronts) != 0) {
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

void tcp_fronts_free(struct tcp_fronts *fronts)
{
	if (fronts == NULL)
		return;
	for (uint16_t i = 0; i < FRONTS_MAX; i++) {
		if (fronts->fronts[i].fd < 0)
			continue;
		event_del(&fronts->fronts[i].event);
		close(fronts->fronts[i].fd);
	}
	event_del(&fronts->resume);
	free(fronts);
}

bool tcp_front_open(struct tcp_fronts *fronts, uint16_t front, int fd)
{
	struct tcp_front *opened = &fronts->fronts[front];

	assert(front < FRONTS_MAX && opened->fd < 0);
	assert(fronts->delivery->turn->shared->fronts[front].transport == TRANSPORT_TCP);
	if (event_assign(&opened->event, fronts->delivery->loop->base, fd,
			 EV_READ | EV_PERSIST, acceptable, opened) != 0 ||
	    event_add(&opened->event, NULL) != 0)
		return false;
	opened->fd = fd;
	clients_serve(fronts->clients, front);
	clients_serve(fronts->clients, front + 1); /* its TLS */
	return true;
}

void tcp_front_close(struct tcp_fronts *fronts, uint16_t front)
{
	struct tcp_front *closed = &fronts->fronts[front];

	assert(front < FRONTS_MAX);
	if (closed->fd < 0)
		return;
	event_del(&closed->event);
	fd_end(closed->fd, false);
	closed->fd = -1;
}

int tcp_front_descriptor(const struct tcp_fronts *fronts, uint16_t front)
{
	assert(front < FRONTS_MAX);
	return fronts->fronts[front].fd;
}

void tcp_front_drain(struct tcp_fronts *fronts, uint16_t front, int fd)
{
	struct tcp_front *serving = &fronts->fronts[front];
	struct sockaddr_storage sa;
	struct endpoint client;
	int accepted;

	assert(front < FRONTS_MAX && serving->fd >= 0);
	loop_turn(fronts->delivery->loop);
	while ((accepted = accept_client(serving, fd, &sa)) >= 0) {
		if (sockaddr_to_endpoint(&sa, &client))
			admit(serving, accepted, &client);
		else
			close(accepted);
	}
	fd_end(fd, false);
}

/*
 * Accepted sockets inherit all of this, so a connection costs no calls for it. An urgent byte is one
 * of the stream: taken out of it, it would be missing, and counted all the same (tcp_progress.h).
 */
static void configure(int fd)
{
	int one = 1, timeout = UNACKNOWLEDGED_MS, unsent = UNSENT_MAX,
	    buffer = SEND_BUFFER;

	/* None of these is worth refusing a client for. */
	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
}

int tcp_front_bind(const struct endpoint *local)
{
	int domain = local->ip.family == IP_V4 ? AF_INET : AF_INET6;
	int fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;

	int one = 1;
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(local, &sa);
	if ((domain == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&sa, sa_len) != 0)
		goto fail;
	configure(fd);
	if (listen(fd, BACKLOG) == 0)
		return fd;
fail:;
	int error = errno;
	close(fd);
	return -error;
}

bool tcp_front_adopt(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return false;
	configure(fd);
	return listen(fd, BACKLOG) == 0; /* for the size of the backlog */
}
