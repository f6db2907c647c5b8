/*
 * forward.h - the packet path's decision: given a datagram, who gets what, or why nobody.
 * Pure; the caller sends. The kernel fast path is tested against the same verdicts.
 */
#ifndef RELAY_CORE_FORWARD_H
#define RELAY_CORE_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/counters.h"
#include "stun/endpoint.h"
#include "stun/msg.h"

struct allocation;
struct turn;

enum forward_kind {
	FORWARD_DROP,      /* reason says why; already counted */
	FORWARD_TO_PEER,   /* payload from the relayed address to peer */
	FORWARD_TO_CLIENT, /* header, payload, padding to the allocation's client */
};

enum {
	FORWARD_CHANNEL_HEADER = 4,
	FORWARD_DATA_HEADER_V4 =
		36, /* Data indication up to and with DATA's own header */
	FORWARD_DATA_HEADER_V6 = 48,
	FORWARD_MS_FRAME_HEADER =
		4, /* of the MS dialect on streams, in front of all else */
	FORWARD_MS_DATA_HEADER_V4 =
		44, /* Data Indication up to and with DATA's own header */
	FORWARD_MS_DATA_HEADER_V6 = 56,
	FORWARD_HEADER_MAX = FORWARD_MS_FRAME_HEADER + FORWARD_MS_DATA_HEADER_V6,
};

struct forward {
	enum forward_kind kind;
	enum drop_reason reason;
	uint32_t slot;
	/* TO_PEER: where to, own public address already translated. TO_CLIENT: from whom, as told. */
	struct endpoint peer;
	struct slice payload; /* borrowed from the input */
	/*
	 * Bandwidth is used up, but what came on a stream is sent all the same: read no more of
	 * it for so long. 0: go on.
	 */
	uint32_t wait_ms;
	bool dont_fragment;   /* TO_PEER: DF=1 (T-313, T-401) */
	uint16_t header_len;  /* TO_CLIENT: write these in front of the payload ... */
	uint16_t padding_len; /* ... and that many zero bytes behind (0..3) */
	uint8_t header[FORWARD_HEADER_MAX];
};

/* ChannelData from a client; the datagram, or one frame of a stream (RFC 8656 section 12.6). */
void forward_channel_data(struct turn *turn, struct allocation *al, struct slice message,
			  uint64_t now_ms, struct forward *out);

/* A Send indication that parsed (RFC 8656 section 11.2). */
void forward_send(struct turn *turn, struct allocation *al, const struct stun_msg *msg,
		  uint64_t now_ms, struct forward *out);

/*
 * In the MS dialect: bytes of the client that are no control message. They go to the active
 * destination; a frame of a stream without its header.
 */
void forward_ms_raw(struct turn *turn, struct allocation *al, struct slice payload,
		    uint64_t now_ms, struct forward *out);

/*
 * In the MS dialect: a Send request whose integrity and number are good. It is what makes the
 * permission for its peer.
 */
void forward_ms_send(struct turn *turn, struct allocation *al,
		     const struct endpoint *peer, struct slice payload, uint64_t now_ms,
		     struct forward *out);

/* A datagram that arrived at the relayed address (RFC 8656 sections 11.3 and 12.5). */
void forward_from_peer(struct turn *turn, struct allocation *al,
		       const struct endpoint *source, struct slice payload,
		       uint64_t now_ms, struct forward *out);

#endif
