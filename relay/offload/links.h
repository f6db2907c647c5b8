/*
 * links.h - the devices of this host, and which address is on which.
 *
 * Owner    struct offload.
 * Threads  one at a time.
 */
#ifndef RELAY_OFFLOAD_LINKS_H
#define RELAY_OFFLOAD_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/offload/route_message.h"
#include "stun/endpoint.h"

struct links;

struct links *links_new(void);        /* NULL if out of memory */
void links_free(struct links *links); /* NULL is allowed */

/* Forget all devices and addresses: all of them are told next. */
void links_clear(struct links *links);
/* A device is there, or is so from now on. False if out of memory. */
bool links_set(struct links *links, const struct route_link *link);
void links_remove(struct links *links, uint32_t ifindex);
/* An address is there. False if out of memory. */
bool links_add_address(struct links *links, uint32_t ifindex, const struct ip_addr *ip);

/* NULL: there is none. Borrowed until the next change. */
const struct route_link *links_find(const struct links *links, uint32_t ifindex);
/* The device that has that address; 0: none. */
uint32_t links_of_address(const struct links *links, const struct ip_addr *ip);

#endif
