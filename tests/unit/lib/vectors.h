/*
 * vectors.h - test vectors kept as JSON under tests/vectors/.
 *
 * Unreadable data fails the test with a message; no function here returns an error.
 */
#ifndef TESTS_UNIT_LIB_VECTORS_H
#define TESTS_UNIT_LIB_VECTORS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

/* tests/vectors/NAME, parsed; the caller owns it. */
json_t *vectors_load(const char *name);

/* A required member: text (borrowed), or a number written "0x0013" or 19. */
const char *vectors_text(const json_t *object, const char *key);
unsigned vectors_number(const json_t *object, const char *key);

/*
 * A member of hex digits as bytes, in an allocation of exactly that size, so that the
 * address sanitizer detects a read past its end. The caller frees .data.
 */
struct vectors_bytes {
	uint8_t *data;
	size_t len;
};
struct vectors_bytes vectors_hex(const json_t *object, const char *key);

/* The bytes of a string without its NUL. */
struct slice vectors_slice(const char *text);

#endif
