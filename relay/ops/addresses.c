/*
 * addresses.c - the addresses of this host, followed by netlink.
 *
 * Netlink only reports that something changed; the current list is read with getifaddrs(). A
 * burst of changes (an interface comes up with ten addresses) is reported as one list.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_RELOAD
#include "relay/ops/addresses.h"

#include <assert.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/net/route_socket.h"
#include "base/sockaddr.h"

enum { SETTLE_MS = 200 };

struct addresses {
	int fd;
	struct event *readable;
	struct event *settled;
	struct host_addresses *last; /* what was reported; a copy of our own */
	void (*changed)(void *arg, struct host_addresses *now);
	void *arg;
};

static int compare(const void *a, const void *b)
{
	return ip_addr_compare(a, b);
}

static size_t sort_unique(struct ip_addr *list, size_t count)
{
	size_t kept = 0;

	qsort(list, count, sizeof(*list), compare);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || !ip_addr_equal(&list[kept - 1], &list[i]))
			list[kept++] = list[i];
	}
	return kept;
}

struct host_addresses *addresses_now(void)
{
	struct ifaddrs *interfaces;
	size_t room = 0, count = 0;

	if (getifaddrs(&interfaces) < 0)
		return NULL;
	for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next)
		room++;

	struct host_addresses *host =
		calloc(1, sizeof(*host) + room * sizeof(host->addresses[0]));
	for (const struct ifaddrs *i = interfaces; host && i; i = i->ifa_next) {
		struct endpoint ep;

		if (i->ifa_addr && sockaddr_to_endpoint(i->ifa_addr, &ep))
			host->addresses[count++] = ep.ip;
	}
	freeifaddrs(interfaces);
	if (!host) {
		errno = ENOMEM;
		return NULL;
	}
	assert(count <= room);
	host->count = sort_unique(host->addresses, count);
	return host;
}

static bool equal(const struct host_addresses *a, const struct host_addresses *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!ip_addr_equal(&a->addresses[i], &b->addresses[i]))
			return false;
	}
	return true;
}

struct host_addresses *addresses_copy(const struct host_addresses *host)
{
	size_t size = sizeof(*host) + host->count * sizeof(host->addresses[0]);
	struct host_addresses *made = malloc(size);

	if (made)
		memcpy(made, host, size);
	return made;
}

static void arm(struct addresses *addresses)
{
	const struct timeval wait = {.tv_usec = SETTLE_MS * 1000};

	if (!event_pending(addresses->settled, EV_TIMEOUT, NULL))
		event_add(addresses->settled, &wait);
}

/* A list that cannot be read now is read again a moment later: no other event would do it. */
static void on_settled(evutil_socket_t fd, short what, void *arg)
{
	static struct log_limit limit;
	struct addresses *addresses = arg;
	struct host_addresses *now = addresses_now();
	struct host_addresses *kept = now ? addresses_copy(now) : NULL;

	(void)fd;
	(void)what;
	if (!kept) {
		log_limited(&limit, LOG_LEVEL_WARNING,
			    "cannot read the addresses of this host: %s; retrying",
			    strerror(errno));
		free(now);
		arm(addresses);
		return;
	}
	assert(addresses->last != NULL);
	if (equal(now, addresses->last)) {
		free(kept);
		free(now);
		return;
	}
	free(addresses->last);
	addresses->last = kept;
	addresses->changed(addresses->arg, now);
}

/* The content of the messages does not matter, nor that some were lost (ENOBUFS). */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	route_socket_skip(fd);
	arm(arg);
}

struct addresses *addresses_watch(struct event_base *base,
				  void (*changed)(void *arg, struct host_addresses *now),
				  void *arg)
{
	struct addresses *addresses = calloc(1, sizeof(*addresses));
	int error;

	if (!addresses)
		return NULL;
	addresses->changed = changed;
	addresses->arg = arg;
	addresses->fd = route_socket_open(RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
	if (addresses->fd < 0) {
		errno = -addresses->fd;
		goto fail;
	}
	/* After the socket: what changes from here on is reported. */
	addresses->last = addresses_now();
	if (!addresses->last)
		goto fail;
	addresses->readable = event_new(base, addresses->fd, EV_READ | EV_PERSIST,
					on_readable, addresses);
	addresses->settled = evtimer_new(base, on_settled, addresses);
	if (!addresses->readable || !addresses->settled ||
	    event_add(addresses->readable, NULL) < 0) {
		errno = ENOMEM;
		goto fail;
	}
	return addresses;
fail:
	error = errno;
	addresses_free(addresses);
	errno = error;
	return NULL;
}

void addresses_free(struct addresses *addresses)
{
	if (!addresses)
		return;
	if (addresses->readable)
		event_free(addresses->readable);
	if (addresses->settled)
		event_free(addresses->settled);
	if (addresses->fd >= 0)
		close(addresses->fd);
	free(addresses->last);
	free(addresses);
}
