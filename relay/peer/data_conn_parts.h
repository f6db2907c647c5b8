/*
 * data_conn_parts.h - one data connection as its parts know it: its life (data_conn.h) and the bytes
 * in between (data_flow.h). For these files only.
 *
 * Owner    its worker's data_conns.
 */
#ifndef RELAY_PEER_DATA_CONN_PARTS_H
#define RELAY_PEER_DATA_CONN_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/net/byte_pump.h"
#include "relay/core/counters.h"
#include "relay/peer/conn_end.h"
#include "relay/peer/data_record.h"
#include "stun/endpoint.h"

struct data_conns;
struct delivery;
struct stream;

struct data_conn {
	struct data_conns *owner;
	uint32_t connection, slot;
	struct endpoint peer; /* as on the wire */
	struct conn_end peer_end, client_end;
	SSL *ssl;              /* of the client; NULL: plain */
	struct stream *stream; /* the client's; NULL: not bound */
	struct byte_pump to_peer, to_client;
	struct data_record record;
	struct event timer;
	uint64_t until_ms; /* UINT64_MAX: none */
	uint64_t look_ms;  /* when to look whether the ends are still there; 0: not */
	bool throttled;
};

struct data_conns {
	struct delivery *delivery;
	struct data_conn **conns; /* by index of the connection; NULL: none */
	size_t size;
	size_t count;
	uint32_t first; /* which connection of a slot goes on first when it may again */
	struct byte_pumps *pumps;
	struct peer_records *records;
	struct data_conn *running; /* whose pump is */
	bool pipes_wait;           /* for the store to take them */
};

uint64_t data_conn_now_ms(const struct data_conn *conn);

/* That is its deadline; or look_ms, if that comes first. */
void data_conn_wake(struct data_conn *conn, uint64_t at_ms);

/* It is over, and the core is told. Gone. */
void data_conn_over(struct data_conn *conn, enum peer_event why);

#endif
