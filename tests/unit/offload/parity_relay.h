/*
 * parity_relay.h - a relay with one of each kind that the kernel may forward for, for parity.h: clients outside
 * and inside, over IPv4 and IPv6, with channels of RFC 8656 and RFC 5766, with an active destination, and some
 * that talk to each other.
 */
#ifndef TESTS_UNIT_OFFLOAD_PARITY_RELAY_H
#define TESTS_UNIT_OFFLOAD_PARITY_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/unit/offload/parity.h"

enum parity_one {
	ONE_OUTSIDE, /* two channels to one address, a third to another one */
	ONE_INSIDE,
	ONE_V6,
	ONE_RFC5766,
	ONE_MS,
	ONE_TWIN, /* it and the next have channels to each other */
	ONE_OTHER_TWIN,
	ONE_ALONE, /* its peer is the relayed address of a twin, which has only permitted it */
	PARITY_ONES
};

/* A way that packets take. */
struct parity_way {
	const char *name;
	enum parity_one one;
	bool to_client;
	uint16_t number;  /* the channel; 0: bare data */
	const char *peer; /* NULL: that of the other twin */
	bool is_second;   /* to_client: only behind a flow of the other twin */
};

extern const struct parity_way parity_ways[];
extern const size_t parity_way_count;

/* Make them all in a parity that was started. False if something is refused. */
bool parity_relay_make(struct parity *parity);

/* NULL if it is gone. */
struct allocation *parity_relay_one(struct parity *parity, enum parity_one one);
/* Its allocation again, if it is gone, and its channels, refreshed if they are there. What cannot be is not. */
void parity_relay_again(struct parity *parity, enum parity_one one);

/* Both ends are there. */
bool parity_relay_has(struct parity *parity, const struct parity_way *way);

/* What comes in that way, with that payload behind a ChannelData header, if it has one. bytes: FRAME_MAX. */
struct datagram parity_relay_datagram(struct parity *parity, const struct parity_way *way,
				      struct slice payload, uint8_t *bytes);

#endif
