/*
 * peer_conn.h - one TCP connection between a relayed address and a peer, whichever of them made
 * it. For relay_tcp.c, which has the relayed addresses and their lists of connections.
 *
 *	a peer connects --> HELD --permission--+
 *	                                       v
 *	    permitted -----------------------> OPEN --end of either side--> FLUSHING --> gone
 *	                                       ^
 *	data to a peer --> CONNECTING ---------+
 *	                    |      ^           |
 *	                    v      | again     | it was accepted meanwhile
 *	                    WAITING -----------+
 *
 * WAITING is for two relayed addresses that connect to each other at the same time: both would
 * use one pair of addresses and ports, so the second connect fails while the connection of the
 * first is about to be accepted. What was queued goes there.
 *
 * A stream loses nothing on its way through, so a full queue stops the sender that fills it.
 * Nothing is read from peers while the client's queue has no room. And nothing is read from a
 * client while one of its peers has a full queue. That stops the client's other peers too, but
 * the alternative, closing the connection, would end every transfer to a peer with less
 * bandwidth than its client. A peer that makes no room for peer_timeout is reset.
 *
 * Owner    its port; in FLUSHING, when the port is done with it, the worker's relay_tcp. Gone
 *          means freed: a function that may free it says so.
 * Threads  its worker's only.
 */
#ifndef RELAY_PEER_PEER_CONN_H
#define RELAY_PEER_PEER_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "relay/core/counters.h"
#include "relay/core/forward.h"
#include "relay/core/tcp_relay.h"
#include "relay/peer/peer_progress.h"
#include "stun/endpoint.h"
#include "stun/wire.h"

struct data_conns;
struct delivery;
struct relay_tcp;

enum {
	PEER_PIECE_MAX = 16 << 10, /* of a peer's stream, in one message to the client */
	PEER_PIECE_TAIL = 4,       /* padding of a Data indication */
	PEER_BUFFER_LEN = FORWARD_HEADER_MAX + PEER_PIECE_MAX + PEER_PIECE_TAIL,
};

enum peer_conn_state {
	PEER_CONN_HELD,
	PEER_CONN_CONNECTING,
	PEER_CONN_WAITING,
	PEER_CONN_OPEN,
	PEER_CONN_FLUSHING,
};

struct peer_conn {
	LIST_ENTRY(peer_conn) link;
	struct relay_tcp *owner;
	struct tcp_port *port; /* NULL in FLUSHING */
	enum peer_conn_state state;
	int fd;                      /* -1 in WAITING */
	struct endpoint local, peer; /* as on the wire */
	struct event readable, writable, timer;
	uint64_t until_ms; /* of HELD, CONNECTING and WAITING */
	bool client_waits; /* for room in the queue */
	struct peer_progress progress;
};

LIST_HEAD(peer_conn_list, peer_conn);

/* The relayed address of an allocation slot. */
struct tcp_port {
	struct relay_tcp *owner; /* NULL: slot not open */
	struct event acceptable;
	int fd;
	struct endpoint local;
	struct peer_conn_list conns;
	uint32_t connections, held;
	uint32_t full;   /* connections for which the client waits */
	bool peers_wait; /* for room in the client's queue */
	bool throttled;  /* nothing is read from peers for want of bandwidth */
	bool stopped;    /* not accepting, for want of descriptors */
};

struct relay_tcp {
	struct delivery *delivery;
	struct data_conns *data;
	struct tcp_port *ports;
	size_t slots;
	struct peer_conn_list flushing;
	uint32_t flushing_count;
	uint32_t held;
	struct event resume;
	struct peer_records *records;
	uint8_t *buffer; /* PEER_BUFFER_LEN, where peers' bytes are read */
};

uint32_t tcp_port_slot(const struct tcp_port *port);
struct tcp_relay_load tcp_port_load(const struct tcp_port *port);

/* Accepted: take over fd as OPEN or, with until_ms, as HELD. False: out of memory; fd is open. */
bool peer_conn_accepted(struct tcp_port *port, int fd, const struct endpoint *peer);
bool peer_conn_held(struct tcp_port *port, int fd, const struct endpoint *peer,
		    uint64_t until_ms);

/* Connect. NULL: it is gone already, or out of memory. */
struct peer_conn *peer_conn_connect(struct tcp_port *port, const struct endpoint *peer);

/* CONNECTING or WAITING: the peer was faster, and fd was accepted from it. May be gone. */
void peer_conn_adopt(struct peer_conn *conn, int fd);

/*
 * One of the process before, in CONNECTING, OPEN, or FLUSHING, which has no port. queue: for the
 * peer; rest: of it, at most PEER_PIECE_MAX and still to be handled; both copied. fd: taken over,
 * unless it fails; -1 in CONNECTING, which connects anew. False: out of memory.
 */
struct peer_conn_was {
	enum peer_conn_state state;
	int fd;
	struct endpoint local, peer;
	struct peer_progress_was progress;
};
bool peer_conn_restore(struct relay_tcp *owner, struct tcp_port *port,
		       const struct peer_conn_was *was);

/* HELD: is it let in, or over? False: it is gone. */
bool peer_conn_judge(struct peer_conn *conn, uint64_t now_ms);

/* Send, or queue a copy. Not HELD, not FLUSHING. May be gone. */
void peer_conn_send(struct peer_conn *conn, struct slice payload);

/* OPEN: read from it again. */
void peer_conn_read(struct peer_conn *conn);

/* Its relayed address closes: in any state but FLUSHING; OPEN becomes that or is gone. */
void peer_conn_leave(struct peer_conn *conn);

/* Reset it, counting why. Gone. */
void peer_conn_reset(struct peer_conn *conn, enum peer_event why);

#endif
