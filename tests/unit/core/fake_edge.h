/*
 * fake_edge.h - a fixture for the core: an edge that only records sockets, a clock moved
 * by hand, and one worker's struct turn with everything it needs. Shared by the tests of
 * the core and the dialects and by the session fuzzers; does not use libcheck.
 *
 *	inside  10.0.0.1 and fd00::1      fronts  0 inside UDP   1 inside TCP   2 inside TLS
 *	outside 198.18.0.1, 2001:db8::1           3 outside UDP  4 outside UDP over IPv6
 *	                                          5 outside TCP  6 outside TCP over IPv6
 *	relay   198.18.0.1 (public 203.0.113.1 if `nat`), 2001:db8::1
 *	TCP     4 connections of an allocation, 8 held; allocations are young for 10 s, holding 5 s
 *	worker  3 of 8
 *	records of its allocations, checked at the end; see records.h
 *	peers   192.0.2.0/24, 198.51.100.0/24, 2001:db8::/32 are allowed; the rest as built in
 */
#ifndef TESTS_UNIT_CORE_FAKE_EDGE_H
#define TESTS_UNIT_CORE_FAKE_EDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/credential/keyring.h"
#include "relay/core/allocation.h"
#include "relay/core/turn.h"

enum {
	FAKE_SLOTS_MAX = 16384,
	FAKE_FRONTS = 7,
	FAKE_CONNECTIONS = 256,
	FAKE_WORKERS = 8,
	FAKE_TAKEN_MAX = 4096,
};

struct records_of;

struct fake_edge {
	struct edge edge;
	/*
	 * relay_open() and relay_listen() return this instead of 0, the next refuse_times
	 * times.
	 */
	int refuse;
	unsigned refuse_times;
	uint8_t refuse_family; /* only for addresses of that family; IP_NONE: of any */

	int refuse_connect;                 /* tcp_connect() returns this instead of 0 */
	bool connections[FAKE_CONNECTIONS]; /* they have a socket */
	struct endpoint peers[FAKE_CONNECTIONS]; /* what tcp_connect() was asked for */
	unsigned connects, give_ups, disconnects, bindings;

	unsigned opened, adopted, closed, ended, permitted, left, moved;
	/* Sockets on their way to another worker, whose edge names this one as its sibling. */
	struct fake_edge *sibling;
	unsigned taken_count, arrivals_ended, arrivals_due;
	struct endpoint taken[FAKE_TAKEN_MAX];
	struct five_tuple last_arrival;
	bool open[FAKE_SLOTS_MAX], tcp[FAKE_SLOTS_MAX];
	struct endpoint local[FAKE_SLOTS_MAX];
	struct endpoint second[FAKE_SLOTS_MAX]; /* family IP_NONE: the slot has only one */
	/* Records of allocations, see records.h; NULL: none. */
	struct records_of *records;
	struct allocation last; /* the last allocation passed to allocation_ended() */
	struct owner last_owner;
	const struct allocation_table *table; /* the fixture's */
	uint64_t random;                      /* state of a deterministic generator */
};

/* All zero selects the defaults named here. */
struct fixture_options {
	size_t slots;                   /* 64 */
	uint16_t permissions_each;      /* 8 */
	uint16_t channels_each;         /* 8 */
	uint16_t first_port, last_port; /* 50000..50099 */
	size_t reservations;            /* 16 */
	bool nat;                       /* the IPv4 relay address has a public one */
	bool no_v4, no_v6;              /* relayed addresses of one family only */
	bool second_v4;                 /* one more IPv4 relay address, 198.18.0.2 */
	const char *keyring;            /* text; default: one key "k1" */
	uint32_t allocations_total;
	uint32_t allocations_per_user;
	uint32_t allocations_per_prefix;
	bool mobility;
};

struct fixture {
	struct turn turn;
	struct turn_shared shared;
	struct turn_settings settings; /* may be changed by the test */
	struct fake_edge edge;
	struct front fronts[FAKE_FRONTS];
	struct relay_address relay[3];
	uint64_t now_ms; /* starts at 1000000 */
	int64_t unix_s;  /* starts at 1700000000 */
};

extern const char fixture_realm[]; /* "avedge.test" */

/* False if out of memory, with everything freed. options NULL: the defaults. */
bool fixture_start(struct fixture *fixture, const struct fixture_options *options);
/* Ends all allocations first. A zeroed or half-started fixture is allowed. */
void fixture_stop(struct fixture *fixture);

/* The test changes allocations by hand, so their records say nothing: there are none from here on. */
void fixture_by_hand(struct fixture *fixture);

/* Keep records of that turn, whose edge that is. False if out of memory. And no longer. */
bool fake_edge_keep(struct fake_edge *edge, struct turn *turn, size_t slots);
void fake_edge_unkeep(struct fake_edge *edge, struct turn *turn);

/*
 * Abort if a record says anything else than its allocation (records.h): after dispatch, which has to have
 * saved; or save first, as the loop does.
 */
void fixture_check_saved(struct turn *turn, uint64_t now_ms);
void fixture_check_records(struct turn *turn, uint64_t now_ms);

/* Publish a new policy that also refuses deny (may be NULL), as a reload does. */
bool fixture_deny(struct fixture *fixture, const char *deny);

/*
 * A peer at that address connects to the relayed address of a TCP allocation: the index of the
 * connection, or TCP_CONNECTION_NONE. And what was a connection of that index is gone.
 */
uint32_t fixture_accept(struct fixture *fixture, struct allocation *al,
			const char *source);
void fixture_gone(struct fixture *fixture, uint32_t connection, enum peer_event why);

/* True if no port is taken, no quota charged and no socket open. */
bool fixture_is_clean(struct fixture *fixture);

/* "192.0.2.1:5000" */
struct endpoint ep(const char *text);

/* The 5-tuple of a client on a front. */
struct five_tuple fixture_tuple(const char *client, uint16_t front);

/*
 * The result of allocation_create() for a request of user: IPv4, 600 s, the user's owner,
 * and a key and a transaction id of zeros.
 */
int fixture_create(struct fixture *fixture, const char *user,
		   struct allocation_request request, struct allocation **al);

/*
 * An allocation of user for a UDP client 192.0.2.200:PORT, lifetime 600 s; NULL on
 * failure, with the error in *code.
 */
struct allocation *fixture_allocate(struct fixture *fixture, const char *user,
				    uint16_t port, int *code);

#endif
