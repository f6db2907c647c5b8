/*
 * cuts.h - where a stream is cut in two, so that a framer can be held to the same answers however
 * bytes arrive: at every position of a short stream, at positions all over a long one.
 */
#ifndef TESTS_FUZZ_CUTS_H
#define TESTS_FUZZ_CUTS_H

#include <stddef.h>

enum {
	CUTS_EVERY_MAX = 200, /* bytes of a stream that is cut everywhere */
	CUTS_LONG = 31, /* cuts of a longer one; a prime, so that they differ by length */
};

static inline size_t cuts_count(size_t len)
{
	return len <= CUTS_EVERY_MAX ? len : CUTS_LONG;
}

/* The position of cut i, from 0 to cuts_count() - 1: not at the end of the stream. */
static inline size_t cuts_at(size_t len, size_t i)
{
	return len <= CUTS_EVERY_MAX ? i : (len * i / CUTS_LONG + i * i) % len;
}

#endif
