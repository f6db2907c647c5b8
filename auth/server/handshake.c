/*
 * handshake.c - see handshake.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "auth/server/handshake.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/log.h"

static enum handshake_fault fault_of(const struct tls_peer *peer, unsigned long error)
{
	if (peer->why[0] != '\0')
		return peer->fault;
	switch (ERR_GET_REASON(error)) {
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return HANDSHAKE_NO_CERTIFICATE;
	case SSL_R_EXCESSIVE_MESSAGE_SIZE:
		if (peer->hello.version_max != 0)
			return HANDSHAKE_CERTIFICATE_SIZE;
		break;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
		if (peer->hello.version_max != 0)
			return HANDSHAKE_VERSION_OR_CIPHER;
		break;
	default:
		break;
	}
	return HANDSHAKE_TLS;
}

/* The one server with networks that contain source; NULL if there is none or another. */
static const struct service_server *server_at(const struct service *service,
					      const struct ip_addr *source)
{
	const struct service_server *found = NULL;

	for (size_t i = 0; i < service->server_count; i++) {
		const struct service_server *server = &service->servers[i];

		if (!ip_prefixes_contain(server->networks, server->network_count, source))
			continue;
		if (found != NULL)
			return NULL;
		found = server;
	}
	return found;
}

static void log_offer(struct log_limit *limit, const char *name,
		      const struct tls_peer *peer, SSL *ssl)
{
	/* Its address is all that is known of it: it has not shown a certificate. */
	const struct service_server *server = server_at(peer->service, &peer->source);
	char offer[TLS_HELLO_TEXT_SIZE];

	tls_hello_format(&peer->hello, ssl, offer);
	if (service_permits_legacy_tls(peer->service, &peer->source))
		log_limited(limit, LOG_LEVEL_NOTICE,
			    "refused %s: %s; legacy_tls permits TLS 1.0 to 1.2 with "
			    "ECDHE or DHE and AES: update the server",
			    name, offer);
	else if (server != NULL)
		log_limited(limit, LOG_LEVEL_NOTICE,
			    "refused %s: %s; update it; if this is server \"%s\", "
			    "legacy_tls = true and networks there permit it",
			    name, offer, server->name);
	else
		log_limited(limit, LOG_LEVEL_NOTICE,
			    "refused %s: %s; update the server, or set legacy_tls = true "
			    "and networks in server \"NAME\"",
			    name, offer);
}

void handshake_refused(struct issuer *issuer, const char *name,
		       const struct tls_peer *peer, SSL *ssl, unsigned long error)
{
	/* A flood of one kind hides no other. */
	static struct log_limit limits[HANDSHAKE_FAULT_COUNT];
	enum handshake_fault fault = fault_of(peer, error);
	const char *reason = ERR_reason_error_string(error);

	assert(peer->server == NULL || peer->why[0] == '\0');
	issuer->mras_counters.handshakes[fault]++;
	issuer_count(issuer,
		     fault == HANDSHAKE_TLS || fault == HANDSHAKE_VERSION_OR_CIPHER
			     ? COUNT_HANDSHAKE_ERROR
			     : COUNT_UNTRUSTED);
	if (peer->why[0] != '\0')
		reason = peer->why;
	else if (fault == HANDSHAKE_NO_CERTIFICATE)
		reason = "no certificate";
	else if (fault == HANDSHAKE_CERTIFICATE_SIZE)
		reason = "its certificate and chain exceed 64 KiB; issue one with fewer "
			 "names";
	else if (fault == HANDSHAKE_VERSION_OR_CIPHER) {
		log_offer(&limits[fault], name, peer, ssl);
		return;
	}
	log_limited(&limits[fault], LOG_LEVEL_NOTICE, "refused %s: %s%s", name,
		    fault == HANDSHAKE_TLS ? "handshake: " : "",
		    reason != NULL ? reason : "connection closed");
}
