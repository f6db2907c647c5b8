/*
 * port_pool.h - the relay ports of the outside addresses: taken on demand, given back at once.
 *
 * Choice   a random start and a linear probe over a bitmap, never "draw until free". A port
 *          given back rests first: rested ports are preferred, and when none is left that
 *          fits, the one (or the pair) that has rested longest is taken. Resting is never a
 *          reason to refuse. A port that somebody else holds on this host is given back like
 *          any other and so comes last.
 * Threads  shared by all workers; take and give lock a mutex (allocate and free only).
 *          port_pool_in_use() takes no lock and may be called on the packet path.
 * Time     monotonic milliseconds, passed in.
 * Invariant free + used + resting == size at any time (attack 24); port_pool_check() proves it.
 */
#ifndef RELAY_CORE_PORT_POOL_H
#define RELAY_CORE_PORT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct port_pool;

enum { PORT_POOL_ADDRESSES_MAX = 64 };

struct port_pool_config {
	size_t address_count; /* 1..PORT_POOL_ADDRESSES_MAX; each has the whole range */
	uint16_t first, last; /* host order, inclusive; first >= 1024, first <= last */
	uint32_t rest_ms;     /* how long a port given back rests; 0: not at all */
	uint64_t seed;        /* from the system's CSPRNG; drives the random starts */
};

enum port_want {
	PORT_ANY,
	PORT_EVEN,
	PORT_EVEN_PAIR, /* even N and N + 1, both taken */
};

/* NULL if out of memory. The size is final. */
struct port_pool *port_pool_new(const struct port_pool_config *config);
void port_pool_free(struct port_pool *pool); /* NULL is allowed */

/* Take a port of that address; 0 if there is none of that kind (508). */
uint16_t port_pool_take(struct port_pool *pool, size_t address, enum port_want want,
			uint64_t now_ms);

/* Give one port back; it rests from now. Must be taken. */
void port_pool_give(struct port_pool *pool, size_t address, uint16_t port,
		    uint64_t now_ms);

/* Is that port one of ours and taken now? Any port, any address index in range. */
bool port_pool_in_use(const struct port_pool *pool, size_t address, uint16_t port);

struct port_pool_figures {
	size_t size, used, resting; /* resting: given back less than rest_ms ago */
};
struct port_pool_figures port_pool_figures(struct port_pool *pool, size_t address,
					   uint64_t now_ms);

/* Recount everything; false if the invariant does not hold. For tests and debug builds. */
bool port_pool_check(struct port_pool *pool);

#endif
