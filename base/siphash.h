/*
 * siphash.h - SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash for short input.
 *
 * Hash tables and small MACs use it: nobody who sees neither key nor output can choose
 * colliding keys or forge a value. Pure, so that the core may include it.
 *
 * Threads  any.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* Drawn from the CSPRNG at start. */
struct siphash_key {
	uint64_t k0, k1;
};

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

#endif
