/*
 * client_tls.c - see client_tls.h.
 */
#include "tools/client/client_tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

SSL *client_tls_new(SSL_CTX *context, const char *name)
{
	SSL *ssl = SSL_new(context);

	if (ssl == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	if (name != NULL &&
	    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) != 1) {
		SSL_set1_host(ssl, name);
		SSL_set_tlsext_host_name(ssl, name);
	}
	return ssl;
}

void client_tls_describe(const SSL *ssl, const char *protocol, unsigned long error,
			 int socket_error, char *what, size_t size)
{
	long verified = SSL_get_verify_result(ssl);
	const char *reason = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error))
						     : ERR_reason_error_string(error);

	if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		snprintf(what, size, "%s: server certificate: %s", protocol,
			 X509_verify_cert_error_string(verified));
	else if (reason != NULL)
		snprintf(what, size, "%s: %s", protocol, reason);
	else if (socket_error != 0)
		snprintf(what, size, "connection failed: %s", strerror(socket_error));
	else
		snprintf(
			what, size,
			"%s: the server closed the connection; check that it serves %s on "
			"that port",
			protocol, protocol);
}
