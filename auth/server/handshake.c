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
	if (ERR_GET_REASON(error) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
		return HANDSHAKE_NO_CERTIFICATE;
	return HANDSHAKE_TLS;
}

void handshake_refused(struct issuer *issuer, const char *name,
		       const struct tls_peer *peer, unsigned long error)
{
	/* A flood of one kind hides no other. */
	static struct log_limit limits[HANDSHAKE_FAULT_COUNT];
	enum handshake_fault fault = fault_of(peer, error);
	const char *reason = ERR_reason_error_string(error);

	assert(peer->server == NULL || peer->why[0] == '\0');
	issuer->mras_counters.handshakes[fault]++;
	issuer_count(issuer,
		     fault == HANDSHAKE_TLS ? COUNT_HANDSHAKE_ERROR : COUNT_UNTRUSTED);
	if (fault == HANDSHAKE_TLS)
		log_limited(&limits[fault], LOG_LEVEL_NOTICE, "refused %s: handshake: %s",
			    name, reason != NULL ? reason : "connection closed");
	else
		log_limited(&limits[fault], LOG_LEVEL_NOTICE, "refused %s: %s", name,
			    fault == HANDSHAKE_NO_CERTIFICATE ? "no certificate"
							      : peer->why);
}
