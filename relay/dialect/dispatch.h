/*
 * dispatch.h - one message in, what to do about it out. No I/O: the caller sends.
 *
 * Two dialects share the UDP ports, and the dialect of a 5-tuple never changes while it has an
 * allocation. For a datagram of a client the order is:
 *
 *   1. an IETF allocation owns everything on its 5-tuple
 *   2. MAGIC-COOKIE where MS-TURN has it: a control message of the MS dialect; it comes first
 *      because its transaction id may by chance look like the cookie of STUN
 *   3. an MS allocation owns everything else: data for the active destination, whatever it
 *      looks like; ICE sends STUN checks that way
 *   4. IETF: first byte, then parse, FINGERPRINT, then authentication, 420, 437, 441, method
 *
 * On a stream the first bytes decide, and the front calls one or the other.
 *
 * Threads  the worker of turn.
 * Time     monotonic milliseconds and Unix seconds, passed in.
 */
#ifndef RELAY_DIALECT_DISPATCH_H
#define RELAY_DIALECT_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation_state.h"
#include "relay/core/five_tuple.h"
#include "relay/core/forward.h"
#include "stun/wire.h"

struct icmp_error;
struct turn;

enum dispatch_action {
	DISPATCH_NOTHING, /* dropped and counted, or done */
	DISPATCH_REPLY,   /* send reply_len bytes of the reply buffer to the client */
	DISPATCH_FORWARD, /* see forward */
	DISPATCH_CLOSE, /* stream only: it cannot be framed any more, or it is to be ignored */
	DISPATCH_BIND, /* as REPLY, and the stream is a data connection from there on: see bound */
	/*
	 * The id in this message, whose client has proved its key or at least has a nonce of its
	 * own, names another worker: the message belongs there, and on a stream all that follows
	 * it. Dispatch it there again.
	 */
	DISPATCH_HAND_OVER,
};

struct dispatch {
	enum dispatch_action action;
	size_t reply_len;
	/*
	 * The front whose socket a reply to a datagram leaves by, and the port of the client
	 * that it goes to: the front that it came by and its source port, unless the client
	 * asked for others (RFC 5780 section 6.1).
	 */
	uint16_t reply_front, reply_port;
	/*
	 * The client authenticated with this message: its connection is no longer one of the
	 * unauthenticated ones.
	 */
	bool authenticated;
	bool is_data; /* HAND_OVER: data of a mobile client; the allocation is to come here */
	uint16_t worker; /* HAND_OVER: its number, as the message has it; there may be none */
	uint32_t bound; /* BIND: the index of the connection (core/tcp_connection.h) */
	struct forward forward;
};

/* As large as any reply: the RFC's 548 bytes over UDP with room for long realms. */
enum { DISPATCH_REPLY_MAX = 2048 };

/*
 * One datagram from a client, or one frame of its stream (stun/framing), complete.
 *
 * reply   DISPATCH_REPLY_MAX bytes of the caller's, written only if action is REPLY
 * unix_s  wall clock, for the expiry of credentials
 */
void dispatch_from_client(struct turn *turn, const struct five_tuple *tuple,
			  struct slice message, uint64_t now_ms, int64_t unix_s,
			  uint8_t *reply, struct dispatch *out);
/*
 * The same for a datagram whose client is named by a balancer's header. NAT behaviour discovery is not
 * served: its answers would leave for an address that nobody has shown to be the client's, and not
 * by the balancer. So an answer always leaves by the front that the request came by, to its port.
 */
void dispatch_from_balancer(struct turn *turn, const struct five_tuple *tuple,
			    struct slice message, uint64_t now_ms, int64_t unix_s,
			    uint8_t *reply, struct dispatch *out);

/*
 * A request from that 5-tuple, which another worker has received and handed over (HAND_OVER): this
 * one has its allocation, or knows which one has.
 */
void dispatch_visit(struct turn *turn, const struct five_tuple *tuple, unsigned via,
		    struct slice message, uint64_t now_ms, int64_t unix_s, uint8_t *reply,
		    struct dispatch *out);

/*
 * The same on a connection that was negotiated for stun.nat-discovery (RFC 7443), where Binding is
 * served and requests of TURN are refused with 403.
 */
void dispatch_nat_discovery(struct turn *turn, const struct five_tuple *tuple,
			    struct slice message, uint64_t now_ms, int64_t unix_s,
			    uint8_t *reply, struct dispatch *out);

/*
 * May a front answer one datagram of a stranger, whose address nothing proves? Counted as the
 * answers of the dialects are, and what is withheld too.
 */
bool dispatch_may_answer(struct turn *turn, const struct five_tuple *tuple,
			 uint64_t now_ms);

/*
 * The same for one frame of MS framing, with its header (stun/framing). All frames of such a
 * connection come here and none of another one.
 */
void dispatch_ms_frame(struct turn *turn, const struct five_tuple *tuple,
		       struct slice frame, uint64_t now_ms, int64_t unix_s,
		       uint8_t *reply, struct dispatch *out);

/* One datagram that arrived at the relayed address of a slot. */
void dispatch_from_peer(struct turn *turn, uint32_t slot, const struct endpoint *source,
			struct slice payload, uint64_t now_ms, struct forward *out);

/* An ICMP error about a datagram sent from the relayed address of a slot (RFC 8656 section 11.5). */
void dispatch_icmp(struct turn *turn, uint32_t slot, const struct icmp_error *error,
		   uint64_t now_ms, struct forward *out);

/*
 * The connection that a Connect asked for has been made (PEER_CONNECTED), or not
 * (PEER_CONNECT_FAILED, PEER_CONNECT_TIMEOUT). Returns the length of the message that its client
 * is to get, in DISPATCH_REPLY_MAX bytes. *kept: it is pending; else it is gone, and its socket
 * is to be closed, although it was made.
 */
size_t dispatch_connected(struct turn *turn, uint32_t connection, enum peer_event outcome,
			  uint64_t now_ms, uint8_t *reply, bool *kept);

/* A peer has made a connection, which is pending: the message that its client is to get. */
size_t dispatch_attempt(struct turn *turn, uint32_t connection, uint8_t *reply);

/*
 * A stream client is gone: its allocation, if any, ends for that reason. A mobile one waits for a
 * Refresh with its ticket until its lifetime is over (core/mobility).
 */
void dispatch_client_gone(struct turn *turn, const struct five_tuple *tuple,
			  enum end_reason reason, uint64_t now_ms);

/* Everything that is due; when to call again, UINT64_MAX for never. */
uint64_t dispatch_expire(struct turn *turn, uint64_t now_ms);

#endif
