/*
 * tls_remarks.h - remarks (config.h) on certificates: their dates, their chain, their names.
 *
 * Threads  any; the contexts are only read.
 */
#ifndef BASE_CONFIG_TLS_REMARKS_H
#define BASE_CONFIG_TLS_REMARKS_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/config/config.h"

/*
 * A server's certificate and the chain that it sends: expired, about to expire (in 30 days, or in
 * the last third of its life if that is less), not yet valid, without subjectAltName. field has
 * the path. now_s: Unix seconds.
 */
void tls_remarks_certificate(struct config *config, char *const *field, SSL_CTX *tls,
			     int64_t now_s);

/*
 * Addresses that clients connect to and that a certificate leaves out although it names others. One
 * that names none is for clients that connect by name.
 */
void tls_remarks_addresses(struct config *config, char *const *field, SSL_CTX *tls,
			   const struct ip_addr *list, size_t count);

/* The CAs and, if crl has a path, the revocation lists that a server trusts: their dates. */
void tls_remarks_trust(struct config *config, char *const *ca, char *const *crl,
		       SSL_CTX *tls, int64_t now_s);

#endif
