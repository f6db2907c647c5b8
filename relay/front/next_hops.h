/*
 * next_hops.h - through which balancer each client of a UDP front is reached: the address and port
 * that its datagrams come from. Only clients with something to keep are here (an allocation, say);
 * a reply to a stranger goes out while its datagram is at hand.
 *
 * Nobody has to take a client out. When the table has doubled, it drops those that nothing needs any
 * more, so that it holds at most twice as many as ever were needed at a time.
 *
 * Owner    the UDP fronts of one worker; its thread only.
 */
#ifndef RELAY_FRONT_NEXT_HOPS_H
#define RELAY_FRONT_NEXT_HOPS_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/core/five_tuple.h"

struct next_hops;

/*
 * is_needed  is there still something of that client? The key is copied. Empty, it takes little
 *            memory. NULL if out of it.
 */
struct next_hops *next_hops_new(const struct siphash_key *key,
				bool (*is_needed)(void *arg,
						  const struct five_tuple *client),
				void *arg);
void next_hops_free(struct next_hops *hops); /* NULL is allowed */

/* The client is reached through that one from now on. False if out of memory. */
bool next_hops_set(struct next_hops *hops, const struct five_tuple *client,
		   const struct endpoint *hop);
/* It has come itself. Nothing if it is not there. */
void next_hops_remove(struct next_hops *hops, const struct five_tuple *client);

size_t next_hops_count(const struct next_hops *hops);

/* Borrowed until the next change; NULL: none, it is reached by its own address. */
const struct endpoint *next_hops_find(struct next_hops *hops,
				      const struct five_tuple *client);

#endif
