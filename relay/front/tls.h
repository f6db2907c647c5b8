/*
 * tls.h - TLS 1.2 and 1.3 for stream clients: one context per settings, made from PEM files.
 */
#ifndef RELAY_FRONT_TLS_H
#define RELAY_FRONT_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "relay/core/counters.h"

/*
 * A server context: no renegotiation, no early data, no compression, forward secrecy only (RFC
 * 9325), and no tickets unless tickets_enable() follows. ALPN is stun.turn or stun.nat-discovery (RFC 7443), or absent. NULL
 * with "FILE: what; what to do" in error: unreadable, not PEM, key does not belong to the
 * certificate. One that has expired is accepted: see relay_settings.h. *faulty as in
 * base/tls_server.h.
 */
SSL_CTX *tls_context_new(const char *certificate, const char *private_key,
			 const char **faulty, char *error, size_t error_size);

/*
 * The same server for DTLS 1.2, with that certificate. DTLS 1.3 will be negotiated where OpenSSL has
 * it. NULL if out of memory.
 */
SSL_CTX *tls_context_dtls(SSL_CTX *tls);

/* Why a handshake was refused; the rest is OpenSSL's to say. */
enum { TLS_OFFERED_LEN = 128 };
struct tls_refusal {
	enum connection_end why; /* CONNECTION_END_ALPN_... */
	char offered[TLS_OFFERED_LEN]; /* names of ALPN, escaped; "" if they are not the reason */
};

/*
 * Why, after SSL_do_handshake() has failed: as the refusal says, or OpenSSL's newest error.
 */
enum connection_end tls_refusal_reason(const struct tls_refusal *refusal);

/* Fill it in during the next SSL_do_handshake(). NULL: no longer. */
void tls_refusal_attach(SSL *ssl, struct tls_refusal *refusal);

/* Was stun.nat-discovery chosen, which serves Binding alone (RFC 7443)? */
bool tls_is_nat_discovery(SSL *ssl);

/* Do both serve the same leaf certificate? NULL serves none. */
bool tls_context_same(SSL_CTX *a, SSL_CTX *b);

/* When the leaf certificate ends, Unix seconds; INT64_MAX if ctx is NULL. */
int64_t tls_context_expires(SSL_CTX *ctx);

#endif
