/*
 * crc32.h - the checksums of FINGERPRINT and of a PROXY header.
 */
#ifndef STUN_CRC32_H
#define STUN_CRC32_H

#include "stun/wire.h"

/* CRC-32 of ITU V.42, as zlib computes it. */
uint32_t stun_crc32(struct slice bytes);

/* CRC-32C of RFC 9260 appendix A, in pieces: before is that of the bytes in front, 0 at first. */
uint32_t stun_crc32c(uint32_t before, struct slice bytes);

#endif
