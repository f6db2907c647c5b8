/*
 * listener.c - accept, admit, hand to stream.c. A stranger costs a descriptor and a small
 * object until it has proved who it is, and how many may is bounded.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "relay/front/listener.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/log.h"
#include "base/sockaddr.h"
#include "relay/front/clients.h"
#include "relay/front/stream.h"
#include "relay/worker.h"

enum {
	BACKLOG = 4096,
	ACCEPTS_PER_TURN = 16,     /* media waits for no longer than that */
	STALLED_MS = 200,          /* pause when descriptors have run out */
	UNACKNOWLEDGED_MS = 30000, /* a client that takes nothing for so long is gone */
	/* In the kernel: unsent bytes, which only make media late, and all, until acknowledged. */
	UNSENT_MAX = 64 << 10,
	SEND_BUFFER = 256 << 10,
};

struct listener {
	struct listeners *owner;
	struct event event;
	int fd; /* -1: no listening socket for this front */
	uint16_t front;
};

struct listeners {
	struct worker *worker;
	struct listener listeners[FRONTS_MAX];
	struct event resume;
};

static void set_all(struct listeners *listeners, bool on)
{
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (listeners->listeners[i].fd < 0)
			continue;
		if (on)
			event_add(&listeners->listeners[i].event, NULL);
		else
			event_del(&listeners->listeners[i].event);
	}
}

static void resume(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	set_all(arg, true);
}

static void admit(struct listener *listener, int fd, const struct endpoint *client)
{
	struct worker *worker = listener->owner->worker;
	struct counters *counters = &worker->turn.counters;
	struct five_tuple tuple = {.client = *client, .front = listener->front};
	enum side side = worker->turn.shared->fronts[listener->front].side;

	if (!settings_client_allowed(worker->settings, side, &client->ip)) {
		counter_add(&counters->drops[DROP_CLIENT_ACL], 1);
		close(fd);
	} else if (!clients_admit(worker->clients, &client->ip)) {
		counter_add(&counters->connections_refused, 1);
		close(fd);
	} else {
		counter_add(&counters->connections_opened, 1);
		stream_accept(worker, fd, &tuple);
	}
}

static void acceptable(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	struct listener *listener = arg;
	struct worker *worker = listener->owner->worker;

	worker_tick(worker);
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage sa;
		socklen_t sa_len = sizeof(sa);
		struct endpoint client;
		int accepted = accept4(fd, (struct sockaddr *)&sa, &sa_len,
				       SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (accepted >= 0) {
			if (sockaddr_to_endpoint(&sa, &client))
				admit(listener, accepted, &client);
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
			set_all(listener->owner, false);
			event_add(&listener->owner->resume, &pause);
		}
		return;
	}
}

struct listeners *listeners_new(struct worker *worker)
{
	struct listeners *listeners = calloc(1, sizeof(*listeners));
	if (listeners == NULL)
		return NULL;
	listeners->worker = worker;
	if (event_assign(&listeners->resume, worker->base, -1, 0, resume, listeners) !=
	    0) {
		free(listeners);
		return NULL;
	}
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		listeners->listeners[i].owner = listeners;
		listeners->listeners[i].front = (uint16_t)i;
		listeners->listeners[i].fd = -1;
	}
	return listeners;
}

void listeners_free(struct listeners *listeners)
{
	if (listeners == NULL)
		return;
	for (uint16_t i = 0; i < FRONTS_MAX; i++)
		listener_close(listeners, i);
	event_del(&listeners->resume);
	free(listeners);
}

bool listener_open(struct listeners *listeners, uint16_t front, int fd)
{
	struct listener *listener = &listeners->listeners[front];

	assert(listener->fd < 0);
	if (event_assign(&listener->event, listeners->worker->base, fd,
			 EV_READ | EV_PERSIST, acceptable, listener) != 0 ||
	    event_add(&listener->event, NULL) != 0)
		return false;
	listener->fd = fd;
	return true;
}

void listener_close(struct listeners *listeners, uint16_t front)
{
	struct listener *listener = &listeners->listeners[front];

	if (listener->fd < 0)
		return;
	event_del(&listener->event);
	close(listener->fd);
	listener->fd = -1;
}

/* Accepted sockets inherit all of this, so a connection costs no calls for it. */
static void configure(int fd)
{
	int one = 1, timeout = UNACKNOWLEDGED_MS, unsent = UNSENT_MAX,
	    buffer = SEND_BUFFER;

	/* None of these is worth refusing a client for. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
}

int listener_bind(const struct endpoint *local)
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
