/*
 * chandata.h - the ChannelData message (RFC 8656 section 12.4).
 */
#ifndef STUN_CHANDATA_H
#define STUN_CHANDATA_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/wire.h"

enum {
	CHANDATA_HEADER_LEN = 4,
	CHANNEL_NUMBER_MIN = 0x4000,
	CHANNEL_NUMBER_MAX = 0x4FFF,
	CHANNEL_NUMBER_MAX_RFC5766 = 0x7FFF, /* before RFC 8656 reserved the rest */
};

/*
 * Split one datagram, or one frame of a stream with its padding. False if there are fewer bytes
 * than the header claims; excess is ignored (RFC 8656 section 12.6). The number is not checked.
 */
bool chandata_parse(struct slice bytes, uint16_t *number, struct slice *payload);

/* Write the header of a payload of len bytes, at most 65535. */
void chandata_write_header(uint8_t *header, uint16_t number, size_t len);

#endif
