/*
 * base64.h - RFC 4648 base64 without tolerance: one text for every byte string.
 */
#ifndef AUTH_CREDENTIAL_BASE64_H
#define AUTH_CREDENTIAL_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that len bytes encode to, with padding and the final NUL. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/* Writes BASE64_SIZE(len) bytes to text, including the NUL. */
void base64_encode(const uint8_t *data, size_t len, char *text);

/*
 * False on anything that base64_encode() would not have written (white space, missing
 * padding, stray bits behind the last byte) and on more than size bytes.
 */
bool base64_decode(const char *text, size_t text_len, uint8_t *out, size_t size,
		   size_t *len);

#endif
