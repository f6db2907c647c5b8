/*
 * tcp_fixture.h - a fixture (fake_edge.h) with allocations that have TCP relayed
 * addresses.
 *
 * Owner    one fixture for the program; a fixture begins it and ends it.
 */
#ifndef TESTS_UNIT_CORE_TCP_FIXTURE_H
#define TESTS_UNIT_CORE_TCP_FIXTURE_H

#include "relay/core/allocation.h"
#include "relay/core/counters.h"
#include "tests/unit/core/fake_edge.h"

/* As in fake_edge.h. */
enum { CONNECTIONS = 4, HELD_TOTAL = 8, AGE_MS = 10000, HOLD_MS = 5000 };
enum { INSIDE_UDP = 0, INSIDE_TCP = 1, INSIDE_TLS = 2 };

extern struct fixture fixture;

void begin(void);
void begin_behind_nat(void);
void end(void);

/* The result of allocation_create() for a client with a new port. */
int allocate(enum transport relay, uint16_t front, enum dialect dialect,
	     struct allocation **al);
/* One that must work. */
struct allocation *tcp_allocation(enum dialect dialect);
void permit(struct allocation *al, const char *peer);
/* The value of that counter. */
uint64_t events(enum peer_event event);

#endif
