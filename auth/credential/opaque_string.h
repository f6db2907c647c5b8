/*
 * opaque_string.h - the OpaqueString profile of PRECIS (RFC 8265 section 4.2), which a user name
 * of STUN must have passed (RFC 8489 section 14.3).
 *
 * An issuer enforces it once: what comes out is what every client that follows the RFC sends,
 * as it would send what most clients do, namely the bytes they were given. Clients of RFC 5389
 * that apply SASLprep (RFC 4013) change more: they also map compatibility characters, such as
 * ligatures and full-width letters. Nothing here maps those.
 *
 * Pure. The tables of Unicode are those of libunistring.
 */
#ifndef AUTH_CREDENTIAL_OPAQUE_STRING_H
#define AUTH_CREDENTIAL_OPAQUE_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

enum opaque_string_fault {
	OPAQUE_STRING_OK,
	OPAQUE_STRING_EMPTY,
	OPAQUE_STRING_NOT_UTF8,
	OPAQUE_STRING_DISALLOWED, /* a code point outside FreeformClass, or in a wrong place */
	OPAQUE_STRING_TOO_LONG, /* for the buffer */
};

struct opaque_string_error {
	enum opaque_string_fault fault;
	uint32_t code_point; /* DISALLOWED: the first such one */
};

/*
 * Enforce the profile: spaces other than U+0020 become that, then NFC. False, with *error, if
 * the text cannot have it.
 *
 * out   size bytes at least; not ended by a NUL, which no such string contains
 * *len  how many were written
 */
bool opaque_string_enforce(struct slice text, uint8_t *out, size_t size, size_t *len,
			   struct opaque_string_error *error);

/* A sentence about a fault without its subject: "contains U+200B, which ..." */
void opaque_string_explain(const struct opaque_string_error *error, char *buf,
			   size_t size);

#endif
