/*
 * forward_verdict.h - what the packet path decides about one datagram.
 *
 * Owner    the caller's, on its stack; the payload is borrowed from the input.
 */
#ifndef RELAY_CORE_FORWARD_VERDICT_H
#define RELAY_CORE_FORWARD_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/counters.h"
#include "relay/core/marking.h"
#include "stun/endpoint.h"
#include "stun/wire.h"

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
	/* TO_PEER: destination, own public address translated. TO_CLIENT: the source as told. */
	struct endpoint peer;
	struct slice payload; /* borrowed from the input */
	/*
	 * Bandwidth is used up. What came on a stream is sent all the same; stop reading the
	 * stream for this long. 0: go on.
	 */
	uint32_t wait_ms;
	struct marking marking;
	/* Of the IP header to send; forward_set_header() makes them of the one that came in. */
	uint8_t tos, hop_limit;
	bool dont_fragment;   /* TO_PEER: DF=1; of IPv6, not to be fragmented here */
	uint16_t header_len;  /* TO_CLIENT: write these in front of the payload ... */
	uint16_t padding_len; /* ... and that many zero bytes behind (0..3) */
	uint8_t header[FORWARD_HEADER_MAX];
};

#endif
