/*
 * icmp_limit.h - how many ICMP errors an allocation tells its client (RFC 8656 section 21.3: they
 * may be forged, so they must not cost more than they are worth).
 *
 * Owner    embedded in the allocation; the worker's thread.
 */
#ifndef RELAY_CORE_ICMP_LIMIT_H
#define RELAY_CORE_ICMP_LIMIT_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* Enough for a check of each of many candidates, and for path MTU discovery. */
enum { ICMP_PER_SECOND = 20 };

/*
 * All zero at first. One byte, which the allocation has to spare: a second is known by its last
 * bits, so at worst one refuses errors because of another, eight seconds earlier.
 */
struct icmp_limit {
	uint8_t second_told; /* bits of the second, and how many errors were told in it */
};
enum { ICMP_TOLD_MASK = 0x1F };
static_assert(ICMP_PER_SECOND <= (int)ICMP_TOLD_MASK, "the bits can count them");

/* May one more be told? Counts it if so. */
static inline bool icmp_limit_take(struct icmp_limit *limit, uint64_t now_ms)
{
	unsigned second = (unsigned)(now_ms / 1000) * (ICMP_TOLD_MASK + 1) & 0xFF;
	unsigned told = limit->second_told & ICMP_TOLD_MASK;

	if ((limit->second_told & ~(unsigned)ICMP_TOLD_MASK) != second)
		told = 0;
	if (told >= ICMP_PER_SECOND)
		return false;
	limit->second_told = (uint8_t)(second | (told + 1));
	return true;
}

#endif
