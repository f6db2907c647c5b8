/*
 * tcp_relay.h - decisions about connections at a TCP relayed address: which to accept, hold or
 * reset, and how many; the sockets are in relay/peer/peer_conn.
 *
 *	a peer connects  --its address has a permission-->  ACCEPT
 *	                 --none, but one may come soon-->   HOLD --permission--> ACCEPT
 *	                                                         --deadline----> RESET
 *	                 --none, or not allowed at all-->   RESET
 *
 * Strangers are reset at once. The exception is for ICE over TCP with the MS dialect: there a
 * peer learns the relayed address, and connects to it, before our client has had the chance
 * to permit it. So while an allocation is young and its client has not yet settled on a
 * destination, an early peer may wait, unread, for a few seconds. RFC 6062 section 5.3 knows
 * no such thing, and IETF clients get none.
 *
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_TCP_RELAY_H
#define RELAY_CORE_TCP_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct allocation;
struct turn;

/* Counted by the caller, which has the sockets. */
struct tcp_relay_load {
	uint32_t connections; /* of this allocation, either way, also those being made */
	uint32_t held;        /* of this allocation, not among the connections */
	uint32_t held_total;  /* of this worker */
};

enum tcp_relay_verdict {
	TCP_RELAY_ACCEPT,
	TCP_RELAY_HOLD, /* do not read, do not answer, ask again; see until_ms */
	TCP_RELAY_RESET,
};

/* A peer has connected. HOLD fills *until_ms. What is decided is counted (PEER_EVENTS). */
enum tcp_relay_verdict tcp_relay_incoming(struct turn *turn, const struct allocation *al,
					  const struct endpoint *peer,
					  const struct tcp_relay_load *load,
					  uint64_t now_ms, uint64_t *until_ms);

/*
 * The same for one that is held, with the deadline it got: asked when a permission was
 * installed or the destination chosen, and when the deadline comes. load counts it among the
 * held ones.
 */
enum tcp_relay_verdict tcp_relay_waiting(struct turn *turn, const struct allocation *al,
					 const struct endpoint *peer,
					 const struct tcp_relay_load *load,
					 uint64_t until_ms, uint64_t now_ms);

/* May one more connection be made? To a peer that a verdict of forward.h named. Counted. */
bool tcp_relay_outgoing(struct turn *turn, const struct tcp_relay_load *load);

#endif
