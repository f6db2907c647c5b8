/*
 * route_watch.c - see route_watch.h.
 *
 * What the kernel tells is where to look, not what is: after a change that matters, devices are listed again and
 * ways are asked for again. A burst of changes is one, and however many there are, asking takes a tenth of
 * main's time at most. A device that is gone is the exception: nothing leaves there from that moment on.
 *
 * A path's MTU and the system's hop limit change without a word from the kernel, so all is asked for again now
 * and then.
 */
#include "relay/offload/route_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/net/route_socket.h"
#include "relay/offload/route_asker.h"
#include "relay/offload/route_message.h"
#include "stun/wire.h"

enum {
	SETTLE_MS = 20,
	AGAIN_MS = 10000,
	ASK_AT_ONCE = 128,
	PAUSE_FACTOR = 10,
	PACKET_SIZE = 16384,
	PACKETS_AT_ONCE = 64,
};

struct route_watch {
	struct event_base *base;
	pthread_mutex_t *lock;
	route_watch_fn *changed;
	void *arg;
	struct links *links;
	struct route_asker *asker;
	struct routes *routes; /* NULL: none to keep */
	struct route_watch_xdp xdp;
	int netlink, wake;
	struct event *told, *woken, *settled, *asking, *again;
	bool links_changed, ways_changed; /* since settled was armed */
	bool hears_routes, hears_neighbours;
	bool is_paused;
	uint64_t asked_us; /* in this pass */
	uint64_t rests_until_ms;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void arm(struct event *timer, uint64_t wait_ms)
{
	const struct timeval wait = {
		.tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000),
	};

	if (!event_pending(timer, EV_TIMEOUT, NULL))
		event_add(timer, &wait);
}

/* --- asking ---------------------------------------------------------------------------------------------- */

static bool is_xdp(void *arg, uint32_t ifindex)
{
	const struct route_watch *watch = arg;
	size_t i = 0;

	while (i < watch->xdp.count && watch->xdp.ifindex[i] != ifindex)
		i++;
	return i < watch->xdp.count;
}

/* False: there was no question. The kernel is not asked under the lock, for which workers wait. */
static bool ask_one(struct route_watch *watch)
{
	struct routes_question question;
	struct flow_hop way;
	bool any;

	pthread_mutex_lock(watch->lock);
	any = routes_question(watch->routes, &question);
	pthread_mutex_unlock(watch->lock);
	if (!any)
		return false;
	route_asker_way(watch->asker, watch->links, &question.from, &question.to, is_xdp,
			watch, &way);
	pthread_mutex_lock(watch->lock);
	routes_answer(watch->routes, &question, &way);
	pthread_mutex_unlock(watch->lock);
	return true;
}

static void on_asking(evutil_socket_t fd, short what, void *arg)
{
	struct route_watch *watch = arg;
	uint64_t began_us = now_us();
	unsigned asked = 0;

	(void)fd;
	(void)what;
	if (watch->routes == NULL || watch->is_paused)
		return;
	while (asked < ASK_AT_ONCE && ask_one(watch))
		asked++;
	watch->asked_us += now_us() - began_us;
	if (asked == ASK_AT_ONCE) {
		arm(watch->asking, 0);
		return;
	}
	watch->rests_until_ms = now_us() / 1000 + PAUSE_FACTOR * watch->asked_us / 1000;
	watch->asked_us = 0;
}

static void on_woken(evutil_socket_t fd, short what, void *arg)
{
	eventfd_t count;

	eventfd_read(fd, &count);
	on_asking(fd, what, arg);
}

void route_watch_wake(struct route_watch *watch)
{
	eventfd_write(watch->wake, 1);
}

void route_watch_answer(struct route_watch *watch)
{
	on_asking(-1, 0, watch);
}

/* --- changes ---------------------------------------------------------------------------------------------- */

static void settle(struct route_watch *watch)
{
	uint64_t now_ms = now_us() / 1000;
	uint64_t wait_ms = SETTLE_MS;

	if (watch->rests_until_ms > now_ms + SETTLE_MS)
		wait_ms = watch->rests_until_ms - now_ms;
	if (!watch->is_paused)
		arm(watch->settled, wait_ms);
}

static void ask_again(struct route_watch *watch)
{
	if (watch->routes == NULL)
		return;
	pthread_mutex_lock(watch->lock);
	routes_ask_again(watch->routes);
	pthread_mutex_unlock(watch->lock);
	arm(watch->asking, 0);
}

/* 0 or -errno: the list before stays. */
static int load(struct route_watch *watch)
{
	struct links *links = links_new();
	int result = links != NULL ? route_asker_load(watch->asker, links) : -ENOMEM;

	if (result != 0) {
		links_free(links);
		return result;
	}
	links_free(watch->links);
	watch->links = links;
	return 0;
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
	struct route_watch *watch = arg;
	bool links_changed = watch->links_changed;

	(void)fd;
	(void)what;
	watch->links_changed = watch->ways_changed = false;
	if (links_changed && load(watch) != 0) {
		/* A moment later they can be listed. */
		watch->links_changed = true;
		settle(watch);
		return;
	}
	ask_again(watch);
	if (links_changed)
		watch->changed(watch->arg);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct route_watch *watch = arg;

	if (watch->is_paused || watch->routes == NULL)
		return;
	watch->links_changed = true;
	settle(watch);
}

static void lose_device(struct route_watch *watch, uint32_t ifindex)
{
	if (watch->routes == NULL)
		return;
	pthread_mutex_lock(watch->lock);
	routes_lose_device(watch->routes, ifindex);
	pthread_mutex_unlock(watch->lock);
}

static void take_neighbour(struct route_watch *watch,
			   const struct route_neighbour *neighbour)
{
	if (watch->routes == NULL || !is_xdp(watch, neighbour->ifindex))
		return;
	pthread_mutex_lock(watch->lock);
	routes_ask_neighbour(watch->routes, neighbour->ifindex, &neighbour->ip);
	pthread_mutex_unlock(watch->lock);
	arm(watch->asking, 0);
}

static void take_message(struct route_watch *watch, const struct route_message *message)
{
	switch (message->kind) {
	case ROUTE_LINK:
		watch->links_changed = true;
		if (!message->link.is_up)
			lose_device(watch, message->link.ifindex);
		break;
	case ROUTE_LINK_GONE:
		watch->links_changed = true;
		lose_device(watch, message->link.ifindex);
		break;
	case ROUTE_ADDRESS:
		watch->links_changed = true;
		break;
	case ROUTE_WAY:
	case ROUTE_RULE:
		watch->ways_changed = true;
		break;
	case ROUTE_NEIGHBOUR:
		take_neighbour(watch, &message->neighbour);
		break;
	case ROUTE_DONE:
	case ROUTE_ERROR:
	case ROUTE_OTHER:
		break;
	}
}

static void on_told(evutil_socket_t fd, short what, void *arg)
{
	struct route_watch *watch = arg;
	_Alignas(8) uint8_t packet[PACKET_SIZE];
	int n = 0;

	(void)what;
	for (int i = 0; i < PACKETS_AT_ONCE; i++) {
		n = route_socket_more(fd, packet, sizeof(packet));
		if (n < 0)
			break;
		struct slice rest = {packet, (size_t)n};
		struct route_message message;

		while (route_message_next(&rest, &message))
			take_message(watch, &message);
	}
	/* Some were lost. */
	if (n == -ENOBUFS || n == -EMSGSIZE)
		watch->links_changed = watch->ways_changed = true;
	if (watch->links_changed || watch->ways_changed)
		settle(watch);
}

/* --- */

static void join(struct route_watch *watch)
{
	static const unsigned routes[] = {
		RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,
		RTNLGRP_IPV6_RULE,  RTNLGRP_NEXTHOP,
	};

	for (size_t i = 0; !watch->hears_routes && i < sizeof(routes) / sizeof(routes[0]);
	     i++)
		route_socket_join(watch->netlink, routes[i]);
	watch->hears_routes = true;
	/* Many change all the time, so only who needs them hears of them. */
	if (watch->xdp.count > 0 && !watch->hears_neighbours)
		watch->hears_neighbours =
			route_socket_join(watch->netlink, RTNLGRP_NEIGH) == 0;
}

void route_watch_use(struct route_watch *watch, struct routes *routes,
		     const struct route_watch_xdp *xdp)
{
	watch->routes = routes;
	watch->xdp = *xdp;
	if (routes == NULL)
		return;
	join(watch);
	ask_again(watch);
}

static bool make_events(struct route_watch *watch)
{
	const struct timeval again = {.tv_sec = AGAIN_MS / 1000};

	watch->told = event_new(watch->base, watch->netlink, EV_READ | EV_PERSIST,
				on_told, watch);
	watch->woken = event_new(watch->base, watch->wake, EV_READ | EV_PERSIST, on_woken,
				 watch);
	watch->settled = evtimer_new(watch->base, on_settled, watch);
	watch->asking = evtimer_new(watch->base, on_asking, watch);
	watch->again = event_new(watch->base, -1, EV_PERSIST, on_again, watch);
	errno = ENOMEM;
	return watch->told != NULL && watch->woken != NULL && watch->settled != NULL &&
	       watch->asking != NULL && watch->again != NULL &&
	       event_add(watch->told, NULL) == 0 && event_add(watch->woken, NULL) == 0 &&
	       event_add(watch->again, &again) == 0;
}

/* After the socket: what changes from here on is told. */
static bool begin(struct route_watch *watch)
{
	watch->asker = route_asker_new(NULL);
	if (watch->asker == NULL)
		return false;
	int result = load(watch);

	errno = -result;
	return result == 0;
}

struct route_watch *route_watch_new(struct event_base *base, pthread_mutex_t *lock,
				    route_watch_fn *changed, void *arg)
{
	struct route_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return NULL;
	watch->base = base;
	watch->lock = lock;
	watch->changed = changed;
	watch->arg = arg;
	watch->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	watch->netlink =
		route_socket_open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
	if (watch->netlink < 0)
		errno = -watch->netlink;
	if (watch->wake >= 0 && watch->netlink >= 0 && begin(watch) && make_events(watch))
		return watch;
	int error = errno;

	route_watch_free(watch);
	errno = error;
	return NULL;
}

static void free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

void route_watch_free(struct route_watch *watch)
{
	if (watch == NULL)
		return;
	free_event(watch->told);
	free_event(watch->woken);
	free_event(watch->settled);
	free_event(watch->asking);
	free_event(watch->again);
	if (watch->netlink >= 0)
		close(watch->netlink);
	if (watch->wake >= 0)
		close(watch->wake);
	route_asker_free(watch->asker);
	links_free(watch->links);
	free(watch);
}

void route_watch_pause(struct route_watch *watch)
{
	watch->is_paused = true;
	event_del(watch->told);
	event_del(watch->settled);
	event_del(watch->asking);
}

void route_watch_resume(struct route_watch *watch)
{
	watch->is_paused = false;
	event_add(watch->told, NULL);
	watch->links_changed = true;
	settle(watch);
}

const struct links *route_watch_links(const struct route_watch *watch)
{
	return watch->links;
}
