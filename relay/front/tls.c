/*
 * tls.c - the context of TLS clients of the relay.
 */
#include "relay/front/tls.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "base/tls_server.h"

/* Printable ASCII with \xHH for the rest, as much as there is room for. */
static size_t escape(char *to, size_t size, const unsigned char *name, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len && used + sizeof("\\xHH") <= size; i++) {
		if (name[i] > ' ' && name[i] < 0x7F && name[i] != '\\')
			to[used++] = (char)name[i];
		else
			used += (size_t)snprintf(to + used, size - used, "\\x%02X",
						 name[i]);
	}
	to[used] = '\0';
	return used;
}

/* in: as on the wire, a length before each name. */
static void describe(struct tls_refusal *refusal, const unsigned char *in, size_t in_len)
{
	size_t used = 0;

	for (size_t at = 0; at < in_len; at += 1 + (size_t)in[at]) {
		if (in[at] >= in_len - at || used + 2 >= sizeof(refusal->offered))
			return;
		if (used > 0)
			refusal->offered[used++] = ',';
		used += escape(refusal->offered + used, sizeof(refusal->offered) - used,
			       in + at + 1, in[at]);
	}
}

/* By the first name: what the client would like most. */
static enum connection_end kind_of(const unsigned char *in, size_t in_len)
{
	static const struct {
		const char *name;
		enum connection_end why;
	} known[] = {
		{"\x02h2", CONNECTION_END_ALPN_H2},
		{"\x08http/1.1", CONNECTION_END_ALPN_HTTP_1_1},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t len = strlen(known[i].name);

		if (in_len >= len && memcmp(in, known[i].name, len) == 0)
			return known[i].why;
	}
	return CONNECTION_END_ALPN_OTHER;
}

/*
 * RFC 7443. A client that offers none of these names ends its handshake with the alert
 * no_application_protocol (RFC 7301 section 3.2); one without ALPN never comes here.
 */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		       const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char served[] = "\x09stun.turn\x12stun.nat-discovery";
	struct tls_refusal *refusal = SSL_get_app_data(ssl);
	unsigned char *chosen;

	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, served, sizeof(served) - 1, in,
				  in_len) == OPENSSL_NPN_NEGOTIATED) {
		*out = chosen;
		return SSL_TLSEXT_ERR_OK;
	}
	if (refusal != NULL && in_len > 0) {
		refusal->why = kind_of(in, in_len);
		describe(refusal, in, in_len);
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

enum connection_end tls_refusal_reason(const struct tls_refusal *refusal)
{
	unsigned long error = ERR_peek_last_error();

	if (refusal->why != CONNECTION_END_HANDSHAKE || ERR_GET_LIB(error) != ERR_LIB_SSL)
		return refusal->why;
	switch (ERR_GET_REASON(error)) {
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_UNKNOWN_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_WRONG_VERSION_NUMBER:
		return CONNECTION_END_VERSION;
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_SHARED_GROUPS:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
		return CONNECTION_END_ALGORITHMS;
	default:
		/* An alert of the client: most often it does not trust our certificate. */
		return ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET
			       ? CONNECTION_END_ALERT
			       : CONNECTION_END_HANDSHAKE;
	}
}

void tls_refusal_attach(SSL *ssl, struct tls_refusal *refusal)
{
	SSL_set_app_data(ssl, refusal);
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

SSL_CTX *tls_context_dtls(SSL_CTX *tls)
{
	SSL_CTX *ctx = tls_server_dtls(tls);

	if (ctx != NULL)
		SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
	return ctx;
}

bool tls_is_nat_discovery(SSL *ssl)
{
	static const char name[] = "stun.nat-discovery";
	const unsigned char *chosen;
	unsigned len;

	SSL_get0_alpn_selected(ssl, &chosen, &len);
	return len == strlen(name) && memcmp(chosen, name, len) == 0;
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
