/*
 * base64.c - RFC 4648 base64 without tolerance.
 *
 * Decoding is our own because OpenSSL's skips white space and ignores stray bits: a token
 * would then have several spellings, and a user name several owners.
 */
#include "auth/credential/base64.h"

#include <assert.h>
#include <openssl/evp.h>

void base64_encode(const uint8_t *data, size_t len, char *text)
{
	EVP_EncodeBlock((unsigned char *)text, data, (int)len);
}

/* 0..63, or -1. */
static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

bool base64_decode(const char *text, size_t text_len, uint8_t *out, size_t size,
		   size_t *len)
{
	size_t padding = 0;
	size_t written = 0;
	uint32_t bits = 0;
	unsigned have = 0;

	if (text_len % 4 != 0)
		return false;
	while (padding < 2 && padding < text_len && text[text_len - 1 - padding] == '=')
		padding++;

	for (size_t i = 0; i < text_len - padding; i++) {
		int value = digit_value(text[i]);

		if (value < 0)
			return false;
		bits = (bits << 6 | (uint32_t)value) & 0xffff;
		have += 6;
		if (have < 8)
			continue;
		if (written == size)
			return false;
		have -= 8;
		out[written++] = (uint8_t)(bits >> have);
	}
	if ((bits & ((1u << have) - 1)) != 0)
		return false;
	assert(have < 8 && written <= text_len / 4 * 3);
	*len = written;
	return true;
}
