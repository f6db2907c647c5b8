/*
 * tls.h - TLS 1.2 and 1.3 for stream clients: one context per settings, made from PEM files.
 */
#ifndef RELAY_FRONT_TLS_H
#define RELAY_FRONT_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

/*
 * A server context: no renegotiation, no tickets, no early data, no compression, forward
 * secrecy only (RFC 9325). NULL with "FILE: what; what to do" in error: unreadable, not
 * PEM, key does not belong to the certificate. One that has expired is accepted: see relay_settings.h. *faulty as in base/tls_server.h.
 */
SSL_CTX *tls_context_new(const char *certificate, const char *private_key,
			 const char **faulty, char *error, size_t error_size);

/* Do both serve the same leaf certificate? NULL serves none. */
bool tls_context_same(SSL_CTX *a, SSL_CTX *b);

/* When the leaf certificate ends, Unix seconds; INT64_MAX if ctx is NULL. */
int64_t tls_context_expires(SSL_CTX *ctx);

#endif
