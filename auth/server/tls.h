/*
 * tls.h - mutual TLS: the handshake authenticates the client, so that only trusted
 * servers get as far as a request.
 *
 * A client certificate must chain to the configured CAs, be valid now, not be revoked, be
 * for TLS at all, and name a trusted server (dNSName; the common name only where there is
 * no subjectAltName) that comes from its networks. TLS 1.0, TLS 1.1 and CBC suites are for
 * servers with legacy_tls alone.
 */
#ifndef AUTH_SERVER_TLS_H
#define AUTH_SERVER_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "auth/mras/mras_counters.h"
#include "auth/mras/service.h"
#include "auth/server/tls_hello.h"
#include "stun/endpoint.h"

struct mras_config;

enum {
	TLS_REASON_SIZE = 640, /* with the names of a server and of a certificate */
};

/* The other end of a connection, as found by the handshake. */
struct tls_peer {
	const struct service *service;       /* the one in force; in */
	struct ip_addr source;               /* in */
	const struct service_server *server; /* NULL: not trusted, or not yet */
	struct tls_hello hello;
	int64_t not_after_s;        /* when its certificate expires */
	enum handshake_fault fault; /* with why */
	char why[TLS_REASON_SIZE]; /* it is not trusted; "" if there was no certificate */
};

/*
 * The server's context. NULL with a sentence in error; *faulty is then the path in config->tls that
 * it is about, or NULL.
 */
SSL_CTX *tls_issuer_new(const struct mras_config *config, const char **faulty,
			char *error, size_t error_size);

/* For one connection; peer must outlive it, or tls_forget() it. NULL: out of memory. */
SSL *tls_issuer_accept(SSL_CTX *ctx, struct tls_peer *peer);
void tls_forget(SSL *ssl);

/*
 * Is it older than TLS 1.2 with an AEAD suite, or signed with SHA-1? Version and suite are known
 * when the certificate is verified, the client's signature at the end of the handshake.
 */
bool tls_is_legacy(SSL *ssl);

/*
 * After a reload: is the peer of an open connection still trusted? Checks everything again, with
 * the CAs and revocation lists of ctx, the context in force.
 */
bool tls_issuer_check_again(SSL *ssl, SSL_CTX *ctx, struct tls_peer *peer);

#endif
