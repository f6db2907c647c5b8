/*
 * frame.h - Ethernet frames with UDP over IPv4 or IPv6: built, and read as the system reads them before a
 * socket gets the payload.
 */
#ifndef TESTS_UNIT_OFFLOAD_FRAME_H
#define TESTS_UNIT_OFFLOAD_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"
#include "stun/wire.h"

enum {
	FRAME_MAX = 4096,
	FRAME_ETHERNET = 14,
	FRAME_IPV4 = 20,
	FRAME_IPV6 = 40,
	FRAME_UDP = 8,
};

/* A datagram and what its IP header says. */
struct datagram {
	struct endpoint source, destination;
	uint8_t tos, hop_limit;
	bool df;              /* IPv4 */
	struct slice payload; /* of a frame that was read: borrowed from it */
};

/* Its length, up to FRAME_MAX. Checksums are right. */
size_t frame_build(uint8_t *frame, const struct datagram *datagram);

/* Where the IP header ends, in a frame of frame_build(). */
size_t frame_udp_at(const uint8_t *frame);
/* Make the checksums right again after a change, of the IPv4 header and of UDP. */
void frame_sum(uint8_t *frame);

/*
 * Leave the UDP checksum to a device: what is there is the sum of the pseudo header (CHECKSUM_PARTIAL). And what
 * the device does then.
 */
void frame_sum_partly(uint8_t *frame);
void frame_complete(uint8_t *frame);

enum frame_is {
	FRAME_WHOLE,    /* a socket would get it */
	FRAME_OTHER,    /* not IP with UDP, or the system drops it */
	FRAME_FRAGMENT, /* the system puts it together with others */
	FRAME_HAS_OPTIONS, /* a socket would get it; IP options or extension headers are in between */
	FRAME_BAD_CHECKSUM, /* of IPv4 or UDP: the system drops it; *datagram is filled */
};

/* What the system makes of a frame for this host. */
enum frame_is frame_read(const uint8_t *frame, size_t len, struct datagram *datagram);

/* UDP over IPv4 without a checksum. */
bool frame_is_unsummed(const uint8_t *frame, size_t len);

#endif
