/*
 * tls_server.h - the context that all our TLS servers start from: TLS 1.2 and 1.3, forward secrecy,
 * no renegotiation, no tickets, no early data, no compression.
 */
#ifndef BASE_TLS_SERVER_H
#define BASE_TLS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

/*
 * A context with certificate and key from PEM files. NULL with "FILE: problem; remedy" in error:
 * unreadable, not PEM, key with a passphrase or of another certificate, certificate expired (unless
 * may_be_expired). *faulty is then certificate or private_key, whichever it is about, or NULL.
 */
SSL_CTX *tls_server_new(const char *certificate, const char *private_key,
			bool may_be_expired, const char **faulty, char *error,
			size_t error_size);

/*
 * The same server for DTLS 1.2 and later, with the certificate and key of tls. A client has to show a
 * cookie, which whoever makes an SSL of it has checked before. NULL if out of memory.
 */
SSL_CTX *tls_server_dtls(SSL_CTX *tls);

/*
 * Permit this connection TLS 1.0 and 1.1, CBC suites with AES, and SHA-1 in the handshake, after what
 * every other may use; forward secrecy stays. From the callback of its ClientHello, before
 * a version is chosen. False: out of memory.
 */
bool tls_server_permit_legacy(SSL *ssl);

/* When the leaf certificate expires, Unix seconds; INT64_MAX if ctx is NULL. */
int64_t tls_server_expires(SSL_CTX *ctx);

#endif
