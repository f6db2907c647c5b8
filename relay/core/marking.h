/*
 * marking.h - the second byte of the IP header of relayed datagrams, DSCP and ECN (RFC 8656
 * sections 13 and 14): what is kept of the byte that came in, and what is set.
 *
 * Owner    a table of settings; immutable.
 */
#ifndef RELAY_CORE_MARKING_H
#define RELAY_CORE_MARKING_H

#include <stdint.h>

enum {
	MARKING_ECN = 0x03,  /* the bits of Explicit Congestion Notification */
	MARKING_DSCP = 0xFC, /* ... and of the differentiated services code point */
};

/* Where datagrams go: to peers, or to clients of a side. */
enum marking_leg {
	MARKING_PEERS,
	MARKING_INSIDE, /* in the order of enum side */
	MARKING_OUTSIDE,
	MARKING_INSIDE_DTLS, /* likewise */
	MARKING_OUTSIDE_DTLS,
	MARKING_LEG_COUNT
};

/* What MS clients say of their media (MS-SERVICE-QUALITY); 0 for all others. */
enum { MARKING_STREAM_COUNT = 5 };

struct marking {
	uint8_t keep, set;
};

/* tos: as it came in; of what came on a stream, the DSCP of the connection, without ECN. */
static inline uint8_t marking_apply(struct marking marking, uint8_t tos)
{
	return (uint8_t)((tos & marking.keep) | marking.set);
}

#endif
