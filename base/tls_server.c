/*
 * tls_server.c - the server context. OpenSSL's defaults lack nothing; what they offer beyond our
 * needs (renegotiation, tickets, static RSA) is disabled here.
 */
#include "base/tls_server.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/secret_copy.h"
#include "base/secret_file.h"
#include "base/self_name.h"
#include "base/tls_error.h"

/* OpenSSL's own function would prompt on the terminal, where nobody answers a daemon. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	bool *wanted = arg;

	(void)buf;
	(void)size;
	(void)writing;
	*wanted = true;
	return -1;
}

/* kind: what the file should hold. */
static void explain_file(const char *path, const char *kind, const char *wanted,
			 char *error, size_t error_size)
{
	unsigned long first = ERR_peek_error();
	char self[64];

	if (ERR_SYSTEM_ERROR(first) && ERR_GET_REASON(first) == EACCES)
		snprintf(
			error, error_size,
			"%s: %s; give %s read access, for example through its group, or pass "
			"the file as a systemd credential",
			path, tls_error_reason(), self_name(self, sizeof(self)));
	else if (ERR_SYSTEM_ERROR(first))
		snprintf(error, error_size, "%s: %s; expected a PEM file, %s", path,
			 tls_error_reason(), wanted);
	else
		snprintf(error, error_size,
			 "%s: holds no %s in PEM form (%s); expected a PEM file, %s",
			 path, kind, tls_error_reason(), wanted);
}

static void explain_key(const char *path, const char *certificate, bool passphrase,
			char *error, size_t error_size)
{
	unsigned long last = ERR_peek_last_error();
	int lib = ERR_GET_LIB(last), reason = ERR_GET_REASON(last);
	/* A key of another kind goes to a slot of its own, which has no certificate. */
	bool mismatch = (lib == ERR_LIB_X509 && (reason == X509_R_KEY_VALUES_MISMATCH ||
						 reason == X509_R_KEY_TYPE_MISMATCH)) ||
			(lib == ERR_LIB_SSL && reason == SSL_R_NO_CERTIFICATE_ASSIGNED);

	if (passphrase)
		snprintf(error, error_size,
			 "%s: needs a passphrase, which nobody types for a daemon; write "
			 "the key without one (openssl pkey -in %s -out ...)",
			 path, path);
	else if (mismatch)
		snprintf(error, error_size,
			 "%s: is not the key of the certificate %s; name the two that "
			 "belong together",
			 path, certificate);
	else
		explain_file(path, "private key", "the key of tls.certificate", error,
			     error_size);
}

#define AEAD_SUITES "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM"
#define NO_SUITES ":!aNULL:!eNULL:!PSK"

/* What TLS and DTLS have in common. */
static void restrict_context(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
					 SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_dh_auto(ctx, 1);
}

SSL_CTX *tls_server_new(const char *certificate, const char *private_key,
			bool may_be_expired, const char **faulty, char *error,
			size_t error_size)
{
	char copy[PATH_MAX];
	bool passphrase = false;

	*faulty = NULL;
	ERR_clear_error();
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (ctx == NULL) {
		snprintf(error, error_size, "TLS: %s", tls_error_reason());
		return NULL;
	}
	restrict_context(ctx);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &passphrase);

	if (SSL_CTX_set_cipher_list(ctx, AEAD_SUITES NO_SUITES) != 1) {
		snprintf(error, error_size, "TLS: %s", tls_error_reason());
	} else if (SSL_CTX_use_certificate_chain_file(
			   ctx, secret_file_path(certificate, copy, sizeof(copy))) != 1) {
		*faulty = certificate;
		explain_file(certificate, "certificate", "server certificate first",
			     error, error_size);
	} else if (SSL_CTX_use_PrivateKey_file(
			   ctx, secret_file_path(private_key, copy, sizeof(copy)),
			   SSL_FILETYPE_PEM) != 1 ||
		   SSL_CTX_check_private_key(ctx) != 1) {
		*faulty = private_key;
		explain_key(private_key, certificate, passphrase, error, error_size);
	} else if (!may_be_expired && tls_server_expires(ctx) <= time(NULL)) {
		*faulty = certificate;
		snprintf(error, error_size, "%s: the certificate has expired; renew it",
			 certificate);
	} else {
		SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
		secret_copy_tell(private_key);
		return ctx;
	}
	SSL_CTX_free(ctx);
	return NULL;
}

/* Only one who has shown a cookie of ours comes as far as this. */
static int cookie_is_known(SSL *ssl, const unsigned char *cookie, unsigned len)
{
	(void)ssl;
	(void)cookie;
	(void)len;
	return 1;
}

static int make_no_cookie(SSL *ssl, unsigned char *cookie, unsigned *len)
{
	(void)ssl;
	(void)cookie;
	(void)len;
	return 0;
}

static bool copy_certificate(SSL_CTX *ctx, SSL_CTX *tls)
{
	STACK_OF(X509) *chain = NULL;

	return SSL_CTX_use_certificate(ctx, SSL_CTX_get0_certificate(tls)) == 1 &&
	       SSL_CTX_get0_chain_certs(tls, &chain) == 1 &&
	       (chain == NULL || SSL_CTX_set1_chain(ctx, chain) == 1) &&
	       SSL_CTX_use_PrivateKey(ctx, SSL_CTX_get0_privatekey(tls)) == 1;
}

SSL_CTX *tls_server_dtls(SSL_CTX *tls)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());

	if (ctx == NULL)
		return NULL;
	restrict_context(ctx);
	SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_COOKIE_EXCHANGE);
	SSL_CTX_set_cookie_verify_cb(ctx, cookie_is_known);
	SSL_CTX_set_cookie_generate_cb(ctx, make_no_cookie);
	if (SSL_CTX_set_cipher_list(ctx, AEAD_SUITES NO_SUITES) == 1 &&
	    copy_certificate(ctx, tls))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

bool tls_server_permit_legacy(SSL *ssl)
{
	/* TLS 1.0 and 1.1 sign MD5 with SHA-1, which level 1 refuses. */
	SSL_set_security_level(ssl, 0);
	return SSL_set_min_proto_version(ssl, TLS1_VERSION) == 1 &&
	       SSL_set_cipher_list(ssl, AEAD_SUITES ":ECDHE+AES:DHE+AES" NO_SUITES) == 1;
}

int64_t tls_server_expires(SSL_CTX *ctx)
{
	struct tm tm;

	if (ctx == NULL ||
	    ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(ctx)), &tm) != 1)
		return INT64_MAX;
	return timegm(&tm);
}
