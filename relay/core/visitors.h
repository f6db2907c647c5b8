/*
 * visitors.h - 5-tuples that send to this worker, and to which an allocation of another worker
 * moves (RFC 8016): their requests go to that worker, and with their first data the allocation comes
 * here.
 *
 * A datagram client whose new 5-tuple the kernel gives to another worker is one from the answer to
 * its Refresh with a ticket until its data has brought the allocation, or until the other worker says
 * that it will not. What is not true any more does no harm: the other worker says so when asked.
 *
 * Owner    the worker; embedded in nothing, borrowed by struct turn.
 * Threads  its own.
 */
#ifndef RELAY_CORE_VISITORS_H
#define RELAY_CORE_VISITORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "relay/core/five_tuple.h"

enum { VISITORS_MAX = 4096 };

struct visitors;

struct visitor {
	struct five_tuple tuple;
	uint64_t id; /* of the allocation */
	uint16_t worker;
	uint16_t channel_max; /* see channel_data_max() */
	uint32_t next;        /* in its chain, or free ones; for visitors.c */
};

/* NULL if out of memory. */
struct visitors *visitors_new(const struct siphash_key *key);
void visitors_free(struct visitors *visitors); /* NULL is allowed */

/* Borrowed until the next call that changes them; NULL: none, or visitors is NULL. */
struct visitor *visitors_find(struct visitors *visitors, const struct five_tuple *tuple);
/* The one of that 5-tuple, new or not; NULL if there are VISITORS_MAX. */
struct visitor *visitors_add(struct visitors *visitors, const struct five_tuple *tuple);
void visitors_remove(struct visitors *visitors, struct visitor *visitor);
size_t visitors_count(const struct visitors *visitors);

#endif
