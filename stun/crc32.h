/*
 * crc32.h - the checksum of FINGERPRINT.
 */
#ifndef STUN_CRC32_H
#define STUN_CRC32_H

#include "stun/wire.h"

/* CRC-32 of ITU V.42, as zlib computes it. */
uint32_t stun_crc32(struct slice bytes);

#endif
