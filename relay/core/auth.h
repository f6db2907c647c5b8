/*
 * auth.h - the long-term credential mechanism on the server's side, in the exact order of RFC
 * 8489 section 9.2.4, against a keyring instead of a user database.
 *
 * A stranger costs computation only, never state. An unknown user costs the same work and gets
 * the same answer as a wrong password, so that user names cannot be probed.
 *
 * Threads  the worker of turn.
 * Time     monotonic milliseconds and Unix seconds, passed in.
 */
#ifndef RELAY_CORE_AUTH_H
#define RELAY_CORE_AUTH_H

#include <stdbool.h>

#include "auth/credential/credential.h"
#include "relay/core/five_tuple.h"
#include "relay/core/owner.h"
#include "relay/core/owner_proof.h"
#include "stun/integrity.h"
#include "stun/msg.h"

/* Why; for counters and records only, the client sees the code. */
struct allocation;
struct turn;

enum auth_failure {
	AUTH_FAILURE_NONE,
	AUTH_FAILURE_NO_INTEGRITY,
	AUTH_FAILURE_MISSING,      /* an attribute that belongs to it */
	AUTH_FAILURE_BID_DOWN,     /* password algorithms were tampered with */
	AUTH_FAILURE_UNKNOWN_USER, /* malformed username, wrong realm */
	AUTH_FAILURE_EXPIRED,      /* the credential, on Allocate */
	AUTH_FAILURE_BAD_MAC,
	AUTH_FAILURE_STALE_NONCE,
	AUTH_FAILURE_UNKNOWN_KEY, /* no valid key of ours made the credential */
	AUTH_FAILURE_TOO_FAR,     /* it is valid for longer than we accept */
	AUTH_FAILURE_REVOKED,     /* its user is revoked */
	AUTH_FAILURE_COUNT
};
const char *auth_failure_name(enum auth_failure failure);

/*
 * Judge the time of a credential whose password has matched: FAILURE_NONE, EXPIRED or TOO_FAR.
 * A refusal is noted in turn->refusal.
 */
enum auth_failure auth_check_time(struct turn *turn, const struct credential *cred,
				  int64_t unix_s);

struct auth {
	int code; /* 0: authenticated; else 400, 401 or 438 */
	enum auth_failure failure;
	/* Valid when code is 0; also for 438, where the MAC did match. */
	struct owner owner;
	enum stun_integrity reply_kind; /* how success and later errors are signed */
};

/*
 * Authenticate one request.
 *
 * al      the allocation of its 5-tuple, or the one that its ticket or CONNECTION-ID names, or NULL;
 *         if the same owner's, its stored key is used, and the credential's expiry no longer
 *         matters; for a ConnectionBind from the same host the nonce of al's 5-tuple is valid, too
 * unix_s  wall clock for the expiry of credentials
 */
void auth_check(struct turn *turn, const struct stun_msg *msg,
		const struct five_tuple *tuple, const struct allocation *al,
		uint64_t now_ms, int64_t unix_s, struct auth *out);

/*
 * What a request that was authenticated proves its owner with (core/owner_proof.h), borrowed from it and
 * from the settings. Of kind NONE if its allocation's stored key was enough.
 */
struct owner_proof auth_proof(const struct turn *turn, const struct stun_msg *msg,
			      const struct owner *owner);

/* The value of PASSWORD-ALGORITHMS as we offer it: SHA-256 first, then MD5. */
#define AUTH_PASSWORD_ALGORITHMS_LEN 8
extern const uint8_t auth_password_algorithms[AUTH_PASSWORD_ALGORITHMS_LEN];

/* Whose credentials were refused last, as one word of printable ASCII; see turn_note_refused(). */
void auth_show_refused(const struct turn *turn, char user[CREDENTIAL_USER_MAX + 1]);

#endif
