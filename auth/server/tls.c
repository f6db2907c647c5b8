/*
 * tls.c - see tls.h.
 */
#include "auth/server/tls.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "auth/server/mras_config.h"
#include "base/tls_error.h"
#include "base/tls_server.h"

enum {
	CERTIFICATES_MAX =
		64 << 10, /* bytes of a client's chain: no other bound on its names */
	CHAIN_DEPTH_MAX = 8,
};

/* What is being looked for, and the best that was found. */
struct search {
	const struct tls_peer *peer;
	bool legacy_tls; /* the connection uses it */
	enum service_trust trust;
	const struct service_server *server;
};

static void try_name(struct search *search, const ASN1_STRING *string)
{
	const struct slice name = {ASN1_STRING_get0_data(string),
				   (size_t)ASN1_STRING_length(string)};
	const struct service_server *server;
	enum service_trust trust = service_server_find(search->peer->service, name,
						       &search->peer->source,
						       search->legacy_tls, &server);

	if (trust <= search->trust)
		return;
	search->trust = trust;
	search->server = server;
}

static void try_common_names(struct search *search, const X509 *certificate)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	int at = -1;

	while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0)
		try_name(search,
			 X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

static void try_names(struct search *search, const X509 *certificate)
{
	if (X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) < 0) {
		try_common_names(search, certificate);
		return;
	}
	GENERAL_NAMES *alternatives =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(alternatives, i);

		if (name->type == GEN_DNS)
			try_name(search, name->d.dNSName);
	}
	GENERAL_NAMES_free(alternatives);
}

/* Of a handshake that has chosen its cipher, or of a connection. */
static const SSL_CIPHER *cipher_of(const SSL *ssl)
{
	const SSL_CIPHER *pending = SSL_get_pending_cipher(ssl);

	return pending != NULL ? pending : SSL_get_current_cipher(ssl);
}

/* TLS 1.0 and 1.1 have no other signature. */
static bool is_weak(int digest)
{
	return digest == NID_sha1 || digest == NID_md5_sha1 || digest == NID_md5;
}

static bool has_weak_signature(SSL *ssl)
{
	int digest;

	return (SSL_get_signature_nid(ssl, &digest) == 1 && is_weak(digest)) ||
	       (SSL_get_peer_signature_nid(ssl, &digest) == 1 && is_weak(digest));
}

bool tls_is_legacy(SSL *ssl)
{
	const SSL_CIPHER *cipher = cipher_of(ssl);

	return SSL_version(ssl) < TLS1_2_VERSION || cipher == NULL ||
	       SSL_CIPHER_is_aead(cipher) != 1 || has_weak_signature(ssl);
}

/*
 * Lync servers connect with certificates for server authentication only. Refuse one that
 * is for neither end of TLS (code signing, mail).
 */
static bool is_for_tls(X509 *certificate)
{
	uint32_t usage = X509_get_extended_key_usage(certificate);

	return usage == UINT32_MAX ||
	       (usage & (XKU_SSL_CLIENT | XKU_SSL_SERVER | XKU_ANYEKU)) != 0;
}

static int64_t not_after(const X509 *certificate)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
		return 0;
	return timegm(&tm);
}

static void set_why(struct tls_peer *peer, const X509 *certificate,
		    enum handshake_fault fault, const char *why)
{
	assert(fault < HANDSHAKE_FAULT_COUNT && peer->server == NULL);
	char subject[160] = "no certificate";

	if (certificate != NULL)
		X509_NAME_oneline(X509_get_subject_name(certificate), subject,
				  sizeof(subject));
	snprintf(peer->why, sizeof(peer->why), "%s (%s)", why, subject);
	peer->fault = fault;
}

static enum handshake_fault fault_of(int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return HANDSHAKE_UNKNOWN_CA;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return HANDSHAKE_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return HANDSHAKE_NOT_YET_VALID;
	case X509_V_ERR_CERT_REVOKED:
		return HANDSHAKE_REVOKED;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		return HANDSHAKE_NO_CURRENT_CRL;
	default:
		return HANDSHAKE_CERTIFICATE;
	}
}

/*
 * A revocation list is required for the certificate itself. Those of the CAs above it are
 * used where we have them: a private root seldom publishes one.
 */
static int on_verify(int ok, X509_STORE_CTX *store)
{
	if (!ok && X509_STORE_CTX_get_error(store) == X509_V_ERR_UNABLE_TO_GET_CRL &&
	    X509_STORE_CTX_get_error_depth(store) > 0)
		return 1;
	return ok;
}

/* No server may be let in: why? */
static void refuse_names(X509_STORE_CTX *store, struct tls_peer *peer, SSL *ssl,
			 const struct search *search)
{
	const X509 *certificate = X509_STORE_CTX_get0_cert(store);
	char why[TLS_REASON_SIZE];

	switch (search->trust) {
	case SERVICE_NO_NAME:
		set_why(peer, certificate, HANDSHAKE_NAME,
			"certificate names no trusted server");
		break;
	case SERVICE_OTHER_NETWORK:
		set_why(peer, certificate, HANDSHAKE_NETWORK,
			"trusted server, but outside its networks");
		break;
	case SERVICE_LEGACY_TLS:
		snprintf(
			why, sizeof(why),
			"%s with %s%s is too old; update the server, or set legacy_tls = "
			"true and networks in server \"%.*s\"",
			SSL_get_version(ssl), SSL_CIPHER_get_name(cipher_of(ssl)),
			has_weak_signature(ssl) ? " and SHA-1" : "", SERVICE_NAME_MAX,
			search->server->name);
		set_why(peer, certificate, HANDSHAKE_VERSION_OR_CIPHER, why);
		break;
	case SERVICE_TRUSTED:
		assert(!"a trusted server");
	}
	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
}

static bool verify(X509_STORE_CTX *store, struct tls_peer *peer, SSL *ssl)
{
	X509 *certificate = X509_STORE_CTX_get0_cert(store);
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);
	struct search search = {.peer = peer, .legacy_tls = tls_is_legacy(ssl)};

	peer->server = NULL;
	X509_STORE_CTX_set_verify_cb(store, on_verify);
	X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);
	/* A certificate is held to the usual level, even where legacy TLS is permitted. */
	X509_VERIFY_PARAM_set_auth_level(
		param, SSL_CTX_get_security_level(SSL_get_SSL_CTX(ssl)));
	if (X509_verify_cert(store) != 1) {
		int error = X509_STORE_CTX_get_error(store);

		set_why(peer, certificate, fault_of(error),
			X509_verify_cert_error_string(error));
		return false;
	}
	if (!is_for_tls(certificate)) {
		set_why(peer, certificate, HANDSHAKE_PURPOSE,
			"certificate is not for TLS");
		X509_STORE_CTX_set_error(store, X509_V_ERR_INVALID_PURPOSE);
		return false;
	}
	try_names(&search, certificate);
	if (search.trust != SERVICE_TRUSTED) {
		refuse_names(store, peer, ssl, &search);
		return false;
	}
	peer->server = search.server;
	peer->not_after_s = not_after(certificate);
	return true;
}

static int on_certificate(X509_STORE_CTX *store, void *arg)
{
	(void)arg;
	SSL *ssl =
		X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_peer *peer = SSL_get_app_data(ssl);

	return peer != NULL && verify(store, peer, ssl);
}

/* The identity is not known yet: the address decides, and verify() makes sure. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls_peer *peer = SSL_get_app_data(ssl);

	(void)arg;
	*alert = SSL_AD_INTERNAL_ERROR;
	if (peer == NULL)
		return SSL_CLIENT_HELLO_ERROR;
	tls_hello_read(ssl, &peer->hello);
	if (service_permits_legacy_tls(peer->service, &peer->source) &&
	    !tls_server_permit_legacy(ssl))
		return SSL_CLIENT_HELLO_ERROR;
	return SSL_CLIENT_HELLO_SUCCESS;
}

static bool load_trust(SSL_CTX *ctx, const struct mras_config *config,
		       const char **faulty, char *error, size_t error_size)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(config->tls.ca);

	*faulty = config->tls.ca;
	if (names == NULL || X509_STORE_load_file(store, config->tls.ca) != 1) {
		snprintf(error, error_size,
			 "%s: %s; needs a readable PEM file with CA certificates",
			 config->tls.ca, tls_error_reason());
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return false;
	}
	/* Sent in the handshake: some clients choose their certificate by it. */
	SSL_CTX_set_client_CA_list(ctx, names);
	if (config->tls.crl == NULL)
		return true;

	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());

	*faulty = config->tls.crl;
	if (lookup == NULL ||
	    X509_load_crl_file(lookup, config->tls.crl, X509_FILETYPE_PEM) < 1) {
		snprintf(error, error_size,
			 "%s: %s; needs a readable PEM file with revocation lists",
			 config->tls.crl, tls_error_reason());
		return false;
	}
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return true;
}

SSL_CTX *tls_issuer_new(const struct mras_config *config, const char **faulty,
			char *error, size_t error_size)
{
	SSL_CTX *ctx = tls_server_new(config->tls.certificate, config->tls.private_key,
				      false, faulty, error, error_size);

	if (ctx == NULL)
		return NULL;
	ERR_clear_error();
	if (!load_trust(ctx, config, faulty, error, error_size)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_verify_depth(ctx, CHAIN_DEPTH_MAX);
	SSL_CTX_set_max_cert_list(ctx, CERTIFICATES_MAX);
	SSL_CTX_set_cert_verify_callback(ctx, on_certificate, NULL);
	SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
	return ctx;
}

SSL *tls_issuer_accept(SSL_CTX *ctx, struct tls_peer *peer)
{
	SSL *ssl = SSL_new(ctx);

	if (ssl != NULL)
		SSL_set_app_data(ssl, peer);
	return ssl;
}

void tls_forget(SSL *ssl)
{
	SSL_set_app_data(ssl, NULL);
}

bool tls_issuer_check_again(SSL *ssl, SSL_CTX *ctx, struct tls_peer *peer)
{
	X509_STORE *trust = SSL_CTX_get_cert_store(ctx);
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	X509_STORE_CTX *store = X509_STORE_CTX_new();
	bool trusted = false;

	assert(SSL_get_app_data(ssl) == peer && peer->service != NULL);
	peer->server = NULL;
	if (store != NULL && certificate != NULL &&
	    X509_STORE_CTX_init(store, trust, certificate,
				SSL_get_peer_cert_chain(ssl)) == 1) {
		X509_VERIFY_PARAM_set_depth(X509_STORE_CTX_get0_param(store),
					    CHAIN_DEPTH_MAX);
		trusted = verify(store, peer, ssl);
	} else {
		set_why(peer, certificate, HANDSHAKE_CERTIFICATE,
			"cannot be checked again");
	}
	X509_STORE_CTX_free(store);
	ERR_clear_error();
	return trusted;
}
