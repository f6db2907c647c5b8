/*
 * tls_server.h - what every TLS server of ours begins with: 1.2 and 1.3, forward secrecy, no
 * renegotiation, no tickets, no early data, no compression (T-500, T-501).
 */
#ifndef BASE_TLS_SERVER_H
#define BASE_TLS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

/*
 * A context with a certificate, from PEM files. NULL with "FILE: what; what to do" in error:
 * unreadable, not PEM, key does not belong to the certificate, certificate expired (unless it
 * may be).
 */
SSL_CTX *tls_server_new(const char *certificate, const char *private_key,
			bool may_be_expired, char *error, size_t error_size);

/* When the leaf certificate ends, Unix seconds; INT64_MAX if ctx is NULL. */
int64_t tls_server_expires(SSL_CTX *ctx);

#endif
