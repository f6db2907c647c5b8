/*
 * port_pool.h - the relay ports of the outside addresses: taken on demand, given back at once.
 *
 * Choice   a random start and a linear probe over a bitmap, never "draw until free". A port
 *          given back rests first: rested ports are preferred, and when none is left that
 *          fits, the one (or the pair) that has rested longest is taken. Resting is never a
 *          reason to refuse. A port that another program holds is given back like any
 *          other and so comes last.
 *          The range may be moved and addresses may come and go while ports are taken: what
 *          is taken outside of the range stays so until it is given back.
 * Threads  shared by all workers; take and give lock a mutex (allocate and free only).
 *          port_pool_in_use() and port_pool_holds() take no lock and may be called on the
 *          packet path. main adds an address before any worker knows of it, and
 *          removes one after all workers have dropped it.
 * Time     monotonic milliseconds, passed in.
 * Invariant free + used + resting == size at any time; port_pool_check() proves it.
 */
#ifndef RELAY_CORE_PORT_POOL_H
#define RELAY_CORE_PORT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct port_pool;

enum { PORT_POOL_ADDRESSES_MAX = 64 };

struct port_pool_config {
	size_t address_count; /* to begin with, each with ports of its own */
	uint16_t first, last; /* host order, inclusive; first >= 1024, first <= last */
	uint32_t rest_ms;     /* how long a port given back rests; 0: not at all */
	uint64_t seed;        /* from the system's CSPRNG; drives the random starts */
};

enum port_want {
	PORT_ANY,
	PORT_EVEN,
	PORT_EVEN_PAIR, /* even N and N + 1, both taken */
};

/* NULL if out of memory. */
struct port_pool *port_pool_new(const struct port_pool_config *config);
void port_pool_free(struct port_pool *pool); /* NULL is allowed */

/*
 * One address more, below PORT_POOL_ADDRESSES_MAX and not there yet. like: an address that is
 * there and has the same IP address, so that both have the same ports; or address itself for
 * ports of its own. False if out of memory.
 */
bool port_pool_add(struct port_pool *pool, size_t address, size_t like);
/* None of its ports is taken any more. */
void port_pool_remove(struct port_pool *pool, size_t address);

/* From now on take ports of this range, and let them rest for so long. As in the config. */
void port_pool_move(struct port_pool *pool, uint16_t first, uint16_t last,
		    uint32_t rest_ms);

/* Take a port of that address; 0 if there is none of that kind (508). */
uint16_t port_pool_take(struct port_pool *pool, size_t address, enum port_want want,
			uint64_t now_ms);

/*
 * Take this very port, in the range or not, resting or not. False if it is taken, or below 1024, where
 * there is none of ours.
 */
bool port_pool_take_this(struct port_pool *pool, size_t address, uint16_t port);

/* Give one port back; it rests from now. Must be taken. */
void port_pool_give(struct port_pool *pool, size_t address, uint16_t port,
		    uint64_t now_ms);

/* Is that port one of ours and taken now? Any port, any address that is there. */
bool port_pool_in_use(const struct port_pool *pool, size_t address, uint16_t port);
/* And was it taken as that address's, not as that of another with the same ports? */
bool port_pool_holds(const struct port_pool *pool, size_t address, uint16_t port);

/* How many are taken as that address's; figures are those of all with the same ports. */
size_t port_pool_held(struct port_pool *pool, size_t address);

/*
 * For those that keep what has to outlive the process: told, under the pool's lock, when a port begins
 * to rest, and when that ends. rests returns a number of its own choice for the port, which ends
 * gets.
 */
struct port_pool_watch {
	uint32_t (*rests)(void *arg, size_t address, uint16_t port, uint64_t since_ms);
	void (*ends)(void *arg, uint32_t number);
	void *arg;
};
/* From now on; those that rest already are not told. NULL ends it. */
void port_pool_watch(struct port_pool *pool, const struct port_pool_watch *watch);

/*
 * A port of the process before, which has rested since then; the one that began first goes first. False
 * if it is taken, rests already, is none of ours, or has rested long enough.
 */
bool port_pool_rest(struct port_pool *pool, size_t address, uint16_t port,
		    uint64_t since_ms, uint64_t now_ms);

struct port_pool_figures {
	uint16_t first, last; /* the range */
	size_t size;          /* the range, and what is taken or rests outside of it */
	size_t used, resting; /* resting: given back less than rest_ms ago */
};
/* Zeros beside the range for an address that is not there. Any thread. */
struct port_pool_figures port_pool_figures(struct port_pool *pool, size_t address,
					   uint64_t now_ms);

/* Recount everything; false if the invariant does not hold. For tests and debug builds. */
bool port_pool_check(struct port_pool *pool);

#endif
