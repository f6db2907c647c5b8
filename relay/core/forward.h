/*
 * forward.h - the packet path's decision: given a datagram, what to send where, or why it is
 * dropped. Pure; the caller sends. The MS dialect's decisions are in forward_ms.h.
 *
 * Threads  the worker of turn.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_FORWARD_H
#define RELAY_CORE_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/forward_verdict.h"
#include "stun/msg.h"

struct allocation;
struct turn;

/* ChannelData from a client; the datagram, or one frame of a stream (RFC 8656 section 12.6). */
void forward_channel_data(struct turn *turn, struct allocation *al, struct slice message,
			  uint64_t now_ms, struct forward *out);

/* A Send indication that parsed (RFC 8656 section 11.2). */
void forward_send(struct turn *turn, struct allocation *al, const struct stun_msg *msg,
		  uint64_t now_ms, struct forward *out);

/*
 * The IP header of what a forward sends, from that of the datagram that brought it (RFC 8656 sections
 * 13 and 14). False if it came with the last hop it had: dropped, and counted.
 *
 * tos        of what came on a stream, the DSCP of the connection, without ECN (section 15)
 * hop_limit  as it arrived, TTL of IPv4; 0: not known, so the system's default goes out
 */
bool forward_set_header(struct turn *turn, struct forward *forward, uint8_t tos,
			uint8_t hop_limit);

/* A datagram that arrived at the relayed address (RFC 8656 sections 11.3 and 12.5). */
void forward_from_peer(struct turn *turn, struct allocation *al,
		       const struct endpoint *source, struct slice payload,
		       uint64_t now_ms, struct forward *out);

#endif
