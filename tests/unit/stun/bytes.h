/*
 * bytes.h - bytes for tests: hex with blanks, exact allocations, repeatable random numbers.
 */
#ifndef TESTS_UNIT_STUN_BYTES_H
#define TESTS_UNIT_STUN_BYTES_H

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stun/wire.h"

/*
 * A copy of exactly that size, so that the address sanitizer detects a read past its end.
 * Free .data with bytes_free().
 */
static inline struct slice bytes_exact(const void *from, size_t len)
{
	uint8_t *copy = malloc(len);

	ck_assert_ptr_nonnull(copy);
	if (len > 0)
		memcpy(copy, from, len);
	return (struct slice){copy, len};
}

static inline void bytes_free(struct slice bytes)
{
	free((void *)(uintptr_t)bytes.data);
}

static inline int bytes_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "0001 0000 2112a442": lower-case digits, optional blanks. */
static inline struct slice bytes_hex(const char *hex)
{
	uint8_t buf[1024];
	size_t digits = 0;

	for (; *hex != '\0'; hex++) {
		if (*hex == ' ')
			continue;
		int digit = bytes_digit(*hex);
		ck_assert_int_ge(digit, 0);
		ck_assert_uint_lt(digits / 2, sizeof(buf));
		buf[digits / 2] =
			(uint8_t)(digits % 2 ? buf[digits / 2] << 4 | digit : digit);
		digits++;
	}
	ck_assert_uint_eq(digits % 2, 0);
	return bytes_exact(buf, digits / 2);
}

/* xorshift64: the same numbers in every run. The seed must not be 0. */
static inline uint32_t bytes_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (uint32_t)(*seed >> 32);
}

#endif
