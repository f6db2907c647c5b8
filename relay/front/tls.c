/*
 * tls.c - the context of TLS clients of the relay.
 */
#include "relay/front/tls.h"

#include "base/tls_server.h"

/* RFC 7443; RFC 7301 section 3.2: none in common ends the handshake. */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		       const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char served[] = "\x09stun.turn";
	(void)ssl;
	(void)arg;
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, out_len, served, sizeof(served) - 1, in,
				  in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *tls_context_new(const char *certificate, const char *private_key,
			 const char **faulty, char *error, size_t error_size)
{
	SSL_CTX *ctx =
		tls_server_new(certificate, private_key, true, faulty, error, error_size);

	if (ctx != NULL)
		SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
	return ctx;
}

bool tls_context_same(SSL_CTX *a, SSL_CTX *b)
{
	return a != NULL && b != NULL &&
	       X509_cmp(SSL_CTX_get0_certificate(a), SSL_CTX_get0_certificate(b)) == 0;
}

int64_t tls_context_expires(SSL_CTX *ctx)
{
	return tls_server_expires(ctx);
}
