/*
 * client_server.h - the server of a client: its address, and the trust in its certificate.
 */
#ifndef TOOLS_CLIENT_CLIENT_SERVER_H
#define TOOLS_CLIENT_CLIENT_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "stun/endpoint.h"

/*
 * The address, or the first of a host name; of that family, if the name has one (IP_NONE: of any).
 * False, with the reason in *why. Blocks.
 */
bool client_server_find(const char *host, uint16_t port, uint8_t family,
			struct endpoint *server, const char **why);

/*
 * TLS 1.2, or DTLS 1.2, or later. Trusts the certificates in ca_file, or the system's if it is NULL. NULL if
 * they cannot be loaded; tls_error_reason() says why.
 */
SSL_CTX *client_server_tls(const char *ca_file);
SSL_CTX *client_server_dtls(const char *ca_file);

#endif
