/*
 * mras_listener.c - see mras_listener.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "auth/server/mras_listener.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>

#include "auth/server/issuer.h"
#include "auth/server/mras_connections.h"
#include "auth/server/mras_settings.h"
#include "base/config/explain.h"
#include "base/descriptors/fd_store.h"
#include "base/descriptors/inherited.h"
#include "base/log.h"
#include "base/sockaddr.h"

#define LISTENER_NAME "mras."

enum {
	BACKLOG = 1024,
	STALLED_MS = 200,          /* pause when descriptors have run out */
	UNACKNOWLEDGED_MS = 30000, /* no acknowledgement for so long: the peer is gone */
};

struct mras_listeners {
	struct issuer *issuer;
	struct event resume;
	size_t count;
	struct listener {
		struct endpoint local;
		bool is_stored;
		struct evconnlistener *accepting;
	} list[MRAS_CONFIG_ADDRESSES_MAX];
};

static int bind_one(const struct endpoint *local)
{
	int domain = local->ip.family == IP_V4 ? AF_INET : AF_INET6, one = 1;
	int fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(local, &sa);

	if (fd < 0)
		return -errno;
	if ((domain == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&sa, sa_len) != 0 || listen(fd, BACKLOG) != 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

/* mras.<ip>.<port>; systemd has names without colons. */
static void name_of(const struct endpoint *local, char name[FD_STORE_NAME_MAX])
{
	char ip[ENDPOINT_TEXT_LEN];

	ip_addr_format(&local->ip, ip, sizeof(ip));
	for (char *c = ip; *c != '\0'; c++) {
		if (*c == ':')
			*c = '_';
	}
	snprintf(name, FD_STORE_NAME_MAX, LISTENER_NAME "%s.%u", ip, local->port);
}

/* The one that the process before has left, or -1. */
static int adopt(const struct endpoint *local, struct inherited *inherited)
{
	char name[FD_STORE_NAME_MAX];
	struct endpoint bound;
	int fd;

	if (inherited == NULL)
		return -1;
	name_of(local, name);
	while ((fd = inherited_take(inherited, name)) >= 0) {
		int flags = fcntl(fd, F_GETFL);

		if (inherited_kind(fd) == INHERITED_LISTENER && sockaddr_of(fd, &bound) &&
		    endpoint_equal(&bound, local) && flags >= 0 &&
		    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
		    listen(fd, BACKLOG) == 0)
			return fd;
		inherited_close(fd);
		fd_store_remove(name);
	}
	return -1;
}

/* Addresses that are not configured any more. */
static void forget(struct inherited *inherited)
{
	size_t cursor = 0;
	const char *name;
	int fd;

	while (inherited_next(inherited, &cursor, &name, &fd)) {
		if (strncmp(name, LISTENER_NAME, strlen(LISTENER_NAME)) != 0)
			continue;
		inherited_taken(inherited, fd);
		inherited_close(fd);
		fd_store_remove(name);
	}
}

static struct endpoint local_of(const struct mras_config *config, size_t index)
{
	return (struct endpoint){.ip = config->addresses[index], .port = config->port};
}

static bool listens_on(const struct mras_listeners *listeners,
		       const struct endpoint *local)
{
	for (size_t i = 0; listeners != NULL && i < listeners->count; i++) {
		if (endpoint_equal(&listeners->list[i].local, local))
			return true;
	}
	return false;
}

static bool is_named(const struct mras_config *config, const struct endpoint *local)
{
	for (size_t i = 0; i < config->address_count; i++) {
		struct endpoint named = local_of(config, i);

		if (endpoint_equal(&named, local))
			return true;
	}
	return false;
}

bool mras_listener_bind(const struct mras_config *config,
			const struct mras_listeners *now, struct inherited *inherited,
			struct mras_listener_sockets *sockets, char *error,
			size_t error_size)
{
	sockets->count = 0;
	for (size_t i = 0; i < config->address_count; i++) {
		struct endpoint local = local_of(config, i);

		if (listens_on(now, &local))
			continue;

		int fd = adopt(&local, inherited);
		bool is_stored = fd >= 0;

		if (!is_stored)
			fd = bind_one(&local);
		if (fd < 0) {
			explain_bind_failure(&local, true, "port", -fd, error,
					     error_size);
			mras_listener_close(sockets);
			return false;
		}
		assert(sockets->count < MRAS_CONFIG_ADDRESSES_MAX);
		sockets->list[sockets->count++] =
			(struct mras_listener_socket){local, fd, is_stored};
	}
	if (inherited != NULL)
		forget(inherited);
	return true;
}

void mras_listener_close(struct mras_listener_sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++)
		close(sockets->list[i].fd);
	sockets->count = 0;
}

static void configure(int fd)
{
	int one = 1, timeout = UNACKNOWLEDGED_MS;

	/* Failure of any of these is no reason to refuse a server. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd,
		     struct sockaddr *address, int address_len, void *arg)
{
	static struct log_limit elsewhere, full;
	struct issuer *issuer = ((struct mras_listeners *)arg)->issuer;
	struct sockaddr_storage sa = {0};
	char name[ENDPOINT_TEXT_LEN];
	struct endpoint client;

	(void)listener;
	issuer_tick(issuer);
	issuer_count(issuer, COUNT_ACCEPTED);
	assert((size_t)address_len <= sizeof(sa));
	memcpy(&sa, address, (size_t)address_len);
	if (!sockaddr_to_endpoint(&sa, &client)) {
		close(fd);
	} else if (!service_source_allowed(&issuer->settings->service, &client.ip)) {
		issuer_count(issuer, COUNT_REFUSED_SOURCE);
		log_limited(&elsewhere, LOG_LEVEL_NOTICE,
			    "refused %s: not in the networks of a trusted server",
			    endpoint_format(&client, name, sizeof(name)));
		close(fd);
	} else if (!mras_connections_admit(issuer, &client.ip)) {
		issuer_count(issuer, COUNT_REFUSED_FULL);
		log_limited(&full, LOG_LEVEL_WARNING,
			    "refused %s: limits.connections reached by trusted servers",
			    endpoint_format(&client, name, sizeof(name)));
		close(fd);
	} else {
		configure(fd);
		mras_connections_accept(issuer, fd, &client);
	}
}

static void set_all(struct mras_listeners *listeners, bool on)
{
	for (size_t i = 0; i < listeners->count; i++) {
		if (on)
			evconnlistener_enable(listeners->list[i].accepting);
		else
			evconnlistener_disable(listeners->list[i].accepting);
	}
}

static void resume(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	set_all(arg, true);
}

/* Most likely out of descriptors: retrying at once would only burn time. */
static void stalled(struct evconnlistener *listener, void *arg)
{
	static struct log_limit limit;
	static const struct timeval pause = {.tv_usec = STALLED_MS * 1000};
	struct mras_listeners *listeners = arg;

	(void)listener;
	log_limited(&limit, LOG_LEVEL_ERROR,
		    "cannot accept a connection: %s; raise LimitNOFILE", strerror(errno));
	set_all(listeners, false);
	event_add(&listeners->resume, &pause);
}

struct mras_listeners *mras_listeners_new(struct issuer *issuer,
					  struct mras_listener_sockets *sockets)
{
	struct mras_listeners *listeners = calloc(1, sizeof(*listeners));

	if (listeners == NULL)
		return NULL;
	listeners->issuer = issuer;
	if (event_assign(&listeners->resume, issuer->base, -1, 0, resume, listeners) !=
	    0) {
		free(listeners);
		return NULL;
	}
	while (sockets->count > 0) {
		const struct mras_listener_socket *socket =
			&sockets->list[sockets->count - 1];
		struct evconnlistener *accepting = evconnlistener_new(
			issuer->base, accepted, listeners,
			LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED,
			0, socket->fd);

		if (accepting == NULL) {
			mras_listeners_free(listeners);
			return NULL;
		}
		evconnlistener_set_error_cb(accepting, stalled);
		listeners->list[listeners->count++] =
			(struct listener){socket->local, socket->is_stored, accepting};
		sockets->count--;
	}
	return listeners;
}

/* The store's copy would listen on. */
static void end(const struct listener *listener)
{
	char name[FD_STORE_NAME_MAX];

	if (!listener->is_stored)
		return;
	name_of(&listener->local, name);
	fd_store_remove(name);
	shutdown(evconnlistener_get_fd(listener->accepting), SHUT_RDWR);
}

static void store(struct listener *listener)
{
	int fd = evconnlistener_get_fd(listener->accepting);
	char name[FD_STORE_NAME_MAX];

	if (listener->is_stored)
		return;
	name_of(&listener->local, name);
	fd_store_put(name, &fd, 1, false);
	listener->is_stored = true;
}

static void take_over(struct mras_listeners *listeners, const struct mras_config *config,
		      struct mras_listeners *before)
{
	size_t stay = 0;

	for (size_t i = 0; i < before->count; i++) {
		struct listener *listener = &before->list[i];

		if (is_named(config, &listener->local)) {
			evconnlistener_set_cb(listener->accepting, accepted, listeners);
			assert(listeners->count < MRAS_CONFIG_ADDRESSES_MAX);
			listeners->list[listeners->count++] = *listener;
		} else {
			end(listener);
			before->list[stay++] = *listener;
		}
	}
	before->count = stay;
	mras_listeners_free(before);
}

void mras_listeners_start(struct mras_listeners *listeners,
			  const struct mras_config *config, struct mras_listeners *before)
{
	if (before != NULL)
		take_over(listeners, config, before);
	for (size_t i = 0; i < listeners->count; i++)
		store(&listeners->list[i]);
	set_all(listeners, true);
}

void mras_listeners_pause(struct mras_listeners *listeners)
{
	event_del(&listeners->resume);
	set_all(listeners, false);
}

void mras_listeners_free(struct mras_listeners *listeners)
{
	if (listeners == NULL)
		return;
	event_del(&listeners->resume);
	for (size_t i = 0; i < listeners->count; i++)
		evconnlistener_free(listeners->list[i].accepting);
	free(listeners);
}
