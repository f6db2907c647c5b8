/*
 * client_tls.h - what a client's TLS and DTLS share: the name that is verified, and errors in
 * words.
 */
#ifndef TOOLS_CLIENT_CLIENT_TLS_H
#define TOOLS_CLIENT_CLIENT_TLS_H

#include <stddef.h>

#include <openssl/ssl.h>

/*
 * A connection whose certificate must show name, a host name or an address; NULL: any. NULL and
 * ENOMEM: no memory.
 */
SSL *client_tls_new(SSL_CTX *context, const char *name);

/*
 * What went wrong, as one sentence. error: from OpenSSL's queue, or 0; socket_error: an errno,
 * described if OpenSSL reports nothing; 0: there was none. protocol: "TLS" or "DTLS".
 */
void client_tls_describe(const SSL *ssl, const char *protocol, unsigned long error,
			 int socket_error, char *what, size_t size);

#endif
