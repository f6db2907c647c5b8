/*
 * turn_tcp.h - TCP allocations (RFC 6062): Connect, ConnectionBind, and what the client is told
 * when a connection with a peer has been made. core/tcp_connection has the connections.
 */
#ifndef RELAY_DIALECT_IETF_TURN_TCP_H
#define RELAY_DIALECT_IETF_TURN_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/dialect/request.h"

/*
 * What an Allocate that asks for TCP must not be or have (section 5.1): 0, or
 *   400 the client is not on TCP or TLS, or an attribute is for UDP only
 *   442 TCP allocations are turned off
 */
int turn_tcp_check_allocate(const struct request *rq);

/* From the owner of rq->al. Unless it fails at once it is answered later. */
void turn_connect(struct request *rq);

/*
 * The allocation of the connection that a ConnectionBind names, whose key may have signed it; NULL
 * if it is of another worker, or there is none.
 */
const struct allocation *turn_tcp_allocation_of(const struct request *rq);
/*
 * Hand a ConnectionBind on a stream over to the worker that its id names; false if that is this one,
 * or there is nothing to hand over. Its client has proved that it has the key: whether its nonce is
 * that of the control connection, only that worker can tell.
 */
bool turn_tcp_hand_over(struct request *rq);
/* Authenticated. It is answered, and rq->bound is set on success; or rq->hand_over is. */
void turn_connection_bind(struct request *rq);

/*
 * The answer to the Connect of a connection, for its client, in size bytes: success, and then it
 * is pending; or an error, and then it is gone, with its sockets the caller's to close. Returns its
 * length, 0 if it did not fit.
 */
size_t turn_tcp_answer(struct turn *turn, uint32_t connection, enum peer_event outcome,
		       uint64_t now_ms, uint8_t *answer, size_t size);

/* A ConnectionAttempt for a connection that a peer has made. The same. */
size_t turn_tcp_attempt(struct turn *turn, uint32_t connection, uint8_t *indication,
			size_t size);

#endif
