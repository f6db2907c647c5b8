/*
 * addresses.h - the addresses of this host, followed by netlink, for the peer policy.
 *
 * Threads  main only.
 */
#ifndef RELAY_OPS_ADDRESSES_H
#define RELAY_OPS_ADDRESSES_H

#include "relay/core/peer_policy.h"

struct event_base;
struct addresses;

/*
 * Watch. changed() is called on the base's thread with a fresh list, owned by the callee, each
 * time it differs from the last one, beginning with the list as of this call: a caller that
 * watches first and calls addresses_now() afterwards misses nothing. NULL and errno if netlink cannot be opened.
 */
struct addresses *addresses_watch(struct event_base *base,
				  void (*changed)(void *arg, struct host_addresses *now),
				  void *arg);
void addresses_free(struct addresses *addresses); /* NULL is allowed */

/* The list as it is now (getifaddrs); free(). NULL and errno on failure. */
struct host_addresses *addresses_now(void);
/* NULL if out of memory. */
struct host_addresses *addresses_copy(const struct host_addresses *host);

#endif
