/*
 * conn_end.h - one of the two sockets of a data connection (data_conn.h), and what is waited for there.
 *
 * Owner    embedded in its connection; the descriptor is the connection's.
 * Threads  its worker's only.
 */
#ifndef RELAY_PEER_CONN_END_H
#define RELAY_PEER_CONN_END_H

#include <event2/event.h>
#include <event2/event_struct.h>

struct conn_end {
	int fd; /* -1: none */
	struct event readable, writable;
	unsigned waits; /* EV_READ, EV_WRITE: which of them is added */
};

/* It had none; nothing is waited for. ready is called with arg. */
void conn_end_open(struct conn_end *end, struct event_base *base, int fd,
		   event_callback_fn ready, void *arg);
/* Bits as above; nothing else is waited for any more. */
void conn_end_wait(struct conn_end *end, unsigned waits);
/* It has none any more; the descriptor is the caller's. -1: it had none. */
int conn_end_take(struct conn_end *end);

#endif
