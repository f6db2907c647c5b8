/*
 * tcp_connection.h - peer data connections of TCP allocations (RFC 6062): which there are, what
 * they are named, who may bind them. The sockets are in relay/peer/data_conn.
 *
 *	Connect ---------------> CONNECTING --connected--> PENDING --ConnectionBind--> BOUND
 *	                             |                        ^  |                       |
 *	a permitted peer connects ---------------------------+  |                       |
 *	                             v                           v                       v
 *	                       failure, timeout                30 s            end of either side
 *
 * CONNECTION-ID has 32 bits, on the wire and here. They are drawn at random, except that the
 * remainder of a division by the number of workers is the number of the worker that has the
 * connection: any worker can tell where a ConnectionBind belongs, and 32 bits less those of the
 * workers remain to guess. A guess that hits is refused, too, unless it comes from the user of the
 * allocation; an id is used up by a ConnectionBind that succeeds and by nothing else.
 *
 * Owner    struct tcp_connections is the worker's; connections are named by index, and an
 *          allocation has a list of its own. An index is valid until its connection is gone.
 * Threads  its worker's only.
 * Time     monotonic milliseconds, passed in.
 * Memory   a fixed array, reserved at start and untouched until used.
 */
#ifndef RELAY_CORE_TCP_CONNECTION_H
#define RELAY_CORE_TCP_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/counters.h"
#include "stun/endpoint.h"
#include "stun/integrity.h"
#include "stun/registry.h"

struct allocation;
struct five_tuple;
struct tcp_connections;
struct turn;

#define TCP_CONNECTION_NONE UINT32_MAX

enum {
	/* Most that a worker has, however many allocations it may have. */
	TCP_CONNECTIONS_MAX = 1 << 17,
	/* For the ConnectionBind (RFC 6062 sections 5.2 and 5.3). */
	TCP_CONNECTION_WAIT_MS = 30000,
};

enum tcp_connection_state {
	TCP_CONNECTION_FREE,
	TCP_CONNECTION_CONNECTING,
	TCP_CONNECTION_PENDING,
	TCP_CONNECTION_BOUND,
};

/* The Connect that is still to be answered. */
struct tcp_connect {
	uint8_t txid[STUN_TXID_LEN];
	enum stun_integrity kind; /* how its answer is signed, and with what key */
	struct stun_key key;      /* all zero once it has been answered */
	bool has_fingerprint;
};

struct tcp_connection {
	uint32_t id;             /* CONNECTION-ID */
	uint32_t slot;           /* of its allocation */
	uint32_t next, previous; /* of the same allocation, newest first; or NONE */
	uint32_t next_in_bucket; /* or NONE */
	enum tcp_connection_state state;
	bool is_incoming; /* the peer made it */
	struct endpoint
		peer; /* as the client knows it: relayed addresses of ours in public form */
	uint64_t created_ms;
	uint64_t until_ms; /* of PENDING; UINT64_MAX: none, relay.peer_timeout bounds CONNECTING */
	struct traffic to_peer, to_client;
	struct tcp_connect connect;
};

/* size: most at once, 1..TCP_CONNECTIONS_MAX. slots: of allocations. NULL if out of memory. */
struct tcp_connections *tcp_connections_new(size_t size, size_t slots);
void tcp_connections_free(struct tcp_connections *connections); /* NULL is allowed */
/* As it was made. */
size_t tcp_connections_size(const struct tcp_connections *connections);

/* Of an allocation: the newest, of which next is the one before, or NONE; and how many. */
uint32_t tcp_connections_first(const struct turn *turn, uint32_t slot);
uint32_t tcp_connections_count(const struct turn *turn, uint32_t slot);

/* By index, in whatever state. */
struct tcp_connection *tcp_connection_at(const struct turn *turn, uint32_t index);
/* The number of the worker that an id names; there is one for each id. */
unsigned tcp_connection_worker(const struct turn *turn, uint32_t id);
/* The index of that id, which names this worker; NONE if there is no such connection. */
uint32_t tcp_connection_find(const struct turn *turn, uint32_t id);

/*
 * A Connect to that peer, which is of the relayed address's family and has a port (RFC 6062
 * section 5.2). 0 with the index of a CONNECTING one, for which the caller fills in connect, or
 * the code to answer with, having changed nothing:
 *   403 policy refuses the peer, or it is the relayed address itself
 *   446 there is a connection with it
 *   486 the allocation, or its user, has as many as it may     508 no room
 */
int tcp_connection_begin(struct turn *turn, struct allocation *al,
			 const struct endpoint *peer, uint64_t now_ms, uint32_t *index);

/* It is connected: PENDING, with its 30 s. False if policy refuses the peer by now. */
bool tcp_connection_established(struct turn *turn, uint32_t index, uint64_t now_ms);

/*
 * A peer has connected; that is its address on the wire (RFC 6062 section 5.3). PENDING, or NONE:
 * to be reset, because it has no permission, policy refuses it, or there is no room. Counted.
 */
uint32_t tcp_connection_accept(struct turn *turn, struct allocation *al,
			       const struct endpoint *source, uint64_t now_ms);

/*
 * One of the process before is back with its allocation, under the id it had, which names this
 * worker, if need be by relay/core/connection_homes.h. was: its id, state, peer, times, direction, traffic and
 * connect. NONE: it contradicts another one, or limits are lower by now.
 */
uint32_t tcp_connection_restore(struct turn *turn, struct allocation *al,
				const struct tcp_connection *was);

/* PENDING becomes BOUND, with a client on that 5-tuple, which is still to be told. */
void tcp_connection_bind(struct turn *turn, uint32_t index,
			 const struct five_tuple *client);

/* How much of *bytes may pass now, as bandwidth_allows(): if none, how long to wait, in ms. */
uint32_t tcp_connection_allows(struct turn *turn, uint32_t index, size_t *bytes,
			       uint64_t now_ms);

/*
 * So many bytes, at least one, have passed: counted for the connection, its allocation and its
 * client's side, one packet for each call, and paid for. How long nothing more should be read
 * for the allocation, in ms; 0 if its bandwidth has room.
 */
enum tcp_direction { TCP_TO_PEER, TCP_TO_CLIENT };
uint32_t tcp_connection_relayed(struct turn *turn, uint32_t index,
				enum tcp_direction direction, size_t bytes,
				uint64_t now_ms);

/* Its sockets are closed, by the caller, or have never been opened: it is gone. Counts why. */
void tcp_connection_gone(struct turn *turn, uint32_t index, enum peer_event why);

/* Its client is about to release it: have each Connect that is not decided yet answered, as failed. */
void tcp_connections_give_up(struct turn *turn, const struct allocation *al);
/* The allocation ends: disconnect all of its connections. */
void tcp_connections_end(struct turn *turn, const struct allocation *al);
/* The settings have changed: disconnect those whose peers policy refuses now. */
void tcp_connections_judge(struct turn *turn);

/* Look at everything; false if an invariant does not hold. For tests. */
bool tcp_connections_check(const struct turn *turn);

#endif
