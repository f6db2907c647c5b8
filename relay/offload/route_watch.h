/*
 * route_watch.h - keeps hops as the kernel's routes are: asks for new ones, hears of changes of devices,
 * addresses, routes, rules and neighbours by netlink, and asks again for those in use, some at a time.
 *
 * Owner    struct offload.
 * Threads  main's, but for route_watch_wake().
 */
#ifndef RELAY_OFFLOAD_ROUTE_WATCH_H
#define RELAY_OFFLOAD_ROUTE_WATCH_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/offload/links.h"
#include "relay/offload/offload_mode.h"
#include "relay/offload/routes.h"

struct event_base;
struct route_watch;

/* Devices or addresses may be others than before. */
typedef void route_watch_fn(void *arg);

/*
 * lock: of the hops, which workers take, too; held for moments only. NULL and errno: netlink cannot be opened, or
 * devices cannot be listed.
 */
struct route_watch *route_watch_new(struct event_base *base, pthread_mutex_t *lock,
				    route_watch_fn *changed, void *arg);
void route_watch_free(struct route_watch *watch); /* NULL is allowed */

/* Those on which the program sees packets before the kernel does. */
struct route_watch_xdp {
	uint32_t ifindex[OFFLOAD_DEVICES_MAX];
	size_t count;
};
/* The hops to keep from now on, borrowed; NULL: none. Not while the lock is held. */
void route_watch_use(struct route_watch *watch, struct routes *routes,
		     const struct route_watch_xdp *xdp);

/* There are new questions. Any thread. */
void route_watch_wake(struct route_watch *watch);
/* Answer the new ones at once. Not while the lock is held. */
void route_watch_answer(struct route_watch *watch);

/* Another process goes on with what there is, or not: change nothing meanwhile. */
void route_watch_pause(struct route_watch *watch);
void route_watch_resume(struct route_watch *watch);

/* As known last; borrowed. */
const struct links *route_watch_links(const struct route_watch *watch);

#endif
