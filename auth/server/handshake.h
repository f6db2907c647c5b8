/*
 * handshake.h - a failed TLS handshake: its reason, out of a closed set, is counted and
 * logged.
 */
#ifndef AUTH_SERVER_HANDSHAKE_H
#define AUTH_SERVER_HANDSHAKE_H

#include "auth/server/issuer.h"
#include "auth/server/tls.h"

/*
 * Counts and logs it. name: of the other end, for the log; peer: as the handshake of ssl
 * found it; error: of OpenSSL, 0 if it has none.
 */
void handshake_refused(struct issuer *issuer, const char *name,
		       const struct tls_peer *peer, SSL *ssl, unsigned long error);

#endif
