/*
 * tls_hello.c - see tls_hello.h.
 */
#include "auth/server/tls_hello.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "stun/wire.h"

enum {
	SSL2_SUITE_LEN = 3, /* RFC 5246 appendix E.2 */
	SUITE_LEN = 2,
	RENEGOTIATION_SCSV = 0x00FF, /* RFC 5746 section 3.3 */
	FALLBACK_SCSV = 0x5600,      /* RFC 7507 */
};

/* 0x0A0A, 0x1A1A, and so on: reserved values that a peer has to ignore (RFC 8701). */
static bool is_reserved(uint16_t value)
{
	return (value & 0x0F0F) == 0x0A0A && value >> 8 == (value & 0xFF);
}

static const SSL_CIPHER *cipher_of(SSL *ssl, uint16_t suite)
{
	const unsigned char bytes[SUITE_LEN] = {(unsigned char)(suite >> 8),
						(unsigned char)suite};

	return SSL_CIPHER_find(ssl, bytes);
}

static void add_suite(struct tls_hello *hello, SSL *ssl, uint16_t suite)
{
	const SSL_CIPHER *cipher = cipher_of(ssl, suite);

	if (is_reserved(suite) || suite == RENEGOTIATION_SCSV || suite == FALLBACK_SCSV)
		return;
	if (hello->suite_count < TLS_HELLO_SUITES)
		hello->suites[hello->suite_count] = suite;
	hello->suite_count++;
	hello->has_aead |= cipher != NULL && SSL_CIPHER_is_aead(cipher) == 1;
}

/* supported_versions (RFC 8446 section 4.2.1) counts instead of the field, if it is there. */
static uint16_t version_of(SSL *ssl)
{
	uint16_t version = (uint16_t)SSL_client_hello_get0_legacy_version(ssl);
	struct slice list;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &list.data,
				      &list.len) != 1 ||
	    list.len < 1)
		return version;
	for (list = slice_skip(list, 1); list.len >= 2; list = slice_skip(list, 2)) {
		uint16_t listed = load_be16(list.data);

		if (!is_reserved(listed) && listed > version && listed <= TLS1_3_VERSION)
			version = listed;
	}
	return version;
}

void tls_hello_read(SSL *ssl, struct tls_hello *hello)
{
	size_t step = SSL_client_hello_isv2(ssl) ? SSL2_SUITE_LEN : SUITE_LEN;
	struct slice suites;

	suites.len = SSL_client_hello_get0_ciphers(ssl, &suites.data);
	*hello = (struct tls_hello){.version_max = version_of(ssl)};
	for (; suites.len >= step; suites = slice_skip(suites, step)) {
		/* A suite of SSL 2.0 itself does not begin with 0. */
		if (step == SUITE_LEN || suites.data[0] == 0)
			add_suite(hello, ssl, load_be16(suites.data + step - SUITE_LEN));
	}
}

static const char *version_name(uint16_t version)
{
	switch (version) {
	case TLS1_3_VERSION:
		return "TLS 1.3";
	case TLS1_2_VERSION:
		return "TLS 1.2";
	case TLS1_1_VERSION:
		return "TLS 1.1";
	case TLS1_VERSION:
		return "TLS 1.0";
	case SSL3_VERSION:
		return "SSL 3.0";
	case SSL2_VERSION:
		return "SSL 2.0";
	default:
		return "an unknown version";
	}
}

const char *tls_hello_format(const struct tls_hello *hello, SSL *ssl,
			     char text[TLS_HELLO_TEXT_SIZE])
{
	size_t shown = hello->suite_count < TLS_HELLO_SUITES ? hello->suite_count
							     : TLS_HELLO_SUITES;
	int len = snprintf(text, TLS_HELLO_TEXT_SIZE, "it offers %s at most and %s",
			   version_name(hello->version_max),
			   hello->has_aead ? "AEAD suites" : "no AEAD suite");

	/* The longest name has 32 letters. */
	for (size_t i = 0; i < shown; i++) {
		const SSL_CIPHER *cipher = cipher_of(ssl, hello->suites[i]);
		char number[8];

		snprintf(number, sizeof(number), "0x%04X", hello->suites[i]);
		len += snprintf(text + len, TLS_HELLO_TEXT_SIZE - (size_t)len, "%s%s",
				i == 0 ? ": " : ", ",
				cipher != NULL ? SSL_CIPHER_get_name(cipher) : number);
		assert(len > 0 && len < TLS_HELLO_TEXT_SIZE);
	}
	if (hello->suite_count > shown)
		snprintf(text + len, TLS_HELLO_TEXT_SIZE - (size_t)len, " and %zu more",
			 hello->suite_count - shown);
	return text;
}
