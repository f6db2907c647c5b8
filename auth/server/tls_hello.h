/*
 * tls_hello.h - what a client offers in its ClientHello (RFC 8446 section 4.1.2), kept to
 * explain a handshake that fails because of it.
 */
#ifndef AUTH_SERVER_TLS_HELLO_H
#define AUTH_SERVER_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

enum {
	TLS_HELLO_SUITES = 4,      /* that a sentence names */
	TLS_HELLO_TEXT_SIZE = 256, /* of a sentence */
};

struct tls_hello {
	uint16_t version_max; /* as on the wire; 0: no ClientHello has arrived */
	bool has_aead;        /* one of its suites is, and OpenSSL knows it */
	size_t suite_count;   /* without reserved and signalling values */
	uint16_t suites[TLS_HELLO_SUITES]; /* the first of them */
};

/* From the callback of the ClientHello only. */
void tls_hello_read(SSL *ssl, struct tls_hello *hello);

/*
 * "it offers TLS 1.0 at most and no AEAD suite: ECDHE-RSA-AES256-SHA, AES128-SHA"; a suite that
 * OpenSSL does not know is a number. Returns text.
 */
const char *tls_hello_format(const struct tls_hello *hello, SSL *ssl,
			     char text[TLS_HELLO_TEXT_SIZE]);

#endif
