/*
 * reservation.h - the port N + 1 that EVEN-PORT with R set holds for a later Allocate (RFC 8656
 * section 7.2): 64 random bits, single use, 30 seconds, same owner.
 *
 * The table is shared by all workers, like the port pool it belongs to: a token may come back
 * on any 5-tuple, thus on any worker, and finds its port without asking another thread. The
 * port stays taken in the pool while it is reserved; no socket is open.
 *
 * Owner    the table owns its entries and, until redeemed or expired, their ports.
 * Threads  shared by all workers; a mutex.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_RESERVATION_H
#define RELAY_CORE_RESERVATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RESERVATION_TOKEN_LEN = 8, RESERVATION_HOLD_MS = 30000 };

/* What an allocation has promised; embedded in struct allocation. */
struct reservation {
	uint8_t token[RESERVATION_TOKEN_LEN];
	bool held; /* the next port waits, or has waited, under the token */
};

struct reservation_table;
struct port_pool;

/* NULL if out of memory. size: most reservations at once. */
struct reservation_table *reservation_table_new(size_t size, struct port_pool *pool);
void reservation_table_free(struct reservation_table *table); /* NULL is allowed */

/* Hold a taken port under token for owner. False if the table is full (the port is not ours). */
bool reservation_add(struct reservation_table *table,
		     const uint8_t token[RESERVATION_TOKEN_LEN], uint64_t owner,
		     size_t address, uint16_t port, uint64_t now_ms);

/*
 * Redeem: false if unknown, expired, used, or another owner's (508). On success the port,
 * still taken in the pool, is the caller's.
 */
bool reservation_redeem(struct reservation_table *table,
			const uint8_t token[RESERVATION_TOKEN_LEN], uint64_t owner,
			uint64_t now_ms, size_t *address, uint16_t *port);

/* One that is held, in other words than those of this process but for the address. */
struct held_port {
	uint8_t token[RESERVATION_TOKEN_LEN];
	uint64_t owner;
	uint64_t expires_ms;
	size_t address;
	uint16_t port;
};

/*
 * For those that keep what has to outlive the process: told, under the table's lock, of each by the
 * number of its entry, which is below the table's size.
 */
struct reservation_watch {
	void (*held)(void *arg, uint32_t entry, const struct held_port *held);
	/* redeemed: its port is an allocation's by now; else it is given back. */
	void (*ended)(void *arg, uint32_t entry, bool redeemed);
	void *arg;
};
/* From now on; what is held already is not told. NULL ends it. */
void reservation_watch(struct reservation_table *table,
		       const struct reservation_watch *watch);

/*
 * One of the process before; the one that ends first goes first. Its port is taken from the pool. False, with
 * nothing held, if it has expired, its port is another's by now, or the table is full.
 */
bool reservation_restore(struct reservation_table *table, const struct held_port *held,
			 uint64_t now_ms);

/* How many that owner holds now. */
uint32_t reservation_held(struct reservation_table *table, uint64_t owner,
			  uint64_t now_ms);

/* Give back what has expired; when to call again, UINT64_MAX for never. Any worker may. */
uint64_t reservation_table_expire(struct reservation_table *table, uint64_t now_ms);

#endif
